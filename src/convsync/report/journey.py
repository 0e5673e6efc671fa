"""One customer from the first click to what the platform counts: clicks, milestones, conversions.

What marketing and sales both look at: whoever has a deal, a click or an address in hand sees all of
the customer's deals and clicks in the order in which they happened, and what was sent for them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from convsync.extract.salesforce_ids import ids_meant
from convsync.model.ad_click import AdClick
from convsync.model.click import Click, ClickId, ClickIdKind
from convsync.model.deal import Deal
from convsync.model.event import EventKind
from convsync.model.seen_clicks import digests_of_ids, is_earlier
from convsync.plain_text import several
from convsync.report.event_table import row_of
from convsync.store import ad_clicks, audit_search, clicks, consents, deals, lookup, persons
from convsync.store.audit_search import Wanted
from convsync.store.database import Connection, Database
from convsync.store.deals import StoredDeal
from convsync.store.lookup import Asked
from convsync.store.persons import Person

_LONGEST_ID = 24
_NEVER = datetime.max.replace(tzinfo=UTC)

TOLD = frozenset(
    {
        EventKind.RESERVED,
        EventKind.CONFIRMED,
        EventKind.RESTATED,
        EventKind.RETRACTED,
        EventKind.REJECTED,
        EventKind.UNMATCHED,
        EventKind.NOT_SENT,
        EventKind.CARRIED,
    }
)
"""The events of a conversion that are steps of a journey; the rest is bookkeeping."""


class StepKind(StrEnum):
    """What a step of a journey is."""

    CLICK = "click"
    CONSENT = "consent"
    DEAL = "deal"
    MILESTONE = "milestone"
    CONVERSION = "conversion"
    CUSTOMER = "customer"


_KINDS = list(StepKind)
"""In this order things happened that happened at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened, at an instant in UTC; None where nobody knows when.

    `what` is a kind of click ID, the name of a milestone, the word for an event or for a consent;
    `name` a click ID, a rule's name or the use that a consent is about; and `deal_id` says whose it
    is, where it is of one deal. A deal that was found to be the customer's "joined" them, one that
    proved to be another's "parted".
    """

    at: datetime | None
    kind: StepKind
    what: str
    name: str = ""
    deal_id: str = ""
    value: Decimal | None = None
    currency: str | None = None
    is_estimated: bool = False
    ad_click: AdClick | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """Return what happened as people read it, long IDs cut."""
        return " ".join(self._said())

    @property
    def came_by(self) -> str:
        """Return what the ad account says of its click."""
        told = self.ad_click
        return ", ".join(filter(None, (told.campaign, told.keyword, told.device))) if told else ""

    def _said(self) -> Iterator[str]:
        yield self.kind.value
        yield self.what.replace("_", " ")
        if self.name:
            is_long = len(self.name) > _LONGEST_ID
            yield f"{self.name[:_LONGEST_ID]}…" if is_long else self.name
        if self.reason:
            yield f"({self.reason.replace('_', ' ') if self.reason.islower() else self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A customer's deals, and all steps in order; `is_cut` where keys would lead to more deals."""

    deals: Sequence[StoredDeal]
    steps: Sequence[Step]
    is_cut: bool = False

    @property
    def heading(self) -> str:
        """Return in a line which deals and how many clicks it is of."""
        names = ", ".join(stored.deal.deal_id for stored in self.deals) or "none"
        clicks = sum(step.kind is StepKind.CLICK for step in self.steps)
        return f"{several(len(self.deals), 'deal')} ({names}), {several(clicks, 'click ID')}"


def of_name(database: Database, name: str) -> Journey | None:
    """Return the journey of whoever a deal, order, request or click ID leads to; None: nobody."""
    with database.reading() as connection:
        for ask in (_of_deal, lookup.of_order, lookup.of_request, lookup.of_click):
            if rows := ask(connection, name).deals:
                return _journey(connection, persons.person_with(connection, rows))
        digests = [digests_of_ids(kind, [name])[0] for kind in ClickIdKind]
        return _of_keys(connection, digests)


def of_keys(database: Database, digests: Sequence[bytes]) -> Journey | None:
    """Return the journey of whoever has keys with these digests; None: nobody."""
    with database.reading() as connection:
        return _of_keys(connection, digests)


def _of_deal(connection: Connection, name: str) -> Asked:
    return lookup.of_deals(connection, ids_meant(name))


def _of_keys(connection: Connection, digests: Sequence[bytes]) -> Journey | None:
    person = persons.person_with(connection, (), digests)
    return _journey(connection, person) if person.deals or person.clicks else None


