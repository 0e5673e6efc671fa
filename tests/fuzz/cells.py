"""Cells as files and databases hand them over, spoilt: each is read, or refused and not shown."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from convsync.extract.amounts import Amount
from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.mapping import CellFormat
from convsync.model.captured import Captured
from convsync.model.click import ClickIdKind
from tests.fuzz.figures import Figures, watched
from tests.fuzz.spoiling import VALUES, spoilt

Reader = Callable[[CellReader, Any], Any]
FORMS: Final[Sequence[CellReader]] = tuple(
    map(
        CellReader,
        (
            CellFormat(time_zone=ZoneInfo("Europe/Berlin"), phone_region="DE", currency="EUR"),
            CellFormat(
                time_zone=UTC,
                phone_region="US",
                has_decimal_comma=True,
                date_formats=("%d.%m.%Y", "%m/%d/%Y %I:%M %p", "spreadsheet"),
                date_columns=frozenset({"day"}),
                value_separator="/",
                blank_words=frozenset({"-", "unknown"}),
                emails_are_hashed=True,
                granted_words=frozenset({"yes"}),
                denied_words=frozenset({"no"}),
                deleted_words=frozenset({"yes"}),
            ),
            CellFormat(),
        ),
    )
)
HASHES: Final = "9b" * 32
KINDS: Final[Mapping[str, tuple[Reader, Sequence[str]]]] = {
    "time": (
        lambda cells, cell: cells.moment(cell),
        (
            "2026-03-02T10:00:00Z",
            "2026-03-02",
            "1793060287",
            "1793060287000.5",
            "02.03.2026",
            "03/02/2026 10:00 PM",
            "46083.5",
            "2026-03-02 10:00:00 Europe/Berlin",
            "20260302",
        ),
    ),
    "day": (
        lambda cells, cell: cells.moment_in("day")(cell),
        ("2026-03-02T23:00:00Z", "2026-03-02 00:00", "2026-03-02", "46083"),
    ),
    "amount": (
        lambda cells, cell: cells.amount(cell),
        (
            "1200.50",
            "1.200,50",
            "€ 1.200,50",
            "USD 1,200.50",
            "(1,200.50)",
            "-5",
            "1'200.50",
            "kr 5",
        ),
    ),
    "currency": (lambda cells, cell: cells.currency(cell), ("EUR", "usd", "XAU")),
    "consent": (lambda cells, cell: cells.consent(cell), ("yes", "no", "true")),
    "click ID": (
        lambda cells, cell: cells.captured(ClickIdKind.GCLID, cell),
        (
            "EAIaIQobChMI_x-Y_D_BwE",
            "GCL.1793060287.EAIaIQobChMIxY",
            "https://x.example/?gclid=abcDEF",
            "1.1.k0AAAAAxYz$i1793060287",
        ),
    ),
    "IDs": (lambda cells, cell: cells.ids(cell), ("V-1;V-2", "0061G00000q9jPQ", "12345", "a/b")),
    "deal ID": (
        lambda cells, cell: cells.deal_id(cell),
        ("D-1", "0061G00000q9jPQ", "zcrm_4876876000000623001", "12345", "2026/0001"),
    ),
    "e-mail": (
        lambda cells, cell: cells.hashed_emails(cell),
        (
            "jane@example.org",
            "Jane <jane@example.org>; joe@example.org",
            HASHES,
            f"{HASHES};{HASHES}",
        ),
    ),
    "phone": (
        lambda cells, cell: cells.hashed_phones(cells.text(cell), "DE"),
        ("+49 151 55501234", "0151/55501234", "(212) 555-0100, 0151 5550123", "4915155501234.0"),
    ),
    "words": (
        lambda cells, cell: cells.segment(cell),
        ("North", "Car accessories", "call 0151 5550123"),
    ),
}
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN: Final = 8
"""So many characters of a cell, letters among them, are not in an error by chance."""


def fuzz_cells(cases: int, seed: int) -> Figures:
    """Read so many spoilt cells."""
    figures, kinds = Figures(kind="cells"), list(KINDS)
    for number in range(cases):
        chance = Random(f"cells {seed} {number}")
        kind = kinds[number % len(kinds)]
        read, examples = KINDS[kind]
        cells = chance.choice(FORMS)
        cell = (
            chance.choice(VALUES)
            if chance.random() < 0.1
            else spoilt(chance.choice(examples), chance)
        )
        about = f"cells {seed} {number}: {kind} {str(cell)[:60]!r}"
        with watched(figures, about):
            try:
                found = read(cells, cell)
            except CellError as error:
                figures.reported += 1
                figures.wrong += [f"{about} is shown: {error}"] if _shows(str(error), cell) else []
            else:
                figures.read += 1
                figures.wrong += [] if _is_sound(found) else [f"{about} is read as {found!r:.80}"]
    return figures


def _shows(message: str, cell: object) -> bool:
    if not isinstance(cell, str):
        return False
    text = cell.strip()[:40]
    return len(text) >= _SHOWN and any(map(str.isalpha, text[:_SHOWN])) and text in message


def _is_sound(found: Any) -> bool:
    """Return whether what was read may be kept: it is whole, in its own shape, and no control."""
    match found:
        case datetime():
            return found.tzinfo is UTC
        case Amount(number=number):
            return number.is_finite()
        case [Captured(), *_]:
            return not any(_CONTROLS.search(one.click_id.value) for one in found)
        case [str(), *_]:
            return all(one and one == one.strip() for one in found)
        case None | str() | date() | list() | bool():
            return True
    return found is not None
