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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.crm.book import CrmBook
from convsync.sandbox.crm.consenting import ConsentingServer
from convsync.sandbox.crm.salesforce_org import PARENTS, PREFIX, Org, record_id
from convsync.sandbox.crm.salesforce_writing import update, with_rights
from convsync.sandbox.crm.server import Now, Reply, Request
from convsync.sandbox.crm.soql import COUNT, SoqlError, SoqlRow

CLIENT_ID: Final = "3MVG9sandbox"
CLIENT_SECRET: Final = "secret-sandbox"  # noqa: S105 - opens nothing but this sandbox
USERNAME: Final = "integration@sandbox.example"
AUDIENCES: Final = ("https://login.salesforce.com", "https://test.salesforce.com")
NEWEST, RETIRED_BEFORE, A_BATCH, MOST_BYTES = 68, 31, 2_000, 16_384
ORG: Final = "00D5g000004xYzAEAU"
_LOCATOR_LIFE = timedelta(minutes=15)
_DATA = re.compile(r"/services/data/v(\d+)\.0/.*")
_V: Final = r"/services/data/v\d+\.0"


@dataclass(slots=True)
class _Job:
    """A bulk query job: what it asks, and how often somebody looked."""

    soql: str
    with_deleted: bool
    looks: int = 0


class SalesforceServer(ConsentingServer):
    """One org's APIs. `base_url` is where it is served.

    `a_batch` and `a_result` are how many rows come at once, at the most. `public_key` belongs to
    the certificate of the app.
    """

    name = "salesforce"
    has_pipelines = False
    base_url = "https://acme.my.salesforce.com"
    routes = (
        ("POST", r"/services/oauth2/token", "token"),
        ("GET", r"/services/oauth2/authorize", "consent_page"),
        ("POST", r"/services/oauth2/authorize", "consent_given"),
        ("POST", r"/services/oauth2/revoke", "revoke"),
        ("GET", rf"{_V}/query", "query"),
        ("GET", rf"{_V}/queryAll", "query_all"),
        ("GET", rf"{_V}/query/(?P<locator>\w+-\d+)", "next_part"),
        ("GET", rf"{_V}/sobjects/(?P<records>\w+)/describe", "describe"),
        ("PATCH", rf"{_V}/composite/sobjects", "update"),
        ("POST", rf"{_V}/jobs/query", "create_job"),
        ("GET", rf"{_V}/jobs/query/(?P<job_id>\w+)", "look_at_job"),
        ("GET", rf"{_V}/jobs/query/(?P<job_id>\w+)/results", "results"),
    )

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.org = Org(book)
        self.tokens: set[str] = set()
        self.desk = ConsentDesk("Salesforce", (CLIENT_ID, CLIENT_SECRET))
        self.public_key: RSAPublicKey | None = None
        self.a_batch, self.a_result = A_BATCH, 50_000
        self._given_out = 0
        self._parts: dict[str, tuple[datetime, list[dict[str, Any]]]] = {}
        self._jobs: dict[str, _Job] = {}

    def record_id(self, kind: str, number: int) -> str:
        """Return the 18 characters of an ID; those of larger numbers are larger."""
        return record_id(PREFIX[kind], number)

    def answer(self, request: Request) -> Reply:
        """Answer a request, and say how many calls the org has made."""
        reply = super().answer(request)
        usage = {"Sforce-Limit-Info": f"api-usage={sum(self.requests.values())}/100000"}
        return replace(reply, headers={**usage, **reply.headers})

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a bearer token, a version that is served, and a URL that is not too long."""
        if request.path.startswith("/services/oauth2/"):
            return None
        url = len(request.path) + len(urlencode(request.query)) + 1
        headers = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        if url > MOST_BYTES:
            return _page(414, b"URI Too Long")
        if url + headers > MOST_BYTES:
            return _page(431, b"Request Header Fields Too Large")
        version = _DATA.fullmatch(request.path)
        if version is None or int(version[1]) > NEWEST:
            return self.not_found(request)
        if int(version[1]) < RETIRED_BEFORE:
            return _error(410, "UNSUPPORTED_API_VERSION", "The API version is retired.")
        if request.bearer not in self.tokens:
            return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return None

    def not_found(self, _: Request) -> Reply:
        """Answer as for a path, version or object that does not exist."""
        return _error(404, "NOT_FOUND", "The requested resource does not exist")

    # Signing in

    def token(self, request: Request) -> Reply:
        """Give out an access token for a client's secret, for what it has signed, or for a code."""
        form = request.form()
        agreed: dict[str, str] = {}
        match form.get("grant_type"):
            case "authorization_code" | "refresh_token":
                agreed, problem = self._agreed(form)
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
                **agreed,
            }
        )

    def _agreed(self, form: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, str] | None]:
        """Return what is told of an agreement, or what is wrong; a refresh token is told once."""
        if problem := _wrong_client(form):
            return {}, problem
        try:
            agreed = self.agreed(form)
        except ConsentRefused:
            agreed = None
        if agreed is None:
            return {}, ("invalid_grant", "expired access/refresh token")
        return (agreed if form["grant_type"] == "authorization_code" else {}), None

    def _wrong_assertion(self, assertion: str) -> tuple[str, str] | None:
        try:
            signed, _, signature = assertion.rpartition(".")
            header, claims = (json.loads(_unpacked(part)) for part in signed.split("."))
            if self.public_key is None or header["alg"] != "RS256":
                return "invalid_grant", "invalid assertion"
            self.public_key.verify(_unpacked(signature), signed.encode(), PKCS1v15(), SHA256())
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
        if subject != USERNAME:
            return "invalid_grant", "user hasn't approved this consumer"
        return None

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
            query = self.org.understood(request.query.get("q", ""))
        except SoqlError as error:
            return _error(400, error.code, str(error))
        rows = query.run(self.org.rows(query, with_deleted))
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

    def describe(self, request: Request, records: str) -> Reply:
        """Answer with the fields of an object that the user may see."""
        if not self.org.shows(records):
            return self.not_found(request)
        fields = with_rights(self, self.org.described(records))
        return Reply(body={"name": records, "queryable": True, "fields": fields})

    def update(self, request: Request) -> Reply:
        """Write fields of opportunities."""
        return update(self, self.org, request)

    # Bulk jobs

    def create_job(self, request: Request) -> Reply:
        """Take on a query as a job."""
        asked = request.json()
        if asked.get("operation") not in ("query", "queryAll") or asked.get("contentType") != "CSV":
            return _error(400, "INVALIDJOB", "operation or contentType is not supported")
        try:
            if COUNT in self.org.understood(asked["query"]).fields:
                raise SoqlError("API_ERROR", "Aggregate functions are not supported.")
        except SoqlError as refused:
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
        query = self.org.understood(job.soql)
        rows = query.run(self.org.rows(query, job.with_deleted))
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


def _wrong_client(form: Mapping[str, str]) -> tuple[str, str] | None:
    if form.get("client_id") != CLIENT_ID:
        return "invalid_client_id", "client identifier invalid"
    if form.get("client_secret") != CLIENT_SECRET:
        return "invalid_client", "invalid client credentials"
    return None


def _unpacked(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _shown(records: str, selected: Mapping[str, Any], row: SoqlRow) -> dict[str, Any]:
    """Return a record as REST shows it, parents too."""
    shown: dict[str, Any] = {"attributes": _attributes(records, row["Id"])}
    for name, value in selected.items():
        if isinstance(value, dict):
            parent = PARENTS[records, name]
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
    writer.writerows([_in_csv(row[field]) for field in fields] for row in rows)
    return out.getvalue().encode()


def _in_csv(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S.000Z}"
    return str(_in_json(value))


def _page(status: int, reason: bytes) -> Reply:
    headers = {"Content-Type": "text/html"}
    return Reply(status=status, body=b"<h1>Bad Message</h1>" + reason, headers=headers)


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status=status, body=[{"message": message, "errorCode": code}])
