"""The click store: each click ID once, with the first time it was seen, and whom it belongs to.

An ID seen again later (a session that comes back, credited to an old click) changes nothing; seen
earlier, its time moves back. What is new is news until `spread_news` has made the deals due that
share a key with it: once for a whole import, in one pass over the deals' keys, because an index on
those would have to be kept up for every deal, at random places, night after night.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, or_, select, update

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis, Sighting
from convsync.model.key import Key, KeyKind
from convsync.store import dialect
from convsync.store.deal_row import key_of
from convsync.store.schema import click_keys, clicks, deal_keys, deals

_BASIS_OF = {
    KeyKind.CLICK: MatchBasis.DEAL,
    KeyKind.CRM: MatchBasis.KEY,
    KeyKind.VISITOR: MatchBasis.KEY,
    KeyKind.EMAIL: MatchBasis.IDENTIFIER,
    KeyKind.PHONE: MatchBasis.IDENTIFIER,
}
_IDS_A_QUERY = 5_000
_ASKED: BindParameter[Any] = bindparam("asked", expanding=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """What an import did: click IDs that are new, seen at an earlier time, or known before."""

    new: int
    earlier: int
    known: int

    @property
    def total(self) -> int:
        """Return how many there were."""
        return self.new + self.earlier + self.known


def save(connection: Connection, sightings: Iterable[Sighting]) -> Stored:
    """Add sightings, byte for byte; what is new among them is news."""
    seen = _first_seen(sightings)
    known = _known(connection, list(seen))
    new = [click_id for click_id in seen if click_id not in known]
    earlier = [
        click_id
        for click_id in seen
        if click_id in known and _is_earlier(seen[click_id], known[click_id][1])
    ]
    first = _next_row(connection)
    rows = {click_id: row for click_id, (row, _) in known.items()}
    rows |= {click_id: first + offset for offset, click_id in enumerate(new)}
    _insert(connection, [(rows[click_id], click_id, seen[click_id]) for click_id in new])
    _move_back(connection, [(rows[click_id], seen[click_id]) for click_id in earlier])
    keyed = _insert_keys(connection, rows, seen)
    _mark_as_news(connection, {rows[click_id] for click_id in earlier} | keyed)
    return Stored(len(new), len(earlier), len(seen) - len(new) - len(earlier))


def spread_news(connection: Connection, *, now: datetime) -> None:
    """Make every deal due that shares a key with a click that is news; it is news no longer."""
    keys = (
        select(click_keys.c.key)
        .join(clicks, clicks.c.id == click_keys.c.click)
        .where(clicks.c.is_news)
    )
    sharing = select(deal_keys.c.deal).where(deal_keys.c.key.in_(keys))
    later = or_(deals.c.reconcile_at.is_(None), deals.c.reconcile_at > now)
    connection.execute(update(deals).where(deals.c.id.in_(sharing), later).values(reconcile_at=now))
    connection.execute(update(clicks).where(clicks.c.is_news).values(is_news=False))


def has_news(connection: Connection) -> bool:
    """True where a click is stored that no deal has been matched with yet."""
    found = select(clicks.c.id).where(clicks.c.is_news).limit(1)
    return connection.execute(found).first() is not None


def candidates(connection: Connection, deal_rows: Sequence[int]) -> dict[int, list[Candidate]]:
    """Return, for each deal row, every stored click that shares a key with it, best basis once."""
    chain = dialect.Chain(connection, "deals")
    of_deal = chain.to(deal_keys, deal_keys.c.deal == chain.number)
    of_click = chain.to(click_keys, click_keys.c.key == of_deal.c.key)
    clicked = chain.to(clicks, clicks.c.id == of_click.c.click)
    names = ("kind", "value", "clicked_at", "is_whole_day")
    what: list[Any] = [of_deal.c.deal, *(clicked.c[name] for name in names)]
    best = func.min(of_click.c.basis)
    shared: Any = select(*what, best).select_from(chain.joined).group_by(*what)
    found: dict[int, list[Candidate]] = {}
    for deal, kind, value, clicked_at, is_whole_day, basis in connection.execute(
        shared, {"deals": deal_rows}
    ):
        click = Click(
            click_id=ClickId(ClickIdKind(kind), value),
            clicked_at=clicked_at,
            is_whole_day=is_whole_day,
        )
        found.setdefault(deal, []).append(Candidate(click, MatchBasis(basis)))
    return found


def count(connection: Connection) -> int:
    """Return how many click IDs are stored."""
    return connection.execute(select(func.count()).select_from(clicks)).scalar_one()


@dataclass(slots=True)
class _Seen:
    at: datetime | None
    is_whole_day: bool
    keys: set[Key]


def _first_seen(sightings: Iterable[Sighting]) -> dict[ClickId, _Seen]:
    seen: dict[ClickId, _Seen] = {}
    for sighting in sightings:
        for click_id in sighting.click_ids:
            known = seen.get(click_id)
            if known is None:
                keys = {key_of(click_id), *sighting.keys}
                seen[click_id] = _Seen(sighting.seen_at, sighting.is_whole_day, keys)
                continue
            known.keys.update(sighting.keys)
            if sighting.seen_at is not None and (known.at is None or sighting.seen_at < known.at):
                known.at, known.is_whole_day = sighting.seen_at, sighting.is_whole_day
    return seen


def _is_earlier(seen: _Seen, stored: datetime | None) -> bool:
    return seen.at is not None and (stored is None or seen.at < stored)


def _known(
    connection: Connection, click_ids: Sequence[ClickId]
) -> dict[ClickId, tuple[int, datetime | None]]:
    wanted = set(click_ids)
    values = sorted({click_id.value for click_id in click_ids})
    known: dict[ClickId, tuple[int, datetime | None]] = {}
    columns = (clicks.c.id, clicks.c.kind, clicks.c.value, clicks.c.clicked_at)
    found = select(*columns).where(clicks.c.value.in_(_ASKED))
    for asked in _in_parts(values):
        for row, kind, value, clicked_at in connection.execute(found, asked):
            click_id = ClickId(ClickIdKind(kind), value)
            if click_id in wanted:
                known[click_id] = (row, clicked_at)
    return known


def _next_row(connection: Connection) -> int:
    return (connection.execute(select(func.max(clicks.c.id))).scalar() or 0) + 1


def _insert(connection: Connection, new: Sequence[tuple[int, ClickId, _Seen]]) -> None:
    columns = ("id", "kind", "value", "clicked_at", "is_whole_day", "is_news")
    rows = [
        (row, click_id.kind, click_id.value, seen.at, seen.is_whole_day, True)
        for row, click_id, seen in new
    ]
    dialect.insert_rows(connection, clicks, columns, rows)


def _move_back(connection: Connection, earlier: Sequence[tuple[int, _Seen]]) -> None:
    rows = [(seen.at, seen.is_whole_day, row) for row, seen in earlier]
    dialect.update_rows(connection, clicks, ("clicked_at", "is_whole_day"), rows, key=("id",))


def _insert_keys(
    connection: Connection, rows: dict[ClickId, int], seen: dict[ClickId, _Seen]
) -> set[int]:
    """Write the keys of all clicks; return the rows of clicks that got one they did not have."""
    keys = {
        (key.digest(), rows[click_id]): _BASIS_OF[key.kind].value
        for click_id, sighted in seen.items()
        for key in sighted.keys
    }
    if not keys:
        return set()
    before = _keys_of(connection, sorted({row for _, row in keys}))
    added = sorted(keys.keys() - before)
    with_basis = [(key, row, keys[key, row]) for key, row in added]
    dialect.insert_rows(connection, click_keys, ("key", "click", "basis"), with_basis)
    return {row for _, row in added}


def _keys_of(connection: Connection, rows: Sequence[int]) -> set[tuple[bytes, int]]:
    known: set[tuple[bytes, int]] = set()
    found = select(click_keys.c.key, click_keys.c.click).where(click_keys.c.click.in_(_ASKED))
    for asked in _in_parts(rows):
        known.update((key, click) for key, click in connection.execute(found, asked))
    return known


def _mark_as_news(connection: Connection, rows: set[int]) -> None:
    statement = update(clicks).where(clicks.c.id.in_(_ASKED)).values(is_news=True)
    for asked in _in_parts(sorted(rows)):
        connection.execute(statement, asked)


def _in_parts(asked: Sequence[Any]) -> Iterator[dict[str, Sequence[Any]]]:
    """Yield the values of `_ASKED`, so many a query."""
    for start in range(0, len(asked), _IDS_A_QUERY):
        yield {"asked": asked[start : start + _IDS_A_QUERY]}
