"""Deals from Zoho CRM, version 8, nearly all of it by COQL.

What shapes it: only COQL has a window with two ends, lists of IDs and pages by record ID;
milestones come from the module that tracks the history of `Stage`, for `Closing_Date` is typed by
people; and a token is a scarce thing, ten in ten minutes, so it is worth a file. What this user may
not see is left out in silence. A column that an organisation has not got is an error, so those
there are are asked for first.
https://www.zoho.com/crm/developer/docs/api/v8/Get-Records-through-COQL-Query.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
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
from convsync.http import Answer, Http, Verdict
from convsync.model.deal import Gone
from convsync.model.period import Period

API: Final = "crm/v8"
API_OF: Final[Mapping[str, str]] = {
    "accounts.zoho.com": "https://www.zohoapis.com",
    "accounts.zoho.eu": "https://www.zohoapis.eu",
    "accounts.zoho.in": "https://www.zohoapis.in",
    "accounts.zoho.com.au": "https://www.zohoapis.com.au",
    "accounts.zoho.jp": "https://www.zohoapis.jp",
    "accounts.zohocloud.ca": "https://www.zohoapis.ca",
    "accounts.zoho.com.cn": "https://www.zohoapis.com.cn",
    "accounts.zoho.sa": "https://www.zohoapis.sa",
}
"""Where each data centre's API is. https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html"""
_MODULES: Final = {DEAL: "Deals", CONTACT: "Contacts", LEAD: "Leads"}
_STANDARD: Final = (
    "Stage", "Pipeline", "Amount", "Currency", "Owner", "Contact_Name", "Reason_For_Loss__s",
    "Created_Time", "Modified_Time",
)  # fmt: skip
_A_PAGE, _IN, _COLUMNS, _SAMPLE = 200, 50, 50, 100
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_WAYS: Final = ("deals", "contacts", "leads")
_OUTCOMES = {"Closed Won": StageOutcome.WON, "Closed Lost": StageOutcome.LOST}
_AN_HOUR_S, _TEN_MINUTES_S = 3600.0, 600.0


class NotQueryableError(UnexpectedResponseError):
    """COQL does not know a module."""


