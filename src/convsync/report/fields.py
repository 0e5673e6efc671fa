"""Which fields of the deals of a period are empty, and which click IDs were damaged on the way.

A click ID that has lost its capitals or its end is unknown to the ad platform, and looks like one
all the same. Both are told from all of a field together, as `check --profile` tells them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convsync.extract.click_fields import end_at_one_length
from convsync.model.click import ClickIdKind, MatchBasis
from convsync.model.consent import ConsentStatus
from convsync.model.period import Period
from convsync.profile.signs import HEXADECIMAL, is_without_capitals
from convsync.report.conditions import Conditions
from convsync.report.narrowing import Meant
from convsync.store import coverage
from convsync.store.coverage import HeldFields
from convsync.store.database import Database

ANY_CLICK = "click ID"
_UNSAID = {ConsentStatus.UNSPECIFIED.value}
_IS_FILLED: Mapping[str, Callable[[HeldFields], Any]] = {
    ANY_CLICK: lambda held: held.clicks,
    "e-mail": lambda held: held.emails,
    "phone": lambda held: held.phones,
    "amount": lambda held: held.amount,
    "currency": lambda held: held.currency,
    "consent": lambda held: held.ad_user_data not in _UNSAID,
}
_ERASED_ON_REFUSAL = frozenset({"e-mail", "phone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldQuality:
    """A field of one source's deals: how many have nothing in it, or an ID that lost something.

    `cut` counts IDs of the one length at which a field ends them all.
    """

    source: str
    field: str
    deals: int
    empty: int
    lower_case: int = 0
    cut: int = 0

    @property
    def needs_a_look(self) -> bool:
        """True where anything is missing."""
        return bool(self.empty or self.lower_case or self.cut)


def fields_of(database: Database, period: Period, where: Conditions = ()) -> list[FieldQuality]:
    """Return how the fields stand of deals with a milestone in a period, source by source.

    A segment counts for a source where any of its deals has it, and hashed e-mails and phones only
    of deals that did not refuse: of others none are kept. Looked at are deals that meet all
    conditions.
    """
    sources: dict[str, _OfSource] = {}
    with database.reading() as connection:
        meant = Meant(connection, where)
        for held in coverage.held_fields(connection, period):
            if not meant.has(held.id, held.source, held.segments):
                continue
            sources.setdefault(held.source, _OfSource()).add(held)
    return [one for name in sorted(sources) for one in sources[name].fields(name)]


@dataclass(slots=True)
class _ClickField:
    lengths: Counter[int] = field(default_factory=Counter)
    lower_case: int = 0
    kind: ClickIdKind = ClickIdKind.GCLID

    def add(self, value: str) -> None:
        self.lengths[len(value)] += 1
        self.lower_case += self.kind not in HEXADECIMAL and is_without_capitals(value)

    @property
    def cut(self) -> int:
        is_cut = self.kind not in HEXADECIMAL and end_at_one_length(self.lengths)
        return self.lengths[max(self.lengths)] if is_cut else 0


@dataclass(slots=True)
class _OfSource:
    deals: int = 0
    refused: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)
    clicks: dict[str, _ClickField] = field(default_factory=dict)

    def add(self, held: HeldFields) -> None:
        self.deals += 1
        self.refused += held.ad_user_data == ConsentStatus.DENIED
        self.filled.update(name for name, is_filled in _IS_FILLED.items() if is_filled(held))
        self.segments.update(json.loads(held.segments or "{}").keys())
        for name, kind, value in _clicks_in(held.clicks):
            self.clicks.setdefault(name, _ClickField(kind=kind)).add(value)

    def fields(self, source: str) -> Iterator[FieldQuality]:
        for name in _IS_FILLED:
            asked = self.deals - (self.refused if name in _ERASED_ON_REFUSAL else 0)
            empty = max(asked - self.filled[name], 0)
            yield FieldQuality(source=source, field=name, deals=asked, empty=empty)
        for name, of_clicks in sorted(self.clicks.items()):
            held = of_clicks.lengths.total()
            yield FieldQuality(
                source=source,
                field=name,
                deals=held,
                empty=0,
                lower_case=of_clicks.lower_case,
                cut=of_clicks.cut,
            )
        for name, count in sorted(self.segments.items()):
            yield FieldQuality(
                source=source, field=name, deals=self.deals, empty=self.deals - count
            )


def _clicks_in(written: str | None) -> Iterable[tuple[str, ClickIdKind, str]]:
    """Return the field, the kind and the value of each click ID that a deal is kept with."""
    for kind, value, _, _, basis in json.loads(written or "[]"):
        where = MatchBasis(basis).name.lower()
        yield f"{kind} of the {where}", ClickIdKind(kind), value
