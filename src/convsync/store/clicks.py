"""The click store: each click ID once, with the first time it was seen, and whom it belongs to.

An ID seen again later (a session that comes back, credited to an old click) changes nothing; seen
earlier, its time moves back. What is new is news until `spread_news` has made the deals due that
share a key with it: once for a whole import, in one pass over the keys of deals and of clicks,
because an index on those would have to be kept up for every row, at random places, night after
night. For the same reason news costs a new click nothing (`click_news`), and what joins it to deals
is indexed once all were read (`click_index`).

Clicks come by the million, so they are handed over in columns and written by the driver's own
executemany, a chunk of a file in one statement.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import cache
from operator import add
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Select,
    bindparam,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)

from convsync.model.click import BASIS_OF, Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.key import CLICKS_BEGIN, kind_of
from convsync.model.seen_clicks import SeenClicks, is_earlier
from convsync.store import click_index, click_news, crowded_keys, dialect, persons, schema
from convsync.store.column_types import instant_of
from convsync.store.given import Chain
from convsync.store.reach import NOBODYS_KEYS, reach
from convsync.store.schema import click_keys, clicks, deal_keys, deals

_COLUMNS = ("id", "key", "kind", "value", "clicked_at", "is_whole_day", "joined_by")
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Stored:
    """What an import did: click IDs that are new, seen at an earlier time, or known before.

    `passed_over` counts lines of a file that were read before and stand as they did, `unreadable`
    the rows that could not be read.
    """

    new: int = 0
    earlier: int = 0
    known: int = 0
    passed_over: int = 0
    unreadable: int = 0

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(*map(add, astuple(self), astuple(other)))

    @property
    def total(self) -> int:
        """Return how many click IDs were read."""
        return self.new + self.earlier + self.known

    @property
    def told(self) -> dict[str, int]:
        """Return what the audit log says of it."""
        return {"new": self.new, "earlier": self.earlier, "known": self.known}


def save(connection: Connection, seen: SeenClicks) -> Stored:
    """Add what was seen, byte for byte; what is new among it is news."""
    seen = seen.merged()
    known = _known(connection, seen.digests)
    numbers, new = _numbered(connection, seen, known)
    earlier = [
        position
        for position, digest in enumerate(seen.digests if known else ())
        if digest in known and is_earlier(seen.seen_at[position], known[digest][1])
    ]
    keys = _joined_keys(seen)
    _insert(connection, seen, keys, numbers, new)
    _move_back(connection, seen, numbers, earlier)
    with_keys = zip(seen.digests if known else (), keys, strict=False)
    again = ((*known[digest], more) for digest, more in with_keys if digest in known)
    keyed = click_index.add(connection, {row: (had, more) for row, _, had, more in again})
    click_news.mark(connection, {numbers[position] for position in earlier} | keyed)
    if keyed:
        crowded_keys.count_anew(connection)
    return Stored(len(new), len(earlier), len(seen) - len(new) - len(earlier))


def spread_news(connection: Connection, *, now: datetime) -> None:
    """Make every deal due that keys lead to from a click that is news; it is news no longer."""
    click_index.fill(connection)
    is_news = _is_news(connection)
    keys = union_all(
        select(click_index.keys_of(connection, is_news).subquery().c.key),
        select(clicks.c.key).where(is_news),
    )
    sharing = select(deal_keys.c.deal).where(deal_keys.c.key.in_(keys))
    rows = set(connection.execute(sharing.distinct()).scalars())
    beyond = sorted(_keys_beyond(connection, is_news))
    having = dialect.rows_among(connection, deal_keys, ("deal",), "key", beyond)
    rows |= {deal for (deal,) in having}
    persons.make_due(connection, rows, now)
    persons.note_changed(connection, rows)
    click_news.close(connection)


def _is_news(connection: Connection) -> ColumnElement[bool]:
    changed = select(schema.click_news.c.click)
    return or_(clicks.c.id > click_news.last_spread(connection), clicks.c.id.in_(changed))


def _keys_beyond(connection: Connection, is_news: ColumnElement[bool]) -> set[bytes]:
    """Return the keys to which clicks that were known lead on from those that are news."""
    if connection.execute(select(deals.c.id).limit(1)).first() is None:
        return set()
    of_news = click_index.keys_of(connection, is_news).subquery().c.key
    new = sorted(connection.execute(select(of_news).distinct()).scalars())
    beyond: set[bytes] = set()
    for start in range(0, len(new), _AT_ONCE):
        some = new[start : start + _AT_ONCE]
        beyond |= reach(connection, some).keys.difference(some)
    return beyond


def candidates(connection: Connection, deal_rows: Sequence[int]) -> dict[int, list[Candidate]]:
    """Return, for each deal row, every stored click that shares a key with it, best basis once.

    The best is picked here: a query that groups has SQLite build the whole of a preview's views.
    """
    of_deals: defaultdict[int, dict[int, Candidate]] = defaultdict(dict)
    for deal, click, kind, value, clicked_at, is_whole_day, key in _of_deals(connection, deal_rows):
        found, basis = of_deals[deal], BASIS_OF[kind_of(key)]
        known = found.get(click)
        if known is None:
            found[click] = Candidate(_click(kind, value, clicked_at, is_whole_day), basis)
        elif basis < known.basis:
            found[click] = Candidate(known.click, basis)
    return {
        deal: [found[click] for click in sorted(found)] if len(found) > 1 else [*found.values()]
        for deal, found in of_deals.items()
    }


def basis_of(key: bytes) -> MatchBasis:
    """Return how a click is found by a key with this digest."""
    return BASIS_OF[kind_of(key)]


def key_range(connection: Connection) -> tuple[bytes, bytes] | None:
    """Return the least and the greatest of the keys that clicks have, None where they have none.

    Keys of one kind lie together, so nearly every key of a kind that no click has lies outside.
    """
    key = click_keys.c.key
    ends = [connection.execute(select(key).order_by(by).limit(1)) for by in (key, key.desc())]
    least, most = [end.scalar() for end in ends]  # quick in a view too
    return None if least is None or most is None else (least, most)


def _of_deals(connection: Connection, deal_rows: Sequence[int]) -> Iterable[Any]:
    """Return deal row, click row, the click and the key of all that these deals have a key of."""
    database, ends = connection.dialect.name, key_range(connection)
    if ends is None:
        return dialect.raw_rows(connection, _carried_by_the_deal(database), deals=deal_rows)
    least, most = ends
    both = _sharing_anything(database)
    return dialect.raw_rows(connection, both, deals=deal_rows, least=least, most=most)


@cache
def _sharing_anything(dialect_name: str) -> CompoundSelect[Any]:
    """Return the query behind `candidates`, which is the same for every chunk of deals."""
    return union_all(_sharing_a_key(dialect_name), _carried_by_the_deal(dialect_name))


def _click(kind: str, value: str, clicked_at: int | None, is_whole_day: int) -> Click:
    return Click(
        click_id=ClickId(_KINDS[kind], value),
        clicked_at=instant_of(clicked_at),
        is_whole_day=bool(is_whole_day),
    )


_KINDS = {kind.value: kind for kind in ClickIdKind}


def _sharing_a_key(dialect_name: str) -> Select[Any]:
    chain = Chain(dialect_name, "deals")
    may_join = deal_keys.c.key.between(bindparam("least"), bindparam("most"))
    of_deal = chain.to(deal_keys, (deal_keys.c.deal == chain.number) & may_join)
    shared = chain.to(click_keys, click_keys.c.key == of_deal.c.key)
    clicked = chain.to(clicks, clicks.c.id == shared.c.click)
    found = _found(chain, of_deal, clicked)
    return found.where(of_deal.c.key.not_in(NOBODYS_KEYS))


@cache
def _carried_by_the_deal(dialect_name: str) -> Select[Any]:
    chain = Chain(dialect_name, "deals")
    may_be_one = deal_keys.c.key >= literal(CLICKS_BEGIN)
    of_deal = chain.to(deal_keys, (deal_keys.c.deal == chain.number) & may_be_one)
    clicked = chain.to(clicks, clicks.c.key == of_deal.c.key)
    return _found(chain, of_deal, clicked)


def _found(chain: Chain, of_deal: FromClause, clicked: FromClause) -> Select[Any]:
    at = type_coerce(clicked.c.clicked_at, BigInteger)
    of_click = (clicked.c.id, clicked.c.kind, clicked.c.value, at, clicked.c.is_whole_day)
    columns: list[Any] = [of_deal.c.deal, *of_click, of_deal.c.key]
    return select(*columns).select_from(chain.joined)


def numbered(connection: Connection, rows: Collection[int]) -> list[Click]:
    """Return the clicks of these rows; those of people who were forgotten are left out."""
    return [*by_row(connection, rows).values()]


def by_row(connection: Connection, rows: Collection[int]) -> dict[int, Click]:
    """Return the clicks of these rows, by row, without those of people who were forgotten."""
    columns = ("id", "kind", "value", "clicked_at", "is_whole_day")
    found = dialect.rows_among(connection, clicks, columns, "id", sorted(rows))
    return {
        row: _click(kind, value, clicked_at, is_whole_day)
        for row, kind, value, clicked_at, is_whole_day in found
        if value
    }


def count(connection: Connection) -> int:
    """Return how many click IDs are stored: they are numbered from 1, and none is ever removed."""
    return click_news.last(connection)


Known = dict[bytes, tuple[int, datetime | None, bytes]]
"""The rows, times and keys of clicks that are stored, by the digests of their IDs."""


def _known(connection: Connection, digests: Sequence[bytes]) -> Known:
    columns = ("key", "id", "clicked_at", "joined_by")
    found = dialect.rows_among(connection, clicks, columns, "key", digests)
    return {key: (row, instant_of(clicked_at), keys) for key, row, clicked_at, keys in found}


def _numbered(
    connection: Connection, seen: SeenClicks, known: Known
) -> tuple[Sequence[int], Sequence[int]]:
    """Return the row of every click, those that are new counting on, and the positions of these."""
    first = click_news.last(connection) + 1
    if not known:
        return range(first, first + len(seen)), range(len(seen))
    numbers: list[int] = []
    new: list[int] = []
    for position, digest in enumerate(seen.digests):
        if digest in known:
            numbers.append(known[digest][0])
        else:
            numbers.append(first + len(new))
            new.append(position)
    return numbers, new


def _joined_keys(seen: SeenClicks) -> list[bytes]:
    """Return the keys of each click, one behind the other, each once."""
    joined = [b""] * len(seen)
    for key, position in dict.fromkeys(seen.keys):
        joined[position] += key
    return joined


def _insert(
    connection: Connection,
    seen: SeenClicks,
    keys: Sequence[bytes],
    numbers: Sequence[int],
    new: Sequence[int],
) -> None:
    values = seen.digests, seen.kinds, seen.values, seen.seen_at, seen.are_whole_days, keys
    rows = list(zip(numbers, *values, strict=True))
    if len(new) < len(rows):
        rows = [rows[position] for position in new]
    dialect.insert_rows(connection, clicks, _COLUMNS, rows)


def _move_back(
    connection: Connection, seen: SeenClicks, numbers: Sequence[int], earlier: Sequence[int]
) -> None:
    rows = [
        (seen.seen_at[position], seen.are_whole_days[position], numbers[position])
        for position in earlier
    ]
    dialect.update_rows(connection, clicks, ("clicked_at", "is_whole_day"), rows, key=("id",))
