"""HubSpot's CRM API, version 2026-09, as its documentation and those who call it describe it.

Values are text, nothing is null; unknown properties are passed over in silence; search gives 200 a
page and 10,000 in all; archived deals are never found; a batch answers 207 for what is missing.
https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, Final

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.crm import hubspot_answers as answers
from convsync.sandbox.crm.book import CONTACT, CrmBook, Deal, Outcome, Person
from convsync.sandbox.crm.consenting import ConsentingServer
from convsync.sandbox.crm.hubspot_writing import batch_update
from convsync.sandbox.crm.server import Allowance, Field, Now, Reply, Request
from convsync.sandbox.crm.writing import NUMBER, WRITABLE

TOKEN: Final = "pat-eu1-sandbox"  # noqa: S105 - opens nothing but this sandbox
REFRESH_TOKEN: Final = "refresh-sandbox"  # noqa: S105
CLIENT: Final = ("hubspot-app", "hubspot-secret")
MOST_FOUND, A_PAGE, A_HISTORY_BATCH, A_BATCH, A_LINK_BATCH = 10_000, 200, 50, 100, 1_000
_DEALS, _CONTACTS = ("deals", "0-3"), ("contacts", "0-1")

_TYPES = {NUMBER: "number"}
FIELDS: Final = (
    Field(kind="deal", own="amount", name="amount", label="Amount", type="number"),
    Field(kind="deal", own="region", name="region", label="Region"),
    Field(kind="deal", own="vertical", name="vertical", label="Vertical"),
    Field(kind="deal", own="deal_type", name="dealtype", label="Deal Type"),
    Field(kind="deal", own="origin", name="origin", label="Origin"),
    Field(kind="deal", own="lost_reason", name="closed_lost_reason", label="Closed Lost Reason"),
    Field(kind="deal", own="gclid", name="gclid", label="GCLID"),
    Field(kind="deal", own="mql_on", name="mql_on", label="MQL on", type="date"),
    *(
        Field(kind="deal", own=own, name=own, label=label, type=_TYPES.get(own, "string"))
        for own, label in WRITABLE.items()
    ),
    Field(kind=CONTACT, own="email", name="email", label="Email"),
    Field(kind=CONTACT, own="phone", name="phone", label="Phone", type="phone_number"),
    Field(kind=CONTACT, own="country", name="country", label="Country/Region"),
    Field(kind=CONTACT, own="consent", name="ad_consent", label="Ads consent"),
    Field(kind=CONTACT, own="gclid", name="hs_google_click_id", label="Google ad click id"),
    Field(kind=CONTACT, own="gbraid", name="gbraid", label="GBRAID"),
    Field(kind=CONTACT, own="wbraid", name="wbraid", label="WBRAID"),
    Field(kind=CONTACT, own="landing_page", name="landing_page", label="Landing page"),
    Field(kind=CONTACT, own="visitor_id", name="visitor_id", label="Visitor ID"),
)


_FIELD_TYPES = {"number": "number", "date": "date", "phone_number": "phonenumber"}


class HubSpotServer(ConsentingServer):
    """HubSpot over a book. Contact and deal IDs are digits."""

    name = "hubspot"
    merges_into_a_new_deal = True
    routes = (
        ("POST", r"/crm/objects/2026-09/(?P<records>[\w-]+)/search", "search"),
        ("POST", r"/crm/objects/2026-09/(?P<records>[\w-]+)/batch/read", "batch_read"),
        ("GET", r"/crm/objects/2026-09/(?:deals|0-3)", "list_deals"),
        ("POST", r"/crm/objects/2026-09/(?:deals|0-3)/batch/update", "batch_update"),
        (
            "POST",
            r"/crm/associations/2026-09/(?P<records>[\w-]+)/(?P<to>[\w-]+)/batch/read",
            "associations",
        ),
        ("GET", r"/crm/pipelines/2026-09/deals", "pipelines"),
        ("GET", r"/crm/properties/2026-09/(?P<records>[\w-]+)", "properties"),
        ("POST", r"/oauth/2026-03/token", "token"),
        ("GET", r"/oauth/authorize", "consent_page"),
        ("POST", r"/oauth/authorize", "consent_given"),
    )

    allowances = (
        Allowance(requests=100, seconds=10, name="TEN_SECONDLY_ROLLING"),
        Allowance(requests=5, seconds=1, of="/search$", name="SECONDLY"),
    )
    """Of the smallest plan. That refusals of a search say SECONDLY is unconfirmed."""

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens = {TOKEN}
        self.desk = ConsentDesk("HubSpot", CLIENT, REFRESH_TOKEN)

    def too_many(self, beyond: Allowance) -> Reply:
        """Name the limit; how long to wait is not said."""
        return answers.error(
            429, "You have reached a limit.", "RATE_LIMITS", errorType="RATE_LIMIT",
            policyName=beyond.name,
        )  # fmt: skip

    def record_id(self, kind: str, number: int) -> str:
        """Return an ID in digits."""
        return str((40_100_000_000 if kind == "deal" else 84_800_000_000) + number)

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a bearer token everywhere but where one is given out."""
        if request.bearer in self.tokens or request.path.startswith("/oauth/"):
            return None
        return answers.error(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION")

    def token(self, request: Request) -> Reply:
        """Give out an access token for a code or a refresh token."""
        form = request.form()
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            return answers.error(400, "missing or invalid client secret", "BAD_CLIENT_SECRET")
        try:
            agreed = self.agreed(form)
        except ConsentRefused:
            return answers.error(400, "missing or unknown auth code", "BAD_AUTH_CODE")
        if agreed is None:
            return answers.error(400, "missing or invalid refresh token", "BAD_REFRESH_TOKEN")
        token = f"access-{len(self.tokens)}"
        self.tokens.add(token)
        return Reply(
            body={
                "token_type": "bearer",
                "access_token": token,
                "refresh_token": agreed["refresh_token"],
                "expires_in": 1800,
            }
        )

    def search(self, request: Request, records: str) -> Reply:
        """Answer with records that fit one group of filters on stamp and ID, sorted one way."""
        asked = request.json()
        if missing := {"after", "filterGroups", "limit", "properties", "sorts"} - asked.keys():
            return answers.error(400, f"Missing: {sorted(missing)}", "VALIDATION_ERROR")
        limit, offset = int(asked["limit"]), int(asked["after"])
        if limit > A_PAGE or offset + limit > MOST_FOUND:
            return answers.error(400, "There was a problem with the request.", "VALIDATION_ERROR")
        filters = [one for group in asked["filterGroups"] for one in group["filters"]]
        stamp = "hs_lastmodifieddate" if records in _DEALS else "lastmodifieddate"
        bounds: dict[str, Any] = {}
        for one in filters:
            key = (one["propertyName"], one["operator"])
            if key not in {(stamp, "GTE"), (stamp, "LT"), ("hs_object_id", "GT")}:
                return answers.error(400, f"{key} is not served here", "VALIDATION_ERROR")
            bounds[one["operator"]] = one["value"]
        if bounds.get("GTE") == "0":
            return answers.error(500, "internal error", "SERVER_ERROR")
        since, until = (_since_epoch(bounds.get(name)) for name in ("GTE", "LT"))
        found = self._modified(records, since, until, bounds.get("GT"))
        if asked["sorts"][0]["direction"] == "DESCENDING":
            found = sorted(found, key=lambda one: one.created_at, reverse=True)
        page = found[offset : offset + limit]
        body = {
            "total": len(found),
            "results": [self._record(one, asked["properties"]) for one in page],
        }
        if offset + limit < len(found):
            body["paging"] = {"next": {"after": str(offset + limit)}}
        return Reply(body=body)

    def batch_read(self, request: Request, records: str) -> Reply:
        """Answer with the records of these IDs; one merged away comes as its survivor."""
        asked = request.json()
        with_history = asked.get("propertiesWithHistory", [])
        most = A_HISTORY_BATCH if with_history else A_BATCH
        ids = [one["id"] for one in asked["inputs"]]
        if len(ids) > most:
            return answers.error(400, f"The maximum is {most} inputs.", "VALIDATION_ERROR")
        found: dict[str, dict[str, Any]] = {}
        missing = []
        for one in ids:
            record = self._find(records, one)
            if record is None:
                missing.append(one)
            else:
                body = self._record(record, asked["properties"])
                if with_history:
                    body["propertiesWithHistory"] = self._history(record, with_history)
                found[body["id"]] = body
        return answers.batch(
            list(found.values()),
            [answers.missing(missing)] if missing else [],
        )

    def batch_update(self, request: Request) -> Reply:
        """Write properties of deals."""
        return batch_update(self, FIELDS, request)

    def associations(self, request: Request, records: str, to: str) -> Reply:
        """Answer with the links of these records; one without any is an error of its own."""
        results, errors = [], []
        inputs = request.json()["inputs"]
        if len(inputs) > A_LINK_BATCH:
            return answers.error(400, f"The maximum is {A_LINK_BATCH} inputs.", "VALIDATION_ERROR")
        for one in inputs:
            if linked := self._links(records, one["id"]):
                links = [{"toObjectId": other, "associationTypes": []} for other in linked]
                results.append({"from": {"id": one["id"]}, "to": links})
            else:
                errors.append(
                    {
                        "status": "error",
                        "category": "OBJECT_NOT_FOUND",
                        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                        "message": f"Nothing of {to} is associated with {one['id']}.",
                        "context": {"fromObjectId": [one["id"]]},
                    }
                )
        return answers.batch(results, errors)

    def list_deals(self, request: Request) -> Reply:
        """Answer with archived deals, a page of a hundred at most, after a cursor."""
        if request.query.get("archived") != "true":
            return answers.error(400, "only archived=true is served here", "VALIDATION_ERROR")
        limit = min(int(request.query.get("limit", "10")), 100)
        first = int(request.query.get("after", "0"))
        gone = [one for one in self.book.departures.values() if one.survivor is None]
        page = gone[first : first + limit]
        wanted = request.query.get("properties", "").split(",")
        body: dict[str, Any] = {
            "results": [
                self._record(one.deal, wanted)
                | {"archived": True, "archivedAt": answers.stamp(one.at)}
                for one in page
            ]
        }
        if first + limit < len(gone):
            body["paging"] = {"next": {"after": str(first + limit)}}
        return Reply(body=body)

    def pipelines(self, _: Request) -> Reply:
        """Answer with every pipeline and its stages."""
        pipelines: dict[str, list[dict[str, Any]]] = {}
        for stage in self.book.stages:
            probability = {Outcome.WON: "1.0", Outcome.LOST: "0.0"}.get(stage.outcome, "0.4")
            pipelines.setdefault(stage.pipeline, []).append(
                {
                    "id": stage_id(stage.key),
                    "label": stage.name,
                    "displayOrder": stage.position,
                    "metadata": {
                        "isClosed": str(stage.outcome is not Outcome.OPEN).lower(),
                        "probability": probability,
                    },
                    "archived": False,
                }
            )
        return Reply(
            body={
                "results": [
                    {"id": f"pipeline-{number}", "label": label, "stages": stages}
                    for number, (label, stages) in enumerate(pipelines.items())
                ]
            }
        )

    def properties(self, _: Request, records: str) -> Reply:
        """Answer with the properties of a kind of record."""
        kind = "deal" if records in _DEALS else CONTACT
        return Reply(
            body={
                "results": [
                    {
                        "name": one.name,
                        "label": one.label,
                        "type": one.type,
                        "fieldType": _FIELD_TYPES.get(one.type, "text"),
                    }
                    for one in FIELDS
                    if one.kind == kind
                ]
            }
        )

    # Records

    def _modified(
        self, records: str, since: datetime | None, until: datetime | None, after: str | None
    ) -> Sequence[Deal | Person]:
        if records in _DEALS:
            return self.book.modified(since, until, after=after)
        return self.book.people_modified(CONTACT, since, until, after=after)

    def _find(self, records: str, record_id: str) -> Deal | Person | None:
        if records in _CONTACTS:
            return self.book.person(record_id)
        gone = self.book.departures.get(record_id)
        if gone is not None and gone.survivor is not None:
            return self._find(records, gone.survivor)
        return self.book.deal(record_id)

    def _links(self, records: str, record_id: str) -> Sequence[str]:
        if records in _CONTACTS:
            return self.book.deals_of(record_id)
        deal = self.book.deal(record_id)
        return [] if deal is None else [one.person_id for one in self.book.people_of(deal, CONTACT)]

    def _record(self, record: Deal | Person, properties: Sequence[str]) -> dict[str, Any]:
        known = _deal_values(record) if isinstance(record, Deal) else _contact_values(record)
        always = ("hs_object_id", "createdate", _STAMP[type(record)])
        named = {name: known[name] or None for name in (*properties, *always) if name in known}
        return {
            "id": known["hs_object_id"],
            "properties": named,
            "createdAt": answers.stamp(record.created_at),
            "updatedAt": answers.stamp(record.modified_at),
            "archived": False,
        }

    def _history(self, record: Deal | Person, names: Sequence[str]) -> dict[str, Any]:
        return {
            name: _newest_first(
                [(stage_id(key), at) for key, at in self.book.told(record)]
                if isinstance(record, Deal) and name == "dealstage"
                else _written(record, name)
            )
            for name in names
        }


_STAMP: Mapping[type, str] = {Deal: "hs_lastmodifieddate", Person: "lastmodifieddate"}


def stage_id(key: str) -> str:
    """Return HubSpot's ID of a stage, which says nothing to people."""
    return f"6167{sum(map(ord, key)):06d}"


def _deal_values(deal: Deal) -> dict[str, str]:
    own = {"amount": "" if deal.amount is None else str(deal.amount), **deal.fields}
    return {
        **{one.name: own.get(one.own, "") for one in FIELDS if one.kind == "deal"},
        "hs_object_id": deal.deal_id,
        "dealname": deal.name,
        "createdate": answers.stamp(deal.created_at),
        "hs_lastmodifieddate": answers.stamp(deal.modified_at),
        "deal_currency_code": deal.currency or "",
        "dealstage": stage_id(deal.stage),
        "hs_v2_date_entered_current_stage": answers.stamp(deal.entered[-1][1]),
        "pipeline": "pipeline-0",
        "hubspot_owner_id": deal.owner,
        "closed_lost_reason": deal.lost_reason,
        "hs_merged_object_ids": ";".join(deal.merged),
    }


def _contact_values(person: Person) -> dict[str, str]:
    return {
        **{one.name: person.fields.get(one.own, "") for one in FIELDS if one.kind == CONTACT},
        "hs_object_id": person.person_id,
        "createdate": answers.stamp(person.created_at),
        "lastmodifieddate": answers.stamp(person.modified_at),
        "hs_merged_object_ids": person.fields.get("merged_from", ""),
    }


def _written(record: Deal | Person, name: str) -> list[tuple[str, datetime]]:
    """Return the values of a property over time, oldest first."""
    if isinstance(record, Deal):
        value = _deal_values(record).get(name)
        return [(value, record.created_at)] if value else []
    own = next((one.own for one in FIELDS if (one.kind, one.name) == (CONTACT, name)), "")
    earlier = [(was.value, was.at) for was in record.earlier.get(own, ())]
    value = record.fields.get(own)
    since = record.modified_at if earlier else record.created_at
    return [*earlier, (value, since)] if value else earlier


def _newest_first(written: list[tuple[str, datetime]]) -> list[dict[str, Any]]:
    return [
        {"value": value, "timestamp": answers.stamp(at), "sourceType": "CRM_UI"}
        for value, at in sorted(written, key=itemgetter(1))[::-1]
    ]


def _since_epoch(millis: str | None) -> datetime | None:
    return None if millis is None else datetime.fromtimestamp(int(millis) / 1000, UTC)
