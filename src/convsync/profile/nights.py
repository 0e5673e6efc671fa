"""What the records of one night's read contain, and what has changed since the last nights.

A few counters a record are all it costs. What was filled night after night and is filled nowhere
tonight has most likely lost its column, its field or the right to read it; so has a currency that
was there night after night, for amounts are then in the company's own; deals whose IDs have
turned into numbers are most likely other deals. Chance is kept out by how rare it would be: fewer
than one night in a hundred, given the night that was filled least. Where tonight's read is much
smaller than one before, three nights are needed: the deals of a first read are older, and further.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from msgspec import Struct

from convsync.extract.source import Quarantined, Record, Unchanged
from convsync.model.consent import ConsentStatus
from convsync.model.deal import Deal

KEPT: Final = 7
"""The nights that are kept: after so many, what has changed is as usual as what was before it."""
_NIGHTS_NEEDED: Final = 3
_AS_LARGE: Final = 0.8
"""From this share of an earlier read on, a read is taken to be of the same kind of records."""
_CHANCE: Final = 0.01
_FEW: Final = 3
_MANY_UNREADABLE: Final = 0.05
_MOST_NAMES: Final = 100
_AT_ONCE: Final = 500


class Counts(Struct, frozen=True):
    """Of one read: records by what became of them, IDs that are numbers, and what was filled.

    Of a click source, whose records have no such ID, the click IDs stand in place of the deals.
    """

    deals: int = 0
    unreadable: int = 0
    unchanged: int = 0
    numeric: int = 0
    filled: dict[str, int] = {}

    @property
    def records(self) -> int:
        """Return how many records there were."""
        return self.deals + self.unreadable + self.unchanged


class Counting:
    """Counts the records of a read as they come."""

    def __init__(self) -> None:
        self._filled: defaultdict[str, int] = defaultdict(int)
        self._milestones: Counter[str] = Counter()
        self._segments: Counter[str] = Counter()
        self._deals = self._unreadable = self._unchanged = self._numeric = 0

    def watching(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield records as they are, and count what they hold."""
        read: list[Deal] = []
        try:
            for record in records:
                if isinstance(record, Deal):
                    read.append(record)
                    if len(read) == _AT_ONCE:
                        self._note(read)
                        read.clear()
                elif isinstance(record, Quarantined):
                    self._unreadable += 1
                elif isinstance(record, Unchanged):
                    self._unchanged += len(record.deal_rows)
                yield record
        finally:
            self._note(read)

    def counts(self) -> Counts:
        """Return what was counted."""
        return Counts(
            deals=self._deals,
            unreadable=self._unreadable,
            unchanged=self._unchanged,
            numeric=self._numeric,
            filled=dict(list(self._named().items())[:_MOST_NAMES]),
        )

    def _note(self, read: Iterable[Deal]) -> None:
        """Count deals, field by field, which costs half of what it does deal by deal."""
        filled = self._filled
        found = [deal for deal in read if deal.gone is None]
        self._deals += len(found)
        self._numeric += sum([deal.deal_id.isdigit() for deal in found])
        stated = [deal.currency for deal in found if deal.amount is not None]
        filled["amount"] += len(stated)
        for currency, times in Counter(stated).items():
            if currency:
                filled[f"currency {currency}"] += times
        filled["click ID"] += sum([bool(deal.clicks) for deal in found])
        filled["e-mail"] += sum([bool(deal.identifiers.emails) for deal in found])
        filled["phone"] += sum([bool(deal.identifiers.phones) for deal in found])
        unspecified = ConsentStatus.UNSPECIFIED
        said = [deal.consent.ad_user_data is not unspecified for deal in found]
        filled["consent"] += sum(said)
        filled["time of creation"] += sum([deal.created_at is not None for deal in found])
        self._milestones.update([one.name for deal in found for one in deal.milestones])
        self._segments.update(chain.from_iterable([deal.segments for deal in found]))

    def _named(self) -> dict[str, int]:
        """Return what was filled, by the names under which people know it."""
        milestones = {f"milestone '{name}'": n for name, n in self._milestones.items()}
        segments = {f"segment '{name}'": n for name, n in self._segments.items()}
        filled = {name: count for name, count in self._filled.items() if count}
        return {**filled, **milestones, **segments}


def news_in(tonight: Counts, before: Sequence[Counts]) -> Iterator[str]:
    """Yield what is new in a read beside those before it, oldest first, as sentences' ends."""
    nights = [night for night in before if night.deals]
    if tonight.deals and nights:
        yield from _empty_now(tonight, nights)
        yield from _other_ids(tonight, nights)
    if before:
        yield from _unreadable_now(tonight, before)


def with_tonight(tonight: Counts, before: Sequence[Counts]) -> list[Counts]:
    """Return what is kept of the nights: one that gave nothing says nothing of what is usual."""
    return [*before, tonight][-KEPT:] if tonight.deals or tonight.unreadable else [*before]


def _empty_now(tonight: Counts, nights: Sequence[Counts]) -> Iterator[str]:
    for name in dict.fromkeys(name for night in nights for name in night.filled):
        had = _until_it_was_empty(name, nights)
        is_as_large = tonight.deals >= _AS_LARGE * max(night.deals for night in had)
        if name in tonight.filled or (len(had) < _NIGHTS_NEEDED and not is_as_large):
            continue
        least = min(night.filled.get(name, 0) / (night.deals + 1) for night in had)
        if least and (1 - least) ** tonight.deals < _CHANCE:
            share = sum(night.filled[name] for night in had) / sum(night.deals for night in had)
            yield (
                f"the {name} is missing in all {tonight.deals:,} deals that were read, and was"
                f" there in {share:.0%} before ({_reads(had)}): look whether what is mapped to it"
                " is still exported, and may be read"
            )


def _until_it_was_empty(name: str, nights: Sequence[Counts]) -> Sequence[Counts]:
    """Return the nights up to the last in which it was filled."""
    last = max(at for at, night in enumerate(nights) if name in night.filled)
    return nights[: last + 1]


def _other_ids(tonight: Counts, nights: Sequence[Counts]) -> Iterator[str]:
    if tonight.deals < _FEW or sum(night.deals for night in nights) < _FEW:
        return
    share = tonight.numeric / tonight.deals
    usual = [night.numeric / night.deals for night in nights]
    if share >= 0.5 and max(usual) <= 0.05:
        kind, before = "numbers", "none were"
    elif share <= 0.5 and min(usual) >= 0.95:
        kind, before = "no numbers", "all were"
    else:
        return
    yield (
        f"{share if kind == 'numbers' else 1 - share:.0%} of the IDs of {tonight.deals:,} deals"
        f" are {kind}, and {before} before ({_reads(nights)}): look whether another column has"
        " taken the ID's place, for these count as other deals"
    )


def _unreadable_now(tonight: Counts, before: Sequence[Counts]) -> Iterator[str]:
    if tonight.unreadable < _FEW:
        return
    share = tonight.unreadable / tonight.records
    usual = sum(one.unreadable for one in before) / max(sum(one.records for one in before), 1)
    if share >= _MANY_UNREADABLE and share > 3 * usual:
        yield (
            f"{share:.0%} of {tonight.records:,} records cannot be read, and {usual:.0%} could not"
            f" before ({_reads(before)}): `convsync quarantine list` says why"
        )


def _reads(nights: Sequence[Counts]) -> str:
    return "one read" if len(nights) == 1 else f"{len(nights)} reads"
