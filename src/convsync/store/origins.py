"""Where in the ad account each deal began, and what was sent for clicks of each campaign.

A deal began with the click that its first conversion is credited to; where none is credited to a
click that the ad account knows, with the first that its CRM's record holds. What the account says
of clicks is in `ad_clicks`, by the digest of a click's ID.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, func, literal, select

from convsync.model.ad_spending import Place
from convsync.model.click import Candidate, ClickIdKind
from convsync.model.key import CLICKS_BEGIN
from convsync.model.ledger import Side
from convsync.model.seen_clicks import digests_of_ids
from convsync.store import dialect
from convsync.store.deals import StoredDeal
from convsync.store.given import numbers_given
from convsync.store.schema import ad_clicks, deal_keys, ledger
from convsync.store.selection import ON_SIDE

_RANGE = 5_000
_PLACE = Place.__struct_fields__


class Unknown(StrEnum):
    """Why it is not known where a deal began."""

    NO_CLICK = "no click is known"
    NO_GCLID = "the click has no gclid, and Google tells of no other where it was"
    NOT_TOLD = "the ad account has not told of the click"


class Known(NamedTuple):
    """What the ad account says of a click: its place, and its day in the account's calendar."""

    place: Place
    clicked_on: date


class Credited(NamedTuple):
    """A conversion that was sent: towards which action, for which click, worth what.

    `at` is when the click was, or the milestone where there is none.
    """

    action_id: str
    click: Known | Unknown
    at: datetime
    value: Decimal
    currency: str | None