def _journey(connection: Connection, person: Person) -> Journey:
    found = deals.numbered(connection, sorted(person.deals))
    steps = [
        *_clicks(connection, found, person),
        *_consents(connection, person),
        *(step for stored in found for step in _milestones(stored.deal)),
        *_conversions(connection, person),
        *_joined_and_parted(connection, found),
    ]
    steps.sort(key=lambda step: (step.at or _NEVER, _KINDS.index(step.kind)))
    return Journey(deals=found, steps=steps, is_cut=person.is_cut)


def _clicks(connection: Connection, found: Sequence[StoredDeal], person: Person) -> Iterator[Step]:
    """Yield each click once, at the first time it was seen; those of deals with their deal."""
    seen: dict[ClickId, Click] = {
        one.click_id: one for one in clicks.numbered(connection, person.clicks)
    }
    on_deal: dict[ClickId, str] = {}
    for stored in found:
        for candidate in stored.deal.clicks:
            click = candidate.click
            on_deal.setdefault(click.click_id, stored.deal.deal_id)
            before = seen.get(click.click_id)
            if before is None or is_earlier(click.clicked_at, before.clicked_at):
                seen[click.click_id] = click
    told = ad_clicks.of_gclids(
        connection, [one.value for one in seen if one.kind is ClickIdKind.GCLID]
    )
    for click_id, click in seen.items():
        yield Step(
            at=click.clicked_at,
            kind=StepKind.CLICK,
            what=click_id.kind.value,
            name=click_id.value,
            deal_id=on_deal.get(click_id, ""),
            ad_click=told.get(click_id.value),
        )


def _consents(connection: Connection, person: Person) -> Iterator[Step]:
    """Yield each statement about the use of the customer's data once, whatever keys it is kept by.

    A consent that a CRM's field holds without a time is no step: it stands with its deal.
    """
    ids = [one.click_id for one in clicks.numbered(connection, person.clicks)]
    keys = [key for one in ids for key in digests_of_ids(one.kind, [one.value])]
    of_deals = consents.of_deals(connection, sorted(person.deals)).values()
    by_key = [consents.of_keys(connection, keys), *of_deals]
    known = dict.fromkeys(said for found in by_key for each in found.values() for said in each)
    for said in known:
        yield Step(
            at=said.said_at,
            kind=StepKind.CONSENT,
            what=said.status.value,
            name=said.purpose.value,
            reason=f"{said.source}, {said.how}" if said.how else said.source,
        )


def _milestones(deal: Deal) -> Iterator[Step]:
    if deal.created_at is not None:
        yield Step(at=deal.created_at, kind=StepKind.DEAL, what="created", deal_id=deal.deal_id)
    for one in deal.milestones:
        yield Step(
            at=one.reached_at,
            kind=StepKind.MILESTONE,
            what=one.name,
            deal_id=deal.deal_id,
            value=deal.amount,
            currency=deal.currency,
            is_estimated=one.is_estimated,
        )


def _joined_and_parted(connection: Connection, found: Sequence[StoredDeal]) -> Iterator[Step]:
    """Yield since when deals have been one customer's with others, and until when they were."""
    names = {stored.row: stored.deal.deal_id for stored in found}
    for row, joined_at, parted_at in persons.history(connection, names):
        for at, what in ((joined_at, "joined"), (parted_at, "parted")):
            if at is not None:
                yield Step(at=at, kind=StepKind.CUSTOMER, what=what, deal_id=names[row])


def _conversions(connection: Connection, person: Person) -> Iterator[Step]:
    asked = lookup.of_rows(connection, person.deals)
    by_number = lookup.rules_of(connection, [one.number for one in asked.conversions])
    rules = {(one.deal_id, one.order_id): by_number[one.number] for one in asked.conversions}
    for event in audit_search.every(connection, Wanted(), asked):
        if event.event in TOLD:
            row = row_of(event)
            yield Step(
                at=event.at,
                kind=StepKind.CONVERSION,
                what=event.event,
                name=rules.get((event.deal_id or "", event.order_id or ""), ""),
                deal_id=event.deal_id or "",
                value=row["value"],
                currency=row["currency"],
                reason=reason_of(row),
            )


def reason_of(row: Mapping[str, Any]) -> str:
    """Return why an event came about, as far as it says so, or the code that came with it.

    Of what was carried over when the older part of the log was sealed: what it had come to.
    """
    carried_as = row["state"] if row["event"] == EventKind.CARRIED else ""
    return str(row["reason"] or row["code"] or carried_as or "")
