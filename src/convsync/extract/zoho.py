"""Deals from Zoho CRM, API version 8, asked by COQL, its query language.

What shapes it: only COQL has windows with two ends, lists of IDs and paging by record ID, 200 rows
for one credit; milestones come from the stage history, for Closing_Date is typed by people; stages
are known by their words, which every pipeline may use; nothing found is 204 without a body; queries
never find deleted deals, which have a list of their own, and a merged deal is deleted in it, with no
word of the survivor.
https://www.zoho.com/crm/developer/docs/api/v8/
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

from convsync.errors import (
    ConvsyncError,
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
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
from convsync.extract.oauth import Fetch, Token, TokenKeeper, granted
from convsync.extract.source import Departed
from convsync.http import Answer, Http, Verdict
from convsync.model.deal import Gone
from convsync.model.period import Period

API: Final = "crm/v8"
Row = Mapping[str, Any]
_MODULES: Final = {DEAL: "Deals", CONTACT: "Contacts", LEAD: "Leads"}
_HISTORY: Final = "DealHistory"
_A_PAGE, _AN_IN, _SAMPLE = 200, 50, 100
_STANDARD: Final = {
    DEAL: (
        "Created_Time", "Modified_Time", "Amount", "Currency", "Stage", "Pipeline", "Owner",
        "Reason_For_Loss__s", "Contact_Name",
    ),
    CONTACT: ("Created_Time",),
    LEAD: ("Created_Time", "Converted_Deal"),
}  # fmt: skip
_NOT_SELECTED: Final = frozenset(
    {"fileupload", "imageupload", "profileimage", "multiselectlookup", "multiuserlookup", "subform"}
)
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before Zoho CRM there was nothing."""
_OUTCOMES: Final = {"Closed Won": StageOutcome.WON, "Closed Lost": StageOutcome.LOST}
_NONE: Final = "-None-"
"""What a picklist shows where nothing was picked."""
_A_DAY_S, _TOKENS_S = 3600.0, 600.0
"""The day is any 24 hours, so credits come back with every hour; tokens are given out again after
ten minutes."""
_RIGHTS: Final = frozenset({"NO_PERMISSION", "AUTHORIZATION_FAILED", "OAUTH_SCOPE_MISMATCH"})
_SIGN_IN: Final = {
    "invalid_code": "the refresh token was revoked, or is another data centre's: make a new one",
    "invalid_client": "login_url is not the client's data centre, or client_id is wrong",
    "invalid_client_secret": "client_secret is wrong, or another data centre's",
}
_DATA_CENTRES: Final = {
    "accounts.zoho.com": "zohoapis.com",
    "accounts.zoho.eu": "zohoapis.eu",
    "accounts.zoho.in": "zohoapis.in",
    "accounts.zoho.com.au": "zohoapis.com.au",
    "accounts.zoho.jp": "zohoapis.jp",
    "accounts.zohocloud.ca": "zohoapis.ca",
    "accounts.zoho.com.cn": "zohoapis.com.cn",
    "accounts.zoho.sa": "zohoapis.sa",
    "accounts.zoho.uk": "zohoapis.uk",
}
"""Where one signs in, and where that data centre's API is. Unconfirmed: the last two.
https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html"""
_ENVIRONMENTS: Final = ("www", "sandbox", "developer")


