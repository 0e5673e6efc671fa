"""Whether anything of the log could be missing or wrong unnoticed: `make mutants`.

Each event about an entry is dropped in turn, each field it says is altered, and each arrow of the
ledger is taken away. What must notice is `verify`, which replays the log, or the arrows themselves,
which refuse a move. The life that is lived for each of these has every move from every state, each
an entry of its own: it is counted, brought into the state by the shortest way, and moved once more.
"""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import structs

from convsync import audit
from convsync.model import moves
from convsync.model.each import EACH
from convsync.model.event import Event, EventKind
from convsync.model.ledger import (
    ARROWS,
    ForbiddenMoveError,
    LedgerEntry,
    Move,
    MoveTogether,
    State,
)
from convsync.model.outcome import Accepted, Confirmed, NotMatched, Outcome, Untried
from convsync.model.record import FIELDS
from convsync.model.statement import OrderId
from convsync.proof.verification import verify
from convsync.store import batches, deals, ledger, migrate, new_entries, retired, runs
from convsync.store.database import Connection, Database
from tests.builders import ACTION, NOW, WON_AT, a_deal, a_new_entry, all_planned_together
from tests.unit.test_ledger_states import MOVES, THERE, settled

Step = Callable[[LedgerEntry], Move]
Spoil = Callable[[Event], Event | None]

PLANNED_TOGETHER = "planned together"
"""The one move whose event says of each of many what is its own."""
STEPS: dict[str, Step] = {
    **{name: step for name, step, _, _ in MOVES},
    "shifted into the future": lambda entry: moves.settled(entry, THERE, now=WON_AT),
    "marked unsure": moves.marked_unsure,
    PLANNED_TOGETHER: lambda entry: STEPS["planned"](entry),
    "confirmed": settled(Confirmed()),
}
MERGED = "merged into another deal"
"""The one move that two deals know of: it has an event for each."""
OUTCOMES: dict[str, Outcome] = {
    "accepted": Accepted(request_id="r-1"),
    "confirmed": Confirmed(),
    "unmatched": NotMatched(code="UNKNOWN_CLICK"),
    "untried": Untried(),
}


def _settle(outcome: Outcome, numbers: Sequence[int]) -> MoveTogether | None:
    return moves.settled_together(numbers, outcome, 7, ACTION)


TOGETHER: dict[str, Callable[[Sequence[int]], MoveTogether | None]] = {
    "reserved": lambda numbers: moves.reserved_together(numbers, 7, ACTION),
    **{f"{name} together": partial(_settle, outcome) for name, outcome in OUTCOMES.items()},
}
"""What many entries do at once; the others move one by one."""
KEEPS_STATE = frozenset({EventKind.UNSURE, EventKind.MERGED_IN})
"""Moves that lead to the state they found."""
COUNTED = ("planned", "reserved", "confirmed")
WAYS: dict[State, Sequence[str]] = {
    State.CONFIRMED: (),
    State.PLANNED: ("corrected",),
    State.HELD: ("corrected", "held"),
    State.NOT_SENT: ("corrected", "not sent"),
    State.SENDING: ("corrected", "reserved"),
    State.ACCEPTED: ("corrected", "reserved", "accepted"),
    State.DEFERRED: ("corrected", "reserved", "deferred"),
    State.BLOCKED: ("corrected", "reserved", "blocked"),
    State.UNMATCHED: ("corrected", "reserved", "unmatched"),
    State.REJECTED: ("corrected", "reserved", "rejected"),
}


@dataclass(slots=True)
class Life:
    """One entry's moves, a name each, and where it stands."""

    entry: LedgerEntry
    ahead: list[str]
    arrow: list[tuple[EventKind, State | None, State]] = field(default_factory=list)

    def move(self) -> tuple[list[Event], Move]:
        """Return the move that is next, and what is said beside it before it is."""
        name, beside = self.ahead.pop(0), []
        if name == MERGED:
            row, deal_id = self.entry.deal_row + 1, _survivor(self.entry.number)
            left, made = moves.merged_into(self.entry, row, deal_id, run_id=2)
            beside = [left]
        else:
            made = STEPS[name](self.entry)
        before = None if made.before is None else made.before.state
        self.arrow.append((made.event.kind, before, made.after.state))
        self.entry = made.after
        return beside, made


