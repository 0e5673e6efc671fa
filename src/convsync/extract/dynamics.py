"""Deals from Dynamics 365 Sales, by the Dataverse Web API 9.2.

What shapes it: a GUID cannot be compared, so pages follow the server's own cookie, which goes by
the primary key inside a closed window; opportunities are won and lost by an activity that records
it, for the closing date is typed by people; the stage stands on the business process flow, which
knows since when a deal is in its stage, and with `audit` also when it was in those before; deleted
opportunities leave nothing, and what these credentials may not read is left out in silence, so a
deal is gone only where the API says so of it alone.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any, Final

from convsync.errors import OperatorError, UnexpectedResponseError
from convsync.extract.crm import (
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    built,
    instant,
)
from convsync.extract.funnel import Entered, Stage, StageOutcome
from convsync.extract.mapping import CONTACT, DEAL, LEAD, CrmMapping
from convsync.extract.oauth import Fetch, Token, granted
from convsync.extract.source import Departed
from convsync.http import Answer, Http, NotJson, Verdict
from convsync.model.deal import Gone
from convsync.model.period import Period

API: Final = "api/data/v9.2"
_TABLES: Final = {DEAL: "opportunities", CONTACT: "contacts", LEAD: "leads"}
_NAMES: Final = {DEAL: "opportunity", CONTACT: "contact", LEAD: "lead"}
_KEYS: Final = {DEAL: "opportunityid", CONTACT: "contactid", LEAD: "leadid"}
_OWN = "own"
_WAYS: Final = (_OWN, "parentcontactid", "customerid_contact", "originatingleadid")
"""What may have been modified: the deal itself, or somebody behind it."""
_STANDARD: Final = (
    "opportunityid", "createdon", "modifiedon", "statecode", "statuscode", "actualvalue",
    "estimatedvalue", "_transactioncurrencyid_value", "_parentcontactid_value",
    "_customerid_value", "_originatingleadid_value", "_ownerid_value",
)  # fmt: skip
_A_PAGE, _CONDITIONS, _IN, _PARTS, _SAMPLE = 500, 100, 500, 100, 100
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_LOOKUP = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_FORMATTED = "@OData.Community.Display.V1.FormattedValue"
_WON, _LOST = "state:won", "state:lost"
_STATES = {1: _WON, 2: _LOST}
_CLOSED: Final = (
    Stage(stage_id=_WON, name="Won", pipeline="any", position=98, outcome=StageOutcome.WON),
    Stage(stage_id=_LOST, name="Lost", pipeline="any", position=99, outcome=StageOutcome.LOST),
)
_GONE = "0x80040217"
"""https://learn.microsoft.com/troubleshoot/power-platform/dataverse/web-api-client-errors"""
_HEADERS: Final = {"OData-MaxVersion": "4.0", "OData-Version": "4.0", "If-None-Match": "null"}


