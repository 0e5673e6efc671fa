"""Coverage as a page in a file: every grouping with its table and its chart."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from convsync.cli import figure_words, html_sections
from convsync.cli.coverage_words import (
    FIELD_TABLE,
    GROUP_TABLE,
    HOW_TABLE,
    field_line,
    group_line,
    how_line,
    in_words,
    matched,
    most_first,
    too_late,
    whole,
)
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.report.coverage import Coverage, Group, How, TooLate
    from convsync.report.exchange import Exchange
    from convsync.report.fields import FieldQuality
    from convsync.report.formats import Formats
    from convsync.report.leads_to import ConversionsBehind, Days
    from convsync.report.page import Section

_NUMBERS = frozenset(
    {"conversions", "share", "worth", "covered", "worth of the rest", "deals"}
    | {"empty", "lower-cased", "cut"}
)

_DAMAGED = (
    "A click ID in lower case, or cut to one length, is unknown to the ad platform: look at the"
    " form, the tag manager and the import that fill the field."
)


def write(
    path: Path,
    found_by: "Mapping[str | None, Coverage]",
    fields: "Sequence[FieldQuality]",
    days: tuple[date, date],
    exchange: "Exchange",
    formats: "Formats",
) -> None:
    """Write the page. `found_by` has the coverage for each grouping, and under None the whole.

    Its figures are as `formats` have them.

    Raises OperatorError where the file cannot be written.
    """
    from convsync.process import private_file
    from convsync.report.page import localised, page

    sections = [*of_rules(found_by, days), *of_fields(fields), *html_sections.rates(exchange)]
    first, last = map(formats.day, days)
    text = page(
        "Coverage of conversions",
        f"Milestones reached from {first} to {last}",
        [localised(one, formats) for one in sections],
    )
    try:
        with private_file.replacing(path) as file:
            file.write(text)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def of_rules(found_by: "Mapping[str | None, Coverage]", days: "Days") -> "Iterator[Section]":
    """Yield what there is to say of each rule, whole and in every grouping that was found."""
    from convsync.report.page import Section

    everything = found_by[None]
    if not everything.groups:
        yield Section(heading="No conversion's milestone was reached in this period")
    for group in everything.groups:
        yield _whole(group, [too_late(one) for one in _late(everything, group.rule)], days)
        yield from _caught(everything, group.rule)
        for by, found in found_by.items():
            of_rule = [one for one in found.groups if one.rule == group.rule]
            if by is not None:
                yield _grouped(by, of_rule)


def _late(found: "Coverage", rule: str) -> "list[TooLate]":
    return [one for one in found.too_late if one.rule == rule]


def _whole(group: "Group", notes: Sequence[str], days: "Days") -> "Section":
    from convsync.report.page import Chart, Section

    parts = most_first(group)
    lines = [how_line(how, tally, group.all) for how, tally in parts]
    bars = [
        (matched(how) or in_words(how.reason) or how.stands.value, float(tally.conversions))
        for how, tally in parts
    ]
    return Section(
        heading=group.rule,
        columns=HOW_TABLE,
        rows=[[line[name] for name in HOW_TABLE] for line in lines],
        numbers=_NUMBERS,
        chart=Chart(title="Conversions, by what matched them or why not", bars=bars),
        notes=[f"{whole(group)}.", *notes],
        definitions=figure_words.COVERAGE,
        behind=[{"conversions": _behind(group.rule, how, days)} for how, _ in parts],
    )


def _behind(rule: str, how: "How", days: "Days") -> "ConversionsBehind":
    """Return the conversions that stand so, by the same or for the same reason."""
    from convsync.model.outcome import Reason
    from convsync.report.leads_to import ConversionsBehind

    is_ours = how.reason in set(Reason)
    return ConversionsBehind(
        rule=rule,
        state=how.stands.value,
        reason=how.reason if is_ours else None,
        code=how.reason if how.reason and not is_ours else None,
        click=how.click or None,
        found_by=how.found_by or None,
        reached=days,
    )


def _caught(found: "Coverage", rule: str) -> "Iterator[Section]":
    from convsync.report.page import Chart, Section

    for one in _late(found, rule):
        caught = sorted(one.caught_at.items())
        if caught:
            yield Section(
                heading="Lost to the lookback: which earlier milestone was in time",
                columns=("milestone", "conversions"),
                rows=[[name, f"{count:,}"] for name, count in caught],
                numbers=_NUMBERS,
                chart=Chart(
                    title="Too late, by the latest milestone that was in time",
                    bars=[(name, float(count)) for name, count in caught],
                ),
                level=3,
            )


def _grouped(by: str, groups: "Sequence[Group]") -> "Section":
    from convsync.report.page import Chart, Section

    lines = [group_line(group) for group in groups]
    shares = [
        (group.name, 100 * group.covered.conversions / group.all.conversions) for group in groups
    ]
    return Section(
        heading=f"By {by}",
        columns=GROUP_TABLE,
        rows=[[line[name] for name in GROUP_TABLE] for line in lines],
        numbers=_NUMBERS,
        chart=Chart(title=f"Covered, in percent, by {by}", bars=shares),
        level=3,
    )


def of_fields(fields: "Sequence[FieldQuality]") -> "Iterator[Section]":
    """Yield how the fields of the deals stand, where there are any."""
    from convsync.report.page import Chart, Section

    if not fields:
        return
    lacking = [one for one in fields if one.needs_a_look]
    bars = [
        (f"{one.source}: {one.field}", 100 * (one.empty + one.lower_case + one.cut) / one.deals)
        for one in lacking
        if one.deals
    ]
    lines = [field_line(one) for one in fields]
    yield Section(
        heading="Fields of these deals",
        columns=FIELD_TABLE,
        rows=[[line[name] for name in FIELD_TABLE] for line in lines],
        numbers=_NUMBERS,
        chart=Chart(title="Empty, lower-cased or cut, in percent", bars=bars),
        notes=[_DAMAGED],
    )
