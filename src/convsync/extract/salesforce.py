"""Deals from Salesforce: opportunities, the contacts in their roles, and the leads they came from.

What shapes it: pages go by record ID inside a closed window of SystemModstamp, which automated
processes move as well as people; milestones come from OpportunityHistory, for CloseDate is typed by
people; what is in the recycle bin is listed with the rest, as it is for a day after the bin was
emptied. A change of a contact, a role or a converted lead is taken not to touch the opportunity
(unconfirmed), so those are looked through too. A lead keeps the click ID that conversion may lose.
https://developer.salesforce.com/docs/platform/object-reference/guide/object-reference-concepts.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from operator import eq, itemgetter
from typing import Final

from convsync.errors import OperatorError
from convsync.extract.crm_adapter import (
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    end_of_day,
    instant,
    is_first_read,
)
from convsync.extract.funnel import Entered, Stage, StageOutcome, Standing
from convsync.extract.malformed import built, one_by_one
from convsync.extract.mapping import (
    CONTACT,
    DEAL,
    LEAD,
    CrmMapping,
    MilestoneField,
)
from convsync.extract.paging import last_of, pages_by_id
from convsync.extract.salesforce_api import Api, SalesforceRecord
from convsync.extract.salesforce_fields import SalesforceFields
from convsync.extract.salesforce_links import LINKS
from convsync.extract.salesforce_people import people_behind
from convsync.extract.salesforce_soql import RECORDS, on_days_of, select, within
from convsync.extract.source import Departed
from convsync.model.deal import Gone
from convsync.model.period import Period

PIPELINE: Final = "Opportunity"
"""All stages of an org are in one list; which a record type uses, a query does not tell."""
A_PAGE: Final = 2_000
BULK_ABOVE: Final = 2_000
_SAMPLE: Final = 100
_STANDARD = ("Id", "IsDeleted", "CreatedDate", "SystemModstamp", "Amount", "StageName", "OwnerId")
_OPTIONAL = {
    "CurrencyIsoCode": "CurrencyIsoCode",
    "RecordTypeId": "RecordType.Name",
    "LastStageChangeDate": "LastStageChangeDate",
    "CloseDate": "CloseDate",
}
"""Only an org of several currencies has the first, only one with record types the second; the last
two may be hidden."""
_DEALS: Final = "deals"


class Salesforce:
    """One Salesforce org. Promises what Crm does; `fields` is asked before deals are.

    A backfill that finds more than `bulk_above` lines of history lists them by the Bulk API.
    """

    lag = timedelta(minutes=5)
    overlap = timedelta(minutes=30)
    """Long transactions commit rows under an earlier SystemModstamp (airbyte #27146)."""
    names_survivors = True
    has_history = True
    empties_stages = False
    links_unseen = False
    lists_deleted_for: timedelta | None = timedelta(days=15)

    def __init__(
        self,
        api: Api,
        mapping: CrmMapping,
        *,
        bulk_above: int = BULK_ABOVE,
        a_page: int = A_PAGE,
    ) -> None:
        self._api = api
        self._mapping = mapping
        self._bulk_above = bulk_above
        self._a_page = a_page
        self._types: Mapping[str, Mapping[str, str]] = {kind: {} for kind in RECORDS}
        self._stages: Mapping[str, Stage] = {}

    def stages(self) -> Sequence[Stage]:
        """Return the stages, retired ones too; an open one stands before all that are closed.

        Unconfirmed: that StageName holds the ApiName where the label was changed; either is known.
        https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-opportunitystage.html
        """
        rows = self._api.query(
            "SELECT ApiName, MasterLabel, IsClosed, IsWon, DefaultProbability"
            " FROM OpportunityStage ORDER BY SortOrder"
        )
        stages = [
            Stage(
                stage_id=row["ApiName"],
                name=row["MasterLabel"],
                pipeline=PIPELINE,
                position=position,
                outcome=_outcome(row),
            )
            for position, row in enumerate(sorted(rows, key=_is_closed))
        ]
        by_label = {stage.name: stage for stage in stages}
        self._stages = by_label | {stage.stage_id: stage for stage in stages}
        return stages

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of opportunities, contacts and leads; hidden ones are not listed."""
        described = {kind: self._api.describe(records) for kind, records in RECORDS.items()}
        if not described[DEAL]:
            raise OperatorError(
                "Salesforce shows no opportunities: give the user the right to read them, or"
                " correct url and api_version."
            )
        self._types = {
            kind: {one["name"]: one["type"] for one in fields} for kind, fields in described.items()
        }
        return [
            CrmField(
                kind=kind,
                name=one["name"],
                label=one["label"],
                type=one["type"],
                longest=one.get("length") or None,
            )
            for kind, fields in described.items()
            for one in fields
        ]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold."""
        wanted = select(("Id", *names), RECORDS[kind])
        return list(self._api.query(f"{wanted} ORDER BY CreatedDate DESC LIMIT {_SAMPLE}"))

    def field_writer(self) -> SalesforceFields:
        """Return what writes into fields of opportunities."""
        return SalesforceFields(self._api)

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by ID, then others that a role, contact or lead names.

        A deal that two of them name may come twice. A first read is of every deal, with everybody
        behind it, and asks nobody else.
        """
        place, _, last = (after or f"{_DEALS}:").partition(":")
        if place == _DEALS:
            wanted = select(self._deal_columns(), RECORDS[DEAL])
            modified = within("SystemModstamp", window)
            for rows in self._pages(wanted, modified, last, with_deleted=True):
                yield self._complete(rows, place=f"{_DEALS}:{last_of(rows, itemgetter('Id'))}")
            if is_first_read(window):
                return
            place, last = next(iter(LINKS)), ""
        for name in [*LINKS][[*LINKS].index(place) :]:
            yield from self._linked(name, window, last)
            last = ""

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal with a line of history in the period, or a mapped date in it.

        A bulk job only lists them: its rows come in no promised order, so what belongs to a deal
        could be brought together only by keeping it all.
        """
        found = dict.fromkeys(chain(self._in_history(period), self._by_own_stamps(period)))
        for deal_ids in batches(found, self._a_page):
            yield self._complete(self._read(deal_ids))

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; deleted and hidden ones are left out."""
        for ids in batches(deal_ids, self._a_page):
            yield self._complete(self._read(ids))

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield nothing: what was deleted is listed among what changed. Opportunities never merge.

        https://developer.salesforce.com/docs/platform/api-rest/guide/dome-queryall.html
        """
        return iter(())

    # Which deals

    def _linked(self, name: str, window: Period, last: str) -> Iterator[Page]:
        """Yield the deals of people who changed, but those that were listed for their own change.

        Unconfirmed: that Contact.SystemModstamp may be filtered on as fast as the contact's own.
        https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-opportunitycontactrole.html
        """
        link = LINKS[name]
        if not self._types[link.kind]:
            return
        deal = (f"{link.deal}.Id", f"{link.deal}.SystemModstamp")
        where = f"{link.deal}Id != null AND {within(link.stamp, window)}"
        for rows in self._pages(select(("Id", *deal), link.records), where, last):
            deals = [row[link.deal] for row in rows if row[link.deal]]
            others = dict.fromkeys(
                deal["Id"]
                for deal in deals
                if datetime.fromisoformat(deal["SystemModstamp"]) not in window
            )
            if others:
                yield self._complete(self._read([*others]))
            yield Page(deals=(), place=f"{name}:{last_of(rows, itemgetter('Id'))}")

    def _in_history(self, period: Period) -> Iterator[str]:
        """Yield the deals of the lines of history in the period, which may be very many.

        https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-opportunityhistory.html
        """
        records, where = "OpportunityHistory", within("CreatedDate", period)
        wanted = select(("Id", "OpportunityId"), records)
        if self._api.count(records, where) > self._bulk_above:
            rows: Iterable[SalesforceRecord] = self._api.bulk(f"{wanted} WHERE {where}")
        else:
            rows = chain.from_iterable(self._pages(wanted, where))
        return (row["OpportunityId"] for row in rows)

    def _by_own_stamps(self, period: Period) -> Iterator[str]:
        """Yield the deals whose own record has a date in the period: not every deal has a history.

        They are listed by pages, however many they are: reading each takes far more calls.
        """
        wanted = select(("Id",), RECORDS[DEAL])
        for where in self._stamped_in(period):
            yield from (row["Id"] for page in self._pages(wanted, where) for row in page)

    def _stamped_in(self, period: Period) -> Iterator[str]:
        """Yield what a deal's own stamps and mapped dates have to fulfil, one or another."""
        types = self._types[DEAL]
        yield within("CreatedDate", period)
        if "LastStageChangeDate" in types:
            yield within("LastStageChangeDate", period)
        if "CloseDate" in types:
            yield on_days_of("CloseDate", period)
        for how in self._mapping.milestones.values():
            if isinstance(how, MilestoneField):
                match types.get(how.field):
                    case "datetime":
                        yield within(how.field, period)
                    case "date":
                        yield on_days_of(how.field, period)

    def _pages(
        self, wanted: str, where: str, last: str = "", *, with_deleted: bool = False
    ) -> Iterator[Sequence[SalesforceRecord]]:
        """Return pages by ID of what comes after `last`. What order IDs have is Salesforce's."""

        def read(last: str) -> tuple[list[SalesforceRecord], bool]:
            after = f" AND Id > '{last}'" if last else ""
            soql = f"{wanted} WHERE {where}{after} ORDER BY Id LIMIT {self._a_page}"
            rows = list(self._api.query(soql, with_deleted=with_deleted))
            return rows, len(rows) >= self._a_page

        return pages_by_id("Salesforce", read, itemgetter("Id"), last, is_repeat=eq)

    # What they are

    def _read(self, deal_ids: Sequence[str]) -> list[SalesforceRecord]:
        wanted = select(self._deal_columns(), RECORDS[DEAL])
        return [*self._api.query_in(f"{wanted} WHERE Id IN ({{ids}}) ORDER BY Id", deal_ids)]

    def _deal_columns(self) -> Sequence[str]:
        there = [column for name, column in _OPTIONAL.items() if name in self._types[DEAL]]
        return (*_STANDARD, *there, *self._mapping.names[DEAL])

    def _complete(self, rows: Sequence[SalesforceRecord], place: str | None = None) -> Page:
        return replace(one_by_one(rows, itemgetter("Id"), self._page), place=place)

    def _page(self, rows: Sequence[SalesforceRecord]) -> Page:
        """Return deals complete with history and people, and those that were deleted."""
        live = [row for row in rows if not _is_deleted(row)]
        ids = [row["Id"] for row in live]
        entered, people = self._entered(ids), self._people_behind(ids)
        return Page(
            deals=[
                built(
                    row["Id"],
                    self._deal,
                    row,
                    entered.get(row["Id"], ()),
                    people.get(row["Id"], ()),
                )
                for row in live
            ],
            departed=[
                Departed(deal_id=row["Id"], gone=Gone.DELETED) for row in rows if _is_deleted(row)
            ],
        )

    def _entered(self, deal_ids: Sequence[str]) -> Mapping[str, Sequence[Entered]]:
        """Return what stages deals were in since when; each line holds what was written then.

        Unconfirmed: that the first line is written as the opportunity is created.
        https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-opportunityhistory.html
        """
        wanted = select(("OpportunityId", "StageName", "CreatedDate"), "OpportunityHistory")
        soql = f"{wanted} WHERE OpportunityId IN ({{ids}}) ORDER BY CreatedDate, Id"
        entered: dict[str, list[Entered]] = {}
        for row in self._api.query_in(soql, deal_ids):
            stage = self._stages.get(row["StageName"])
            if at := instant(row["CreatedDate"]):
                known = entered.setdefault(row["OpportunityId"], [])
                known.append(Entered(stage.stage_id if stage else row["StageName"], at))
        return entered

    def _people_behind(self, deal_ids: Sequence[str]) -> Mapping[str, Sequence[Person]]:
        there = [kind for kind in (CONTACT, LEAD) if self._types[kind]]
        return people_behind(self._api, deal_ids, self._mapping.names, there)

    def _deal(
        self, row: SalesforceRecord, entered: Sequence[Entered], people: Sequence[Person]
    ) -> CrmDeal:
        """Return a deal, with the name of its record type for a pipeline."""
        stage = self._stages.get(row["StageName"])
        created_at, modified_at = instant(row["CreatedDate"]), instant(row["SystemModstamp"])
        return CrmDeal(
            deal_id=row["Id"],
            created_at=created_at,
            modified_at=modified_at,
            entered=entered,
            standing=Standing(
                stage_id=stage.stage_id if stage else row["StageName"] or "",
                entered_at=instant(row.get("LastStageChangeDate")),
                closed_at=end_of_day(row.get("CloseDate")),
                created_at=created_at,
                modified_at=modified_at,
            ),
            amount=row["Amount"],
            currency=row.get("CurrencyIsoCode"),
            attributes={
                "owner": row["OwnerId"] or "",
                "pipeline": (row.get("RecordType") or {}).get("Name") or "",
                "stage": stage.name if stage else row["StageName"],
            },
            fields=row,
            people=people,
        )


def _is_deleted(row: SalesforceRecord) -> bool:
    """Return whether an opportunity is in the bin. A sale is taken back only by a plain yes."""
    if not isinstance(row["IsDeleted"], bool):
        raise TypeError("neither yes nor no")
    return row["IsDeleted"]


def _outcome(stage: SalesforceRecord) -> StageOutcome:
    if not _is_closed(stage):
        return StageOutcome.OPEN
    return StageOutcome.WON if _is_marked(stage, "IsWon", 100) else StageOutcome.LOST


def _is_closed(stage: SalesforceRecord) -> bool:
    return _is_marked(stage, "IsClosed", 0, 100)


def _is_marked(stage: SalesforceRecord, mark: str, *probabilities: int) -> bool:
    """Return what a mark says, or where it is hidden, whether the stage has the probability."""
    if (value := stage.get(mark)) is None:
        return stage.get("DefaultProbability") in probabilities
    return str(value).casefold() == "true"
