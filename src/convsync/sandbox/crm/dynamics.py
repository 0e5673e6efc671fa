"""Dataverse's Web API, version 9.2, as documented: the tables that reading deals takes.

Lists go by the page size of `Prefer`, in the order asked, with a link whose cookie says after which
row to go on. Unknown columns, IDs compared by `gt`, more than 300 conditions and URLs over 32,768
characters are refused. Rows the app user may not read are left out of lists without a word, and
refused with 403 when asked for. Processes are audited; what was deleted is nowhere. Reopening or
closing an opportunity does not touch its process. What is not documented follows the simplest
reading.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from email import message_from_bytes
from http import HTTPStatus
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.crm import dynamics_pages as pages
from convsync.sandbox.crm import odata
from convsync.sandbox.crm.book import CONTACT, LEAD, CrmBook
from convsync.sandbox.crm.consenting import DEVICE_CODE, ConsentingServer
from convsync.sandbox.crm.dynamics_flows import flows_of
from convsync.sandbox.crm.dynamics_pages import BASE
from convsync.sandbox.crm.dynamics_rows import DEAL_ID, DataverseRow, Rows, deal_of, guid, stage_id
from convsync.sandbox.crm.dynamics_tables import FIELDS, STANDARD, TABLES, DataverseTable
from convsync.sandbox.crm.server import Allowance, Field, Now, Reply, Request

TENANT: Final = "contoso.onmicrosoft.com"
CLIENT_ID: Final = "535fb089-9ff3-47b6-9bfb-4f1264799865"
CLIENT_SECRET: Final = "secret-sandbox"  # noqa: S105 - opens nothing but this sandbox
MOST_ROWS, MOST_PARTS, LONGEST_URL = 5_000, 1_000, 32_768


class DynamicsServer(ConsentingServer):
    """Dataverse over a book, in which stages with an outcome are states. IDs are GUIDs.

    `refused` holds what is answered instead to paths that contain a word, in batches too.
    """

    name = "dynamics"
    routes = (
        ("POST", r"/[\w.-]+/oauth2/v2\.0/token", "token"),
        ("GET", r"/[\w.-]+/oauth2/v2\.0/authorize", "consent_page"),
        ("POST", r"/[\w.-]+/oauth2/v2\.0/authorize", "consent_given"),
        ("POST", r"/[\w.-]+/oauth2/v2\.0/devicecode", "device_code"),
        ("POST", r"/devicelogin", "type_code"),
        ("POST", BASE + r"/\$batch", "batch"),
        ("GET", BASE + r"/EntityDefinitions", "processes"),
        (
            "GET",
            BASE + r"/EntityDefinitions\(LogicalName='(?P<table>\w+)'\)/Attributes"
            r"(?P<of_text>/Microsoft\.Dynamics\.CRM\.StringAttributeMetadata)?",
            "attributes",
        ),
        (
            "GET",
            BASE
            + r"/audits\((?P<audit_id>[\w-]+)\)/Microsoft\.Dynamics\.CRM\.RetrieveAuditDetails",
            "audit_details",
        ),
        ("GET", BASE + r"/opportunities\((?P<deal_id>[\w-]+)\)", "opportunity"),
        *(("GET", BASE + rf"/(?P<records>{records})", "listed") for records in TABLES),
    )

    most_at_once = 52
    allowances = (Allowance(requests=6_000, seconds=300, of=f"^{BASE}/", name="0x80072322"),)

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens: set[str] = set()
        self.desk = ConsentDesk("Microsoft Entra", (CLIENT_ID, CLIENT_SECRET))
        self.rows = Rows(book)
        self.refused: dict[str, Reply] = {}

    def record_id(self, kind: str, number: int) -> str:
        """Return a GUID, of each kind's own."""
        first = {"deal": DEAL_ID, CONTACT: "70bf4d48", LEAD: "8e1f7c10"}[kind]
        return f"{first}-d01c-ed11-b83e-{number:012x}"

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a bearer token everywhere but where one is given out."""
        if "/oauth2/v2.0/" in request.path or request.path == "/devicelogin":
            return None
        if request.bearer not in self.tokens:
            return Reply(status=401, headers={"WWW-Authenticate": "Bearer"})
        return next((reply for word, reply in self.refused.items() if word in request.path), None)

    def too_many(self, beyond: Allowance) -> Reply:
        """Name the limit, and how long to wait."""
        error = _error(429, beyond.name or "0x80072326", "the limit is exceeded")
        return replace(error, headers={"Retry-After": str(max(1, round(beyond.seconds)))})

    def token(self, request: Request) -> Reply:
        """Give out an access token for the app's secret, or with a refresh token for a person."""
        form = request.form()
        is_app = form.get("grant_type") == "client_credentials"
        if is_app and form.get("scope") != f"{request.base_url}/.default":
            return _no_token("invalid_scope", 70011)
        if form.get("grant_type") != DEVICE_CODE and not _is_our_app(form):
            return _no_token("invalid_client", 7000215, status=401)
        try:
            agreed = {} if is_app else self.agreed(form)
        except ConsentRefused as refused:
            return _no_token(refused.error, 70016)
        if agreed is None and form.get("grant_type") == "refresh_token":
            return _no_token("invalid_grant", 70008)
        if agreed is None:
            return _no_token("unsupported_grant_type", 70003)
        token = f"eyJ0eXAi.{len(self.tokens)}"
        self.tokens.add(token)
        return Reply(
            body={"token_type": "Bearer", "expires_in": 3599, "access_token": token, **agreed}
        )

    def device_code(self, request: Request) -> Reply:
        """Give out a code for a machine without a browser."""
        try:
            told = self.desk.device(request.form(), self.now(), f"{request.base_url}/devicelogin")
        except ConsentRefused as refused:
            return _no_token(refused.error, 700016)
        return Reply(body=told)

    def type_code(self, request: Request) -> Reply:
        """Take the code that a person typed."""
        is_known = self.desk.typed(request.form().get("user_code", ""))
        return Reply(status=200 if is_known else 400, body={})

    def listed(self, request: Request, records: str) -> Reply:
        """Answer with a page of a table's rows."""
        table, query = TABLES[records], request.query
        if len(urlencode(query)) > LONGEST_URL:
            return _error(414, "", "The request URI is too long.")
        try:
            where = odata.parsed(query["$filter"]) if "$filter" in query else None
            select = pages.selected(table, query, where)
            order = pages.order_of(table, query)
            after = pages.row_after(query.get("$skiptoken", ""), order)
        except odata.FilterError as error:
            return _error(400, "0x0", str(error))
        prefer = request.headers.get("prefer", "")
        size = re.search(r"odata\.maxpagesize=(\d+)", prefer)
        limit = min(int(query.get("$top", size[1] if size else MOST_ROWS)), MOST_ROWS)
        found = self._found(table, records, where, order, after)
        page = [*islice(found, limit)]
        body = {
            "@odata.context": f"{request.base_url}{BASE}/$metadata#{records}({','.join(select)})",
            "value": [pages.as_json(table, row, select, query, prefer) for row in page],
        }
        if "$top" not in query and next(found, None) is not None:
            body["@odata.nextLink"] = pages.link_behind(request, records, order, page)
        return Reply(body=body)

    def _found(
        self,
        table: DataverseTable,
        records: str,
        where: odata.Filter | None,
        order: "pages.Order",
        after: tuple[Any, ...] | None,
    ) -> Iterator[DataverseRow]:
        """Yield the rows that fulfil a filter, in order; deals are kept in that of their key."""
        is_by_key = order.columns == (table.key,) and not order.is_down
        rows = self.rows.of(records, where, after[0] if after and is_by_key else None)
        if where is not None:
            rows = (row for row in rows if where.matches(row.values))
        if records != "opportunities" or not is_by_key:
            rows = iter(sorted(rows, key=order.key, reverse=order.is_down))
        return (row for row in rows if after is None or order.key(row) > after)

    def opportunity(self, request: Request, deal_id: str) -> Reply:
        """Answer with a deal, or whether it is not there or may not be read."""
        deal, table = self.book.deal(deal_id.lower()), TABLES["opportunities"]
        if deal is None:
            message = f"Entity 'opportunity' With Id = {deal_id} Does Not Exist"
            return _error(404, "0x80040217", message)
        if deal_id in self.rows.unreadable:
            message = "Principal user is missing prvReadOpportunity privilege on OTC=3"
            return _error(403, "0x80040220", message)
        select = pages.selected(table, request.query, None)
        return Reply(body=pages.as_json(table, self.rows.opportunity(deal), select, {}, ""))

    def audit_details(self, request: Request, audit_id: str) -> Reply:
        """Answer with what a change made of a process."""
        deal = self.book.deal(deal_of(audit_id))
        audited = self.rows.audited(deal) if deal else ()
        found = [(flow, move) for own_id, flow, move in audited if own_id == audit_id]
        if not found:
            return _error(404, "0x80040217", f"audit With Id = {audit_id} Does Not Exist")
        ((flow, move),) = found
        typed = {"@odata.type": f"#Microsoft.Dynamics.CRM.{flow.table}"}
        return Reply(
            body={
                "AuditDetail": {
                    "@odata.type": "#Microsoft.Dynamics.CRM.AttributeAuditDetail",
                    "OldValue": typed,
                    "NewValue": {
                        **typed,
                        "_activestageid_value": stage_id(move.stage),
                    },
                }
            }
        )

    def batch(self, request: Request) -> Reply:
        """Answer single reads in one answer, those that fail among them."""
        kind = request.headers.get("content-type", "")
        message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
        parts = message.get_payload() if message.is_multipart() else []
        if not parts or len(parts) > MOST_PARTS:
            return _error(400, "0x0", "The batch is empty, too large or badly written.")
        boundary, answers = "batchresponse_01346794", []
        for part in parts:
            line = str(part.get_payload()).split("\r\n", 1)[0]  # type: ignore[union-attr]
            answers.append(_part(boundary, self._read(line.split(" ")[1], request)))
        return Reply(
            body=f"{''.join(answers)}--{boundary}--\r\n".encode(),
            headers={"Content-Type": f"multipart/mixed; boundary={boundary}"},
        )

    def processes(self, request: Request) -> Reply:
        """Answer with the tables of business process flows; another one knows no deals."""
        if request.query.get("$filter") != "IsBPFEntity eq true":
            return _error(400, "0x0", "only tables of processes are listed here")
        deal = [{"LogicalName": "opportunityid", "MetadataId": guid("opportunityid")}]
        tables: Sequence[tuple[str, str, list[dict[str, str]]]] = (
            *((flow.table, flow.records, deal) for flow in flows_of(self.book)),
            ("phonetocaseprocess", "phonetocaseprocesses", []),
        )
        return Reply(
            body={
                "value": [
                    {"LogicalName": name, "EntitySetName": records, "Attributes": attributes}
                    for name, records, attributes in tables
                ]
            }
        )

    def attributes(self, request: Request, table: str, of_text: str | None) -> Reply:
        """Answer with the columns of a table, all in one answer; lengths of those with text."""
        kind = {"opportunity": "deal"}.get(table, table)
        own = [one for one in (*FIELDS, *STANDARD) if one.kind == kind]
        if of_text:
            lengths = [one for one in own if one.longest]
            return Reply(
                body={
                    "value": [
                        {"LogicalName": one.name, "MaxLength": one.longest} for one in lengths
                    ]
                }
            )
        return Reply(body={"value": [*map(_described, own), _described_name(table)]})

    def _read(self, url: str, batch: Request) -> Reply:
        """Return the answer to one read of a batch."""
        parts = urlsplit(url)
        asked = replace(
            batch,
            method="GET",
            path=BASE + parts.path.partition(BASE)[2],
            query=dict(parse_qsl(parts.query)),
            body=b"",
        )
        return self.spoilt(asked) or self.handled(asked)[0]

    def not_found(self, request: Request) -> Reply:
        """Return the answer to a path that leads to no table."""
        return _error(404, "0x8006088a", f"Resource not found for the segment '{request.path}'.")


