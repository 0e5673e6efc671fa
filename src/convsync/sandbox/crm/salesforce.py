"""Salesforce's REST API v68.0 and Bulk API 2.0, as documentation and callers describe them.

Errors are arrays, but objects where one signs in; a query's answer comes in parts; nulls are null;
datetimes end in +0000, in bulk results in Z; what a user may not see does not exist; /query never
finds what was deleted; a URL and its headers have 16,384 bytes.
https://developer.salesforce.com/docs/platform/api-rest/guide/intro-rest.html
"""

import csv
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from itertools import chain
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from convsync.sandbox.crm.book import CONTACT, LEAD, CrmBook, Deal, Outcome, Person
from convsync.sandbox.crm.server import CrmServer, Field, Now, Reply, Request
from convsync.sandbox.crm.soql import COUNT, ID_TYPES, Query, RefusedError, Row, parsed

CLIENT_ID: Final = "3MVG9sandbox"
CLIENT_SECRET: Final = "secret-sandbox"  # noqa: S105 - opens nothing but this sandbox
USERNAME: Final = "integration@sandbox.example"
AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")
NEWEST, RETIRED_BEFORE, A_BATCH, MOST_BYTES = 68, 31, 2_000, 16_384
ORG: Final = "00D5g000004xYzAEAU"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PREFIX: Final = {"deal": "006", CONTACT: "003", LEAD: "00Q"}
_LOCATOR_LIFE = timedelta(minutes=15)
_DATA = re.compile(r"/services/data/v(\d+)\.0/.*")
_V: Final = r"/services/data/v\d+\.0"


def _fields(kind: str, *fields: tuple[str, str, str, str, int | None]) -> tuple[Field, ...]:
    return tuple(
        Field(kind=kind, own=own, name=name, label=label, type=type_, longest=longest)
        for own, name, label, type_, longest in fields
    )


_OF_PEOPLE: Final = (
    ("email", "Email", "Email", "email", 80),
    ("phone", "Phone", "Phone", "phone", 40),
    ("consent", "Ad_Consent__c", "Ads consent", "picklist", 255),
    ("gclid", "GCLID__c", "GCLID", "string", 255),
    ("gbraid", "GBRAID__c", "GBRAID", "string", 255),
    ("wbraid", "WBRAID__c", "WBRAID", "string", 255),
    ("landing_page", "Landing_Page__c", "Landing page", "textarea", 32_768),
    ("visitor_id", "Visitor_ID__c", "Visitor ID", "string", 80),
)
FIELDS: Final = (
    *_fields(
        "deal",
        ("amount", "Amount", "Amount", "currency", None),
        ("region", "Region__c", "Region", "picklist", 255),
        ("vertical", "Vertical__c", "Vertical", "picklist", 255),
        ("deal_type", "Type", "Type", "picklist", 255),
        ("origin", "Origin__c", "Origin", "picklist", 255),
        ("gclid", "GCLID__c", "GCLID", "string", 255),
        ("mql_on", "MQL_On__c", "MQL on", "date", None),
        ("lost_reason", "Loss_Reason__c", "Loss Reason", "picklist", 255),
    ),
    *_fields(CONTACT, ("country", "MailingCountry", "Mailing Country", "string", 80), *_OF_PEOPLE),
    *_fields(LEAD, ("country", "Country", "Country", "string", 80), *_OF_PEOPLE),
)
_KIND_OF: Final = {"Opportunity": "deal", "Contact": CONTACT, "Lead": LEAD}
_RECORD: Final = {"Id": "id", "IsDeleted": "boolean", "CreatedDate": "datetime",
                  "SystemModstamp": "datetime"}  # fmt: skip
