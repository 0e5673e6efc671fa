"""Which e-mails, phones and keys many deals have: such a key identifies none of them."""

from convsync.extract.cell_error import shape_of
from convsync.model.key import Key, KeyKind
from convsync.model.terms import SharedKeys
from convsync.profile.facts import SharedValue


class Holders:
    """Counts the deals that have each value. Values are hashed already, or IDs.

    The same deal in rows that follow each other, or with a value in several fields, counts once.
    """

    def __init__(self, terms: SharedKeys) -> None:
        self._terms = terms
        self._deals: dict[tuple[KeyKind, str], tuple[int, int]] = {}
        self._shapes: dict[tuple[KeyKind, str], str] = {}

    def note(self, kind: KeyKind, value: str, deal: int, text: str) -> None:
        """Note that a deal has a value, which stands there as this text."""
        deals, last = self._deals.get((kind, value), (0, 0))
        if deals and last == deal:
            return
        self._deals[kind, value] = (deals + 1, deal)
        if deals == self._terms.most:
            self._shapes[kind, value] = shape_of(text)

    def shared(self) -> list[SharedValue]:
        """Return the values that more deals have than a key may, those of most deals first."""
        found = []
        for (kind, value), shape in self._shapes.items():
            digest = Key(kind, value).digest()
            if digest not in self._terms.allowed:
                deals, _ = self._deals[kind, value]
                name = f"key:{digest.hex()}"
                found.append(SharedValue(kind=kind.value, name=name, shape=shape, deals=deals))
        return sorted(found, key=lambda one: (-one.deals, one.name))
