"""Deals from Zoho CRM, API version 8: deals, their contacts, and the leads that became deals.

What shapes it: only queries (COQL) have windows with two ends, lists of IDs and pages by record ID;
milestones come from the history of the stage, for Closing_Date is typed by people; queries never
find what was deleted: it has a list of its own, and a merged deal is in it without a word of its
survivor.
https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Final

from convsync.errors import OperatorError
from convsync.extract.crm_adapter import (
    LONG_AGO,
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    end_of_day,
    instant,
    is_first_read,
)
from convsync.extract.funnel import Stage, Standing
from convsync.extract.malformed import OwnCalls, built, left, one_by_one, quarantined
from convsync.extract.mapping import CONTACT, DEAL, LEAD, CrmMapping
from convsync.extract.paging import last_of
from convsync.extract.source import Departed
from convsync.extract.zoho_api import A_LONG_PAGE, Api, ZohoRecord
from convsync.extract.zoho_records import id_of, ids_named, person_of, plain_fields
from convsync.extract.zoho_related import RelatedLists, contacts_in, related_lists
from convsync.extract.zoho_stages import ZohoStages
from convsync.model.deal import Gone
from convsync.model.period import Period

_MODULES: Final = {DEAL: "Deals", CONTACT: "Contacts", LEAD: "Leads"}
_STANDARD: Final = {
    DEAL: (
        "Created_Time", "Modified_Time", "Amount", "Currency", "Stage", "Pipeline", "Owner",
        "Contact_Name", "Closing_Date",
    ),
    CONTACT: ("Created_Time",),
    LEAD: ("Created_Time", "Converted_Deal", "Converted_Contact"),
}  # fmt: skip
"""Not every organisation has all: Currency is there with several currencies only."""
_HISTORY, _ENTRY = "DealHistory", ("id", "Potential_Name", "Stage", "Modified_Time")
_OF_DEALS: Final = "Potential_Name in ({ids})"
_BY_ID, _BY_CONTACT = "id in ({ids})", "Contact_Name in ({ids})"
_BECAME = "Converted__s = true and Converted_Deal in ({ids})"
_BECAME_ONLY = "(Converted__s = true and Converted_Deal is null) and Converted_Contact in ({ids})"
"""Leads by the deals or contacts they became; queries leave converted leads out unless asked."""
_SAMPLE, _MOST_COLUMNS = 100, 500
_NOT_SELECTED: Final = frozenset(
    {"fileupload", "imageupload", "profileimage", "multiselectlookup", "multiuserlookup", "subform"}
)
Found = tuple[list[ZohoRecord], str]
"""Deals that were found together, and the ID up to which was looked."""


class Zoho:
    """One Zoho CRM organisation. Promises what Crm does; `fields` is asked before anything else.

    A deal names one contact. Others stand in contact roles, which Zoho tells of one deal at a time:
    they are read with `reads_roles`.
    """

    lag = timedelta(0)
    overlap = timedelta(minutes=10)
    names_survivors = False
    has_history = True
    empties_stages = True
    links_unseen = False
    lists_deleted_for: timedelta | None = timedelta(days=60)

    def __init__(self, api: Api, mapping: CrmMapping, *, reads_roles: bool = False) -> None:
        self._api = api
        self._mapping = mapping
        self._reads_roles = reads_roles
        self._known: Mapping[str, frozenset[str]] = {kind: frozenset() for kind in _MODULES}
        self._picks: Sequence[ZohoRecord] = ()
        self._stages = ZohoStages((), ())
        self._history_can_be_queried: bool | None = None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every layout's pipelines, and those that no pipeline has."""
        layouts = self._api.settings("layouts", {"module": _MODULES[DEAL]})
        pipelines = {
            pipeline["id"]: pipeline
            for layout in layouts
            for pipeline in self._api.settings("pipeline", {"layout_id": layout["id"]})
        }
        self._stages = ZohoStages([*pipelines.values()], self._picks)
        return self._stages.all

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals, contacts and leads; those hidden from the user are left out.

        Files and lookups of several records are listed, but cannot be queried. Raises OperatorError
        where one is missing that this mapping cannot go without.
        """
        described = [
            (kind, one)
            for kind, module in _MODULES.items()
            for one in self._api.settings("fields", {"module": module, "type": "all"})
        ]
        self._picks = [
            pick
            for kind, one in described
            if (kind, one["api_name"]) == (DEAL, "Stage")
            for pick in one.get("pick_list_values") or ()
        ]
        listed = [
            CrmField(
                kind=kind,
                name=one["api_name"],
                label=one["field_label"],
                type=one["data_type"],
                longest=one.get("length"),
                is_readable=one["visible"] and one["data_type"] not in _NOT_SELECTED,
            )
            for kind, one in described
        ]
        self._known = {
            kind: frozenset(one.name for one in listed if one.kind == kind and one.is_readable)
            for kind in _MODULES
        }
        of_deals = {one.name for one in listed if one.kind == DEAL}
        needed = self._needed(has_currencies="Currency" in of_deals)
        if missing := [name for name in needed if name not in self._known[DEAL]]:
            raise OperatorError(
                f"Zoho does not show the deal's {', '.join(missing)} to this user: grant the right"
                " to read it in the profile's field permissions."
            )
        return listed

    def _needed(self, *, has_currencies: bool) -> Iterator[str]:
        """Yield the fields of a deal without which it, its value or its people cannot be read.

        Where it has a currency, its amount would be taken for one in the company's without it.
        """
        yield from ("Created_Time", "Modified_Time", "Stage")
        if has_currencies:
            yield "Currency"
        if self._mapping.amount is None:
            yield "Amount"
        if self._mapping.names[CONTACT]:
            yield "Contact_Name"

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold."""
        found = self._api.newest(("id", *names), _MODULES[kind], _SAMPLE)
        return [plain_fields(row) for row in found]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by ID, then others whose contact or lead was.

        The first read has no others: it is of every deal.
        """
        ways: Mapping[str, Callable[[Period, str], Iterator[Found]]] = {
            "deals": self._modified,
            "contacts": self._of_contacts,
            "leads": self._of_leads,
        }
        way, _, last = (after or "deals:0").partition(":")
        to_read = ["deals"] if is_first_read(window) else [*ways]
        for name in to_read[to_read.index(way) :]:
            for rows, read_to in ways[name](window, last):
                yield self._complete(rows, place=f"{name}:{read_to}")
            last = "0"

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began: none can have moved in it otherwise."""
        since_then = f"Modified_Time >= '{_text(max(period.since, LONG_AGO))}'"
        for rows in self._api.pages(self._columns(DEAL), _MODULES[DEAL], since_then):
            yield self._complete(rows)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; those in the bin, and those hidden, are left out."""
        for rows in self._api.pages_in(self._columns(DEAL), _MODULES[DEAL], _BY_ID, deal_ids):
            yield self._complete(rows)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals deleted in the window; the list has no filter for its end, and no order.

        Zoho remembers those in the bin for 60 days and others for 120. Unconfirmed: that a merged
        deal is among them. https://www.zoho.com/crm/developer/docs/api/v8/get-deleted-records.html
        """
        since = _text(max(window.since, LONG_AGO))
        rows = self._api.listed("Deals/deleted", {"type": "all"}, since=since)
        yield from left(rows, partial(_deleted, window=window))

    # Which deals

    def _modified(self, window: Period, last: str) -> Iterator[Found]:
        modified = _within("Modified_Time", window)
        for rows in self._api.pages(self._columns(DEAL), _MODULES[DEAL], modified, last):
            yield rows, last_of(rows, itemgetter("id")) or last

    def _of_contacts(self, window: Period, last: str) -> Iterator[Found]:
        """Yield deals whose contact changed, without those that were listed for their own change.

        https://www.zoho.com/crm/developer/docs/api/v8/COQL-Joins.html
        """
        if "Contact_Name" in self._known[DEAL]:
            modified = _within("Contact_Name.Modified_Time", window)
            for rows in self._api.pages(self._columns(DEAL), _MODULES[DEAL], modified, last):
                yield _others(rows, window), last_of(rows, itemgetter("id")) or last

    def _of_leads(self, window: Period, last: str) -> Iterator[Found]:
        """Yield the deals that changed leads are behind, without those listed already."""
        if "Converted_Deal" in self._known[LEAD]:
            modified = f"Converted__s = true and ({_within('Modified_Time', window)})"
            for leads in self._api.pages(self._columns(LEAD), _MODULES[LEAD], modified, last):
                yield (
                    _others(self._deals_of(leads), window),
                    last_of(leads, itemgetter("id")) or last,
                )

    def _deals_of(self, leads: Sequence[ZohoRecord]) -> Iterable[ZohoRecord]:
        """Return the deals leads became, and all of the contact where one became nothing else."""
        deals = self._read(DEAL, _BY_ID, ids_named(leads, "Converted_Deal"))
        if "Contact_Name" in self._known[DEAL]:
            without = [lead for lead in leads if not lead["Converted_Deal"]]
            deals += self._read(DEAL, _BY_CONTACT, ids_named(without, "Converted_Contact"))
        return {row["id"]: row for row in deals}.values()

    # What they are

    def _complete(self, rows: Sequence[ZohoRecord], place: str | None = None) -> Page:
        page = partial(self._page, OwnCalls())
        return replace(one_by_one(rows, itemgetter("id"), page), place=place)

    def _page(self, own: OwnCalls, rows: Sequence[ZohoRecord]) -> Page:
        """Return deals complete with the history of their stages and the people behind them.

        One that was deleted before all of it was read is left out: it is in the list of the
        deleted, tonight or tomorrow. One whose own lists cannot be had is quarantined.
        """
        history = self._history_of([row["id"] for row in rows], own)
        roles = self._roles_of(history.found, own) if self._reads_roles else None
        found = history.found if roles is None else roles.found
        people = self._people_behind([row for row in rows if row["id"] in found], roles)
        failed = {**history.failed, **(roles.failed if roles else {})}
        return Page(
            deals=[
                *(
                    built(row["id"], self._deal, row, history.found[row["id"]], people[row["id"]])
                    for row in rows
                    if row["id"] in people
                ),
                *(quarantined(deal_id, error) for deal_id, error in failed.items()),
            ],
        )

    def _history_of(self, deal_ids: Sequence[str], own: OwnCalls) -> RelatedLists:
        """Return a row for each stage that deals came into, nothing for deals that were deleted.

        Unconfirmed: that Modified_Time is when a stage was entered, and not when it was left; and
        that queries are given the history. If not, each deal's related list is read instead.
        https://help.zoho.com/portal/en/community/topic/kaizen-107-field-trackers-in-zoho-crm
        """
        if deal_ids and not self._can_query_history():
            return related_lists(self._api, deal_ids, "Stage_History", "Stage,Modified_Time", own)
        history: dict[str, list[ZohoRecord]] = {one: [] for one in deal_ids}
        pages = self._api.pages_in(_ENTRY, _HISTORY, _OF_DEALS, deal_ids, a_page=A_LONG_PAGE)
        for row in chain.from_iterable(pages):
            history[id_of(row["Potential_Name"])].append(row)
        return RelatedLists(found=history)

    def _roles_of(self, deal_ids: Iterable[str], own: OwnCalls) -> RelatedLists:
        """Return the contacts in roles of deals.

        https://www.zoho.com/crm/developer/docs/api/v8/get-contact-roles-of-a-specific-deal.html
        """
        return related_lists(self._api, deal_ids, "Contact_Roles", "id", own)

    def _can_query_history(self) -> bool:
        if self._history_can_be_queried is None:
            self._history_can_be_queried = self._api.can_query(_ENTRY, _HISTORY)
        return self._history_can_be_queried

    def _people_behind(
        self, rows: Sequence[ZohoRecord], roles: RelatedLists | None
    ) -> dict[str, list[Person]]:
        """Return the people of each deal: its contact, those in roles, and its leads."""
        contacts_of = {row["id"]: contacts_in(row, roles) for row in rows}
        wanted = dict.fromkeys(chain.from_iterable(contacts_of.values()))
        contacts = {row["id"]: row for row in self._read(CONTACT, _BY_ID, wanted)}
        behind = {
            deal_id: [person_of(CONTACT, contacts[one]) for one in contact_ids if one in contacts]
            for deal_id, contact_ids in contacts_of.items()
        }
        for deal_id, lead in self._leads_of(contacts_of):
            behind[deal_id].append(person_of(LEAD, lead))
        return behind

    def _leads_of(
        self, contacts_of: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[str, ZohoRecord]]:
        """Yield deals with the leads that became them, or that became only a contact of theirs.

        https://www.zoho.com/crm/developer/docs/api/v8/convert-lead.html
        """
        known = self._known[LEAD]
        if "Converted_Deal" in known:
            for lead in self._read(LEAD, _BECAME, contacts_of):
                yield id_of(lead["Converted_Deal"]), lead
        if {"Converted_Deal", "Converted_Contact"} <= known:
            deals_of: dict[str, list[str]] = {}
            for deal_id, contact_ids in contacts_of.items():
                for one in contact_ids:
                    deals_of.setdefault(one, []).append(deal_id)
            for lead in self._read(LEAD, _BECAME_ONLY, deals_of):
                for deal_id in deals_of[id_of(lead["Converted_Contact"])]:
                    yield deal_id, lead

    def _read(self, kind: str, where: str, ids: Iterable[str]) -> list[ZohoRecord]:
        """Return records by IDs."""
        pages = self._api.pages_in(self._columns(kind), _MODULES[kind], where, ids)
        return [*chain.from_iterable(pages)]

    def _columns(self, kind: str) -> tuple[str, ...]:
        wanted = dict.fromkeys(("id", *_STANDARD[kind], *self._mapping.names[kind]))
        columns = tuple(name for name in wanted if name == "id" or name in self._known[kind])
        if len(columns) > _MOST_COLUMNS:
            raise OperatorError(
                f"Zoho returns at most {_MOST_COLUMNS} columns, but {len(columns)} of"
                f" {_MODULES[kind]} are mapped: map fewer fields."
            )
        return columns

    def _deal(
        self, row: ZohoRecord, history: Sequence[ZohoRecord], people: Sequence[Person]
    ) -> CrmDeal:
        pipeline, word = row.get("Pipeline") or "", row["Stage"] or ""
        stage = self._stages.of(pipeline, word)
        created_at, modified_at = instant(row["Created_Time"]), instant(row["Modified_Time"])
        return CrmDeal(
            deal_id=row["id"],
            created_at=created_at,
            modified_at=modified_at,
            entered=self._stages.entered(history, pipeline),
            standing=Standing(
                stage_id=stage.stage_id if stage else word,
                closed_at=end_of_day(row.get("Closing_Date")),
                created_at=created_at,
                modified_at=modified_at,
            ),
            amount=row.get("Amount"),
            currency=row.get("Currency"),
            attributes={
                "owner": id_of(row.get("Owner")),
                "pipeline": stage.pipeline if stage else pipeline,
                "stage": stage.name if stage else word,
            },
            fields=plain_fields(row),
            people=people,
        )


def _deleted(row: ZohoRecord, window: Period) -> Iterator[Departed]:
    at = instant(row["deleted_time"])
    if at and at in window:
        yield Departed(deal_id=row["id"], gone=Gone.DELETED, at=at)


def _others(rows: Iterable[ZohoRecord], window: Period) -> list[ZohoRecord]:
    """Return the deals that were not modified in the window themselves."""
    return [row for row in rows if (at := instant(row["Modified_Time"])) and at not in window]


def _within(stamp: str, window: Period) -> str:
    """Return the condition of a window. Stamps are whole seconds, and `between` has both its ends.

    Unconfirmed: that it has both; of two windows that overlap, one has the second in doubt.
    """
    since, until = max(window.since, LONG_AGO), window.until - timedelta(microseconds=1)
    return f"{stamp} between '{_text(since)}' and '{_text(until)}'"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
