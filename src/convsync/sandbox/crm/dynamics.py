"""Dynamics 365 Sales over the Dataverse Web API 9.2, as far as convsync asks it.

Filters are those it may be asked with, and no others; pages follow cookies; what is missing from a
list is left out in silence; batches answer every part. Every opportunity runs through one business
process flow, whose stages are the book's open ones and whose changes are audited.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from convsync.sandbox.crm.book import CONTACT, LEAD, CrmBook, Deal, Outcome, Person
from convsync.sandbox.crm.server import CrmServer, Field, Now, Reply, Request

TENANT, CLIENT, SECRET = "tenant", "client", "secret"
API: Final = "/api/data/v9.2"
DEFAULT_PAGE, MOST_CONDITIONS, MOST_PARTS = 5_000, 300, 1_000
LONGEST_URL: Final = 32_768
_FLOW: Final = "3e8ebee6-a2bc-4451-9c5f-b146b085413a"
_CURRENCY: Final = "228f42f8-e646-e111-8eb7-78e7d1{:06x}"
_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_WINDOW = re.compile(
    r"(?:(?P<way>\w+)/)?modifiedon ge (?P<since>[\d:TZ-]+)"
    r"(?: and (?:\w+/)?modifiedon lt (?P<until>[\d:TZ-]+))?\Z"
)
_IN = re.compile(r"Microsoft\.Dynamics\.CRM\.In\(PropertyName=@p1,PropertyValues=@p2\)\Z")
_EITHER = re.compile(rf"_(?:opportunityid|objectid|record1id)_value eq ({_GUID})")

FIELDS: Final = (
    Field(kind="deal", own="region", name="new_region", label="Region", longest=100),
    Field(kind="deal", own="vertical", name="new_vertical", label="Vertical", longest=100),
    Field(kind="deal", own="deal_type", name="new_dealtype", label="Deal type", longest=100),
    Field(kind="deal", own="origin", name="new_origin", label="Origin", longest=100),
    Field(kind="deal", own="gclid", name="new_gclid", label="GCLID", longest=255),
    *(
        Field(kind=kind, own=own, name=name, label=label, longest=255)
        for kind in (CONTACT, LEAD)
        for own, name, label in (
            ("email", "emailaddress1", "Email"),
            ("phone", "telephone1", "Business Phone"),
            ("country", "address1_country", "Country/Region"),
            ("consent", "new_adsconsent", "Ads consent"),
            ("gclid", "new_gclid", "GCLID"),
            ("gbraid", "new_gbraid", "GBRAID"),
            ("wbraid", "new_wbraid", "WBRAID"),
            ("landing_page", "new_landingpage", "Landing page"),
            ("visitor_id", "new_visitorid", "Visitor ID"),
        )
    ),
)
_STANDARD = {
    "deal": {
        "opportunityid", "name", "createdon", "modifiedon", "statecode", "statuscode",
        "actualvalue", "estimatedvalue", "_transactioncurrencyid_value",
        "_parentcontactid_value", "_customerid_value", "_originatingleadid_value",
        "_ownerid_value",
    },
    CONTACT: {"contactid", "createdon", "modifiedon"},
    LEAD: {"leadid", "createdon", "modifiedon"},
}  # fmt: skip
_KIND_OF = {"opportunities": "deal", "contacts": CONTACT, "leads": LEAD}
_KIND_OF_NAME = {"opportunity": "deal", "contact": CONTACT, "lead": LEAD}
_KEY = {"deal": "opportunityid", CONTACT: "contactid", LEAD: "leadid"}


class DynamicsServer(CrmServer):
    """An environment over a book. IDs are GUIDs; won and lost are states, not stages."""

    name = "dynamics"
    routes = (
        ("POST", r"/[\w-]+/oauth2/v2\.0/token", "token"),
        ("GET", API + r"/(?P<table>opportunities|contacts|leads)", "records"),
        ("GET", API + rf"/opportunities\((?P<deal_id>{_GUID})\)", "opportunity"),
        ("GET", API + r"/connections", "connections"),
        ("GET", API + r"/opportunitycloses", "closes"),
        ("GET", API + r"/opportunitysalesprocesses", "flows"),
        ("GET", API + r"/audits", "audits"),
        ("GET", API + rf"/audits\((?P<audit_id>{_GUID})\)/Microsoft\.Dynamics\.CRM\.RetrieveAuditDetails", "audit"),  # noqa: E501
        ("GET", API + r"/workflows", "workflows"),
        ("GET", API + r"/processstages", "process_stages"),
        ("GET", API + r"/transactioncurrencies", "currencies"),
        ("GET", API + r"/EntityDefinitions\(LogicalName='(?P<entity>\w+)'\)/Attributes(?:/Microsoft\.Dynamics\.CRM\.(?P<cast>\w+))?", "attributes"),  # noqa: E501
        ("POST", API + r"/\$batch", "batch"),
    )  # fmt: skip

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens: set[str] = set()
        self._given = 0

    def record_id(self, kind: str, number: int) -> str:
        """Return a GUID that tells the kind and the number."""
        group = {"deal": 1, CONTACT: 2, LEAD: 3}[kind]
        return f"{number:08x}-000{group}-4000-8000-000000000000"

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a bearer token, and for a URL that is not too long."""
        if request.path.endswith("/oauth2/v2.0/token"):
            return None
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Reply(status=401, headers={"WWW-Authenticate": "Bearer"})
        length = sum(len(quote(name + value)) + 2 for name, value in request.query.items())
        return _error(414, "", "URI too long") if length > LONGEST_URL else None

    def token(self, request: Request) -> Reply:
        """Give an app user a token for this environment."""
        form = request.form()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            body = {"error": "invalid_client", "error_codes": [7000215]}
            return Reply(status=401, body=body)
        if not form.get("scope", "").endswith("/.default"):
            return Reply(status=400, body={"error": "invalid_scope", "error_codes": [70011]})
        self._given += 1
        token = f"eyJ0-{self._given}"
        self.tokens.add(token)
        return Reply(body={"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def records(self, request: Request, table: str) -> Reply:
        """Answer with the records of a table that fit a filter, a page at a time."""
        kind, query = _KIND_OF[table], request.query
        columns = query.get("$select", "").split(",")
        known = _STANDARD[kind] | {one.name for one in FIELDS if one.kind == kind}
        if unknown := [column for column in columns if column not in known]:
            return _error(400, "0x0", f"Could not find a property named '{unknown[0]}'")
        found = self._filtered(kind, query)
        if found is None:
            return _error(400, "0x80060888", "The filter is not one this sandbox understands")
        if query.get("$orderby") == "createdon desc":
            found = sorted(found, key=lambda one: one.created_at, reverse=True)
        rows = [_row(kind, one, columns, self._people(one)) for one in found]
        return self._paged(request, rows, _KEY[kind])

    def opportunity(self, request: Request, deal_id: str) -> Reply:
        """Answer with one opportunity, or that there is none."""
        if self.book.deal(deal_id) is None:
            return _error(404, "0x80040217", f"opportunity With Id = {deal_id} Does Not Exist")
        return Reply(body={"opportunityid": deal_id})

    def connections(self, request: Request) -> Reply:
        """Answer with the contacts of deals beyond the first, as connections."""
        rows = [
            {
                "connectionid": f"{deal.deal_id[:-4]}{number:04x}",
                "_record1id_value": deal.deal_id,
                "_record2id_value": person.person_id,
                "_record2id_value@Microsoft.Dynamics.CRM.lookuplogicalname": CONTACT,
            }
            for deal in self._named(request.query)
            for number, person in enumerate(self.book.people_of(deal, CONTACT)[1:])
        ]
        return self._paged(request, rows, "connectionid")

    def closes(self, request: Request) -> Reply:
        """Answer with the activities that closed deals."""
        rows = [
            {
                "activityid": f"{deal.deal_id[:-4]}{number:04x}",
                "createdon": _text(at),
                "opportunitystatecode": 1 if key == "won" else 2,
                "_opportunityid_value": deal.deal_id,
            }
            for deal in self._named(request.query)
            for number, (key, at) in enumerate(deal.entered)
            if not self._is_open(key)
        ]
        return self._paged(request, rows, "activityid")

    def flows(self, request: Request) -> Reply:
        """Answer with the flows of deals, each in its present stage."""
        rows = []
        for deal in self._named(request.query):
            stages = [(key, at) for key, at in deal.entered if self._is_open(key)]
            if stages:
                rows.append(
                    {
                        "businessprocessflowinstanceid": _flow_of(deal.deal_id),
                        "_opportunityid_value": deal.deal_id,
                        "_activestageid_value": _stage_id(stages[-1][0]),
                        "activestagestartedon": _text(stages[-1][1]),
                        "createdon": _text(deal.created_at),
                    }
                )
        return self._paged(request, rows, "businessprocessflowinstanceid")

    def audits(self, request: Request) -> Reply:
        """Answer with the changes of flows, without their values."""
        wanted = {_deal_of(flow) for flow in _either(request.query)}
        rows = [
            {
                "auditid": _audit_id(deal.deal_id, number),
                "createdon": _text(at),
                "_objectid_value": _flow_of(deal.deal_id),
            }
            for deal in self.book.deals(sorted(wanted))
            for number, (key, at) in enumerate(deal.entered)
            if self._is_open(key)
        ]
        return self._paged(request, rows, "auditid")

    def audit(self, request: Request, audit_id: str) -> Reply:
        """Answer with the values of one change."""
        number = int(audit_id[-4:], 16)
        deal = self.book.deal(_deal_of(audit_id[:-4] + "0000"))
        if deal is None or number >= len(deal.entered):
            return _error(404, "0x80040217", f"audit With Id = {audit_id} Does Not Exist")
        stage = _stage_id(deal.entered[number][0])
        detail = {
            "@odata.type": "#Microsoft.Dynamics.CRM.AttributeAuditDetail",
            "OldValue": {},
            "NewValue": {"_activestageid_value": stage},
        }
        return Reply(body={"AuditDetail": detail})

    def workflows(self, _: Request) -> Reply:
        """Answer with the one flow."""
        return _value([{"workflowid": _FLOW, "name": self.book.stages[0].pipeline}])

    def process_stages(self, _: Request) -> Reply:
        """Answer with its stages, in no order."""
        return _value(
            [
                {
                    "processstageid": _stage_id(stage.key),
                    "stagename": stage.name,
                    "stagecategory": stage.position,
                    "_processid_value": _FLOW,
                }
                for stage in reversed(self.book.stages)
                if stage.outcome is Outcome.OPEN
            ]
        )

    def currencies(self, _: Request) -> Reply:
        """Answer with the currencies deals are in."""
        return _value(
            [
                {"transactioncurrencyid": _currency_id(code), "isocurrencycode": code}
                for code in ("EUR", "GBP", "USD", "BRL")
            ]
        )

    def attributes(self, _: Request, entity: str, cast: str | None) -> Reply:
        """Answer with the columns of a table, or with the lengths of its texts."""
        kind = _KIND_OF_NAME.get(entity)
        own = [one for one in FIELDS if one.kind == kind]
        if cast == "StringAttributeMetadata":
            return _value([{"LogicalName": one.name, "MaxLength": one.longest} for one in own])
        if cast is not None:
            return _value([])
        return _value(
            [
                {
                    "LogicalName": one.name,
                    "AttributeType": "String",
                    "IsValidForRead": one.is_readable,
                    "DisplayName": {"UserLocalizedLabel": {"Label": one.label}},
                }
                for one in own
            ]
        )

    def batch(self, request: Request) -> Reply:
        """Answer every part of a batch of reads, in order."""
        asked = re.findall(r"\r\nGET (\S+) HTTP/1\.1\r\n", request.body.decode())
        if not 0 < len(asked) <= MOST_PARTS:
            return _error(400, "0x80048d19", "The batch is empty or too large")
        boundary = "batchresponse_01346794"
        parts = []
        for url in asked:
            split = urlsplit(unquote(url))
            part = Request(
                method="GET",
                path=split.path,
                query=dict(parse_qsl(split.query)),
                headers=request.headers,
                base_url=request.base_url,
            )
            reply, _ = self.handled(part)
            parts.append(
                f"--{boundary}\r\nContent-Type: application/http\r\n"
                "Content-Transfer-Encoding: binary\r\n\r\n"
                f"HTTP/1.1 {reply.status} Status\r\nContent-Type: application/json\r\n\r\n"
                f"{reply.encoded().decode()}\r\n"
            )
        body = "".join(parts) + f"--{boundary}--\r\n"
        media_type = f"multipart/mixed; boundary={boundary}"
        return Reply(body=body.encode(), headers={"Content-Type": media_type})

    # Records

    def _filtered(self, kind: str, query: Mapping[str, str]) -> list[Any] | None:
        """Return the records that fit the filter; None where it is not one of those there are."""
        condition = query.get("$filter")
        if condition is None:
            return self.book.modified() if kind == "deal" else self.book.people_modified(kind)
        if _IN.match(condition):
            ids: list[str] = json.loads(query["@p2"])
            if kind == "deal":
                return self.book.deals(sorted(ids))
            return [one for each in sorted(ids) if (one := self.book.person(each))]
        window = _WINDOW.match(condition)
        if window is None or kind != "deal":
            return None
        since = datetime.fromisoformat(window["since"])
        until = window["until"] and datetime.fromisoformat(window["until"])
        if window["way"] is None:
            return self.book.modified(since, until or None)
        people = self.book.people_modified(
            LEAD if window["way"] == "originatingleadid" else CONTACT, since, until or None
        )
        if window["way"] == "customerid_contact":
            return []
        theirs = {deal_id for one in people for deal_id in self.book.deals_of(one.person_id)}
        return self.book.deals(sorted(theirs))

    def _people(self, record: Deal | Person) -> tuple[list[Person], list[Person]]:
        if isinstance(record, Person):
            return [], []
        return self.book.people_of(record, CONTACT), self.book.people_of(record, LEAD)

    def _named(self, query: Mapping[str, str]) -> list[Deal]:
        return self.book.deals(sorted(_either(query)))

    def _paged(self, request: Request, rows: Sequence[dict[str, Any]], key: str) -> Reply:
        """Return the page behind the cookie, and the link to the next."""
        prefer = request.headers.get("prefer", "")
        wanted = re.search(r"odata\.maxpagesize=(\d+)", prefer)
        size = min(int(wanted[1]) if wanted else DEFAULT_PAGE, DEFAULT_PAGE)
        if last := request.query.get("$skiptoken"):
            rows = [row for row in rows if row[key] > last]
        if top := request.query.get("$top"):
            return _value(rows[: int(top)])
        page, rest = rows[:size], rows[size:]
        reply: dict[str, Any] = {"@odata.context": "$metadata", "value": page}
        if rest:
            query = {**request.query, "$skiptoken": page[-1][key]}
            spelt = "&".join(f"{name}={quote(value)}" for name, value in query.items())
            reply["@odata.nextLink"] = f"{request.base_url}{request.path}?{spelt}"
        return Reply(body=reply)

    def _is_open(self, key: str) -> bool:
        return self.book.stage(key).outcome is Outcome.OPEN


def _row(
    kind: str,
    record: Deal | Person,
    columns: Sequence[str],
    people: tuple[list[Person], list[Person]],
) -> dict[str, Any]:
    if isinstance(record, Deal):
        values = _deal_values(record, *people)
    else:
        values = {_KEY[kind]: record.person_id} | _texts(kind, record.fields)
    values |= {"createdon": _text(record.created_at), "modifiedon": _text(record.modified_at)}
    return {column: values.get(column) for column in {_KEY[kind], *columns}}


def _deal_values(deal: Deal, contacts: list[Person], leads: list[Person]) -> dict[str, Any]:
    state = {"won": 1, "lost": 2}.get(deal.stage, 0)
    return {
        "opportunityid": deal.deal_id,
        "statecode": state,
        "statuscode": {0: 1, 1: 3, 2: 5}[state],
        "actualvalue": deal.amount if state == 1 else None,
        "estimatedvalue": deal.amount,
        "_transactioncurrencyid_value": deal.currency and _currency_id(deal.currency),
        "_parentcontactid_value": contacts[0].person_id if contacts else None,
        "_customerid_value": None,
        "_originatingleadid_value": leads[0].person_id if leads else None,
        "_ownerid_value": deal.owner or None,
        **_texts("deal", deal.fields),
    }


def _texts(kind: str, fields: Mapping[str, str]) -> dict[str, str | None]:
    return {one.name: fields.get(one.own) or None for one in FIELDS if one.kind == kind}


def _either(query: Mapping[str, str]) -> set[str]:
    found = _EITHER.findall(query.get("$filter", ""))
    if len(found) > MOST_CONDITIONS:
        raise ValueError("more than 300 conditions")
    return set(found)


def _flow_of(deal_id: str) -> str:
    return f"{deal_id[:9]}b{deal_id[10:]}"


def _deal_of(flow: str) -> str:
    return f"{flow[:9]}0{flow[10:]}"


def _audit_id(deal_id: str, number: int) -> str:
    return f"{_flow_of(deal_id)[:-4]}{number:04x}"


def _stage_id(key: str) -> str:
    return f"9a9185f5-b75b-4bbb-9c2b-{key.encode().hex():0>12}"[:36]


def _currency_id(code: str) -> str:
    return _CURRENCY.format(int(code.encode().hex(), 16))


def _value(rows: Sequence[dict[str, Any]]) -> Reply:
    return Reply(body={"@odata.context": "$metadata", "value": list(rows)})


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status=status, body={"error": {"code": code, "message": message}})


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
