"""Where keys lead: from a key to the clicks that have it, to what other keys those have, and on.

A landing has a visitor's ID, the form that follows has it beside an e-mail, and the deal has the
e-mail alone. Only clicks are gone through here, in both directions by index; which deals have a key
is in no index (see `clicks`).
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

from msgspec import Struct, field
from sqlalchemy import CompoundSelect, Connection, select, union_all

from convsync.model.key import CLICKS_BEGIN
from convsync.store import click_index, dialect
from convsync.store.schema import click_keys, clicks, crowded_keys, shared_keys

MOST_CLICKS = 200
"""No customer has more clicks than this: a key that more have is a device of many, or a test."""
NOBODYS_KEYS: CompoundSelect[Any] = union_all(select(shared_keys.c.key), select(crowded_keys.c.key))
"""The keys that join nobody, since too many deals or clicks have them; these are few."""

Link = tuple[bytes, int]
"""A key, and the row of a click that has it, as its own ID or as what joins it to somebody."""


class Reached(Struct):
    """Keys, and the clicks that have them; `ends` are those of keys that too many clicks have."""

    keys: set[bytes] = field(default_factory=set)
    links: list[Link] = field(default_factory=list)
    ends: list[Link] = field(default_factory=list)


def reach(connection: Connection, keys: Collection[bytes], *, to_deals: bool = True) -> Reached:
    """Return these keys and all that clicks lead to from them; keys that join nobody lead nowhere.

    Every link of each key is there, so that what is found does not depend on where one began. The
    clicks' own IDs lead to deals and to no other click: they are there where it is `to_deals`.
    """
    found, known_clicks = Reached(), set[int]()
    shared = joining_nobody(connection)
    new_keys = set(keys) - shared
    while new_keys:
        found.keys |= new_keys
        links, ends = _links_with(connection, new_keys)
        found.links += links
        found.ends += ends
        new_clicks = {click for _, click in links} - known_clicks
        known_clicks |= new_clicks
        others = click_index.keys_of_rows(connection, new_clicks) - found.keys
        new_keys = others - shared
    if to_deals:
        own = dialect.rows_among(connection, clicks, ("key", "id"), "id", sorted(known_clicks))
        found.links += [(key, click) for key, click in own if key not in found.keys]
        found.keys |= {key for key, _ in found.links}
    return found


def joining_nobody(connection: Connection) -> frozenset[bytes]:
    """Return all keys that too many deals or clicks have for them to join anybody."""
    return frozenset(bytes(key) for (key,) in connection.execute(NOBODYS_KEYS))


def _links_with(connection: Connection, keys: Collection[bytes]) -> tuple[list[Link], list[Link]]:
    """Return the clicks that have these keys, and apart from them those of keys of too many."""
    joining = sorted(key for key in keys if key < CLICKS_BEGIN)
    carried = sorted(key for key in keys if key >= CLICKS_BEGIN)
    found = dialect.rows_among(connection, click_keys, ("key", "click"), "key", joining)
    links = cast("list[Link]", [*found])
    ends: list[Link] = []
    counted = Counter([key for key, _ in links]) if len(links) > MOST_CLICKS else Counter()
    if too_many := {key for key, count in counted.items() if count > MOST_CLICKS}:
        ends = [link for link in links if link[0] in too_many]
        links = [link for link in links if link[0] not in too_many]
    own = dialect.rows_among(connection, clicks, ("key", "id"), "key", carried)
    return [*links, *((key, click) for key, click in own)], ends


class Together:
    """Which of many numbers belong together, told two at a time, in any order.

    Deals are told by their rows, clicks by theirs below zero. `up_to` says how many there are of
    both: where that is known they take four bytes each.
    """

    def __init__(self, up_to: tuple[int, int] | None = None) -> None:
        self._leads_to: dict[int, int] | array[int] = _Few()
        if up_to is not None:  # what is below zero is counted from the end
            self._leads_to = array("i", bytes(4 * (sum(up_to) + 1)))

    def join(self, one: int, other: int) -> None:
        """Note that two belong together."""
        first, second = self.first_of(one), self.first_of(other)
        if first != second:
            self._leads_to[second] = first

    def join_all(self, ones: Sequence[int]) -> None:
        """Note that all of these belong together."""
        first = self.first_of(ones[0]) if ones else 0
        leads_to = self._leads_to
        for one in ones[1:]:
            if leads_to[one] != first and (other := self.first_of(one)) != first:
                leads_to[other] = first

    def join_holders(self, links: Iterable[Link]) -> None:
        """Join all that hold the same key."""
        holder: dict[bytes, int] = {}
        for key, one in links:
            self.join(holder.setdefault(key, one), one)

    def first_of(self, one: int) -> int:
        """Return the number that stands for all that belong together with this one."""
        leads_to = self._leads_to
        if not (first := leads_to[one]):
            return one
        if not leads_to[first]:
            return first
        path = []
        while following := leads_to[one]:
            path.append(one)
            one = following
        for passed in path[:-1]:
            leads_to[passed] = one
        return one

    def groups(self, among: Iterable[int]) -> list[set[int]]:
        """Return which among some numbers belong together, where that is more than one."""
        alone: dict[int, int] = {}
        found: dict[int, set[int]] = {}
        for one in among:
            first = self.first_of(one)
            if first in found:
                found[first].add(one)
            elif (other := alone.setdefault(first, one)) != one:
                found[first] = {other, one}
        return list(found.values())


class _Few(dict[int, int]):
    """Numbers that lead to others; the rest leads nowhere, to 0."""

    def __missing__(self, number: int) -> int:
        return 0