_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "Opportunity": {
        **_RECORD, "Name": "string", "StageName": "picklist", "IsClosed": "boolean",
        "IsWon": "boolean", "CloseDate": "date", "OwnerId": "reference",
        "RecordTypeId": "reference", "CurrencyIsoCode": "picklist",
    },
    "OpportunityHistory": {**_RECORD, "OpportunityId": "reference", "StageName": "picklist"},
    "OpportunityStage": {
        "Id": "id", "ApiName": "string", "MasterLabel": "string", "IsActive": "boolean",
        "IsClosed": "boolean", "IsWon": "boolean", "SortOrder": "int",
    },
    "OpportunityContactRole": {
        **_RECORD, "OpportunityId": "reference", "ContactId": "reference", "IsPrimary": "boolean",
    },
    "Contact": {**_RECORD, "MasterRecordId": "reference"},
    "Lead": {
        **_RECORD, "MasterRecordId": "reference", "IsConverted": "boolean",
        "ConvertedOpportunityId": "reference",
    },
    "RecordType": {"Id": "id", "Name": "string"},
}  # fmt: skip
_PARENTS: Final = {
    ("Opportunity", "RecordType"): "RecordType",
    ("OpportunityContactRole", "Opportunity"): "Opportunity",
    ("OpportunityContactRole", "Contact"): "Contact",
    ("Lead", "ConvertedOpportunity"): "Opportunity",
}


@dataclass(slots=True)
class _Job:
    """A bulk query job: what it asks, and how often somebody looked."""

    soql: str
    with_deleted: bool
    looks: int = 0


