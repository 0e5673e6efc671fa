"""Exports as people make them: the same rows in another form, some of them damaged on the way.

An `ExportForm` is how a program or a spreadsheet wrote a file, right all through once it is
declared. `Damage` happens to single rows. After what is HARMLESS a row still says what it said; all
else has to be reported, for nothing tells any more what the row means.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Final

Row = dict[str, str]
ID, AMOUNT, CLICK, EMAIL, CREATED = "Deal ID", "Amount", "GCLID", "E-mail", "Created"
_FIRST_DAY: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets count local days
_NBSP: Final = "\u00a0"


class Dates(StrEnum):
    """How times and days are written; each value is how convsync's `date_formats` begin."""

    ISO = "ISO 8601"
    GERMAN = "%d.%m.%Y"
    US = "%m/%d/%Y"
    SERIAL = "spreadsheet"

    @property
    def formats(self) -> tuple[str, ...]:
        """Return the `date_formats` that read what is written so."""
        match self:
            case Dates.ISO:
                return ()
            case Dates.GERMAN:
                return ("%d.%m.%Y", "%d.%m.%Y %H:%M:%S")
            case Dates.US:
                return ("%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p")
            case Dates.SERIAL:
                return ("spreadsheet",)

    def written(self, cell: str) -> str:
        """Return a time or day of ISO 8601, a wall clock's, in this form."""
        if not cell or self is Dates.ISO:
            return cell
        at = datetime.fromisoformat(cell)
        if self is Dates.SERIAL:
            return str(Decimal((at - _FIRST_DAY).total_seconds()) / 86_400)[:16]
        return at.strftime(self.formats[0] if len(cell) == len("2026-01-01") else self.formats[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportForm:
    """How a file is written. `rows_above` stand above its header, `footer` below its rows."""

    encoding: str = "utf-8"
    delimiter: str = ","
    states_delimiter: bool = False
    has_decimal_comma: bool = False
    dates: Dates = Dates.ISO
    rows_above: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()

    def amount(self, cell: str) -> str:
        """Return an amount as it is written here, thousands grouped where the comma is decimal."""
        if not cell or not self.has_decimal_comma:
            return cell
        return f"{Decimal(cell):,.2f}".translate(str.maketrans(",.", ".,"))


class Damage(StrEnum):
    """What happens to a single row."""

    TWICE = "the row stands there twice"
    WRAPPED_CLICK = "the click ID is a whole URL"
    COOKIE = "the click ID is what Google's cookie holds"
    TWO_EMAILS = "the cell of the e-mail holds two"
    PADDED = "spaces that do not break stand around the cells"
    APOSTROPHE = "an apostrophe keeps the ID a text"
    NO_CLICK = "a script wrote undefined for the click ID"
    EXPONENT = "a spreadsheet made a number of the ID and rounded it"
    TENTHS = "a program made a number with a point of the ID"
    CUT = "the row ends in the middle"
    JOINED = "the line break behind the row is lost"
    OPEN_QUOTE = "a quotation mark is opened and never closed"
    TWO_AMOUNTS = "the row stands there twice, with two amounts"
    OTHER_SIGN = "the amount is in another currency than the column says"
    IMPOSSIBLE_DAY = "somebody typed a day that no calendar has"
    EMAIL_FOR_ID = "an address stands where the ID should be"


HARMLESS: Final = frozenset(
    {
        Damage.TWICE,
        Damage.WRAPPED_CLICK,
        Damage.COOKIE,
        Damage.TWO_EMAILS,
        Damage.PADDED,
        Damage.APOSTROPHE,
        Damage.NO_CLICK,
    }
)
_REPEATED: Final = frozenset({Damage.TWICE, Damage.TWO_AMOUNTS})


def write_messy_csv(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Row],
    form: ExportForm,
    damaged: Mapping[int, Damage],
) -> list[int]:
    """Write rows in a form, some damaged, by their numbers from 0; return the line each begins on.

    Columns are known by their names in `world_csv`: a damage to a column that is not there does
    nothing.
    """
    lines = [*_lines_above(form), _line(header, form)]
    begins: list[int] = []
    is_joined = False
    for number, row in enumerate(rows):
        for text in _written(header, row, form, damaged.get(number)):
            if is_joined:
                lines[-1] += text
            else:
                lines.append(text)
            is_joined = not text.endswith("\n")
        begins.append(len(lines) - (damaged.get(number) in _REPEATED))
    end = [f"{words}\n" for words in form.footer]
    path.write_bytes("".join(chain(lines, ["\n"] if is_joined else [], end)).encode(form.encoding))
    return begins


def _lines_above(form: ExportForm) -> list[str]:
    stated = [f"sep={form.delimiter}\n"] if form.states_delimiter else []
    return stated + [f"{words}\n" for words in form.rows_above]


def _written(
    header: Sequence[str], row: Row, form: ExportForm, damage: Damage | None
) -> Iterator[str]:
    """Yield the lines of a row; one that a damage has cut short has no line break."""
    cells = spoilt(_in_form(row, form), form, damage)
    text = _line([cells.get(name, "") for name in header], form)
    match damage:
        case Damage.CUT:
            yield text[: len(text) // 2] + "\n"
        case Damage.JOINED:
            yield text.rstrip("\n") + form.delimiter
        case Damage.OPEN_QUOTE:
            yield '"' + text
        case Damage.TWICE:
            yield from (text, text)
        case Damage.TWO_AMOUNTS:
            yield text
            other = {**cells, AMOUNT: form.amount("1.5") if cells.get(AMOUNT) else ""}
            yield _line([other.get(name, "") for name in header], form)
        case _:
            yield text


def _in_form(row: Row, form: ExportForm) -> Row:
    """Return a row of `world_csv` with its times and amounts as this form writes them."""
    return {
        name: form.dates.written(cell)
        if name.endswith("date") or name in (CREATED, "Last modified")
        else form.amount(cell)
        if name == AMOUNT
        else cell
        for name, cell in row.items()
    }


def spoilt(row: Row, form: ExportForm, damage: Damage | None) -> Row:
    """Return a row of which a damage has changed cells."""
    click, seconds = row.get(CLICK, ""), "1772359200"
    match damage:
        case Damage.WRAPPED_CLICK if click:
            return row | {CLICK: f"https://www.example.com/?utm_source=google&gclid={click}#top"}
        case Damage.COOKIE if click:
            return row | {CLICK: f"GCL.{seconds}.{click}"}
        case Damage.NO_CLICK:
            return row | {CLICK: "undefined"}
        case Damage.TWO_EMAILS if row.get(EMAIL):
            return row | {EMAIL: f"{row[EMAIL].strip()}; second@example.org"}
        case Damage.PADDED:
            return {name: f"{_NBSP}{cell} " if cell else "" for name, cell in row.items()}
        case Damage.APOSTROPHE if ID in row:
            return row | {ID: f"'{row[ID]}"}
        case Damage.EXPONENT if ID in row:
            return row | {ID: "5,00E+17" if form.has_decimal_comma else "5.00E+17"}
        case Damage.TENTHS if ID in row:
            return row | {ID: "12345.0"}
        case Damage.EMAIL_FOR_ID if ID in row:
            return row | {ID: "somebody@example.org"}
        case Damage.OTHER_SIGN if AMOUNT in row:
            return row | {AMOUNT: "$ 100" if row.get("Currency") == "GBP" else "£ 100"}
        case Damage.IMPOSSIBLE_DAY if CREATED in row:
            return row | {CREATED: "31.02.2026"}
    return row


def _line(cells: Sequence[str], form: ExportForm) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=form.delimiter, lineterminator="\n").writerow(cells)
    return out.getvalue()