class Zoho:
    """One Zoho CRM organisation. Promises what Crm does; `fields` is asked before deals are.

    A deal has one contact of its own. Others stand in contact roles, which Zoho tells for one deal
    at a time: they are read with `reads_roles`.
    """

    lag = timedelta(0)
    overlap = timedelta(minutes=2)

    def __init__(self, http: Http, mapping: CrmMapping, *, reads_roles: bool = False) -> None:
        self._http = http
        self._mapping = mapping
        self._reads_roles = reads_roles
        self._known: Mapping[str, frozenset[str]] = {kind: frozenset() for kind in _MODULES}
        self._stages: Mapping[tuple[str, str], Stage] = {}
        self._history_is_queried: bool | None = None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every pipeline of every layout; `forecast_type` says won and lost.

        Pipelines share stages, so a stage's ID here is its pipeline's and its own. Unconfirmed:
        that deals hold `actual_value` where a stage was renamed; either is known.
        https://www.zoho.com/crm/developer/docs/api/v8/layouts-meta.html
        https://www.zoho.com/crm/developer/docs/api/v8/get-pipelines.html
        """
        layouts = self._settings("layouts", {"module": _MODULES[DEAL]})
        pipelines = {
            pipeline["id"]: pipeline
            for layout in layouts
            for pipeline in self._settings("pipeline", {"layout_id": layout["id"]})
        }
        by_word: dict[tuple[str, str], Stage] = {}
        stages = []
        for pipeline in pipelines.values():
            for one in pipeline["maps"]:
                stage = _stage(pipeline, one)
                stages.append(stage)
                for word in (one["display_value"], one["actual_value"]):
                    by_word[pipeline["actual_value"], word] = stage
                    by_word.setdefault(("", word), stage)
        self._stages = by_word
        return stages

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of deals, contacts and leads, as far as the user's profile shows them.

        https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html
        """
        listed = [
            CrmField(
                kind=kind,
                name=one["api_name"],
                label=one["field_label"],
                type=one["data_type"],
                longest=one.get("length"),
                is_readable=one["visible"] and one["data_type"] not in _NOT_SELECTED,
            )
            for kind, module in _MODULES.items()
            for one in self._settings("fields", {"module": module})
        ]
        self._known = {
            kind: frozenset(one.name for one in listed if one.kind == kind and one.is_readable)
            for kind in _MODULES
        }
        return listed

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold."""
        answer = self._coql(
            f"select {', '.join(('id', *names))} from {_MODULES[kind]} where id is not null"
            f" order by Created_Time desc limit 0, {_SAMPLE}"
        )
        return [_flat(row) for row in _data(answer)]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by ID, then others whose contact or lead was."""
        ways = {"deals": self._modified, "contacts": self._of_contacts, "leads": self._of_leads}
        place, _, last = (after or "deals:0").partition(":")
        for name in [*ways][[*ways].index(place) :]:
            for rows, read_to in ways[name](window, last):
                yield self._page(rows, place=f"{name}:{read_to}")
            last = "0"

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began: none can have moved in it otherwise."""
        ever_since = f"Modified_Time >= '{_text(max(period.since, _FIRST))}'"
        for rows in self._found(self._columns(DEAL), _MODULES[DEAL], ever_since):
            yield self._page(rows)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield deals deleted in the window. The bin keeps 60 days, its list of emptied ones 120.

        Merged deals are among them (unconfirmed). A restored one is no longer listed.
        https://www.zoho.com/crm/developer/docs/api/v8/get-deleted-records.html
        """
        since = {"If-Modified-Since": _text(max(window.since, _FIRST))}
        for row in self._listed("Deals/deleted", {"type": "all"}, headers=since):
            if (at := instant(row["deleted_time"])) and at in window:
                yield Departed(deal_id=row["id"], gone=Gone.DELETED)

    # Which deals

    def _modified(self, window: Period, last: str) -> Iterator[tuple[list[Row], str]]:
        modified = _within("Modified_Time", window)
        for rows in self._found(self._columns(DEAL), _MODULES[DEAL], modified, last):
            yield rows, rows[-1]["id"]

    def _of_contacts(self, window: Period, last: str) -> Iterator[tuple[list[Row], str]]:
        """Yield deals whose contact changed, but those that were listed for their own change.

        https://www.zoho.com/crm/developer/docs/api/v8/COQL-Joins.html
        """
        if "Contact_Name" in self._known[DEAL]:
            modified = _within("Contact_Name.Modified_Time", window)
            for rows in self._found(self._columns(DEAL), _MODULES[DEAL], modified, last):
                yield _others(rows, window), rows[-1]["id"]

    def _of_leads(self, window: Period, last: str) -> Iterator[tuple[list[Row], str]]:
        """Yield deals that leads were converted to which changed, as `_of_contacts` does."""
        if "Converted_Deal" in self._known[LEAD]:
            modified = f"(Converted__s = true and ({_within('Modified_Time', window)}))"
            for leads in self._found(("id", "Converted_Deal"), _MODULES[LEAD], modified, last):
                deal_ids = dict.fromkeys(filter(None, (_id(row["Converted_Deal"]) for row in leads)))
                rows = self._named(DEAL, "id", deal_ids)
                yield _others(rows, window), leads[-1]["id"]

    # What they are

    def _page(self, rows: Sequence[Row], place: str | None = None) -> Page:
        """Return deals complete with the history of their stages and the people behind them."""
        deal_ids = [row["id"] for row in rows]
        entered = self._entered(deal_ids)
        contact_ids = {row["id"]: self._contacts_of(row) for row in rows}
        wanted = dict.fromkeys(chain.from_iterable(contact_ids.values()))
        contacts = {row["id"]: row for row in self._named(CONTACT, "id", wanted)}
        leads = self._leads_of(deal_ids)
        return Page(
            deals=[
                built(
                    row["id"],
                    self._deal,
                    row,
                    entered.get(row["id"], ()),
                    [
                        *(_person(CONTACT, contacts[one]) for one in contact_ids[row["id"]]
                          if one in contacts),
                        *(_person(LEAD, lead) for lead in leads.get(row["id"], ())),
                    ],
                )
                for row in rows
            ],
            place=place,
        )  # fmt: skip

    def _entered(self, deal_ids: Sequence[str]) -> dict[str, list[Row]]:
        """Return the history of deals' stages, a row for each that was entered, at Modified_Time.

        Unconfirmed: that COQL gives the module (it is asked once, else each deal's related list is
        read), and that Modified_Time is when a stage was entered, not when it was left.
        https://www.zoho.com/crm/developer/docs/api/v8/Get-Records-through-COQL-Query.html
        https://www.zoho.com/crm/developer/docs/api/v8/get-related-records.html
        """
        entered: dict[str, list[Row]] = {}
        if deal_ids and not self._can_query_history():
            for deal_id in deal_ids:
                query = {"fields": "Stage,Modified_Time"}
                entered[deal_id] = [*self._listed(f"Deals/{deal_id}/Stage_History", query)]
            return entered
        columns = ("id", "Potential_Name", "Stage", "Modified_Time")
        for row in self._matching(columns, _HISTORY, "Potential_Name", deal_ids):
            entered.setdefault(_id(row.get("Potential_Name")), []).append(row)
        return entered

    def _can_query_history(self) -> bool:
        if self._history_is_queried is None:
            columns = "id, Potential_Name, Stage, Modified_Time"
            try:
                self._coql(f"select {columns} from {_HISTORY} where id is not null limit 0, 1")
                self._history_is_queried = True
            except (OperatorError, UnexpectedResponseError):
                self._history_is_queried = False
        return self._history_is_queried

    def _contacts_of(self, row: Row) -> list[str]:
        """Return a deal's contacts, its own first, then those in roles if they are to be read.

        https://www.zoho.com/crm/developer/docs/api/v8/get-contact-roles-of-a-specific-deal.html
        """
        in_roles: Iterable[Row] = ()
        if self._reads_roles:
            in_roles = self._listed(f"Deals/{row['id']}/Contact_Roles", {"fields": "id"})
        ids = (_id(row.get("Contact_Name")), *(role["id"] for role in in_roles))
        return [*filter(None, dict.fromkeys(ids))]

    def _leads_of(self, deal_ids: Sequence[str]) -> dict[str, list[Row]]:
        """Return the leads that were converted to deals; lists hide them, COQL does not."""
        leads: dict[str, list[Row]] = {}
        if "Converted_Deal" in self._known[LEAD]:
            converted = "Converted__s = true"
            for row in self._named(LEAD, "Converted_Deal", deal_ids, converted):
                leads.setdefault(_id(row["Converted_Deal"]), []).append(row)
        return leads

    def _deal(self, row: Row, history: Sequence[Row], people: Sequence[Person]) -> CrmDeal:
        pipeline, word = row.get("Pipeline") or "", row["Stage"] or ""
        stage = self._stage_named(pipeline, word)
        lost_reason = row.get("Reason_For_Loss__s") or ""
        return CrmDeal(
            deal_id=row["id"],
            created_at=instant(row["Created_Time"]),
            modified_at=instant(row["Modified_Time"]),
            entered=[*self._stages_in(history, pipeline)],
            amount=row.get("Amount"),
            currency=row.get("Currency"),
            attributes={
                "owner": _id(row.get("Owner")),
                "pipeline": stage.pipeline if stage else pipeline,
                "stage": stage.name if stage else word,
                "lost_reason": "" if lost_reason == _NONE else lost_reason,
            },
            fields=_flat(row),
            people=people,
        )

    def _stages_in(self, history: Iterable[Row], pipeline: str) -> Iterator[Entered]:
        for row in history:
            stage = self._stage_named(pipeline, row["Stage"] or "")
            if stage and (at := instant(row["Modified_Time"])):
                yield Entered(stage.stage_id, at)

    def _stage_named(self, pipeline: str, word: str) -> Stage | None:
        """Return the pipeline's stage, or another's: deals change pipelines, their history stays."""
        return self._stages.get((pipeline, word)) or self._stages.get(("", word))

    # Queries and lists

    def _columns(self, kind: str) -> tuple[str, ...]:
        wanted = dict.fromkeys((*_STANDARD[kind], *self._mapping.names[kind]))
        return ("id", *(name for name in wanted if name in self._known[kind]))

    def _named(
        self, kind: str, column: str, ids: Iterable[str], where: str | None = None
    ) -> list[Row]:
        return [*self._matching(self._columns(kind), _MODULES[kind], column, ids, where)]

    def _matching(
        self,
        columns: Sequence[str],
        module: str,
        column: str,
        ids: Iterable[str],
        where: str | None = None,
    ) -> Iterator[Row]:
        """Yield rows with one of these IDs in a column; 50 are taken in one query."""
        for batch in batches(ids, _AN_IN):
            listed = f"{column} in ({', '.join(f"'{one}'" for one in batch)})"
            both = f"({where} and {listed})" if where else listed
            yield from chain.from_iterable(self._found(columns, module, both))

    def _found(
        self, columns: Sequence[str], module: str, where: str, last: str = "0"
    ) -> Iterator[list[Row]]:
        """Yield pages of rows by record ID, those after `last`. More than two conditions are paired.

        Offsets would end at 100,000 rows, and skip rows that change between two pages.
        https://www.zoho.com/crm/developer/docs/api/v8/COQL-Limitations.html
        """
        while True:
            answer = self._coql(
                f"select {', '.join(columns)} from {module} where (({where}) and id > {last})"
                f" order by id asc limit 0, {_A_PAGE}"
            )
            rows = _data(answer)
            if not rows:
                return
            if int(rows[-1]["id"]) <= int(last):
                raise UnexpectedResponseError(f"{self._http.name} repeats the page after {last}.")
            yield rows
            if not answer["info"]["more_records"]:
                return
            last = rows[-1]["id"]

    def _coql(self, query: str) -> Any:
        """Ask one query; what is answered is in the present user's rights and time zone.

        https://www.zoho.com/crm/developer/docs/api/v8/Get-Records-through-COQL-Query.html
        """
        return self._http.post(f"{API}/coql", {"select_query": query})

    def _listed(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Iterator[Row]:
        """Yield all of a list that is paged by number."""
        page, last = 1, None
        while True:
            of_page = {**query, "per_page": str(_A_PAGE), "page": str(page)}
            answer = self._http.get(f"{API}/{path}", of_page, headers=headers)
            rows = _data(answer)
            if rows and rows == last:
                raise UnexpectedResponseError(f"{self._http.name} repeats a page of {path}.")
            yield from rows
            if not rows or not answer["info"]["more_records"]:
                return
            page, last = page + 1, rows

    def _settings(self, what: str, query: Mapping[str, str]) -> Sequence[Row]:
        answer = self._http.get(f"{API}/settings/{what}", query) or {}
        listed: Sequence[Row] = answer.get(what, ())
        return listed


def judge(answer: Answer) -> Verdict:
    """Return what Zoho means by an answer; signing in fails with 200, and limits look alike.

    https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    if "error" in body:
        return _refused_sign_in(answer.place, body)
    if answer.status == 429:
        return _limited(answer)
    if answer.status < 400:
        return None
    error = body if "code" in body else next(iter(body.get("data") or ()), {})
    code, details = error.get("code"), error.get("details") or {}
    if code in _RIGHTS:
        rights = ", ".join(details.get("permissions") or ()) or "scopes and rights"
        return OperatorError(
            f"{answer.place} was refused with {code} ({rights}): grant what docs/zoho.md lists."
        )
    if code == "INVALID_MODULE" and answer.place.endswith("/settings/fields"):
        return "fine"  # this organisation has no such records
    if code and answer.status < 500 and answer.status != 401:
        column = details.get("column_name") or details.get("param_name")
        about = f"{code} ({column})" if column else code
        return UnexpectedResponseError(f"{answer.place} was refused with {about}.")
    return None


def _limited(answer: Answer) -> TransientError:
    """Return which limit a 429 means: it has no Retry-After, and one code for both.

    Unconfirmed: that the header with the credits left is there when they are used up.
    https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html
    """
    if answer.headers.get("X-API-CREDITS-REMAINING") == "0":
        return TransientError(
            f"{answer.place}: the organisation's API credits of 24 hours are used up.",
            retry_after_s=_A_DAY_S,
        )
    return TransientError(
        f"{answer.place}: too many calls at once.", retry_after_s=answer.retry_after_s
    )


def _refused_sign_in(place: str, body: Mapping[str, Any]) -> ConvsyncError:
    """Return why there is no token: ten are given out in ten minutes.

    https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html
    """
    error = str(body["error"])
    if error == "Access Denied":
        return TransientError(
            f"{place}: too many access tokens were asked for in ten minutes. Set token_file, so"
            " that they are kept between runs.",
            retry_after_s=_TOKENS_S,
        )
    mend = _SIGN_IN.get(error, "compare the client's settings with docs/zoho.md")
    return OperatorError(f"{place}: Zoho refused the sign-in. {mend[0].upper()}{mend[1:]}.")


def refreshing(http: Http, client_id: str, client_secret: str, refresh_token: str) -> Fetch:
    """Return what gets an access token, good for an hour. The refresh token stays the same.

    https://www.zoho.com/crm/developer/docs/api/v8/refresh.html
    """

    def fetch(_: Token | None) -> Token:
        asked_at = http.clock()
        answer = http.form(
            "oauth/v2/token",
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "client_secret": client_secret,
                "refresh_token": refresh_token,
            },
        )
        return granted(http.name, answer, asked_at)

    return fetch


def api_of(keeper: TokenKeeper, login_url: str) -> Callable[[], str]:
    """Return what tells the API's address, as the token says, in the data centre signed in to.

    It raises OperatorError where that would send the token to any other host.
    https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html
    """
    login = urlsplit(login_url)
    domain = _DATA_CENTRES.get(login.netloc)
    allowed = {f"https://{environment}.{domain}" for environment in _ENVIRONMENTS if domain}
    allowed.add(f"{login.scheme}://{login.netloc}")

    def address() -> str:
        told = keeper.token().api_url or (f"https://www.{domain}" if domain else login_url)
        api = urlsplit(told)
        if f"{api.scheme}://{api.netloc}" not in allowed:
            raise OperatorError(
                f"Zoho's token is for {api.netloc}, which is not where {login.netloc} signs in to:"
                " correct login_url, delete the token_file, or give the API's address as url."
            )
        return told

    return address


def _stage(pipeline: Row, stage: Row) -> Stage:
    return Stage(
        stage_id=f"{pipeline['id']}:{stage['id']}",
        name=stage["display_value"],
        pipeline=pipeline["display_value"],
        position=int(stage["sequence_number"]),
        outcome=_OUTCOMES.get(stage["forecast_type"], StageOutcome.OPEN),
    )


def _person(kind: str, row: Row) -> Person:
    created_at = instant(row.get("Created_Time"))
    return Person(kind=kind, record_id=row["id"], created_at=created_at, fields=_flat(row))


def _others(rows: Iterable[Row], window: Period) -> list[Row]:
    """Return the deals that were not modified in the window themselves."""
    return [row for row in rows if (at := instant(row["Modified_Time"])) and at not in window]


def _data(answer: Any) -> list[Row]:
    if answer is None:
        return []
    try:
        rows: list[Row] = answer["data"]
    except (KeyError, TypeError):
        raise UnexpectedResponseError("Zoho's answer has no data.") from None
    return rows


def _id(lookup: Any) -> str:
    """Return the ID of the record a lookup names, "" for none."""
    return str(lookup["id"]) if lookup else ""


def _flat(row: Row) -> Fields:
    """Return a record's fields as plain values: a lookup is its name, several picks are one text."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("name")
    if isinstance(value, list):
        return "; ".join(str(one) for one in map(_plain, value) if one)
    return None if value == _NONE else value


def _within(stamp: str, window: Period) -> str:
    """Return the condition of a window. Stamps are whole seconds, `between` has both its ends.

    Unconfirmed: that both ends are in it; the overlap of two windows covers the one in doubt.
    """
    since, until = max(window.since, _FIRST), window.until - timedelta(microseconds=1)
    return f"{stamp} between '{_text(since)}' and '{_text(until)}'"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