def _described(one: Field) -> dict[str, Any]:
    return {
        "LogicalName": one.name,
        "AttributeType": one.type,
        "AttributeOf": None,
        "IsValidForRead": one.is_readable,
        "DisplayName": {"UserLocalizedLabel": {"Label": one.label, "LanguageCode": 1033}},
        "MetadataId": guid(f"{one.kind}.{one.name}"),
    }


def _described_name(table: str) -> dict[str, Any]:
    """Return the column that names an owner; it exists in metadata, but cannot be asked for."""
    return {
        "LogicalName": "owneridname",
        "AttributeType": "String",
        "AttributeOf": "ownerid",
        "IsValidForRead": True,
        "DisplayName": {"UserLocalizedLabel": None},
        "MetadataId": guid(f"{table}.owneridname"),
    }


def _part(boundary: str, reply: Reply) -> str:
    more = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    return (
        f"--{boundary}\r\n"
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
        "Content-Type: application/json; odata.metadata=minimal\r\nOData-Version: 4.0\r\n"
        f"{more}\r\n{reply.encoded().decode()}\r\n"
    )


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status=status, body={"error": {"code": code, "message": message}})


def _is_our_app(form: Mapping[str, str]) -> bool:
    return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)


def _no_token(error: str, code: int, status: int = 400) -> Reply:
    description = f"AADSTS{code}: The request was refused.\r\nTrace ID: 255d1aef"
    body = {"error": error, "error_description": description, "error_codes": [code]}
    return Reply(status=status, body=body)