class SalesforceServer(CrmServer):
    """One org over a book. IDs are 18 characters; a stage's ApiName is not its label.

    `hidden` are objects and fields (`Lead`, `Contact.GCLID__c`) that the user may not see.
    `a_batch` and `a_result` are how many rows come at once, at the most. `public_key` belongs to
    the certificate of the app.
    """

    name = "salesforce"
    base_url = "https://acme.my.salesforce.com"
    routes = (
        ("POST", r"/services/oauth2/token", "token"),
        ("GET", rf"{_V}/query", "query"),
        ("GET", rf"{_V}/queryAll", "query_all"),
        ("GET", rf"{_V}/query/(?P<locator>\w+-\d+)", "next_part"),
        ("GET", rf"{_V}/sobjects/(?P<records>\w+)/describe", "describe"),
        ("POST", rf"{_V}/jobs/query", "create_job"),
        ("GET", rf"{_V}/jobs/query/(?P<job_id>\w+)", "look_at_job"),
        ("GET", rf"{_V}/jobs/query/(?P<job_id>\w+)/results", "results"),
    )

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens: set[str] = set()
        self.hidden: set[str] = set()
        self.public_key: RSAPublicKey | None = None
        self.is_multi_currency = True
        self.a_batch, self.a_result = A_BATCH, 50_000
        self._given_out = 0
        self._parts: dict[str, tuple[datetime, list[dict[str, Any]]]] = {}
        self._jobs: dict[str, _Job] = {}
        self._masters: dict[str, str] = {}
        self._roles_at: dict[tuple[str, str], datetime] = {}

    def record_id(self, kind: str, number: int) -> str:
        """Return the 18 characters of an ID; those of larger numbers are larger."""
        return record_id(_PREFIX[kind], number)

    def answer(self, request: Request) -> Reply:
        """Answer a request, and say how many calls the org has made."""
        reply = super().answer(request)
        usage = {"Sforce-Limit-Info": f"api-usage={sum(self.requests.values())}/100000"}
        return replace(reply, headers={**usage, **reply.headers})

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a bearer token, a version that is served, and a URL that is not too long."""
        if request.path == "/services/oauth2/token":
            return None
        url = len(request.path) + len(urlencode(request.query)) + 1
        headers = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        if url > MOST_BYTES:
            return Reply(
                status=414, body=b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"
            )
        if url + headers > MOST_BYTES:
            return Reply(status=431, body=b"<h1>Bad Message 431</h1>")
        version = _DATA.fullmatch(request.path)
        if version is None or int(version[1]) > NEWEST:
            return self.not_found(request)
        if int(version[1]) < RETIRED_BEFORE:
            return _error(410, "UNSUPPORTED_API_VERSION", "The API version is retired.")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return None

    def not_found(self, _: Request) -> Reply:
        """Answer as for a path, version or object that does not exist."""
        return _error(404, "NOT_FOUND", "The requested resource does not exist")

    # What people do that the book has no words for

    def add_role(self, deal_id: str, contact_id: str, at: datetime) -> None:
        """Put a contact behind a deal; the deal's stamp stays, the role has its own."""
        self.book.associate(deal_id, contact_id)
        self._roles_at[deal_id, contact_id] = at

    def merge_people(self, loser: str, winner: str, at: datetime) -> None:
        """Merge a contact or lead into another, which gets its roles and opportunities."""
        for deal in self.book.deals(self.book.deals_of(loser)):
            people = (winner if one == loser else one for one in deal.people)
            self.book.put(replace(deal, people=tuple(dict.fromkeys(people))))
        for one in (loser, winner):
            self.book.edit_person(one, at)
        self._masters[loser] = winner

    # Signing in

    def token(self, request: Request) -> Reply:
        """Give out an access token for a client's secret, or for what it has signed."""
        form = request.form()
        match form.get("grant_type"):
            case "client_credentials":
                problem = _wrong_client(form)
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                problem = self._wrong_assertion(form.get("assertion", ""))
            case _:
                problem = ("unsupported_grant_type", "grant type not supported")
        if problem:
            return Reply(status=400, body={"error": problem[0], "error_description": problem[1]})
        self._given_out += 1
        token = f"{ORG[:15]}!AQcA{self._given_out:08d}"
        self.tokens.add(token)
        return Reply(
            body={
                "access_token": token,
                "scope": "api",
                "instance_url": self.base_url,
                "id": f"{self.base_url}/id/{ORG}/{record_id('005', 1)}",
                "token_type": "Bearer",
            }
        )

    def _wrong_assertion(self, assertion: str) -> tuple[str, str] | None:
        try:
            said, _, signature = assertion.rpartition(".")
            header, claims = (json.loads(_unpacked(part)) for part in said.split("."))
            if self.public_key is None or header["alg"] != "RS256":
                return "invalid_grant", "invalid assertion"
            self.public_key.verify(_unpacked(signature), said.encode(), PKCS1v15(), SHA256())
            issuer, subject, audience = (claims[name] for name in ("iss", "sub", "aud"))
            left_s = int(claims["exp"]) - self.now().timestamp()
        except (ValueError, KeyError, InvalidSignature):
            return "invalid_grant", "invalid assertion"
        if issuer != CLIENT_ID:
            return "invalid_client_id", "client identifier invalid"
        if audience not in AUDIENCES:
            return "invalid_grant", "Audience validation failed"
        if not 0 < left_s <= 300:
            return "invalid_grant", "expired authorization code"
        return (
            None if subject == USERNAME else ("invalid_grant", "user hasn't approved this consumer")
        )

    # Queries

    def query(self, request: Request) -> Reply:
        """Answer a query over what is there."""
        return self._queried(request, with_deleted=False)

    def query_all(self, request: Request) -> Reply:
        """Answer a query over what is there and what is in the recycle bin."""
        return self._queried(request, with_deleted=True)

    def next_part(self, request: Request, locator: str) -> Reply:
        """Answer with more of a result, for a quarter of an hour."""
        number, _, offset = locator.rpartition("-")
        made_at, records = self._parts.get(number, (None, []))
        if made_at is None or self.now() - made_at > _LOCATOR_LIFE:
            return _error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._part(number, records, int(offset))

    def _queried(self, request: Request, *, with_deleted: bool) -> Reply:
        try:
            query = self._understood(request.query.get("q", ""))
        except RefusedError as error:
            return _error(400, error.code, str(error))
        rows = query.run(self._rows(query, with_deleted))
        if [*query.fields] == [COUNT]:
            return Reply(body={"totalSize": len(rows), "done": True, "records": []})
        records = [_shown(query.records, query.selected(row), row) for row in rows]
        number = record_id("01g", len(self._parts) + 1)
        if len(records) > self.a_batch:
            self._parts[number] = (self.now(), records)
        return self._part(number, records, 0)

    def _part(self, number: str, records: list[dict[str, Any]], offset: int) -> Reply:
        end = offset + self.a_batch
        body: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
        if end < len(records):
            body["nextRecordsUrl"] = f"/services/data/v{NEWEST}.0/query/{number}-{end}"
        return Reply(body=body | {"records": records[offset:end]})

    def _understood(self, soql: str) -> Query:
        """Return a query whose every name exists and is readable, and whose literals fit."""
        query = parsed(soql)
        if query.records not in _TYPES or query.records in self.hidden:
            raise RefusedError("INVALID_TYPE", f"sObject type '{query.records}' is not supported.")
        if query.fields != [COUNT]:
            if len({*query.fields}) < len(query.fields):
                raise RefusedError("MALFORMED_QUERY", "duplicate field selected")
            for name in (*query.fields, *(name for name, _ in query.order)):
                self._type_of(query.records, name)
        for condition in query.where:
            type_ = self._type_of(query.records, condition.field)
            values = condition.value if condition.operator == "IN" else [condition.value]
            if not all(_fits(value, type_) for value in values):
                raise RefusedError(
                    "INVALID_FIELD",
                    f"value of filter criterion for field '{condition.field}' must be of type"
                    f" {type_} and should not be enclosed in quotes",
                )
        return query

    def _type_of(self, records: str, name: str) -> str:
        parent, _, own = name.rpartition(".")
        of = _PARENTS.get((records, parent)) if parent else records
        types = {} if of is None or of in self.hidden else self._types(of)
        if own not in types:
            raise RefusedError(
                "INVALID_FIELD", f"No such column '{own}' on entity '{of or records}'."
            )
        return types[own]

    def _types(self, records: str) -> dict[str, str]:
        """Return the types of the fields of an object, those that the user may see."""
        kind = _KIND_OF.get(records)
        mapped = {one.name: one.type for one in FIELDS if one.kind == kind and one.is_readable}
        hidden = {name for name in mapped if f"{records}.{name}" in self.hidden}
        if not self.is_multi_currency:
            hidden.add("CurrencyIsoCode")
        there = {**_TYPES[records], **mapped}
        return {name: type_ for name, type_ in there.items() if name not in hidden}

    def describe(self, request: Request, records: str) -> Reply:
        """Answer with the fields of an object that the user may see."""
        if records not in _TYPES or records in self.hidden:
            return self.not_found(request)
        kind = _KIND_OF.get(records)
        named = {one.name: one for one in FIELDS if one.kind == kind}
        fields = [
            {
                "name": name,
                "label": named[name].label if name in named else name,
                "type": type_,
                "length": (named[name].longest if name in named else None)
                or (18 if type_ in ID_TYPES else 0),
                "filterable": type_ != "textarea",
                "custom": name.endswith("__c"),
                "nillable": name not in _RECORD,
            }
            for name, type_ in self._types(records).items()
        ]
        return Reply(body={"name": records, "queryable": True, "fields": fields})

    # Bulk jobs

    def create_job(self, request: Request) -> Reply:
        """Take on a query as a job."""
        asked = request.json()
        if asked.get("operation") not in ("query", "queryAll") or asked.get("contentType") != "CSV":
            return _error(400, "INVALIDJOB", "operation or contentType is not supported")
        try:
            if COUNT in self._understood(asked["query"]).fields:
                raise RefusedError("API_ERROR", "Aggregate functions are not supported.")
        except RefusedError as refused:
            return _error(400, refused.code, str(refused))
        job_id = record_id("750", len(self._jobs) + 1)
        self._jobs[job_id] = _Job(asked["query"], asked["operation"] == "queryAll")
        return Reply(body={"id": job_id, "state": "UploadComplete", "apiVersion": float(NEWEST)})

    def look_at_job(self, request: Request, job_id: str) -> Reply:
        """Answer how far a job is: at the second look it is done."""
        if job_id not in self._jobs:
            return self.not_found(request)
        self._jobs[job_id].looks += 1
        state = "JobComplete" if self._jobs[job_id].looks > 1 else "InProgress"
        return Reply(body={"id": job_id, "state": state, "jobType": "V2Query"})

    def results(self, request: Request, job_id: str) -> Reply:
        """Answer with rows of a job that is done, from a locator on."""
        job = self._jobs.get(job_id)
        if job is None:
            return self.not_found(request)
        if job.looks < 2:
            return Reply(status=204)
        query = self._understood(job.soql)
        rows = query.run(self._rows(query, job.with_deleted))
        offset = int(b64decode(request.query.get("locator", "") or b64encode(b"0")))
        end = offset + min(int(request.query.get("maxRecords", self.a_result)), self.a_result)
        part = [query.selected(row) for row in rows[offset:end]]
        return Reply(
            body=_csv(query.fields, part),
            headers={
                "Content-Type": "text/csv",
                "Sforce-NumberOfRecords": str(len(part)),
                "Sforce-Locator": (
                    b64encode(str(end).encode()).decode() if end < len(rows) else "null"
                ),
            },
        )

    # Records

    def _rows(self, query: Query, with_deleted: bool) -> Iterator[Row]:
        """Yield the records among which a query has to look."""
        match query.records:
            case "Opportunity":
                rows: Iterable[Row] = self._opportunities(query)
            case "OpportunityHistory":
                rows = chain.from_iterable(map(self._history, self._deals_in(query)))
            case "OpportunityContactRole":
                rows = chain.from_iterable(map(self._roles, self._deals_in(query)))
            case "OpportunityStage":
                rows = self._stages()
            case records:
                rows = map(self._person, self._people(query, _KIND_OF[records]))
        return (row for row in rows if with_deleted or not row.get("IsDeleted"))

    def _opportunities(self, query: Query) -> Iterator[Row]:
        ids = query.condition("Id", "IN")
        gone = self.book.departures
        if ids is not None:
            live: Iterable[Deal] = self.book.deals(ids)
        else:
            is_by_id = [*query.order] == [("Id", False)]
            is_plain = {one.field for one in query.where} <= {"Id", "SystemModstamp"}
            live = self.book.modified(
                *_window(query, "SystemModstamp"),
                after=query.condition("Id", ">"),
                limit=query.limit if is_by_id and is_plain else None,
            )
        yield from map(self._opportunity, live)
        for deal_id in gone if ids is None else ids & gone.keys():
            yield self._opportunity(gone[deal_id].deal)

    def _deals_in(self, query: Query) -> Sequence[Deal]:
        """Return the deals whose history or roles a query looks through."""
        ids = query.condition("OpportunityId", "IN")
        if ids is not None:
            return self.book.deals(ids)
        since, until = _window(query, "Contact.SystemModstamp")
        if since is None:
            return self.book.modified()
        contacts = self.book.people_modified(CONTACT, since, until)
        ids = dict.fromkeys(
            chain.from_iterable(self.book.deals_of(one.person_id) for one in contacts)
        )
        return self.book.deals(ids)

    def _people(self, query: Query, kind: str) -> Sequence[Person]:
        if ids := query.condition("MasterRecordId", "IN"):
            losers = [loser for loser, winner in self._masters.items() if winner in ids]
            return [one for loser in losers if (one := self.book.person(loser))]
        if ids := query.condition("ConvertedOpportunityId", "IN"):
            people = (self.book.people_of(deal, kind) for deal in self.book.deals(ids))
            return [*{one.person_id: one for one in chain.from_iterable(people)}.values()]
        return self.book.people_modified(kind, *_window(query, "SystemModstamp"))

    def _opportunity(self, deal: Deal) -> Row:
        gone, stage = self.book.departures.get(deal.deal_id), self.book.stage(deal.stage)
        own = {**deal.fields, "amount": deal.amount, "lost_reason": deal.lost_reason}
        return {
            **_mapped("deal", own),
            "Id": deal.deal_id,
            "IsDeleted": gone is not None,
            "Name": deal.name,
            "StageName": api_name(deal.stage),
            "IsClosed": stage.outcome is not Outcome.OPEN,
            "IsWon": stage.outcome is Outcome.WON,
            "CloseDate": deal.entered[-1][1].date(),
            "CurrencyIsoCode": deal.currency,
            "OwnerId": deal.owner or record_id("005", 1),
            "RecordTypeId": record_id("012", 1),
            "RecordType": {"Id": record_id("012", 1), "Name": stage.pipeline},
            "CreatedDate": _whole(deal.created_at),
            "SystemModstamp": _whole(deal.modified_at if gone is None else gone.at),
        }

    def _history(self, deal: Deal) -> Iterator[Row]:
        for number, (key, at) in enumerate(deal.entered):
            yield {
                "Id": _child_id("008", deal.deal_id, number),
                "IsDeleted": False,
                "OpportunityId": deal.deal_id,
                "StageName": api_name(key),
                "CreatedDate": _whole(at),
                "SystemModstamp": _whole(at),
            }

    def _roles(self, deal: Deal) -> Iterator[Row]:
        opportunity = self._opportunity(deal)
        for number, contact in enumerate(self.book.people_of(deal, CONTACT)):
            since = max(deal.created_at, contact.created_at)
            at = _whole(self._roles_at.get((deal.deal_id, contact.person_id), since))
            is_readable = contact.person_id not in self.hidden
            yield {
                "Id": _child_id("00K", deal.deal_id, number),
                "IsDeleted": False,
                "OpportunityId": deal.deal_id,
                "Opportunity": opportunity,
                "ContactId": contact.person_id,
                "Contact": self._person(contact) if is_readable else None,
                "IsPrimary": number == 0,
                "CreatedDate": at,
                "SystemModstamp": at,
            }

    def _stages(self) -> Iterator[Row]:
        for stage in self.book.stages:
            yield {
                "Id": record_id("01J", stage.position),
                "ApiName": api_name(stage.key),
                "MasterLabel": stage.name,
                "IsActive": True,
                "IsClosed": stage.outcome is not Outcome.OPEN,
                "IsWon": stage.outcome is Outcome.WON,
                "SortOrder": Decimal(stage.position),
            }

    def _person(self, person: Person) -> Row:
        row = {
            **_mapped(person.kind, person.fields),
            "Id": person.person_id,
            "IsDeleted": person.person_id in self._masters,
            "MasterRecordId": self._masters.get(person.person_id),
            "CreatedDate": _whole(person.created_at),
            "SystemModstamp": _whole(person.modified_at),
        }
        if person.kind == CONTACT:
            return row
        deals = self.book.deals(self.book.deals_of(person.person_id))
        became = next((deal for deal in deals if person.person_id in deal.people), None)
        return row | {
            "IsConverted": became is not None,
            "ConvertedOpportunityId": became and became.deal_id,
            "ConvertedOpportunity": became and self._opportunity(became),
        }


