"""Who should be on which list now: every stored deal is checked once against every condition.

Deals are gone through a page at a time, so memory does not grow with them. What people said of the
use of their data counts wherever they said it, and an e-mail or phone that too many deals have says
nothing of anybody: both as for conversions.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from convsync.audiences.condition import left_out, meets
from convsync.model.audience import Audience, Kind, Left, listed_of
from convsync.model.expected import ExpectedTable
from convsync.reading.chunks import CHUNK
from convsync.store import audience_members, deals, heard, origins, value_versions
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.reach import joining_nobody

LeftOut = Mapping[str, Counter[Left]]
"""How many deals meet an audience's condition and are not on its list, by audience and reason."""


def look(connection: Connection, audiences: Sequence[Audience], now: datetime) -> LeftOut:
    """Note who should be on each list; return how many deals are left out, and why."""
    audience_members.begin_look(connection)
    left: dict[str, Counter[Left]] = {one.name: Counter() for one in audiences}
    learned = _learned(connection, audiences)
    shared = joining_nobody(connection)
    after = 0
    while audiences and (rows := audience_members.rows_after(connection, after, limit=CHUNK)):
        after = rows[-1]
        page = deals.numbered(connection, rows)
        if learned is not None and learned.needs_origins:
            page = origins.with_origins(connection, page)
        for audience in audiences:
            found = [one for one in page if meets(one.deal, audience.condition, now, learned)]
            left[audience.name] += _note(connection, audience, found, shared)
    for audience in audiences:
        if excluded := audience_members.exclude(connection, audience.name, audience.but_not):
            left[audience.name][Left.EXCLUDED] = excluded
    return left


def without_scores(connection: Connection, audiences: Sequence[Audience]) -> list[str]:
    """Return the audiences that nobody is in because no learned values are accepted."""
    asking = [one.name for one in audiences if one.condition.needs_score]
    return asking if asking and value_versions.accepted(connection) is None else []


def _learned(connection: Connection, audiences: Sequence[Audience]) -> ExpectedTable | None:
    if not any(one.condition.needs_score for one in audiences):
        return None
    used = value_versions.accepted(connection)
    return None if used is None else used.table


def _note(
    connection: Connection,
    audience: Audience,
    found: Sequence[StoredDeal],
    shared: frozenset[bytes],
) -> Counter[Left]:
    """Note those who may be listed; count the deals of whom none may, by the reason."""
    left: Counter[Left] = Counter()
    listed = []
    for stored in heard.with_consent(connection, found) if found else ():
        deal = stored.deal.with_shared_apart(shared)
        if reason := left_out(deal):
            left[reason] += 1
        else:
            listed += listed_of(deal.identifiers, stored.row)
    audience_members.want(connection, audience.name, listed)
    return left


def listed(connection: Connection, audience: str) -> Iterator[Mapping[str, str]]:
    """Yield who should be on a list as of the last look: a line for each identifier of a deal."""
    after = (0, b"")
    while page := audience_members.listed_deals(connection, audience, after=after, limit=CHUNK):
        for source, deal_id, one in page:
            found = one.identifier.hex()
            yield {
                "source": source,
                "deal_id": deal_id,
                "email_sha256": found if one.kind is Kind.EMAIL else "",
                "phone_sha256": found if one.kind is Kind.PHONE else "",
            }
        after = (page[-1][2].deal, page[-1][2].identifier)