def lives() -> list[Life]:
    """Return an entry for each move from each state that the arrows allow."""
    names = [*(name for name in STEPS if name != PLANNED_TOGETHER), MERGED]
    courses = [[name] for name in [*names, *[PLANNED_TOGETHER] * 3]]
    courses += [[*COUNTED, *way, name] for way in WAYS.values() for name in names]
    allowed = [course for course in courses if _is_allowed(course)]
    return [Life(_new_entry(number), course) for number, course in enumerate(allowed, start=1)]


def _is_allowed(course: Sequence[str]) -> bool:
    life = Life(_new_entry(1), list(course))
    try:
        while life.ahead:
            life.move()
    except ForbiddenMoveError:
        return False
    return True


def _new_entry(number: int) -> LedgerEntry:
    name = f"D-{number}"
    order_id, row = OrderId(f"cs-{name}"), 2 * number - 1
    return structs.replace(
        a_new_entry(), number=number, deal_row=row, deal_id=name, order_id=order_id
    )


def _survivor(number: int) -> str:
    """Return the deal that an entry's own may be merged into; it stands in the next row."""
    return f"D-{number}-survivor"


def unspoilt(event: Event) -> Event:
    """Leave an event as it is."""
    return event


def live(database: Database, spoil: Spoil = unspoilt) -> list[Life]:
    """Live all lives, an event or another spoilt, and rename the rule at the end."""
    everyone = lives()
    with database.transaction("begin") as connection:
        for _ in range(2):
            runs.begin_unlocked(connection, "test", as_of=NOW, real_now=NOW)
        _record(connection, [Event(EventKind.RUN_STARTED, _STARTED)], unspoilt)
        pairs = ((one.entry.deal_id, _survivor(one.entry.number)) for one in everyone)
        chunk = [a_deal(name) for pair in pairs for name in pair]
        deals.save(connection, "crm", chunk, now=NOW)
        for number in range(1, 10):
            batches.open_batch(connection, ACTION, run_id=1, rows=number, now=NOW)
    while walking := [life for life in everyone if life.ahead]:
        with database.transaction("move") as connection:
            _walk(connection, walking, spoil)
    with database.transaction("rename") as connection:
        renamed, _ = retired.move_rule(connection, "won", "sale")
        moved = Event(EventKind.RULE_MOVED, {"from": "won", "to": "sale", "renamed": renamed})
        _record(connection, [moved], spoil)
    return everyone


_STARTED = {"command": "test", "as_of": NOW.isoformat()}


def _walk(connection: Connection, walking: Sequence[Life], spoil: Spoil) -> None:
    new = [life for life in walking if life.ahead[0] == PLANNED_TOGETHER]
    alone = [life for life in walking if life not in new and life.ahead[0] not in TOGETHER]
    others = {name: [life for life in walking if life.ahead[0] == name] for name in TOGETHER}
    made = [life.move() for life in alone]
    ledger.write(connection, [move for _, move in made])
    events = [event for beside, move in made for event in (*beside, move.event)]
    if new:
        planned = all_planned_together([life.move()[1].after for life in new])
        new_entries.insert(connection, [planned])
        events.append(planned.event)
    for name, lives_moving in others.items():
        if not lives_moving:
            continue
        moved = TOGETHER[name]([life.entry.number for life in lives_moving])
        assert moved is not None
        for life in lives_moving:
            life.move()
        ledger.write_together(connection, moved)
        events.append(moved.event)
    kept = [left for event in events if (left := spoil(event)) is not None]
    audit.record(connection, kept, run_id=2, at=NOW)


def _record(connection: Connection, events: Sequence[Event], spoil: Spoil) -> None:
    kept = [left for event in events if (left := spoil(event)) is not None]
    audit.record(connection, kept, run_id=1, at=NOW)


# Mutants


@dataclass(frozen=True, slots=True)
class Mutant:
    """One thing that is wrong, and how it is made so."""

    name: str
    spoil: Spoil = unspoilt
    arrow: tuple[EventKind, State | None, State] | None = None


def mutants(everyone: Sequence[Life], recorded: dict[EventKind, set[str]]) -> Iterator[Mutant]:
    """Yield every event dropped, every field of one altered, every arrow taken away."""
    for kind, fields in sorted(recorded.items()):
        yield Mutant(f"{kind}: no event", _dropped(kind))
        for name in sorted(fields):
            yield Mutant(f"{kind}: another {name}", _altered(kind, name))
    taken = {arrow for life in everyone for arrow in life.arrow}
    for kind, before, after in sorted(_arrows(), key=str):
        if any((kind, before) == (one, came) for one, came, _ in taken) and any(
            (kind, after) == (one, went) for one, _, went in taken
        ):
            yield Mutant(f"{kind}: no arrow {before} → {after}", arrow=(kind, before, after))
        else:
            yield Mutant(f"{kind}: the arrow {before} → {after} is never taken")