def record_id(prefix: str, number: int) -> str:
    """Return an ID of 18 characters: three tell the kind, twelve count, three guard the case.

    https://developer.salesforce.com/docs/platform/object-reference/guide/field-types.html
    """
    digits = ""
    for _ in range(5):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return guarded(f"{prefix}5g00000{digits}")


def guarded(record_id: str) -> str:
    """Return 15 characters with three that say which of them are upper case."""
    parts = (record_id[at : at + 5] for at in (0, 5, 10))
    bits = (sum(1 << at for at, one in enumerate(part) if one.isupper()) for part in parts)
    return record_id + "".join(_CHECKSUM[bit] for bit in bits)


def api_name(key: str) -> str:
    """Return what StageName and a stage's ApiName hold: the label it had when it was made."""
    return f"{key.title()} (2019)"


def _child_id(prefix: str, deal_id: str, number: int) -> str:
    return guarded(f"{prefix}{deal_id[5:15]}{_DIGITS[number // 62]}{_DIGITS[number % 62]}")


def _mapped(kind: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the book's values by the vendor's names; an empty text is null."""
    return {one.name: _typed(one, own.get(one.own)) for one in FIELDS if one.kind == kind}


def _typed(field: Field, value: Any) -> Any:
    if value in ("", None):
        return None
    return date.fromisoformat(value) if field.type == "date" else value


def _window(query: Query, stamp: str) -> tuple[datetime | None, datetime | None]:
    return query.condition(stamp, ">="), query.condition(stamp, "<")


def _fits(value: Any, type_: str) -> bool:
    if value is None:
        return True
    match type_:
        case "datetime":
            return isinstance(value, datetime)
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "boolean":
            return isinstance(value, bool)
        case "currency" | "int":
            return isinstance(value, Decimal)
        case "textarea":
            return False
    return isinstance(value, str)


def _wrong_client(form: Mapping[str, str]) -> tuple[str, str] | None:
    if form.get("client_id") != CLIENT_ID:
        return "invalid_client_id", "client identifier invalid"
    if form.get("client_secret") != CLIENT_SECRET:
        return "invalid_client", "invalid client credentials"
    return None


def _unpacked(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _shown(records: str, selected: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """Return a record as REST shows it, parents too."""
    shown: dict[str, Any] = {"attributes": _attributes(records, row["Id"])}
    for name, value in selected.items():
        if isinstance(value, dict):
            parent = _PARENTS[records, name]
            shown[name] = _shown(parent, value, row[name])
        else:
            shown[name] = _in_json(value)
    return shown


def _attributes(records: str, record_id: str) -> dict[str, str]:
    url = f"/services/data/v{NEWEST}.0/sobjects/{records}/{record_id}"
    return {"type": records, "url": url}


def _in_json(value: Any) -> Any:
    match value:
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S.000+0000}"
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
    return value


def _csv(fields: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as bulk results are: all quoted, null empty, datetimes in Z."""
    out = StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        values = (_in_json(row[field]) for field in fields)
        writer.writerow(str(one or "").replace("+0000", "Z") for one in values)
    return out.getvalue().encode()


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status=status, body=[{"message": message, "errorCode": code}])
