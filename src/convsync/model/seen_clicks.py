"""Many sightings at once, column by column: clicks come by the million, and objects cost."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from convsync.model.click import ClickIdKind, Sighting
from convsync.model.key import KeyKind, digests_of

SeenKey = tuple[bytes, int]
"""A key's digest, and the position of the click it belongs to."""


class SeenClicks(Struct, frozen=True, kw_only=True):
    """Click IDs as they were seen: the same position in every column but `keys` is one of them.

    `digests` are those of the click IDs as keys. An ID may be there several times.
    """

    digests: Sequence[bytes] = ()
    kinds: Sequence[ClickIdKind] = ()
    values: Sequence[str] = ()
    seen_at: Sequence[datetime | None] = ()
    are_whole_days: Sequence[bool] = ()
    keys: Sequence[SeenKey] = ()

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, sightings: Iterable[Sighting]) -> "SeenClicks":
        """Return the click IDs of sightings, in their order."""
        one_by_one = [(each, seen) for seen in sightings for each in seen.click_ids]
        return cls(
            digests=[
                digest
                for each, _ in one_by_one
                for digest in digests_of_ids(each.kind, [each.value])
            ],
            kinds=[each.kind for each, _ in one_by_one],
            values=[each.value for each, _ in one_by_one],
            seen_at=[seen.clicked_at.get(each, seen.seen_at) for each, seen in one_by_one],
            are_whole_days=[
                seen.is_whole_day and each not in seen.clicked_at for each, seen in one_by_one
            ],
            keys=[
                (key.digest(), position)
                for position, (_, seen) in enumerate(one_by_one)
                for key in seen.keys
            ],
        )

    def merged(self) -> "SeenClicks":
        """Return the same with each ID once: the earliest time it was seen at, all its keys."""
        if len(set(self.digests)) == len(self):
            return self
        earliest: dict[bytes, int] = {}
        for position, digest in enumerate(self.digests):
            best = earliest.setdefault(digest, position)
            if is_earlier(self.seen_at[position], self.seen_at[best]):
                earliest[digest] = position
        counts = earliest.values()
        places = {digest: place for place, digest in enumerate(earliest)}
        return SeenClicks(
            digests=list(earliest),
            kinds=[self.kinds[position] for position in counts],
            values=[self.values[position] for position in counts],
            seen_at=[self.seen_at[position] for position in counts],
            are_whole_days=[self.are_whole_days[position] for position in counts],
            keys=list(self._keys_at(places)),
        )

    def without(self, positions: Collection[int]) -> "SeenClicks":
        """Return all but the clicks at these positions."""
        left = [position for position in range(len(self)) if position not in positions]
        places = {position: place for place, position in enumerate(left)}
        return SeenClicks(
            digests=[self.digests[position] for position in left],
            kinds=[self.kinds[position] for position in left],
            values=[self.values[position] for position in left],
            seen_at=[self.seen_at[position] for position in left],
            are_whole_days=[self.are_whole_days[position] for position in left],
            keys=[(key, places[at]) for key, at in self.keys if at in places],
        )

    def _keys_at(self, places: dict[bytes, int]) -> Iterator[SeenKey]:
        for key, position in self.keys:
            yield key, places[self.digests[position]]


NOTHING_SEEN = SeenClicks()


def is_earlier(at: datetime | None, than: datetime | None) -> bool:
    """True where an instant is known, and the other is not or is later."""
    return at is not None and (than is None or at < than)


def digests_of_ids(kind: ClickIdKind, values: Iterable[str]) -> list[bytes]:
    """Return the digests that join click IDs to the deals that carry them."""
    return digests_of(KeyKind.CLICK, values, prefix=f"{kind.value}:")
