"""A world's deals in a CRM's book, as they are at the sandbox's time.

A CRM stamps what happens with its own clock: nothing in a history precedes the deal's creation,
whatever date a salesperson typed, and nothing is stamped before an instant at which the book did
not show it yet. Every deal has one contact. Its gclid is kept on the contact for
every other deal and on the deal for the rest, its braids and landing page always on the contact.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from convsync.sandbox.crm.book import CONTACT, CrmBook, Deal, Person
from convsync.sandbox.world import World
from convsync.sandbox.world_deal import WorldDeal
from convsync.sandbox.world_figures import OWNERS

RecordId = Callable[[str, int], str]
"""Makes a vendor's ID of a kind of record, "deal" or "contact", and a number."""

_REACHED = (
    ("sql", "sql_at"),
    ("opportunity", "opportunity_at"),
    ("won", "won_at"),
    ("lost", "lost_at"),
)
_USERS = {name: str(71_000_001 + place) for place, name in enumerate(OWNERS.values) if name}
_LOST_FOR = ("price", "no budget", "bought elsewhere", "no answer", "")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_STAGE = {"Closed Lost": "lost", "Closed Won": "won", "Opportunity": "opportunity", "SQL": "sql"}


class Feed:
    """Keeps a book up to what a world, or an export, shows."""

    def __init__(self, book: CrmBook, record_id: RecordId) -> None:
        self._book = book
        self._record_id = record_id
        self._shown: dict[str, tuple[int, WorldDeal]] = {}
        self._world: World | None = None
        self._until: datetime | None = None
        self._shown_at: datetime | None = None
        self._no_earlier = _LONG_AGO

    def follow(self, world: World, until: datetime | None = None) -> None:
        """From now on `show` shows this world, as far as `until`; deals keep the IDs they have."""
        self._world, self._until, self._shown_at = world, until, None

    def show(self, at: datetime) -> None:
        """Bring the book to where the world is at an instant."""
        as_of = at if self._until is None else min(at, self._until)
        if self._world is not None and self._shown_at != as_of:
            self.take(self._world.deals_as_of(as_of), at)
            self._shown_at = as_of
        self._no_earlier = max(self._no_earlier, at)

    def take(self, deals: Iterable[WorldDeal], at: datetime) -> int:
        """Make the book show exactly these deals; what is missing was deleted. Returns how many."""
        missing = set(self._shown)
        for deal in deals:
            missing.discard(deal.deal_id)
            number, before = self._shown.get(deal.deal_id, (len(self._shown) + 1, None))
            if before != deal:
                self._put(number, deal)
                self._shown[deal.deal_id] = (number, deal)
        for deal_id in missing:
            number, _ = self._shown[deal_id]
            own_id = self._record_id("deal", number)
            if self._book.deal(own_id):
                deleted_at = self._deleted_at(deal_id) or at
                self._book.delete(own_id, max(deleted_at, self._no_earlier))
        self._no_earlier = max(self._no_earlier, at)
        return len(self._shown) - len(missing)

    def id_of(self, deal_id: str) -> str | None:
        """Return the CRM's ID of a world's deal that has been shown."""
        number, _ = self._shown.get(deal_id, (None, None))
        return None if number is None else self._record_id("deal", number)

    def _deleted_at(self, deal_id: str) -> datetime | None:
        return None if self._world is None else self._world.deleted_at(deal_id)

    def _put(self, number: int, deal: WorldDeal) -> None:
        contact = self._record_id(CONTACT, number)
        self._put_contact(number, contact, deal)
        own_id = self._record_id("deal", number)
        before = self._book.deal(own_id)
        self._book.put(
            Deal(
                deal_id=own_id,
                name=deal.deal_id,
                created_at=before.created_at if before else self._stamp(deal.created_at),
                modified_at=self._stamp(max(deal.modified_at, deal.created_at)),
                entered=self._entered(deal, before),
                amount=deal.amount,
                currency=deal.currency,
                owner=_user_id(deal.owner),
                lost_reason=_lost_reason(deal, number),
                fields={
                    "region": deal.region,
                    "vertical": deal.vertical,
                    "deal_type": deal.deal_type,
                    "origin": deal.origin,
                    "gclid": deal.ids.gclid if number % 2 else "",
                },
                people=(contact,),
            )
        )

    def _put_contact(self, number: int, contact: str, deal: WorldDeal) -> None:
        fields = {
            "email": deal.email,
            "phone": deal.phone,
            "country": deal.country,
            "consent": deal.consent,
            "gclid": "" if number % 2 else deal.ids.gclid,
            "gbraid": deal.ids.gbraid,
            "wbraid": deal.ids.wbraid,
            "landing_page": deal.landing_page,
            "visitor_id": deal.visitor_id,
        }
        before = self._book.person(contact)
        if before is None:
            at = self._stamp(deal.created_at)
            self._book.put_person(
                Person(person_id=contact, created_at=at, modified_at=at, fields=fields)
            )
        elif before.fields != fields:
            at = self._stamp(deal.changed_at or before.modified_at)
            self._book.put_person(replace(before, modified_at=at, fields=fields))

    def _entered(self, deal: WorldDeal, before: Deal | None) -> tuple[tuple[str, datetime], ...]:
        """Return the stages a deal came into: those known before, and what has come since."""
        entered = list(before.entered) if before else [("mql", self._stamp(deal.created_at))]
        known = {stage for stage, _ in entered}
        for stage, name in _REACHED:
            at = getattr(deal, name)
            if at is not None and stage not in known:
                entered.append((stage, max(self._stamp(at), entered[-1][1])))
        now_in = _STAGE.get(deal.stage, "mql")
        if entered[-1][0] != now_in:
            entered.append((now_in, max(self._stamp(deal.modified_at), entered[-1][1])))
        return tuple(entered)

    def _stamp(self, at: datetime) -> datetime:
        return max(at, self._no_earlier)


def _user_id(owner: str) -> str:
    """Return the ID by which a CRM knows an owner: it has the name among its users."""
    return _USERS.get(owner, "")


def _lost_reason(deal: WorldDeal, number: int) -> str:
    """Return why a deal was lost, as salespeople choose from a list, some of them nothing."""
    return _LOST_FOR[number % len(_LOST_FOR)] if deal.lost_at else ""
