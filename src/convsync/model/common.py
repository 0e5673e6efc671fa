"""Events that are not about one deal, as a replay of the log needs them.

What one says of many entries, a reservation or a rule's new name, is kept for a whole comparison:
there are few of these, and an entry finds those that name it in three arrays of whole numbers.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.json import Decoder

from convsync.model.carried import runs_in
from convsync.model.chain import LoggedEvent
from convsync.model.each import EACH, deals_in
from convsync.model.event import EventKind
from convsync.model.record import ranges_in
from convsync.model.replay import Together, together

RANGE = 2_000
"""How many deals are looked at together."""

decoded = Decoder().decode
"""Reads an event's JSON, in half the time of the next best."""

LoggedChange = tuple[int, str, Mapping[str, Any]]
"""An event's number, its kind, and what it says."""


@dataclass(slots=True)
class Common:
    """Events that are about no one deal, gathered from the log as it is read."""

    runs: dict[int, dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    sealed: list[Mapping[str, Any]] = field(default_factory=list)
    """What the log says of each sealing of an older part of it."""
    sources_moved: list[tuple[str, str]] = field(default_factory=list)
    planned: dict[int, list[int]] = field(default_factory=dict)
    """The events that tell of each of their deals, by the ranges in which these are."""
    _of_many: list[LoggedChange] = field(default_factory=list)
    _of_all: list[LoggedChange] = field(default_factory=list)
    _latest: "array[int]" = field(default_factory=lambda: array("q"))
    _earlier: "array[int]" = field(default_factory=lambda: array("q"))
    _event: "array[int]" = field(default_factory=lambda: array("q"))
    _effects: dict[tuple[int, ...], Together | None] = field(default_factory=dict)

    def add(self, logged: LoggedEvent) -> None:
        """Take an event in, if it is one of these."""
        if logged.order_id is not None or logged.deal_id is not None:
            return
        detail = decoded(logged.detail)
        if logged.event in {EventKind.RUN_STARTED, EventKind.RUN_FINISHED}:
            of_run = self.runs.setdefault(logged.run_id, {})
            of_run[logged.event] = {**detail, "audit_number": logged.number}
        elif logged.event == EventKind.RUNS_CARRIED:
            for run, said in runs_in(detail).items():
                self.runs[run] = {**said, **self.runs.get(run, {})}
        elif logged.event == EventKind.LOG_SEALED:
            self.sealed.append(detail)
        elif logged.event == EventKind.RULE_MOVED:
            self._of_all.append((logged.number, logged.event, detail))
        elif logged.event == EventKind.SOURCE_MOVED:
            moved = (detail["from"], detail["to"])
            earlier = [(first, moved[1]) for first, then in self.sources_moved if then == moved[0]]
            self.sources_moved += [*earlier, moved]
        elif EACH in detail:
            first, last = deals_in(detail)
            for place in range(place_of(first), place_of(last) + 1):
                self.planned.setdefault(place, []).append(logged.number)
        elif "entries" in detail:
            self._name_entries(logged, detail)

    def of_entry(self, number: int) -> Sequence[LoggedChange]:
        """Return what events about many entries say of this one, in no order."""
        at = self._latest[number] if 0 <= number < len(self._latest) else -1
        if at < 0:
            return self._of_all
        found = [*self._of_all]
        while at >= 0:
            found.append(self._of_many[self._event[at]])
            at = self._earlier[at]
        return found

    def together_after(
        self, number: int, entry: int | None, *, is_carried: bool = False
    ) -> Together | None:
        """Return what events after this one that name many make of an entry, None if it depends.

        Entries of one batch share it. What came before counts for nothing where the entry is
        carried over by this event.
        """
        if self._of_all or not isinstance(entry, int):
            return None
        named = []
        at = self._latest[entry] if 0 <= entry < len(self._latest) else -1
        while at >= 0:
            named.append(self._event[at])
            at = self._earlier[at]
        events = tuple(reversed(named))
        if is_carried:
            events = tuple(one for one in events if self._of_many[one][0] > number)
        if events and self._of_many[events[0]][0] < number:
            return None
        if events not in self._effects:
            self._effects[events] = together([self._of_many[one] for one in events])
        return self._effects[events]

    def _name_entries(self, logged: LoggedEvent, detail: Mapping[str, Any]) -> None:
        """Let each entry find the event: the last that names it, and from there the one before."""
        self._of_many.append((logged.number, logged.event, detail))
        for entries in ranges_in(detail["entries"]):
            if (more := entries.stop - len(self._latest)) > 0:
                self._latest.extend([-1] * (more + entries.stop // 8))
            self._earlier.extend(self._latest[entries.start : entries.stop])
            begun, ended = len(self._event), len(self._event) + len(entries)
            self._latest[entries.start : entries.stop] = array("q", range(begun, ended))
            self._event.extend([len(self._of_many) - 1] * len(entries))


def place_of(deal: int) -> int:
    """Return which range of deals one is in: each is of RANGE deals, and the first is of row 1."""
    return (deal - 1) // RANGE
