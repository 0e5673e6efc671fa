"""Deals from HubSpot's CRM API, version 2026-09.

What shapes it: search stops at 10,000 results, so pages go by record ID inside a closed window and
`after` is never used; milestones come from the history of `dealstage`, for `closedate` can be
edited; search says nothing of archived deals, which have a list of their own, and a merge makes a
new record that names the old ones. A contact that is associated later may touch neither record, so
deals that wait for a click are read again (airbyte #44554). Search trails behind by minutes and
history by more, so two hours are read again every night.

A thousand deals are completed together, for so many fit into one call for associations: five
searches, one such call, and a batch for every 50 records whose history is wanted. The batches do
not need one another, so they are read several at a time.
https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, Final

from convsync.extract.crm_adapter import (
    LONG_AGO,
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    ever_since,
    instant,
    is_first_read,
    oldest_first,
)
from convsync.extract.funnel import Entered, Stage, Standing
from convsync.extract.hubspot_api import (
    HubSpotRecord,
    found_in_batch,
    leads_on,
    next_place,
    results,
)
from convsync.extract.hubspot_api import judge as judge  # an Http for this adapter needs it
from convsync.extract.hubspot_fields import HubSpotFields
from convsync.extract.hubspot_records import (
    MERGED_FROM,
    archived_in,
    history_of,
    merged_ids,
    merged_into,
    outcome_of,
    people_in,
    raise_if_cut,
)
from convsync.extract.malformed import built, left, one_by_one
from convsync.extract.mapping import CONTACT, DEAL, CrmMapping
from convsync.extract.paging import Unrepeated, last_of, pages_by_id
from convsync.extract.source import Departed
from convsync.http import Http
from convsync.model.period import Period

VERSION: Final = "2026-09"
URL: Final = "https://api.hubapi.com"
_DEALS, _CONTACTS = "deals", "contacts"
_TYPE_OF = {DEAL: _DEALS, CONTACT: _CONTACTS}
_MODIFIED = {_DEALS: "hs_lastmodifieddate", _CONTACTS: "lastmodifieddate"}
A_GROUP: Final = 1_000
_A_SEARCH, _A_LINK_BATCH, _A_BATCH, _A_HISTORY_BATCH = 200, 1_000, 100, 50
_A_LIST, _SAMPLE = 100, 100
_STANDARD = (
    "createdate", "hs_lastmodifieddate", "amount", "deal_currency_code", "dealstage", "pipeline",
    "hubspot_owner_id", MERGED_FROM, "closedate", "hs_v2_date_entered_current_stage",
)  # fmt: skip


class HubSpot:
    """One HubSpot account. Promises what Crm does.

    Deals are completed in groups of `a_group`, after each of which a read can go on.
    """

    lag = timedelta(minutes=5)
    overlap = timedelta(hours=2)
    names_survivors = True
    has_history = True
    empties_stages = True
    links_unseen = True
    lists_deleted_for: timedelta | None = timedelta(days=90)

    def __init__(
        self, http: Http, mapping: CrmMapping, *, version: str = VERSION, a_group: int = A_GROUP
    ) -> None:
        self._http = http
        self._version = version
        self._a_group = a_group
        self._deal_fields = mapping.deal_fields
        self._deal_clicks = mapping.deal.click_ids
        self._contact_fields = (MERGED_FROM, *mapping.contact.names)
        self._contact_clicks = mapping.contact.click_ids
        self._stages: Mapping[str, Stage] = {}

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every deal pipeline; closed at probability 1 is won.

        https://developers.hubspot.com/docs/api-reference/latest/crm/pipelines/guide
        """
        answer = self._http.get(f"crm/pipelines/{self._version}/deals")
        stages = [
            Stage(
                stage_id=stage["id"],
                name=stage["label"],
                pipeline=pipeline["label"],
                position=int(stage["displayOrder"]),
                outcome=outcome_of(stage["metadata"]),
            )
            for pipeline in results(answer)
            for stage in pipeline["stages"]
        ]
        self._stages = {stage.stage_id: stage for stage in stages}
        return stages

    def fields(self) -> Sequence[CrmField]:
        """Return the properties of deals and contacts; sensitive ones are not listed.

        https://developers.hubspot.com/docs/api-reference/latest/crm/properties/get-properties
        """
        return [
            CrmField(kind=kind, name=one["name"], label=one["label"], type=one["type"])
            for kind, records in _TYPE_OF.items()
            for one in results(self._http.get(f"crm/properties/{self._version}/{records}"))
        ]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. HubSpot has no leads here."""
        if kind not in _TYPE_OF:
            return []
        newest = {"propertyName": "createdate", "direction": "DESCENDING"}
        answer = self._searched(_TYPE_OF[kind], [], newest, names, _SAMPLE)
        return [record["properties"] for record in results(answer)]

    def field_writer(self) -> HubSpotFields:
        """Return what writes into properties of deals."""
        return HubSpotFields(self._http, self._version)

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by record ID, then those whose contacts were."""
        records, _, last = (after or f"{_DEALS}:").partition(":")
        seen: set[str] = set()
        if records == _DEALS:
            for ids in self._modified(_DEALS, window, last):
                if not is_first_read(window):
                    seen.update(ids)
                yield self._complete(ids, place=f"{_DEALS}:{last_of(ids, str)}")
            last = ""
        if is_first_read(window):
            return
        for ids in self._modified(_CONTACTS, window, last):
            linked = self._linked(_CONTACTS, _DEALS, [*filter(None, ids)])
            others = dict.fromkeys(chain.from_iterable(linked.values()))
            for some in batches([one for one in others if one not in seen], self._a_group):
                yield self._complete(some)
            yield Page(deals=(), place=f"{_CONTACTS}:{last_of(ids, str)}")

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began: none can have moved in it otherwise."""
        for ids in self._modified(_DEALS, ever_since(period), ""):
            yield self._complete(ids)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; archived ones and those of other accounts are left out."""
        for ids in batches(deal_ids, self._a_group):
            yield self._complete(ids, are_listed=False)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals archived in the window, and those that had become one of them by a merge.

        The list keeps 90 days, and has no filter of its own.
        https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/get-deals
        """
        after: dict[str, str] = {}
        unrepeated = Unrepeated(f"{self._http.name}: the list of archived deals")
        while True:
            query = {"archived": "true", "limit": str(_A_LIST), "properties": MERGED_FROM, **after}
            answer = self._http.get(f"crm/objects/{self._version}/{_DEALS}", query)
            yield from left(results(answer), partial(archived_in, window))
            following = next_place(answer)
            if following is None:
                return
            unrepeated.passes(following)
            after = {"after": following}

    # Which deals

    def _modified(self, records: str, window: Period, last: str) -> Iterator[list[str]]:
        """Yield the IDs of records modified in a window, a group at a time, after `last`."""
        pages = self._searched_by_id(records, window, last)
        for some in batches(pages, self._a_group // _A_SEARCH):
            yield [*chain.from_iterable(some)]

    def _searched_by_id(self, records: str, window: Period, last: str) -> Iterator[list[str]]:
        """Return what searches find, a page each.

        Epoch 0 in a filter is answered with 500, so none goes further back than LONG_AGO.
        https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm
        """
        stamp = _MODIFIED[records]
        by_id = {"propertyName": "hs_object_id", "direction": "ASCENDING"}
        inside = [
            _filter(stamp, "GTE", _millis(max(window.since, LONG_AGO))),
            _filter(stamp, "LT", _millis(window.until)),
        ]

        def read(after: str) -> tuple[list[str], bool]:
            filters = [*inside, *([_filter("hs_object_id", "GT", after)] if after else [])]
            answer = self._searched(records, filters, by_id, [stamp], _A_SEARCH)
            found = [*map(_id_in, results(answer))]
            return found, leads_on(answer, len(found) >= _A_SEARCH)

        return pages_by_id(self._http.name, read, str, last)

    def _searched(
        self,
        records: str,
        filters: Sequence[Mapping[str, str]],
        sort: Mapping[str, str],
        properties: Sequence[str],
        limit: int,
    ) -> Any:
        question = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": [sort],
            "properties": list(properties),
            "limit": limit,
            "after": "0",
        }
        return self._http.post(f"crm/objects/{self._version}/{records}/search", question)

    # What they are

    def _complete(
        self, deal_ids: Sequence[str], place: str | None = None, *, are_listed: bool = True
    ) -> Page:
        page = partial(self._page, are_listed=are_listed)
        return replace(one_by_one(deal_ids, str, page), place=place)

    def _page(self, deal_ids: Sequence[str], *, are_listed: bool) -> Page:
        """Return deals complete with history and contacts, and what was merged into them.

        Raises UnexpectedResponseError where HubSpot listed one and does not give it.
        """
        if not all(deal_ids):
            raise ValueError("an ID that is none")
        contacts_of = self._linked(_DEALS, _CONTACTS, deal_ids)
        contact_ids = dict.fromkeys(chain.from_iterable(contacts_of.values()))
        wanted, history = (*_STANDARD, *self._deal_fields), ("dealstage", *self._deal_clicks)
        of_deals = self._reads(_DEALS, deal_ids, wanted, history, are_listed=are_listed)
        of_contacts = self._reads(
            _CONTACTS, contact_ids, self._contact_fields, self._contact_clicks
        )
        found = self._http.together([*of_deals, *of_contacts])
        records = _by_id(found[: len(of_deals)])
        contacts = _by_id(found[len(of_deals) :])
        people = {
            one: people_in(record)
            for record in contacts.values()
            for one in (record["id"], *merged_ids(record))
        }
        return Page(
            deals=[
                built(
                    deal_id,
                    self._deal,
                    record,
                    [one for who in contacts_of.get(deal_id, ()) for one in people.get(who, ())],
                )
                for deal_id, record in records.items()
            ],
            departed=[merged for record in records.values() for merged in merged_into(record)],
        )

    def _reads(
        self,
        records: str,
        ids: Iterable[str],
        properties: Sequence[str],
        with_history: Sequence[str],
        *,
        are_listed: bool = False,
    ) -> Sequence[Callable[[], list[HubSpotRecord]]]:
        """Return the calls that read records; with history a batch takes half as many.

        https://developers.hubspot.com/docs/api-reference/latest/crm/using-object-apis
        """
        at_once = _A_HISTORY_BATCH if with_history else _A_BATCH
        return [
            partial(self._read, records, some, properties, with_history, are_listed=are_listed)
            for some in batches(ids, at_once)
        ]

    def _read(
        self,
        records: str,
        ids: Sequence[str],
        properties: Sequence[str],
        with_history: Sequence[str],
        *,
        are_listed: bool,
    ) -> list[HubSpotRecord]:
        """Read a batch. A record that was merged away comes back under its survivor's ID."""
        question = {
            "inputs": [{"id": one} for one in ids],
            "properties": list(properties),
            "propertiesWithHistory": list(with_history),
        }
        path = f"crm/objects/{self._version}/{records}/batch/read"
        answer = self._http.post(path, question)
        found = found_in_batch(answer, self._http.name)
        if are_listed:
            raise_if_cut(ids, answer, found)
        return found

    def _linked(self, records: str, to: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the IDs each record is associated with, in HubSpot's order.

        https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associations-guide
        """
        linked: dict[str, list[str]] = {}
        inputs = [{"id": one} for one in ids]
        unrepeated = Unrepeated(f"{self._http.name}: the associations of {records}")
        while inputs:
            asked, inputs = inputs[:_A_LINK_BATCH], inputs[_A_LINK_BATCH:]
            path = f"crm/associations/{self._version}/{records}/{to}/batch/read"
            answer = self._http.post(path, {"inputs": asked})
            for link in found_in_batch(answer, self._http.name):
                origin = str(link["from"]["id"])
                linked.setdefault(origin, []).extend(str(one["toObjectId"]) for one in link["to"])
                if following := next_place(link):
                    unrepeated.passes((origin, following))
                    inputs.append({"id": origin, "after": following})
        return linked

    def _deal(self, record: Mapping[str, Any], people: Sequence[Person]) -> CrmDeal:
        fields, history = record["properties"], history_of(record)
        stage = self._stages.get(fields.get("dealstage") or "")
        created_at = instant(fields.get("createdate"))
        modified_at = instant(fields.get("hs_lastmodifieddate"))
        return CrmDeal(
            deal_id=record["id"],
            created_at=created_at,
            modified_at=modified_at,
            entered=_oldest_first(history.get("dealstage", ())),
            standing=Standing(
                stage_id=fields.get("dealstage") or "",
                entered_at=instant(fields.get("hs_v2_date_entered_current_stage")),
                closed_at=instant(fields.get("closedate")),
                created_at=created_at,
                modified_at=modified_at,
            ),
            merged=merged_ids(record),
            amount=fields.get("amount"),
            currency=fields.get("deal_currency_code"),
            attributes={
                "owner": fields.get("hubspot_owner_id") or "",
                "pipeline": stage.pipeline if stage else fields.get("pipeline") or "",
                "stage": stage.name if stage else fields.get("dealstage") or "",
            },
            fields=fields,
            history=history,
            people=people,
        )


def _id_in(record: HubSpotRecord) -> str:
    """Return the ID of a record that was found, "" for what is none: such a deal is quarantined."""
    found = record.get("id") if isinstance(record, dict) else None
    return found if isinstance(found, str) and found.isdigit() and found != "0" else ""


def _by_id(found: Iterable[Sequence[HubSpotRecord]]) -> dict[str, HubSpotRecord]:
    return {record["id"]: record for some in found for record in some}


def _oldest_first(written: Sequence[tuple[Any, datetime]]) -> list[Entered]:
    """Return the stages of a history, which HubSpot lists with the newest first.

    https://developers.hubspot.com/docs/api-reference/latest/crm/using-object-apis
    """
    rows = [Entered(str(value), at) for value, at in written if value]
    return oldest_first(rows, lambda entered: entered.at)


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _millis(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))