class Zoho:
    """One Zoho CRM organisation. Promises what Crm does; `fields` is asked before deals are."""

    lag = timedelta(0)
    overlap = timedelta(minutes=2)

    def __init__(self, http: Http, mapping: CrmMapping) -> None:
        self._http = http
        self._names = mapping.names
        self._known: dict[str, frozenset[str]] = {}
        self._actual: dict[str, str] = {}
        self._stages: Mapping[str, Stage] = {}
        self._has_history = True

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every pipeline of every layout; `forecast_type` says which is won.

        Deals and their history hold a stage's text and not its ID: its `actual_value`, which stays
        when the stage is renamed. That it is not the new name is unconfirmed; either is known.
        https://www.zoho.com/crm/developer/docs/api/v8/get-pipelines.html
        """
        layouts = self._get("settings/layouts", {"module": "Deals"}, "layouts")
        stages = []
        for layout in layouts:
            query = {"layout_id": layout["id"]}
            for pipeline in self._get("settings/pipeline", query, "pipeline"):
                for stage in pipeline["maps"]:
                    self._actual[stage["display_value"]] = stage["actual_value"]
                    stages.append(
                        Stage(
                            stage_id=stage["actual_value"],
                            name=stage["display_value"],
                            pipeline=pipeline["display_value"],
                            position=int(stage["sequence_number"]),
                            outcome=_OUTCOMES.get(stage["forecast_type"], StageOutcome.OPEN),
                        )
                    )
        self._stages = {stage.stage_id: stage for stage in stages}
        return stages

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals, contacts and leads with their lengths.

        https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html
        """
        listed = []
        for kind, module in _MODULES.items():
            described = self._get("settings/fields", {"module": module}, "fields")
            self._known[kind] = frozenset(one["api_name"] for one in described)
            listed += [
                CrmField(
                    kind=kind,
                    name=one["api_name"],
                    label=one["display_label"],
                    type=one["data_type"],
                    longest=one.get("length"),
                    is_readable=bool(one["visible"]),
                )
                for one in described
            ]
        return listed

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold."""
        columns = ", ".join(names)
        newest = f"where id is not null order by Created_Time desc limit 0, {_SAMPLE}"
        records = self._asked(f"select {columns} from {_MODULES[kind]} {newest}")  # noqa: S608
        return [_plain(record) for record in records]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by record ID, then those whose people were."""
        first, _, last = (after or f"{_WAYS[0]}:").partition(":")
        seen: set[str] = set()
        for way in _WAYS[_WAYS.index(first) :]:
            if way == "deals":
                for records in self._modified(DEAL, window, last, self._columns(DEAL)):
                    seen.update(record["id"] for record in records)
                    yield self._complete(records, f"deals:{records[-1]['id']}")
            elif window.since >= _FIRST:
                yield from self._of_changed_people(way, window, last, seen)
            last = ""

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began: none can have moved in it otherwise."""
        ever_since = Period(since=period.since, until=_LAST)
        for records in self._modified(DEAL, ever_since, "", self._columns(DEAL)):
            yield self._complete(records)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals deleted in the window: 60 days in the bin, 120 once they are gone for good.

        A deal that was merged into another is deleted, and names no survivor.
        https://www.zoho.com/crm/developer/docs/api/v8/get-deleted-records.html
        """
        since = {"If-Modified-Since": _stamp(max(window.since, _FIRST))}
        page, before = 1, ""
        while True:
            query = {"type": "all", "per_page": str(_A_PAGE), "page": str(page)}
            answer = self._http.get(f"{API}/Deals/deleted", query, headers=since) or {}
            records = answer.get("data") or []
            if records and records[0]["id"] == before:
                raise UnexpectedResponseError(f"{self._http.name} repeats page {page}.")
            for record in records:
                if (at := instant(record["deleted_time"])) and at in window:
                    yield Departed(deal_id=record["id"], gone=Gone.DELETED)
            if not (answer.get("info") or {}).get("more_records"):
                return
            page, before = page + 1, records[0]["id"] if records else ""

    # Which deals

    def _of_changed_people(
        self, way: str, window: Period, last: str, seen: set[str]
    ) -> Iterator[Page]:
        """Yield the deals of contacts, or of converted leads, that were modified in the window."""
        kind, columns = (CONTACT, []) if way == "contacts" else (LEAD, ["Converted_Deal"])
        if kind == LEAD and not self._converts():
            return
        for people in self._modified(kind, window, last, columns):
            if kind == CONTACT:
                deals = self._among(DEAL, "Contact_Name", _ids(people), [])
                ids = [deal["id"] for deal in deals]
            else:
                ids = [one["Converted_Deal"]["id"] for one in people if one.get("Converted_Deal")]
            others = [one for one in dict.fromkeys(ids) if one not in seen]
            seen.update(others)
            records = list(self._among(DEAL, "id", others, self._columns(DEAL)))
            yield self._complete(records, f"{way}:{people[-1]['id']}")

    def _modified(
        self, kind: str, window: Period, last: str, columns: Sequence[str]
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the records modified in a window, by ID. COQL counts in whole seconds."""
        until = min(window.until, _LAST)
        whole = until.replace(microsecond=0) - (timedelta(0) if until.microsecond else _SECOND)
        bounds = f"'{_stamp(max(window.since, _FIRST))}' and '{_stamp(whole)}'"
        yield from self._by_id(kind, f"Modified_Time between {bounds}", columns, last)

    def _among(
        self, kind: str, column: str, ids: Iterable[str], columns: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the records whose column names one of these IDs, fifty a query."""
        for batch in batches(ids, _IN):
            listed = ", ".join(f"'{one}'" for one in batch)
            for page in self._by_id(kind, f"{column} in ({listed})", columns):
                yield from page

    def _by_id(
        self, kind: str, condition: str, columns: Sequence[str], last: str = ""
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of what fits a condition, by record ID: offsets end at 100,000 rows.

        https://www.zoho.com/crm/developer/docs/api/v8/COQL-Limitations.html
        """
        select = ", ".join(dict.fromkeys(("id", *columns)))
        module = _MODULES.get(kind, kind)
        while True:
            following = f"where ({condition} and id > {last or 0}) order by id asc"
            limit = f"limit 0, {_A_PAGE}"
            query = f"select {select} from {module} {following} {limit}"  # noqa: S608
            records = self._asked(query)
            if not records:
                return
            if last and int(records[-1]["id"]) <= int(last):
                raise UnexpectedResponseError(f"{self._http.name} repeats the page after {last}.")
            yield records
            if len(records) < _A_PAGE:
                return
            last = records[-1]["id"]

    # What they are

    def _complete(self, records: Sequence[dict[str, Any]], place: str | None = None) -> Page:
        """Return deals with their contact, their lead and the stages they went through."""
        ids = _ids(records)
        history = self._history(ids)
        contacts = {
            one["id"]: _person(CONTACT, one)
            for one in self._among(
                CONTACT, "id", _lookups(records, "Contact_Name"), self._columns(CONTACT)
            )
        }
        leads = self._leads(ids)
        deals = []
        for record in records:
            contact = contacts.get((record.get("Contact_Name") or {}).get("id", ""))
            people = [*leads.get(record["id"], ()), *([contact] if contact else ())]
            entered = history.get(record["id"], ())
            deals.append(built(record["id"], self._deal, record, entered, people))
        return Page(deals=deals, place=place)

    def _leads(self, ids: Sequence[str]) -> dict[str, list[Person]]:
        """Return the leads that became these deals, where leads are mapped at all."""
        leads: defaultdict[str, list[Person]] = defaultdict(list)
        if self._names[LEAD] and self._converts():
            columns = ["Converted_Deal", *self._columns(LEAD)]
            for one in self._among(LEAD, "Converted_Deal", ids, columns):
                leads[one["Converted_Deal"]["id"]].append(_person(LEAD, one))
        return leads

    def _history(self, ids: Sequence[str]) -> dict[str, list[Entered]]:
        """Return the stages deals came into, from the module that tracks them.

        Its rows are stays in a stage, and `Modified_Time` is when one began. That COQL knows the
        module is not documented; where it does not, each deal's related list is asked instead.
        https://www.zoho.com/crm/developer/docs/api/v8/get-related-records.html
        """
        columns = ["Potential_Name", "Stage", "Modified_Time"]
        entered: defaultdict[str, list[Entered]] = defaultdict(list)
        if self._has_history:
            try:
                for one in self._among("DealHistory", "Potential_Name", ids, columns):
                    self._note(entered[one["Potential_Name"]["id"]], one)
                return entered
            except NotQueryableError:
                self._has_history = False
        for deal_id in ids:
            query = {"fields": "Stage,Modified_Time", "per_page": str(_A_PAGE)}
            answer = self._http.get(f"{API}/Deals/{deal_id}/Stage_History", query) or {}
            for one in answer.get("data") or ():
                self._note(entered[deal_id], one)
        return entered

    def _note(self, entered: list[Entered], row: Mapping[str, Any]) -> None:
        stage, at = row["Stage"], instant(row["Modified_Time"])
        if stage and at:
            entered.append(Entered(self._actual.get(stage, stage), at))

    def _deal(
        self, record: Mapping[str, Any], entered: Sequence[Entered], people: Sequence[Person]
    ) -> CrmDeal:
        created_at, stage = instant(record["Created_Time"]), record["Stage"] or ""
        if not entered and created_at and stage:
            entered = [Entered(self._actual.get(stage, stage), created_at)]
        return CrmDeal(
            deal_id=record["id"],
            created_at=created_at,
            modified_at=instant(record["Modified_Time"]),
            entered=entered,
            amount=record["Amount"],
            currency=record.get("Currency"),
            attributes={
                "owner": (record.get("Owner") or {}).get("id", ""),
                "pipeline": record.get("Pipeline") or "",
                "stage": stage,
                "lost_reason": record.get("Reason_For_Loss__s") or "",
            },
            fields=_plain(record),
            people=people,
        )

    # How it is asked

    def _columns(self, kind: str) -> list[str]:
        """Return the columns of a kind of record that are wanted and there, fifty at the most."""
        standard = _STANDARD if kind == DEAL else ("Created_Time",)
        known = self._known.get(kind, frozenset())
        columns = [name for name in (*standard, *self._names[kind]) if name in known]
        wanted = list(dict.fromkeys(columns))
        if len(wanted) >= _COLUMNS:
            raise OperatorError(
                f"{self._http.name} tells {_COLUMNS} fields of a {kind} at the most: map fewer."
            )
        return wanted

    def _converts(self) -> bool:
        return "Converted_Deal" in self._known.get(LEAD, frozenset())

    def _asked(self, query: str) -> list[dict[str, Any]]:
        answer = self._http.post(f"{API}/coql", {"select_query": query})
        if answer is None:
            return []
        try:
            records: list[dict[str, Any]] = answer["data"]
        except (KeyError, TypeError):
            raise UnexpectedResponseError(f"{self._http.name}: an answer has no data.") from None
        return records

    def _get(self, path: str, query: Mapping[str, str], key: str) -> list[dict[str, Any]]:
        answer = self._http.get(f"{API}/{path}", query)
        if answer is None:
            return []
        try:
            listed: list[dict[str, Any]] = answer[key]
        except (KeyError, TypeError):
            raise UnexpectedResponseError(f"{self._http.name}: {path} has no {key}.") from None
        return listed


def judge(answer: Answer) -> Verdict:
    """Return what Zoho means by a status that says too little.

    https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html
    """
    code = _code(answer.body)
    match answer.status:
        case 429 if answer.headers.get("X-API-CREDITS-REMAINING") == "0":
            return TransientError(
                f"{answer.place}: the organisation's credits of 24 hours are used up.",
                retry_after_s=_AN_HOUR_S,
            )
        case 401 if code == "OAUTH_SCOPE_MISMATCH":
            return OperatorError(
                f"{answer.place} needs a scope that the token lacks: ZohoCRM.coql.READ,"
                " ZohoCRM.modules.READ or ZohoCRM.settings.READ."
            )
        case 403:
            return OperatorError(
                f"{answer.place} may not be read ({code}): give the token's user the right."
            )
        case 400 if code == "AUTHORIZATION_FAILED":
            return OperatorError(f"{answer.place} may not be read: give the user the right.")
        case 400 if code == "INVALID_MODULE":
            return NotQueryableError(f"{answer.place}: there is no such module.")
        case 400:
            return UnexpectedResponseError(f"{answer.place} was refused: {code or 'no code'}.")
    return None


def judge_sign_in(answer: Answer) -> Verdict:
    """Return what the token endpoint means, which says 200 to a refusal.

    https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html
    """
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if error == "Access Denied":
        return TransientError(
            f"{answer.place}: ten tokens were made in ten minutes; set token_file to keep them.",
            retry_after_s=_TEN_MINUTES_S,
        )
    if error and answer.status < 500:
        return OperatorError(
            f"{answer.place} signs nobody in ({error}): check client_id, client_secret,"
            " refresh_token, and that login_url is your data centre's."
        )
    return None


def refreshing(
    http: Http, client_id: str, client_secret: str, refresh_token: str, api_url: str
) -> Fetch:
    """Return what gets an access token, good for an hour, and only for `api_url`.

    https://www.zoho.com/crm/developer/docs/api/v8/refresh.html
    """

    def fetch(_: Token | None) -> Token:
        asked_at = http.clock()
        form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }
        token = granted(http.name, http.form("oauth/v2/token", form), asked_at)
        if token.api_url and urlsplit(token.api_url).netloc != urlsplit(api_url).netloc:
            raise OperatorError(
                f"{http.name}'s token is for {token.api_url}: set the source's url to that, or"
                " login_url to its data centre."
            )
        return token

    return fetch


def _code(body: Any) -> str:
    """Return an error's code; in the list of deleted records it stands inside `data`."""
    inner = body.get("data") if isinstance(body, dict) else None
    said = inner[0] if isinstance(inner, list) and inner else body
    return str(said.get("code") or "") if isinstance(said, dict) else ""


def _ids(records: Iterable[Mapping[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


def _lookups(records: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    found = (record.get(name) or {} for record in records)
    return list(dict.fromkeys(one["id"] for one in found if one))


def _person(kind: str, record: Mapping[str, Any]) -> Person:
    return Person(
        kind=kind,
        record_id=record["id"],
        created_at=instant(record.get("Created_Time")),
        fields=_plain(record),
    )


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record whose lookups are names and whose lists are texts."""
    plain: dict[str, Any] = {}
    for name, value in record.items():
        match value:
            case {"name": said}:
                plain[name] = said
            case list():
                plain[name] = ";".join(map(str, value))
            case _:
                plain[name] = value
    return plain


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat()
