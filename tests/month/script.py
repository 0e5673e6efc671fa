"""The script of a month, drawn from a seed: what people do, and what goes wrong, each night; pure.

A night has a wrong setting and a run that is killed, in either order, and a last run that comes to
its end, past a fault of the platform. In the evening before, people work in the CRM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2026, 3, 3)
"""The night of 29 March has no two o'clock: its clocks jump from two to three."""
BEGINS, AGAIN, AT_LAST, WATCHMAN = (
    timedelta(),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=2),
)
"""When a night's runs begin, after it was due; and how long after each somebody looks."""
FAULTS = ("unavailable_before", "unavailable_after", "resource_exhausted", "internal", "crash")
GARBLED = "about a thousand"
REFUSED = "PROCESSING_ERROR_REASON_INVALID_GCLID"
UNKNOWN_CLICK = "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"
_EARLIEST_STEP, _LATEST_STEP = 3, 24


class Mistake(StrEnum):
    """What is set wrong for one run: how that ends stands in `MISTAKES`."""

    NO_SUCH_EXPORT = "an export by another name"
    NO_SUCH_COLUMN = "a column by another name"
    UNKNOWN_KEY = "a key that there is not"
    UNKNOWN_ZONE = "a time zone that there is not"
    NO_SUCH_FOLDER = "a ledger in a folder that there is not"
    EMPTY_EXPORT = "an export of nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A wrong setting: the text it replaces, how a run ends with it, and what that says."""

    was: str = ""
    becomes: str = ""
    exit_code: int = 2
    says: str
    is_told_by: str = "failed"