def _arrows() -> Iterator[tuple[EventKind, State | None, State]]:
    for kind, (came_from, leads_to) in ARROWS.items():
        for before in came_from:
            yield from ((kind, before, after) for after in leads_to if _is_one(kind, before, after))


def _is_one(kind: EventKind, before: State | None, after: State) -> bool:
    """True unless the pair is none: a move that changes no state keeps the one it found."""
    return kind not in KEEPS_STATE or before is after


def _dropped(kind: EventKind) -> Spoil:
    return lambda event: None if event.kind is kind else event


def _altered(kind: EventKind, name: str) -> Spoil:
    of_many, _, column = name.rpartition(".")

    def spoil(event: Event) -> Event:
        if of_many and event.kind is kind and EACH in event.detail:
            return structs.replace(event, detail=_altered_of_one(event.detail, column))
        if event.kind is not kind or name not in event.detail:
            return event
        return structs.replace(event, detail={**event.detail, name: _another(event.detail[name])})

    return spoil


def _altered_of_one(detail: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what is said of many with what is said of the first, or of all alike, altered."""
    if name not in detail[EACH]:
        return {**detail, name: _another(detail[name])}
    first, *others = detail[EACH][name]
    return {**detail, EACH: {**detail[EACH], name: [_another(first), *others]}}


def _another(value: Any) -> Any:
    match value:
        case None:
            return "something"
        case bool():
            return not value
        case int():
            return value + 1
        case _:
            return f"1{value}"


@contextmanager
def _without(arrow: tuple[EventKind, State | None, State] | None) -> Iterator[None]:
    if arrow is None:
        yield
        return
    kind, before, after = arrow
    arrows: Any = ARROWS
    came_from, leads_to = arrows[kind]
    alone = len(leads_to) == 1 or kind in KEEPS_STATE
    arrows[kind] = (came_from - {before}, leads_to) if alone else (came_from, leads_to - {after})
    try:
        yield
    finally:
        arrows[kind] = came_from, leads_to


def noticed_by(mutant: Mutant, template: Path, folder: Path) -> str:
    """Return what notices a mutant, empty where nothing does."""
    path = folder / "mutant.db"
    shutil.copyfile(template, path)
    allowed = len(lives())
    with closing(Database(f"sqlite:///{path}")) as database, _without(mutant.arrow):
        if mutant.arrow is not None:
            return "the move is refused" if len(lives()) < allowed else ""
        live(database, mutant.spoil)
        found = verify(database)
    if found.is_sound:
        return ""
    return f"verify: {found.broken.problem if found.broken else found.differences[0]}"


def main() -> int:
    """Print every mutant and what notices it; return 1 where one survives."""
    with TemporaryDirectory(dir=_memory()) as name:
        folder = Path(name)
        template = folder / "template.db"
        with closing(Database(f"sqlite:///{template}")) as database:
            migrate.upgrade(database)
        recorded: dict[EventKind, set[str]] = {}

        def listen(event: Event) -> Event:
            names = FIELDS | {"entries", "told_from", "from", "to"}
            if event.kind in ARROWS or event.kind is EventKind.RULE_MOVED:
                said: Set[str] = names & event.detail.keys()
                if EACH in event.detail:
                    said = {f"{EACH}.{name}" for name in (*said, *event.detail[EACH])}
                recorded.setdefault(event.kind, set()).update(said)
            return event

        shutil.copyfile(template, folder / "whole.db")
        with closing(Database(f"sqlite:///{folder / 'whole.db'}")) as database:
            everyone = live(database, listen)
            assert verify(database).is_sound, verify(database)
        missing = ARROWS.keys() - recorded.keys()
        survivors = [f"{kind}: never happens" for kind in sorted(missing)]
        every = list(mutants(everyone, recorded))
        for mutant in every:
            seen = noticed_by(mutant, template, folder)
            sys.stdout.write(f"{mutant.name:60} {seen[:110] or 'SURVIVES'}\n")
            survivors += [] if seen else [mutant.name]
    sys.stdout.write(f"{len(every)} mutants, {len(survivors)} of them survive.\n")
    return 1 if survivors else 0


def _memory() -> Path | None:
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


if __name__ == "__main__":
    sys.exit(main())
