"""All keys gone through in their order, to find whom they join: as of a first night.

An index from a key to its deals would have to be kept up at random places for every deal, night
after night; where nearly everything is new, one pass over all keys costs less than looking each up.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, func, select, union_all

from convsync.model.key import CLICKS_BEGIN
from convsync.store import dialect
from convsync.store.reach import MOST_CLICKS, NOBODYS_KEYS, Together, joining_nobody
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


def together(connection: Connection, last_deal: int, last_click: int) -> Together:
    """Return whom all keys join, of the deals and clicks up to these rows."""
    together = Together(up_to=(last_deal, last_click))
    for holders in _all_holders(connection):
        if len(holders) > MOST_CLICKS:
            holders = _joined_by_a_key(holders)
        together.join_all(holders)
    return together


def _joined_by_a_key(holders: list[int]) -> list[int]:
    """Return whom a key joins: all who have it, but of too many clicks none."""
    deals_with = [one for one in holders if one > 0]
    return deals_with if len(holders) - len(deals_with) > MOST_CLICKS else holders


def _all_holders(connection: Connection) -> Iterator[list[int]]:
    """Yield who has a key, where several do: deals, and clicks as numbers below zero."""
    carried = select(deal_keys.c.key).where(deal_keys.c.key >= CLICKS_BEGIN)
    everything = union_all(
        select(deal_keys.c.key.label("key"), deal_keys.c.deal.label("holder")),
        select(click_keys.c.key, -click_keys.c.click),
        select(clicks.c.key, -clicks.c.id).where(clicks.c.key.in_(carried)),
    ).subquery()
    by_key = dialect.raw_stream(connection, select(everything).order_by(everything.c.key))
    joins_nobody = joining_nobody(connection)
    for key, found in groupby(by_key, key=itemgetter(0)):
        holders = [holder for _, holder in found]
        if len(holders) > 1 and key not in joins_nobody:
            yield holders
