"""Deals from Zoho CRM, API version 8: deals, their contacts, and the leads that became deals.

What shapes it: only queries (COQL) have windows with two ends, lists of IDs and pages by record ID;
milestones come from the history of the stage, for Closing_Date is typed by people; a stage is known
by its words, which several pipelines share; queries never find what was deleted: it has a list of
its own, and a merged deal is in it without a word of its survivor.
https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, product
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
    oldest_first,
)
from convsync.extract.funnel import Entered, Stage, Standing
from convsync.extract.malformed import built, left, one_by_one
from convsync.extract.mapping import CONTACT, DEAL, LEAD, CrmMapping
from convsync.extract.paging import last_of
from convsync.extract.source import Departed
from convsync.extract.zoho_api import A_LONG_PAGE, Api, ZohoRecord
from convsync.extract.zoho_records import id_of, ids_named, person_of, plain_fields, stage_of
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
_NO_PIPELINE: Final = {"id": "none", "actual_value": "", "display_value": ""}
_NAMES: Final = ("actual_value", "display_value")
"""What a stage or pipeline was called first, and is called now."""
Found = tuple[list[ZohoRecord], str]
"""Deals that were found together, and the ID up to which was looked."""


class Zoho:
    """One Zoho CRM organisation. Promises what Crm does; `fields` is asked before anything else.

    A deal names one contact. Others stand in contact roles, which Zoho tells of one deal at a time:
    they are read with `reads_roles`.
    """

    lag = timedelta(0)
    overlap = timedelta(minutes=10)

    def __init__(self, api: Api, mapping: CrmMapping, *, reads_roles: bool = False) -> None:
        self._api = api
        self._mapping = mapping
        self._reads_roles = reads_roles
        self._known: Mapping[str, frozenset[str]] = {kind: frozenset() for kind in _MODULES}
        self._stages: Mapping[tuple[str, str], Stage] = {}
        self._picks: Sequence[ZohoRecord] = ()
        self._pipeline_of: Mapping[str, str] = {}
        self._history_can_be_queried: bool | None = None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every layout's pipelines; `forecast_type` says won and lost.

        Pipelines share stages, so an ID here is the pipeline's and the stage's. Deals hold words:
        what a stage was called first, or what it is called now. Unconfirmed: which, so either is
        known; a new name that another stage had first means the other.
        """
        layouts = self._api.settings("layouts", {"module": _MODULES[DEAL]})
        pipelines = {
            pipeline["id"]: pipeline
            for layout in layouts
            for pipeline in self._api.settings("pipeline", {"layout_id": layout["id"]})
        }
        stages = [
            (pipeline, one, stage_of(pipeline, one, number))
            for pipeline in pipelines.values()
            for number, one in enumerate(pipeline["maps"])
        ]
        stages += self._without_pipeline({one[name] for _, one, _ in stages for name in _NAMES})
        by_word: dict[tuple[str, str], Stage] = {}
        self._pipeline_of = {stage.stage_id: one["actual_value"] for one, _, stage in stages}
        for of_pipeline, of_stage in product(_NAMES, repeat=2):
            for pipeline, one, stage in stages:
                by_word.setdefault((pipeline[of_pipeline], one[of_stage]), stage)
                by_word.setdefault(("", one[of_stage]), stage)
        self._stages = by_word
        return [stage for _, _, stage in stages]

    def _without_pipeline(
        self, known: AbstractSet[str]
    ) -> list[tuple[ZohoRecord, ZohoRecord, Stage]]:
        """Return the stages that deals may hold and no pipeline has: a layout may have none."""
        return [
            (_NO_PIPELINE, one, stage_of(_NO_PIPELINE, one, number))
            for number, one in enumerate(self._picks)
            if not {one["actual_value"], one["display_value"]} & known
        ]

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
        if missing := [name for name in self._needed() if name not in self._known[DEAL]]:
            raise OperatorError(
                f"Zoho does not show the deal's {', '.join(missing)} to this user: grant the right"
                " to read it in the profile's field permissions."
            )
        return listed

    def _needed(self) -> Iterator[str]:
        """Yield the fields of a deal without which it, its value or its people cannot be read."""
        yield from ("Created_Time", "Modified_Time", "Stage")
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
        return replace(one_by_one(rows, itemgetter("id"), self._page), place=place)

    def _page(self, rows: Sequence[ZohoRecord]) -> Page:
        """Return deals complete with the history of their stages and the people behind them.

        One that was deleted before all of it was read is left out: it is in the list of the
        deleted, tonight or tomorrow.
        """
        history = self._history_of([row["id"] for row in rows])
        people = self._people_behind([row for row in rows if row["id"] in history])
        return Page(
            deals=[
                built(row["id"], self._deal, row, history[row["id"]], people[row["id"]])
                for row in rows
                if row["id"] in people
            ],
        )

    def _history_of(self, deal_ids: Sequence[str]) -> dict[str, list[ZohoRecord]]:
        """Return a row for each stage that deals came into, nothing for deals that were deleted.

        Unconfirmed: that Modified_Time is when a stage was entered, and not when it was left; and
        that queries are given the history. If not, each deal's related list is read instead.
        https://help.zoho.com/portal/en/community/topic/kaizen-107-field-trackers-in-zoho-crm
        """
        if deal_ids and not self._can_query_history():
            return self._related(deal_ids, "Stage_History", "Stage,Modified_Time")
        history: dict[str, list[ZohoRecord]] = {one: [] for one in deal_ids}
        pages = self._api.pages_in(_ENTRY, _HISTORY, _OF_DEALS, deal_ids, a_page=A_LONG_PAGE)
        for row in chain.from_iterable(pages):
            history[id_of(row["Potential_Name"])].append(row)
        return history

    def _related(
        self, deal_ids: Iterable[str], what: str, columns: str
    ) -> dict[str, list[ZohoRecord]]:
        """Return a related list of each deal that is still there."""
        ids = [*deal_ids]
        lists = self._api.together([partial(self._api.related, one, what, columns) for one in ids])
        return {one: rows for one, rows in zip(ids, lists, strict=True) if rows is not None}

    def _can_query_history(self) -> bool:
        if self._history_can_be_queried is None:
            self._history_can_be_queried = self._api.can_query(_ENTRY, _HISTORY)
        return self._history_can_be_queried

    def _people_behind(self, rows: Sequence[ZohoRecord]) -> dict[str, list[Person]]:
        """Return the people of each deal: its contact, those in roles if wanted, and its leads.

        Nothing for deals that were deleted.
        """
        contacts_of = self._contacts_of(rows)
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

    def _contacts_of(self, rows: Sequence[ZohoRecord]) -> dict[str, list[str]]:
        """Return the IDs of each deal's contacts, its own first.

        https://www.zoho.com/crm/developer/docs/api/v8/get-contact-roles-of-a-specific-deal.html
        """
        ids = {row["id"]: [id_of(row.get("Contact_Name"))] for row in rows}
        if self._reads_roles:
            roles = self._related(ids, "Contact_Roles", "id")
            ids = {
                one: [*ids[one], *(role["id"] for role in listed)] for one, listed in roles.items()
            }
        return {one: [*filter(None, dict.fromkeys(found))] for one, found in ids.items()}

    def _read(self, kind: str, where: str, ids: Iterable[str]) -> list[ZohoRecord]:
        """Return records by IDs."""
        pages = self._api.pages_in(self._columns(kind), _MODULES[kind], where, ids)
        return [*chain.from_iterable(pages)]

    def _columns(self, kind: str) -> tuple[str, ...]:
        wanted = dict.fromkeys(("id", *_STANDARD[kind], *self._mapping.names[kind]))
        columns = tuple(name for name in wanted if name == "id" or name in self._known[kind])
        if len(columns) > _MOST_COLUMNS:
            raise OperatorError(
                f"Zoho gives {_MOST_COLUMNS} columns at the most, and {len(columns)} of"
                f" {_MODULES[kind]} are wanted: map fewer fields."
            )
        return columns

    def _deal(
        self, row: ZohoRecord, history: Sequence[ZohoRecord], people: Sequence[Person]
    ) -> CrmDeal:
        pipeline, word = row.get("Pipeline") or "", row["Stage"] or ""
        stage = self._stage_of(pipeline, word)
        created_at, modified_at = instant(row["Created_Time"]), instant(row["Modified_Time"])
        return CrmDeal(
            deal_id=row["id"],
            created_at=created_at,
            modified_at=modified_at,
            entered=self._entered(history, pipeline),
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

    def _entered(self, history: Sequence[ZohoRecord], pipeline: str) -> list[Entered]:
        """Return the stages a deal came into; a row has the stage's word, and not its pipeline.

        That is taken to be the one the deal was in before, if it has such a stage: a word means
        the present pipeline's stage only where that has no other.
        """
        dated = [(row["Stage"], at) for row in history if row["Stage"] and (at := _changed_at(row))]
        entered, was_in = list[Entered](), pipeline
        for word, at in oldest_first(dated, itemgetter(1)):
            stage = self._stage_of(was_in, word)
            was_in = self._pipeline_of.get(stage.stage_id, pipeline) if stage else was_in
            entered.append(Entered(stage.stage_id if stage else word, at))
        return entered

    def _stage_of(self, pipeline: str, word: str) -> Stage | None:
        """Return the pipeline's stage, or another's: a deal that changes pipelines was in both."""
        return self._stages.get((pipeline, word)) or self._stages.get(("", word))


def _deleted(row: ZohoRecord, window: Period) -> Departed | None:
    at = instant(row["deleted_time"])
    return Departed(deal_id=row["id"], gone=Gone.DELETED) if at and at in window else None


def _changed_at(row: ZohoRecord) -> datetime | None:
    return instant(row["Modified_Time"])


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