class Dynamics:
    """One Dataverse environment. Promises what Crm does, and says which deals are gone.

    `process` is the table of the business process flow, `has_audit` whether its history is to be
    read from the audit log too, which needs the right to read that.
    """

    lag = timedelta(minutes=5)
    overlap = timedelta(minutes=10)

    def __init__(
        self, http: Http, mapping: CrmMapping, *, process: str, has_audit: bool = False
    ) -> None:
        self._http = http
        self._names = mapping.names
        self._process = process
        self._has_audit = has_audit
        self._stages: Mapping[str, Stage] = {}
        self._currencies: dict[str, str] | None = None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every flow of opportunities, and won and lost as two more.

        A stage has no position of its own; its category stands in for one.
        https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/processstage
        """
        flows = self._every(
            "workflows?$select=workflowid,name&$filter=category eq 4 and type eq 1"
            " and statecode eq 1 and primaryentity eq 'opportunity'"
        )
        names = {flow["workflowid"]: flow["name"] for flow in flows}
        described = self._every(
            "processstages?$select=processstageid,stagename,stagecategory,_processid_value"
            "&$filter=primaryentitytypecode eq 'opportunity'"
        )
        stages = [
            Stage(
                stage_id=stage["processstageid"],
                name=stage["stagename"],
                pipeline=names[stage["_processid_value"]],
                position=int(stage["stagecategory"] or 0),
            )
            for stage in described
            if stage["_processid_value"] in names
        ]
        self._stages = {stage.stage_id: stage for stage in (*stages, *_CLOSED)}
        return list(self._stages.values())

    def fields(self) -> Sequence[CrmField]:
        """Return the columns of opportunities, contacts and leads, texts with their lengths.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api
        """
        return [field for kind in _TABLES for field in self._fields_of(kind)]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold."""
        query = f"$select={','.join(names)}&$orderby=createdon desc&$top={_SAMPLE}"
        records: list[dict[str, Any]] = self._get(f"{_TABLES[kind]}?{query}")["value"]
        return records

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window, then those whose contacts or leads were.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows
        """
        first, _, link = (after or f"{_OWN}:").partition(":")
        seen: set[str] = set()
        is_first_read = window.since < _FIRST
        for way in _WAYS[_WAYS.index(first) :]:
            if way is not _OWN and is_first_read:
                return
            for records, following in self._modified(way, window, link):
                new = [one for one in records if one["opportunityid"] not in seen]
                if not is_first_read:
                    seen.update(one["opportunityid"] for one in new)
                yield self._complete(new, f"{way}:{following}" if following else None)
            link = ""

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began: none can have moved in it otherwise."""
        for records, _ in self._modified(_OWN, Period(since=period.since, until=_LAST), ""):
            yield self._complete(records)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield nothing: a deleted opportunity leaves no trace that a window would find."""
        yield from ()

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed]:
        """Yield those of the deals that are deleted: missing from a list, and not found alone.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows
        """
        for batch in batches(deal_ids, _IN):
            found = self._in(DEAL, batch, ["opportunityid"])
            there = {record["opportunityid"] for record in found}
            missing = [one for one in batch if one not in there]
            paths = [f"opportunities({one})?$select=opportunityid" for one in missing]
            for deal_id, (status, body) in zip(missing, self._batched(paths), strict=True):
                if status == 404 and _code(body) == _GONE:
                    yield Departed(deal_id=deal_id, gone=Gone.DELETED)

    # Which deals

    def _modified(
        self, way: str, window: Period, link: str
    ) -> Iterator[tuple[list[dict[str, Any]], str]]:
        """Yield pages of deals, and the link of the one after each; "" after the last.

        A link goes on behind the last record of its page, so deals that leave the window shift
        nothing. How long one lives is unconfirmed: where it is refused, the window begins again.
        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results
        """
        stamp = "modifiedon" if way == _OWN else f"{way}/modifiedon"
        bounds = [f"{stamp} ge {_stamp(max(window.since, _FIRST))}"]
        if window.until < _LAST:
            bounds.append(f"{stamp} lt {_stamp(window.until)}")
        columns = ",".join(dict.fromkeys((*_STANDARD, *self._names[DEAL])))
        query = f"$select={columns}&$filter={' and '.join(bounds)}&$orderby=opportunityid asc"
        start = f"opportunities?{query}"
        while True:
            try:
                answer = self._get(link or start)
            except UnexpectedResponseError:
                if not link:
                    raise
                answer = self._get(start)
            following = answer.get("@odata.nextLink") or ""
            if following and following == link:
                raise UnexpectedResponseError(f"{self._http.name} repeats a page for ever.")
            yield answer["value"], following
            if not following:
                return
            link = following

    # What they are

    def _complete(self, records: Sequence[dict[str, Any]], place: str | None = None) -> Page:
        """Return deals with their people and the stages they went through."""
        ids = [record["opportunityid"] for record in records]
        behind = self._stakeholders(ids)
        for record in records:
            behind[record["opportunityid"]] = [*_contacts(record), *behind[record["opportunityid"]]]
        contacts = self._people(CONTACT, (one for each in behind.values() for one in each))
        leads = self._people(LEAD, (each.get("_originatingleadid_value") for each in records))
        closes, moves = self._closes(ids), self._moves(ids)
        deals = []
        for record in records:
            deal_id = record["opportunityid"]
            people = [
                leads.get(record.get("_originatingleadid_value") or ""),
                *(contacts.get(one) for one in dict.fromkeys(behind[deal_id])),
            ]
            known = [person for person in people if person is not None]
            entered = _entered(record, moves.get(deal_id, ()), closes.get(deal_id, ()))
            deals.append(built(deal_id, self._deal, record, entered, known))
        return Page(deals=deals, place=place)

    def _stakeholders(self, ids: Sequence[str]) -> defaultdict[str, list[str]]:
        """Return the contacts that deals are connected with, by their IDs.

        https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/connection
        """
        behind: defaultdict[str, list[str]] = defaultdict(list)
        columns = "_record1id_value,_record2id_value"
        for one in self._of_deals("connections", columns, ids, "connectionid", "_record1id_value"):
            if one.get(f"_record2id_value{_LOOKUP}") == CONTACT:
                behind[one["_record1id_value"]].append(one["_record2id_value"])
        return behind

    def _people(self, kind: str, ids: Iterable[str | None]) -> dict[str, Person]:
        """Return contacts or leads by their IDs.

        https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/contact
        """
        wanted = dict.fromkeys(one for one in ids if one)
        columns = [_KEYS[kind], "createdon", *self._names[kind]]
        return {
            record[_KEYS[kind]]: Person(
                kind=kind,
                record_id=record[_KEYS[kind]],
                created_at=instant(record["createdon"]),
                fields=record,
            )
            for batch in batches(wanted, _IN)
            for record in self._in(kind, batch, columns)
        }

    def _closes(self, ids: Sequence[str]) -> dict[str, list[Entered]]:
        """Return when deals were won and lost, by the activities that closed them.

        https://learn.microsoft.com/dynamics365/sales/developer/entities/opportunityclose
        """
        closes = defaultdict(list)
        columns = "createdon,opportunitystatecode,_opportunityid_value"
        for record in self._of_deals("opportunitycloses", columns, ids, "activityid"):
            state, at = _STATES.get(record["opportunitystatecode"]), instant(record["createdon"])
            if state and at:
                closes[record["_opportunityid_value"]].append(Entered(state, at))
        return closes

    def _moves(self, ids: Sequence[str]) -> dict[str, list[Entered]]:
        """Return the stages deals came into: the present one, and where audited those before.

        https://learn.microsoft.com/dynamics365/sales/developer/entities/opportunitysalesprocess
        """
        columns = (
            "businessprocessflowinstanceid,_opportunityid_value,_activestageid_value,"
            "activestagestartedon,createdon"
        )
        key = "businessprocessflowinstanceid"
        flows = list(self._of_deals(self._process, columns, ids, key))
        audited = self._audited([flow[key] for flow in flows]) if self._has_audit else {}
        moves: defaultdict[str, list[Entered]] = defaultdict(list)
        for flow in flows:
            since = instant(flow["activestagestartedon"]) or instant(flow["createdon"])
            past = audited.get(flow[key], [])
            if since and flow["_activestageid_value"]:
                past = [*past, Entered(flow["_activestageid_value"], since)]
            moves[flow["_opportunityid_value"]] += past
        return moves

    def _audited(self, flows: Sequence[str]) -> dict[str, list[Entered]]:
        """Return the stages that the audit log saw flows come into.

        The log lists changes without their values; those are asked for in batches.
        https://learn.microsoft.com/power-apps/developer/data-platform/auditing/retrieve-audit-data
        """
        found = []
        for batch in batches(flows, _CONDITIONS):
            either = " or ".join(f"_objectid_value eq {one}" for one in batch)
            query = (
                f"$select=auditid,createdon,_objectid_value&$filter=operation le 2 and ({either})"
            )
            found += self._every(f"audits?{query}&$orderby=createdon asc")
        details = self._batched(
            f"audits({one['auditid']})/Microsoft.Dynamics.CRM.RetrieveAuditDetails" for one in found
        )
        moves = defaultdict(list)
        for record, (_, body) in zip(found, details, strict=True):
            new = ((body or {}).get("AuditDetail") or {}).get("NewValue") or {}
            stage, at = new.get("_activestageid_value"), instant(record["createdon"])
            if stage and at:
                moves[record["_objectid_value"]].append(Entered(stage, at))
        return moves

    def _deal(
        self, record: Mapping[str, Any], entered: Sequence[Entered], people: Sequence[Person]
    ) -> CrmDeal:
        stage = self._stages.get(entered[-1].stage_id) if entered else None
        is_won = record["statecode"] == 1
        return CrmDeal(
            deal_id=record["opportunityid"],
            created_at=instant(record["createdon"]),
            modified_at=instant(record["modifiedon"]),
            entered=entered,
            amount=record["actualvalue"] if is_won else record["estimatedvalue"],
            currency=self._currency(record.get("_transactioncurrencyid_value")),
            attributes={
                "owner": record.get("_ownerid_value") or "",
                "pipeline": stage.pipeline if stage else "",
                "stage": stage.name if stage else "",
                "lost_reason": record.get(f"statuscode{_FORMATTED}") or ""
                if record["statecode"] == 2
                else "",
            },
            fields=record,
            people=people,
        )

    def _currency(self, currency_id: str | None) -> str | None:
        """Return the ISO code of a record's currency; amounts in the organisation's are not read.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/transactioncurrency
        """
        if self._currencies is None:
            query = "transactioncurrencies?$select=transactioncurrencyid,isocurrencycode"
            self._currencies = {
                one["transactioncurrencyid"]: one["isocurrencycode"] for one in self._every(query)
            }
        return self._currencies.get(currency_id or "")

    # How it is asked

    def _fields_of(self, kind: str) -> Iterator[CrmField]:
        table = f"EntityDefinitions(LogicalName='{_NAMES[kind]}')/Attributes"
        lengths = {
            one["LogicalName"]: one["MaxLength"]
            for cast in ("StringAttributeMetadata", "MemoAttributeMetadata")
            for one in self._every(
                f"{table}/Microsoft.Dynamics.CRM.{cast}?$select=LogicalName,MaxLength"
            )
        }
        columns = "LogicalName,AttributeType,IsValidForRead,DisplayName"
        for one in self._every(f"{table}?$select={columns}"):
            label = (one["DisplayName"] or {}).get("UserLocalizedLabel") or {}
            yield CrmField(
                kind=kind,
                name=one["LogicalName"],
                label=label.get("Label") or one["LogicalName"],
                type=one["AttributeType"],
                longest=lengths.get(one["LogicalName"]),
                is_readable=bool(one["IsValidForRead"]),
            )

    def _in(self, kind: str, ids: Sequence[str], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return the records of these IDs; those that are gone or unreadable are missing."""
        select = ",".join(dict.fromkeys(columns))
        query = (
            f"$select={select}&$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,"
            f"PropertyValues=@p2)&@p1='{_KEYS[kind]}'&@p2={json.dumps(list(ids))}"
        )
        return self._every(f"{_TABLES[kind]}?{query}")

    def _of_deals(
        self,
        table: str,
        columns: str,
        ids: Sequence[str],
        key: str,
        lookup: str = "_opportunityid_value",
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of a table that belong to deals; a filter takes 300 conditions."""
        for batch in batches(ids, _CONDITIONS):
            either = " or ".join(f"{lookup} eq {one}" for one in batch)
            yield from self._every(f"{table}?$select={columns}&$filter={either}&$orderby={key}")

    def _every(self, path: str) -> list[dict[str, Any]]:
        """Return every record of a list, whatever its pages."""
        found: list[dict[str, Any]] = []
        link = path
        while link:
            answer = self._get(link)
            found += answer["value"]
            following = answer.get("@odata.nextLink") or ""
            link = "" if following == link else following
        return found

    def _get(self, path: str) -> Any:
        prefer = f'odata.maxpagesize={_A_PAGE},odata.include-annotations="*"'
        whole = path if path.startswith("http") else f"{API}/{path}"
        answer = self._http.get(whole, headers={**_HEADERS, "Prefer": prefer})
        if not isinstance(answer, dict) or "value" not in answer:
            raise UnexpectedResponseError(f"{self._http.name}: an answer has no value.")
        return answer

    def _batched(self, paths: Iterable[str]) -> Iterator[tuple[int, Any]]:
        """Yield status and body of each of many reads, in their order, a hundred a call.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api
        """
        for batch in batches(paths, _PARTS):
            body = "".join(_PART.format(path=f"/{API}/{path}") for path in batch) + _END
            answer = self._http.answer(
                "POST",
                f"{API}/$batch",
                data=body.encode(),
                headers={
                    **_HEADERS,
                    "Content-Type": f'multipart/mixed; boundary="{_BOUNDARY}"',
                    "Prefer": "odata.continue-on-error",
                },
            )
            parts = _parts_of(answer)
            if len(parts) != len(batch):
                raise UnexpectedResponseError(
                    f"{self._http.name} answered {len(parts)} of {len(batch)} parts of a batch."
                )
            yield from parts


_BOUNDARY = "batch_convsync"
_PART = (
    f"--{_BOUNDARY}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    "GET {path} HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"
)
_END = f"--{_BOUNDARY}--\r\n"


def _parts_of(answer: Answer) -> list[tuple[int, Any]]:
    """Return status and body of every part of a multipart answer."""
    if not isinstance(answer.body, NotJson):
        raise UnexpectedResponseError(f"{answer.place} was not answered in parts.")
    head = f"Content-Type: {answer.headers.get('Content-Type', '')}\r\n\r\n"
    whole = message_from_bytes(head.encode() + answer.body.text.encode())
    parts = []
    for part in whole.get_payload() if whole.is_multipart() else ():
        said = str(part.get_payload()).replace("\r\n", "\n")  # type: ignore[union-attr]
        line, _, rest = said.partition("\n")
        _, _, body = rest.partition("\n\n")
        parts.append((int(line.split()[1]), json.loads(body) if body.strip() else None))
    return parts


def judge(answer: Answer) -> Verdict:
    """Return what Dynamics means by a status that says too little.

    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors
    """
    code = _code(answer.body)
    if isinstance(answer.body, NotJson) and answer.body.kind == "multipart/mixed":
        return "fine"
    if answer.status == 403:
        return OperatorError(
            f"{answer.place} may not be read ({code or 'no code'}): add the app user to the"
            " environment, with a role that reads opportunities, contacts and leads."
        )
    if answer.status == 400 and code:
        return UnexpectedResponseError(f"{answer.place} was refused with {code}.")
    return None


def credentials(http: Http, tenant: str, client_id: str, secret: str, resource: str) -> Fetch:
    """Return what gets an access token of an app user; this flow has no refresh token.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    def fetch(_: Token | None) -> Token:
        asked_at = http.clock()
        answer = http.form(
            f"{tenant}/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret,
                "scope": f"{resource}/.default",
            },
        )
        return granted(http.name, answer, asked_at)

    return fetch


def _entered(
    record: Mapping[str, Any], moves: Iterable[Entered], closes: Iterable[Entered]
) -> list[Entered]:
    """Return the stages a deal came into; one that is open again came back after it was closed.

    When it was reopened is not kept: it was when it came into its stage, else when last modified.
    """
    entered = sorted((*moves, *closes), key=lambda one: one.at)
    stages = [one for one in entered if one.stage_id not in (_WON, _LOST)]
    modified_at = instant(record["modifiedon"])
    is_open = record["statecode"] == 0
    if is_open and stages and entered[-1].stage_id in (_WON, _LOST) and modified_at:
        entered.append(Entered(stages[-1].stage_id, max(modified_at, entered[-1].at)))
    return entered


def _contacts(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the contacts of a deal: its own, and its customer where that is a person."""
    if contact := record.get("_parentcontactid_value"):
        yield contact
    customer = record.get("_customerid_value")
    is_person = record.get(f"_customerid_value{_LOOKUP}") == CONTACT
    if customer and is_person and customer != contact:
        yield customer


def _code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
