"""Deals from HubSpot's CRM API, version 2026-09.

What shapes it: search stops at 10,000 results, so pages go by record ID inside a closed window and
`after` is never used; milestones come from the history of `dealstage`, for `closedate` can be
edited; search says nothing of archived deals, which have a list of their own, and a merge makes a
new record that names the old ones. Search trails behind by minutes and history by more, so two
hours are read again every night.
https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from convsync.errors import (
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
from convsync.extract.crm_adapter import (
    LONG_AGO,
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    built,
    ever_since,
    instant,
    is_first_read,
)
from convsync.extract.funnel import Entered, Stage
from convsync.extract.hubspot_records import history_of, merged_into, outcome_of, person_of
from convsync.extract.mapping import CONTACT, DEAL, CrmMapping
from convsync.extract.oauth import Fetch, Token, granted
from convsync.extract.paging import pages_by_id
from convsync.extract.source import Departed
from convsync.http import Answer, Http, Verdict
from convsync.model.deal import Gone
from convsync.model.period import Period

VERSION: Final = "2026-09"
URL: Final = "https://api.hubapi.com"
_DEALS, _CONTACTS = "deals", "contacts"
_TYPE_OF = {DEAL: _DEALS, CONTACT: _CONTACTS}
_MODIFIED = {_DEALS: "hs_lastmodifieddate", _CONTACTS: "lastmodifieddate"}
_A_SEARCH, _A_LINK_BATCH, _A_HISTORY_BATCH, _A_LIST, _SAMPLE = 200, 1_000, 50, 100, 100
_STANDARD = (
    "createdate", "hs_lastmodifieddate", "amount", "deal_currency_code", "dealstage", "pipeline",
    "hubspot_owner_id", "closed_lost_reason", "hs_merged_object_ids",
)  # fmt: skip
_HARMLESS = frozenset({"OBJECT_NOT_FOUND"})
"""What a batch says of single inputs: a deal without contacts, a record gone meanwhile."""
_WAIT_S = {"SECONDLY": 1.0, "TEN_SECONDLY": 10.0, "DAILY": 24 * 3600.0}
"""What a limit asks to wait, where Retry-After does not say: the day's resets at the account's
midnight. https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"""


class HubSpot:
    """One HubSpot account. Promises what Crm does."""

    lag = timedelta(minutes=5)
    overlap = timedelta(hours=2)

    def __init__(self, http: Http, mapping: CrmMapping) -> None:
        self._http = http
        self._deal_fields = mapping.deal_fields
        self._deal_clicks = mapping.deal.click_ids
        self._contact_fields = mapping.contact.names
        self._contact_clicks = mapping.contact.click_ids
        self._stages: Mapping[str, Stage] = {}

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every deal pipeline; closed at probability 1 is won.

        https://developers.hubspot.com/docs/api-reference/latest/crm/pipelines/guide
        """
        answer = self._http.get(f"crm/pipelines/{VERSION}/deals")
        stages = [
            Stage(
                stage_id=stage["id"],
                name=stage["label"],
                pipeline=pipeline["label"],
                position=int(stage["displayOrder"]),
                outcome=outcome_of(stage["metadata"]),
            )
            for pipeline in _results(answer)
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
            for one in _results(self._http.get(f"crm/properties/{VERSION}/{records}"))
        ]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. HubSpot has no leads here."""
        if kind not in _TYPE_OF:
            return []
        newest = {"propertyName": "createdate", "direction": "DESCENDING"}
        found = self._searched(_TYPE_OF[kind], [], newest, names, _SAMPLE)
        return [record["properties"] for record in found]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by record ID, then those whose contacts were."""
        records, _, last = (after or f"{_DEALS}:").partition(":")
        seen: set[str] = set()
        if records == _DEALS:
            for ids in self._modified(_DEALS, window, last):
                if not is_first_read(window):
                    seen.update(ids)
                yield self._page(ids, place=f"{_DEALS}:{ids[-1]}")
            last = ""
        if is_first_read(window):
            return
        for ids in self._modified(_CONTACTS, window, last):
            linked = self._linked(_CONTACTS, _DEALS, ids)
            others = dict.fromkeys(chain.from_iterable(linked.values()))
            for deal_ids in batches([one for one in others if one not in seen], _A_SEARCH):
                yield self._page(deal_ids)
            yield Page(deals=(), place=f"{_CONTACTS}:{ids[-1]}")

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began: none can have moved in it otherwise."""
        since_then = ever_since(period)
        for ids in self._modified(_DEALS, since_then, ""):
            yield self._page(ids)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; archived ones and those of other accounts are left out."""
        for ids in batches(deal_ids, _A_SEARCH):
            yield self._page(ids)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals archived in the window. The list keeps 90 days, and has no filter of its own.

        https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/get-deals
        """
        after: dict[str, str] = {}
        while True:
            query = {"archived": "true", "limit": str(_A_LIST), **after}
            answer = self._http.get(f"crm/objects/{VERSION}/{_DEALS}", query)
            for record in _results(answer):
                if (at := instant(record.get("archivedAt"))) and at in window:
                    yield Departed(deal_id=record["id"], gone=Gone.DELETED)
            following = _next(answer)
            if following is None:
                return
            if after.get("after") == following:
                raise UnexpectedResponseError(f"{self._http.name} repeats the page {following}.")
            after = {"after": following}

    # Which deals

    def _modified(self, records: str, window: Period, last: str) -> Iterator[list[str]]:
        """Return pages of the IDs of records modified in a window, those after `last`.

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
            found = self._searched(records, filters, by_id, [stamp], _A_SEARCH)
            return [record["id"] for record in found], len(found) >= _A_SEARCH

        return pages_by_id(self._http.name, read, str, last)

    def _searched(
        self,
        records: str,
        filters: Sequence[Mapping[str, str]],
        sort: Mapping[str, str],
        properties: Sequence[str],
        limit: int,
    ) -> list[dict[str, Any]]:
        question = {
            "filterGroups": [{"filters": filters}] if filters else [],
            "sorts": [sort],
            "properties": list(properties),
            "limit": limit,
            "after": "0",
        }
        return _results(self._http.post(f"crm/objects/{VERSION}/{records}/search", question))

    # What they are

    def _page(self, deal_ids: Sequence[str], place: str | None = None) -> Page:
        """Return deals complete with history and contacts, and what was merged into them."""
        contacts_of = self._linked(_DEALS, _CONTACTS, deal_ids)
        contact_ids = dict.fromkeys(chain.from_iterable(contacts_of.values()))
        people = {
            record["id"]: person_of(record)
            for record in self._read(
                _CONTACTS, contact_ids, self._contact_fields, self._contact_clicks
            )
        }
        wanted = (*_STANDARD, *self._deal_fields)
        records = self._read(_DEALS, deal_ids, wanted, ("dealstage", *self._deal_clicks))
        return Page(
            deals=[
                built(
                    record["id"],
                    self._deal,
                    record,
                    [people[one] for one in contacts_of.get(record["id"], ()) if one in people],
                )
                for record in records
            ],
            departed=[merged for record in records for merged in merged_into(record)],
            place=place,
        )

    def _read(
        self,
        records: str,
        ids: Mapping[str, Any] | Sequence[str],
        properties: Sequence[str],
        with_history: Sequence[str],
    ) -> list[dict[str, Any]]:
        """Read records in batches. One merged away comes back under its survivor's ID.

        https://developers.hubspot.com/docs/api-reference/latest/crm/using-object-apis
        """
        found: dict[str, dict[str, Any]] = {}
        for batch in batches(ids, _A_HISTORY_BATCH):
            question = {
                "inputs": [{"id": one} for one in batch],
                "properties": list(properties),
                "propertiesWithHistory": list(with_history),
            }
            path = f"crm/objects/{VERSION}/{records}/batch/read"
            answer = self._http.post(path, question)
            found |= {record["id"]: record for record in self._without_errors(answer)}
        return list(found.values())

    def _linked(self, records: str, to: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the IDs each record is associated with, in HubSpot's order.

        https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associations-guide
        """
        linked: dict[str, list[str]] = {}
        inputs = [{"id": one} for one in ids]
        while inputs:
            asked, inputs = inputs[:_A_LINK_BATCH], inputs[_A_LINK_BATCH:]
            path = f"crm/associations/{VERSION}/{records}/{to}/batch/read"
            answer = self._http.post(path, {"inputs": asked})
            for link in self._without_errors(answer):
                origin = str(link["from"]["id"])
                linked.setdefault(origin, []).extend(str(one["toObjectId"]) for one in link["to"])
                if following := _next(link):
                    inputs.append({"id": origin, "after": following})
        return linked

    def _without_errors(self, answer: Any) -> list[dict[str, Any]]:
        """Return the results of a batch; errors that are no news are passed over."""
        errors = [answer] if answer.get("category") else answer.get("errors", [])
        for error in errors:
            if error.get("category") not in _HARMLESS:
                raise UnexpectedResponseError(
                    f"{self._http.name} could not read a batch: {error.get('category')}."
                )
        return [] if answer.get("category") else _results(answer)

    def _deal(self, record: Mapping[str, Any], people: Sequence[Person]) -> CrmDeal:
        fields, history = record["properties"], history_of(record)
        stage = self._stages.get(fields["dealstage"] or "")
        return CrmDeal(
            deal_id=record["id"],
            created_at=instant(fields["createdate"]),
            modified_at=instant(fields["hs_lastmodifieddate"]),
            entered=[
                Entered(str(value), at) for value, at in history.get("dealstage", ()) if value
            ],
            amount=fields["amount"],
            currency=fields["deal_currency_code"],
            attributes={
                "owner": fields["hubspot_owner_id"] or "",
                "pipeline": stage.pipeline if stage else fields["pipeline"] or "",
                "stage": stage.name if stage else fields["dealstage"] or "",
                "lost_reason": fields["closed_lost_reason"] or "",
            },
            fields=fields,
            history=history,
            people=people,
        )


def judge(answer: Answer) -> Verdict:
    """Return what HubSpot means by a status that says too little.

    https://developers.hubspot.com/docs/api-reference/error-handling
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    match answer.status:
        case 429:
            policy = str(body.get("policyName") or body.get("message") or "").upper()
            limit = next((name for name in ("DAILY", "TEN_SECONDLY") if name in policy), "SECONDLY")
            return TransientError(
                f"{answer.place}: the account's {limit} limit is reached.",
                retry_after_s=answer.retry_after_s or _WAIT_S[limit],
            )
        case 403 if body.get("category") == "MISSING_SCOPES":
            return OperatorError(
                f"{answer.place} needs the scope {_scopes_in(body)}. Add it to the service key."
            )
        case 477:
            return TransientError(
                f"{answer.place}: HubSpot is moving the account to another data centre.",
                retry_after_s=answer.retry_after_s,
            )
        case 530:
            return OperatorError(f"{answer.place}: the token is malformed. Copy it again.")
        case 404 if body.get("category") in _HARMLESS:  # of a batch, none was found
            return "fine"
    return None


def refreshing(http: Http, client_id: str, client_secret: str, refresh_token: str) -> Fetch:
    """Return what gets an OAuth access token, good for 30 minutes, everything in the form's body.

    https://developers.hubspot.com/docs/api-reference/2026-03/authentication/manage-oauth-tokens
    """

    def fetch(last: Token | None) -> Token:
        return granted(
            http,
            "oauth/2026-03/token",
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "client_secret": client_secret,
                "refresh_token": (last and last.refresh_token) or refresh_token,
            },
        )

    return fetch


def _results(answer: Any) -> list[dict[str, Any]]:
    try:
        results: list[dict[str, Any]] = answer["results"]
    except (KeyError, TypeError):
        raise UnexpectedResponseError("HubSpot's answer has no results.") from None
    return results


def _next(answer: Mapping[str, Any]) -> str | None:
    following = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if following is None else str(following)


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _millis(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def _scopes_in(body: Mapping[str, Any]) -> str:
    context = ((body.get("errors") or [{}])[0]).get("context") or {}
    scopes = context.get("requiredGranularScopes") or context.get("requiredScopes") or ["?"]
    return ", ".join(scopes)
