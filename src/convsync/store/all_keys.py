"""All keys gone through in their order, to find whom they join: as of a first night.

An index from a key to its deals would have to be kept up at random places for every deal, night
after night; where nearly everything is new, one pass over all keys costs less than looking each up.
"""

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, func, or_, select, union_all

from convsync.model.key import CLICKS_BEGIN
from convsync.store import dialect
from convsync.store.reach import MOST_CLICKS, NOBODYS_KEYS, Together, joining_nobody
from convsync.store.repeated_keys import is_of_kind
from convsync.store.schema import click_keys, clicks, deal_keys


def find_the_same_click(connection: Connection) -> bool:
    """True where a click is found by several deals, each by another of its keys or by its ID."""
    least, most = (select(of(click_keys.c.key)).scalar_subquery() for of in (func.min, func.max))
    joins_somebody = deal_keys.c.key.not_in(NOBODYS_KEYS)
    links = union_all(
        select(click_keys.c.click.label("click"), deal_keys.c.deal.label("deal"))
        .join(click_keys, click_keys.c.key == deal_keys.c.key)
        .where(deal_keys.c.key.between(least, most), joins_somebody),
        select(clicks.c.id, deal_keys.c.deal)
        .join(clicks, clicks.c.key == deal_keys.c.key)
        .where(deal_keys.c.key >= CLICKS_BEGIN, joins_somebody),
    ).subquery()
    by_click = select(links.c.click).group_by(links.c.click)
    several = by_click.having(func.min(links.c.deal) != func.max(links.c.deal))
    return connection.execute(several.limit(1)).first() is not None


class Joined(NamedTuple):
    """Whom all keys join; and of each deal, how many clicks the key finds that finds it most.

    A key that too many clicks have finds none.
    """

    together: Together
    found: bytearray


def joined(
    connection: Connection, last_deal: int, last_click: int, shared: Collection[int]
) -> Joined:
    """Return whom all keys join, of the deals and clicks up to these rows.

    `shared` are the first bytes of the kinds of keys that several deals have in common. Of the
    other kinds only those are gone through that clicks have, too.
    """
    together = Together(up_to=(last_deal, last_click))
    found = bytearray(last_deal + 1)
    for holders in _all_holders(connection, {*shared, *_kinds_of_clicks(connection)}):
        having = [one for one in holders if one > 0]
        clicks_with = len(holders) - len(having)
        if clicks_with > MOST_CLICKS:
            together.join_all(having)
            continue
        together.join_all(holders)
        if clicks_with:
            for deal in having:
                if found[deal] < clicks_with:
                    found[deal] = clicks_with
    return Joined(together, found)


def _kinds_of_clicks(connection: Connection) -> set[int]:
    """Return the kinds of keys by which deals may find clicks, each by its first byte."""
    kinds = {CLICKS_BEGIN[0]}
    for first in range(CLICKS_BEGIN[0]):
        of_kind = select(click_keys.c.key).where(is_of_kind(click_keys.c.key, first))
        if connection.execute(of_kind.limit(1)).first() is not None:
            kinds.add(first)
    return kinds


def _all_holders(connection: Connection, kinds: Collection[int]) -> Iterator[list[int]]:
    """Yield who has a key of these kinds, where several do: deals, and clicks below zero.

    SQLite sorts all that is asked for, and has little memory for it.
    """
    is_asked_for = or_(*(is_of_kind(deal_keys.c.key, first) for first in sorted(kinds)))
    carried = select(deal_keys.c.key).where(deal_keys.c.key >= CLICKS_BEGIN)
    everything = union_all(
        select(deal_keys.c.key.label("key"), deal_keys.c.deal.label("holder")).where(is_asked_for),
        select(click_keys.c.key, -click_keys.c.click),
        select(clicks.c.key, -clicks.c.id).where(clicks.c.key.in_(carried)),
    ).subquery()
    by_key = dialect.raw_stream(connection, select(everything).order_by(everything.c.key))
    joins_nobody = joining_nobody(connection)
    for key, found in groupby(by_key, key=itemgetter(0)):
        holders = [holder for _, holder in found]
        if len(holders) > 1 and key not in joins_nobody:
            yield holders