MISTAKES: Mapping[Mistake, Wrong] = {
    Mistake.NO_SUCH_EXPORT: Wrong(
        was='path = "deals.csv"', becomes='path = "deal.csv"', says="deal.csv"
    ),
    Mistake.NO_SUCH_COLUMN: Wrong(
        was='amount = "amount"', becomes='amount = "Betrag"', says="Betrag"
    ),
    Mistake.UNKNOWN_KEY: Wrong(
        was="complete = true", becomes="compleet = true", says="complete", is_told_by="no config"
    ),
    Mistake.UNKNOWN_ZONE: Wrong(
        was="Europe/Berlin", becomes="Europe/Bonn", says="Europe/Bonn", is_told_by="no config"
    ),
    Mistake.NO_SUCH_FOLDER: Wrong(
        was="url = LEDGER",
        becomes='url = "sqlite:///nowhere/ledger.db"',
        says="there is no folder",
        is_told_by="no ledger",
    ),
    Mistake.EMPTY_EXPORT: Wrong(exit_code=3, says="gone"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What somebody types into the CRM: cells of one deal, or that there is no such deal."""

    deal_id: str
    cells: Mapping[str, Any] = field(default_factory=dict)
    is_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One night of the script. Nothing runs in one that is `missed`: the machine is off.

    `killed_at` is the number of the step at which a run is killed, and `verdicts` are what the
    platform thinks of clicks that are reported tonight. `is_gone` says that it takes nothing.
    """

    due: datetime
    edits: Sequence[Edit] = ()
    mistake: Mistake = Mistake.UNKNOWN_KEY
    is_killed_first: bool = False
    killed_at: int = 0
    fault: str = ""
    is_gone: bool = False
    is_missed: bool = False
    verdicts: Mapping[str, str] = field(default_factory=dict)

    @property
    def evening(self) -> datetime:
        """Return when people last worked in the CRM."""
        return self.due - timedelta(hours=8)


def script_of(seed: int, nights: int) -> list[Night]:
    """Return so many nights, the same for the same seed."""
    writer = _Writer(Random(seed), nights)
    return [writer.night(number) for number in range(nights)]


def due_on(day: date) -> datetime:
    """Return when the night of a day is due: two o'clock, or an hour later where there is none."""
    return datetime.combine(day, time(2), ZONE).astimezone(UTC)


class _Writer:
    """Writes one night after the other, and remembers who is in the CRM."""

    def __init__(self, random: Random, nights: int) -> None:
        self._random = random
        self._deals: list[str] = []
        self._garbled: list[str] = []
        self._quiet, self._missed, self._gone, self._strict = (
            {round(nights * share)} for share in (0.5, 0.6, 0.7, 0.8)
        )
        self._is_long = nights >= 20
        self._mistakes = [*Mistake]

    def night(self, number: int) -> Night:
        random, due = self._random, due_on(FIRST_DAY + timedelta(days=number))
        is_quiet = self._is_long and number in self._quiet
        edits = [] if is_quiet else self._evening(number, due)
        new = [edit.cells["gclid"] for edit in edits if "gclid" in edit.cells]
        if number % len(self._mistakes) == 0:
            random.shuffle(self._mistakes)
        is_strict = self._is_long and number in self._strict
        return Night(
            due=due,
            edits=edits,
            mistake=self._mistake(number),
            is_killed_first=random.random() < 0.5,
            killed_at=random.randint(_EARLIEST_STEP, _LATEST_STEP),
            fault=random.choice(FAULTS),
            is_gone=self._is_long and number in self._gone,
            is_missed=self._is_long and number in self._missed,
            verdicts={new[0]: UNKNOWN_CLICK}
            | (dict.fromkeys(new[1:], REFUSED) if is_strict else {})
            if new and (is_strict or number % 5 == 1)
            else {},
        )

    def _mistake(self, number: int) -> Mistake:
        chosen = self._mistakes[number % len(self._mistakes)]
        is_possible = number > 0 or chosen is not Mistake.EMPTY_EXPORT  # nobody is missed at first
        return chosen if is_possible else Mistake.NO_SUCH_EXPORT

    def _evening(self, number: int, due: datetime) -> list[Edit]:
        random, edits = self._random, []
        changed = random.sample(self._deals, min(len(self._deals), random.randint(0, 4)))
        edits = [self._changed(deal_id) for deal_id in changed if deal_id not in self._garbled]
        edits += self._corrected(number)
        for nth in range(random.randint(4, 7)):
            deal_id = f"D-{number + 1:02}-{nth}"
            self._deals.append(deal_id)
            edits.append(Edit(deal_id=deal_id, cells=self._won(deal_id, due)))
        if number % 4 == 2:
            self._garbled.append(self._deals[-1])
            edits.append(Edit(deal_id=self._deals[-1], cells={"amount": GARBLED}))
        return edits

    def _corrected(self, number: int) -> list[Edit]:
        """Correct what could not be read, now and then."""
        if number % 4 != 1:
            return []
        corrected = [
            Edit(deal_id=deal_id, cells={"amount": self._amount()}) for deal_id in self._garbled
        ]
        self._garbled.clear()
        return corrected

    def _won(self, deal_id: str, due: datetime) -> dict[str, Any]:
        won = due - timedelta(hours=self._random.randint(10, 30))
        cells = {
            "won": won.isoformat(),
            "amount": self._amount(),
            "gclid": f"click-of-{deal_id}",
            "clicked": (won - timedelta(days=self._random.randint(2, 40))).isoformat(),
        }
        if self._random.random() < 0.4:
            cells["mql"] = (won - timedelta(days=1)).isoformat()
        if self._random.random() < 0.15:
            cells["consent"] = "no"
        return cells

    def _changed(self, deal_id: str) -> Edit:
        kind = self._random.choice(
            ("amount", "amount", "lost", "found again", "refused", "deleted")
        )
        match kind:
            case "amount":
                return Edit(deal_id=deal_id, cells={"amount": self._amount()})
            case "lost":
                return Edit(deal_id=deal_id, cells={"lost": "LOST"})
            case "found again":
                return Edit(deal_id=deal_id, cells={"lost": ""})
            case "refused":
                return Edit(deal_id=deal_id, cells={"consent": "no"})
            case _:
                self._deals.remove(deal_id)
                return Edit(deal_id=deal_id, is_deleted=True)

    def _amount(self) -> int:
        return self._random.randint(50, 400)
