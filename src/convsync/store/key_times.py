"""At which seconds a platform knows conversions of a click, where it knows them by nothing else."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from sqlalchemy import Connection, select

from convsync.model.click import Candidate, ClickId, ClickIdKind
from convsync.model.ledger import LedgerEntry
from convsync.model.rule import ConversionAction
from convsync.model.seconds import Seconds, Spot
from convsync.model.statement import OrderId
from convsync.model.takes import ConversionKey, Takes
from convsync.store.batches import envelopes
from convsync.store.deals import StoredDeal
from convsync.store.schema import KNOWN_BY_CLICK, ledger

_AT_ONCE = 500


def seconds_for(
    connection: Connection,
    takes: Mapping[str, Takes],
    chunk: Sequence[StoredDeal],
    candidates: Mapping[int, Sequence[Candidate]],
    entries: Iterable[LedgerEntry],
) -> Seconds:
    """Return what chooses seconds for a chunk of deals, with all clicks that may count for them.

    It knows what is taken, and when which of the deals' entries can be corrected; nothing is asked
    where no platform needs it.
    """
    correctable = _correctable(connection, takes, entries)
    names = {name for name, one in takes.items() if one.key is ConversionKey.CLICK_AND_TIME}
    if not names:
        return Seconds(correctable=correctable)
    logged = (one for found in candidates.values() for one in found)
    known = (one for stored in chunk for one in stored.deal.clicks)
    clicks = {one.click.click_id for one in chain(logged, known)}
    known_of = taken(connection, names, clicks)
    return Seconds(destinations=names, taken=known_of, correctable=correctable)


def _correctable(
    connection: Connection, takes: Mapping[str, Takes], entries: Iterable[LedgerEntry]
) -> dict[int, datetime]:
    """Return from when on entries can be corrected, where their platform needs time for that."""
    waits = {name: one.corrects_after for name, one in takes.items() if one.corrects_after}
    sent = [one for one in entries if one.batch is not None and one.action.destination in waits]
    numbers = {one.batch for one in sent if one.batch is not None}
    left = envelopes(connection, sorted(numbers)) if numbers else {}
    return {
        one.number: left[one.batch].sent_at + waits[one.action.destination]
        for one in sent
        if one.batch in left
    }


def taken(
    connection: Connection, destinations: Collection[str], clicks: Iterable[ClickId]
) -> dict[Spot, OrderId]:
    """Return the seconds at which any of these clicks counts for a destination, and for whom."""
    found: dict[Spot, OrderId] = {}
    values = sorted({click.value for click in clicks})
    for start in range(0, len(values), _AT_ONCE):
        columns = (ledger.c.destination, ledger.c.action_id, ledger.c.click_kind, ledger.c.click_id)
        rows = select(*columns, ledger.c.event_at, ledger.c.order_id).where(
            KNOWN_BY_CLICK,
            ledger.c.click_id.in_(values[start : start + _AT_ONCE]),
            ledger.c.destination.in_(destinations),
        )
        for name, action_id, kind, value, at, order_id in connection.execute(rows):
            action = ConversionAction(destination=name, action_id=action_id)
            found[action, ClickId(ClickIdKind(kind), value), at] = order_id
    return found