class Origins:
    """Tells where deals began; it is asked row by row, in their order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._upto = 0
        self._found: Mapping[int, Place | Unknown] = {}

    def of(self, row: int) -> Place | Unknown:
        """Return where a deal began, or why that is not known."""
        if row > self._upto:
            after = row - 1
            self._upto = after + _RANGE
            self._found = between(self._connection, after, self._upto)
        return self._found.get(row, Unknown.NO_CLICK)


def between(connection: Connection, after: int, upto: int) -> Mapping[int, Place | Unknown]:
    """Return where deals in rows after one and up to another began; none for those of no click."""
    return _origins(connection, lambda deal: (deal > after) & (deal <= upto), {})


def with_origins(
    connection: Connection,
    chunk: Sequence[StoredDeal],
    candidates: Mapping[int, Sequence[Candidate]] | None = None,
) -> list[StoredDeal]:
    """Return deals with the place where each began among their segments, which go before it.

    Where that is not known yet, it is the place of the last of the `candidates` that the ad account
    has told of.
    """
    given = select(numbers_given(connection.dialect.name, "rows").c.value)
    rows = {"rows": [stored.row for stored in chunk]}
    found = _origins(connection, lambda deal: deal.in_(given), rows)
    places = {row: place for row, place in found.items() if isinstance(place, Place)}
    left = {row: of for row, of in (candidates or {}).items() if row not in places}
    places |= _places_of_candidates(connection, left)
    return [
        structs.replace(stored, deal=stored.deal.with_origin(places[stored.row].as_segments()))
        if stored.row in places
        else stored
        for stored in chunk
    ]


def _places_of_candidates(
    connection: Connection, candidates: Mapping[int, Sequence[Candidate]]
) -> dict[int, Place]:
    gclids = {row: _by_time(found) for row, found in candidates.items()}
    keys = _keys_of(chain.from_iterable(gclids.values()))
    known = _known(connection, keys.values()) if keys else {}
    return {
        row: known[keys[told[-1]]].place
        for row, ids in gclids.items()
        if (told := [one for one in ids if keys[one] in known])
    }


def _by_time(candidates: Sequence[Candidate]) -> list[str]:
    """Return the gclids among clicks whose time is known, the latest last."""
    timed = [
        (one.click.clicked_at, one.click.click_id.value)
        for one in candidates
        if one.click.clicked_at is not None and one.click.click_id.kind is ClickIdKind.GCLID
    ]
    return [gclid for _, gclid in sorted(timed)]


def credited(connection: Connection) -> Iterator[Credited]:
    """Yield every conversion that was sent, by its number."""
    last = connection.execute(select(func.max(ledger.c.id))).scalar() or 0
    for after in range(0, last, _RANGE):
        yield from _credited_between(connection, after, after + _RANGE)


def _credited_between(connection: Connection, after: int, upto: int) -> Iterator[Credited]:
    at = func.coalesce(ledger.c.clicked_at, ledger.c.milestone_at, type_=ledger.c.clicked_at.type)
    value = func.coalesce(ledger.c.told_value, ledger.c.value, type_=ledger.c.value.type)
    currency = func.coalesce(ledger.c.told_currency, ledger.c.currency)
    found = (
        select(ledger.c.action_id, ledger.c.click_kind, ledger.c.click_id, at, value, currency)
        .where(ledger.c.id > after, ledger.c.id <= upto, ON_SIDE[Side.SENT])
        .order_by(ledger.c.id)
    )
    rows = [tuple(row) for row in connection.execute(found)]
    keys = _keys_of(click_id for _, kind, click_id, *_ in rows if kind == ClickIdKind.GCLID)
    known = _known(connection, keys.values())
    for action_id, kind, click_id, then, worth, in_currency in rows:
        click = known.get(keys.get(click_id, b""), _unknown(kind))
        yield Credited(action_id, click, then, worth or Decimal(0), in_currency)


def _origins(
    connection: Connection,
    are_meant: Callable[[ColumnElement[int]], ColumnElement[bool]],
    given: Mapping[str, Sequence[int]],
) -> dict[int, Place | Unknown]:
    found = (
        select(ledger.c.deal, ledger.c.click_kind, ledger.c.click_id)
        .where(are_meant(ledger.c.deal), ledger.c.click_id.is_not(None))
        .order_by(ledger.c.deal, ledger.c.milestone_at, ledger.c.id)
    )
    rows = [tuple(row) for row in connection.execute(found, given)]
    keys = _keys_of(click_id for _, kind, click_id in rows if kind == ClickIdKind.GCLID)
    own = _own_keys(connection, are_meant, given)
    known = _known(connection, {*keys.values(), *(key for _, key in own)})
    origins: dict[int, Place | Unknown] = {}
    for deal, kind, click_id in rows:
        click = known.get(keys.get(click_id, b""))
        if click is not None and not isinstance(origins.get(deal), Place):
            origins[deal] = click.place
        origins.setdefault(deal, _unknown(kind))
    told = [(deal, known[key]) for deal, key in own if key in known]
    for deal, click in sorted(told, key=lambda pair: (pair[1].clicked_on, pair[1].place.campaign)):
        if not isinstance(origins.get(deal), Place):
            origins[deal] = click.place
    for deal, _ in own:
        origins.setdefault(deal, Unknown.NOT_TOLD)
    return origins


def _unknown(kind: str | None) -> Unknown:
    if kind is None:
        return Unknown.NO_CLICK
    return Unknown.NOT_TOLD if kind == ClickIdKind.GCLID else Unknown.NO_GCLID


def _keys_of(gclids: Iterable[str]) -> dict[str, bytes]:
    ids = list(dict.fromkeys(gclids))
    return dict(zip(ids, digests_of_ids(ClickIdKind.GCLID, ids), strict=True))


def _own_keys(
    connection: Connection,
    are_meant: Callable[[ColumnElement[int]], ColumnElement[bool]],
    given: Mapping[str, Sequence[int]],
) -> list[tuple[int, bytes]]:
    found = select(deal_keys).where(
        are_meant(deal_keys.c.deal), deal_keys.c.key >= literal(CLICKS_BEGIN)
    )
    return [(row.deal, bytes(row.key)) for row in connection.execute(found, given)]


def _known(connection: Connection, keys: Collection[bytes]) -> dict[bytes, Known]:
    columns = ("key", "clicked_on", *_PLACE)
    found = dialect.rows_among(connection, ad_clicks, columns, "key", list(keys))
    return {
        bytes(key): Known(
            Place(**dict(zip(_PLACE, place, strict=True))), date.fromisoformat(clicked_on)
        )
        for key, clicked_on, *place in found
    }
