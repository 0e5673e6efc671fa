"""What the columns of an export look like as a whole: `check`'s look at what no row can tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from convsync.extract import cell_patterns, click_fields
from convsync.extract.cell_patterns import Sampled
from convsync.extract.mapping import DealColumns
from convsync.model.finding import Finding, Severity

_LINK = "https://support.google.com/google-ads/answer/7012522"
"""How Google wants the click ID to be captured and kept."""
Samples = Mapping[str, Sequence[object]]


def findings_of_cells(source: Sampled) -> list[Finding]:
    """Look at the first rows of a source. Raises what reading it raises."""
    columns = source.columns
    click_ids, times = cell_patterns.click_ids_of(columns), cell_patterns.times_of(columns)
    amount = columns.amount if isinstance(columns, DealColumns) else None
    samples = source.samples([*click_ids, *times, *([amount] if amount else [])])
    return [
        *_click_ids(source, samples),
        *_amounts(source, amount, samples),
        *_midnights(source, times, samples),
    ]


def _click_ids(source: Sampled, samples: Samples) -> Iterator[Finding]:
    warning = _warnings_of(source)
    for name, kind in cell_patterns.click_ids_of(source.columns).items():
        ids = cell_patterns.ids_in(kind, samples[name], source.cells)
        if count := cell_patterns.without_capitals(ids):
            yield warning(
                problem=f"{count:,} of {len(ids):,} click IDs in column '{name}' are in lower case",
                means="something on the way folds their case, and the network knows none of them",
                fix="look at the form, the tag manager and the import that fill it",
                link=_LINK,
            )
        if click_fields.are_cut(ids, None):
            yield warning(
                problem=f"the click IDs in column '{name}' all seem to end at one length",
                means="they are cut on the way, and the network does not know what is left of them",
                fix="look for a length limit in the form, the import or the export",
                link=_LINK,
            )


def _amounts(source: Sampled, amount: str | None, samples: Samples) -> Iterator[Finding]:
    warning = _warnings_of(source)
    is_declared = source.cells.has_decimal_comma is not None
    if amount and not is_declared and cell_patterns.have_three_decimals(samples[amount]):
        yield warning(
            problem=f"every amount in column '{amount}' has exactly three decimals, as in 1.234",
            means="if the dot groups thousands, every value is sent a thousand times too small",
            fix='write decimal = "," for the source if it does, decimal = "." if it does not',
        )


def _midnights(source: Sampled, times: Sequence[str], samples: Samples) -> Iterator[Finding]:
    warning = _warnings_of(source)
    for name in times:
        if name in source.cells.date_columns:
            continue
        if cell_patterns.are_midnights(name, samples[name], source.cells):
            yield warning(
                problem=f"every time in column '{name}' is midnight",
                means="if these are dates, a click of the same day is later, and not used",
                fix=f'declare it: {{ column = "{name}", is_date = true }}',
            )


def _warnings_of(source: Sampled) -> Callable[..., Finding]:
    return partial(Finding, severity=Severity.WARNING, subject=f"source {source.name}")
