"""Zoho CRM's API as calls: queries in COQL, lists, signing in, and what errors mean.

What shapes it: nothing found is 204 without a body; 200 rows cost one credit; the API's
address comes with the token; a sign-in that fails is answered with 200, and both limits with the
same 429, without Retry-After.
https://www.zoho.com/crm/developer/docs/api/v8/
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, Final
from urllib.parse import urlsplit

from convsync.errors import (
    ConvsyncError,
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
from convsync.extract.crm_adapter import batches
from convsync.extract.paging import Unrepeated, pages_by_id
from convsync.http import Answer, Http, Verdict
from convsync.process.guides import located
from convsync.signing_in.tokens import Fetch, Token, TokenKeeper, granted
from convsync.vendor_words import code_of, name_of

ZohoRecord = Mapping[str, Any]
SCHEME: Final = "Zoho-oauthtoken"
_PAGE: Final = "docs/zoho.md"
_BASE: Final = "crm/v8"
_A_PAGE, A_LONG_PAGE = 200, 1_000
"""Rows of a query. The first costs one credit, the second two, however many are found.
https://www.zoho.com/crm/developer/docs/api/v8/COQL-Limitations.html"""
AT_ONCE: Final = 4
"""The smallest edition answers five calls at once, for all who ask."""
_A_LIST, _AN_IN = 200, 100
_AN_HOUR_S, _TEN_MINUTES_S = 3600.0, 600.0
_DEAREST: Final = 2
"""The credits of the dearest call made here, the list of the deleted (unconfirmed). Others are one.
"""
_RIGHTS: Final = frozenset({"NO_PERMISSION", "AUTHORIZATION_FAILED", "OAUTH_SCOPE_MISMATCH"})
_LIMITS: Final = frozenset({"TOO_MANY_REQUESTS", "API_LIMIT_EXCEEDED"})
_SIGN_IN: Final[Mapping[str, str]] = {
    "invalid_code": "the refresh token was revoked, or is another data centre's; make a new one",
    "invalid_client": "client_id is wrong, or login_url is not its data centre's",
    "invalid_client_secret": "client_secret is wrong, or another data centre's",
}
_DATA_CENTRES: Final[Mapping[str, str]] = {
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
"""Where one signs in, and the domain of that data centre's API. Unconfirmed: the last two."""
_ENVIRONMENTS: Final = ("www", "sandbox", "developer")


class DeletedError(UnexpectedResponseError):
    """The record whose list was asked for was deleted meanwhile."""


class Api:
    """The API of one organisation. What is called raises what `Http` raises."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.together = http.together

    def newest(self, columns: Sequence[str], module: str, count: int) -> list[ZohoRecord]:
        """Return the records that were created last."""
        wanted = _select(columns, module)
        return _data(
            self._query(
                f"{wanted} where id is not null order by Created_Time desc limit 0, {count}"
            )
        )

    def can_query(self, columns: Sequence[str], module: str) -> bool:
        """Return whether queries are given these columns, of a module nobody documents them for."""
        try:
            self._query(f"{_select(columns, module)} where id is not null limit 0, 1")
        except (OperatorError, UnexpectedResponseError):
            return False
        return True

    def pages(
        self,
        columns: Sequence[str],
        module: str,
        where: str,
        last: str = "0",
        *,
        a_page: int = A_LONG_PAGE,
    ) -> Iterator[list[ZohoRecord]]:
        """Return all records that fit, `id` among their columns, by ID, those after `last`.

        Offsets would end at 100,000 rows, and pass over rows when others leave the window.
        More than two conditions must be bracketed in pairs, so `where` is one of the two here.
        https://www.zoho.com/crm/developer/docs/api/v8/COQL-Limitations.html
        """

        def read(last: str) -> tuple[list[ZohoRecord], bool]:
            answer = self._query(
                f"{_select(columns, module)} where (({where}) and id > {last})"
                f" order by id asc limit 0, {a_page}"
            )
            rows = _data(answer)
            return rows, _has_more(answer, rows)

        return pages_by_id(self._http.name, read, itemgetter("id"), last)

    def pages_in(
        self,
        columns: Sequence[str],
        module: str,
        where: str,
        ids: Iterable[str],
        *,
        a_page: int = _A_PAGE,
    ) -> Iterator[list[ZohoRecord]]:
        """Return all records that fit a condition with `in ({ids})`; a query takes 100 of them."""

        def read(batch: Sequence[str]) -> list[list[ZohoRecord]]:
            listed = ", ".join(f"'{one}'" for one in batch)
            return [*self.pages(columns, module, where.format(ids=listed), a_page=a_page)]

        reads = [partial(read, batch) for batch in batches(ids, _AN_IN)]
        return chain.from_iterable(self._http.together(reads))

    def listed(
        self, path: str, query: Mapping[str, str], *, since: str | None = None
    ) -> Iterator[ZohoRecord]:
        """Yield all of a list that is paged by number, or what is newer than an instant."""
        headers = None if since is None else {"If-Modified-Since": since}
        page, unrepeated = 1, Unrepeated(f"{self._http.name}: {path}")
        while True:
            asked = {**query, "per_page": str(_A_LIST), "page": str(page)}
            answer = self._http.get(f"{_BASE}/{path}", asked, headers=headers)
            rows = _data(answer)
            if rows:
                unrepeated.passes(repr(rows))
            yield from rows
            if not _has_more(answer, rows):
                return
            page += 1

    def related(self, deal_id: str, what: str, columns: str) -> list[ZohoRecord] | None:
        """Return a related list of a deal, None where the deal was deleted meanwhile.

        Unconfirmed: that Zoho says 404 then. With 400 the same code means a list nobody knows.
        https://www.zoho.com/crm/developer/docs/api/v8/get-related-records.html
        """
        try:
            return [*self.listed(f"Deals/{deal_id}/{what}", {"fields": columns})]
        except DeletedError:
            return None

    def settings(self, what: str, query: Mapping[str, str]) -> Sequence[ZohoRecord]:
        """Return what an organisation has of fields, layouts or pipelines.

        https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html
        https://www.zoho.com/crm/developer/docs/api/v8/layouts-meta.html
        https://www.zoho.com/crm/developer/docs/api/v8/get-pipelines.html
        """
        answer = self._http.get(f"{_BASE}/settings/{what}", query) or {}
        listed: Sequence[ZohoRecord] = answer.get(what, ())
        return listed

    def _query(self, select: str) -> Any:
        """Return the answer to one query, None where nothing is found.

        https://www.zoho.com/crm/developer/docs/api/v8/Get-Records-through-COQL-Query.html
        """
        return self._http.post(f"{_BASE}/coql", {"select_query": select})


def judge(answer: Answer) -> Verdict:
    """Return what Zoho means by an answer; signing in fails with 200, and limits look alike.

    https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status == 429 or answer.code in _LIMITS:
        return _limited(answer)
    if "error" in body and answer.status < 500:
        return _refused_sign_in(answer.place, body)
    if answer.status < 400:
        return None
    error = body if "code" in body else next(iter(body.get("data") or ()), {})
    code, details = code_of(error.get("code")), error.get("details") or {}
    if code in _RIGHTS:
        named = filter(None, map(name_of, details.get("permissions") or ()))
        rights = ", ".join(named) or "scopes and rights"
        return OperatorError(
            f"{answer.place} was refused with {code} ({rights}): grant what {located(_PAGE)} lists."
        )
    if code == "INVALID_MODULE" and answer.place.endswith("/settings/fields"):
        return "fine"  # this organisation has no such records
    if code == "INVALID_DATA" and answer.status == 404:
        return DeletedError(f"{answer.place}: there is no such record.")
    if code and answer.status in (400, 404):
        column = name_of(details.get("column_name") or details.get("param_name"))
        about = f"{code} ({column})" if column else code
        return UnexpectedResponseError(f"{answer.place} was refused with {about}.")
    return None


def _limited(answer: Answer) -> TransientError:
    """Return which limit a 429 means: the header with the credits left tells the day's.

    Too few for another call are none. The day is any 24 hours, so credits come back with every
    hour. Unconfirmed: that the header is there when none are left; without it the calls are made
    again, and then left to the next run.
    https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html
    """
    left = answer.headers.get("X-API-CREDITS-REMAINING", "")
    if left.isdigit() and int(left) < _DEAREST:
        return TransientError(
            f"{answer.place}: the organisation's API credits for 24 hours are used up.",
            retry_after_s=_AN_HOUR_S,
        )
    return TransientError(
        f"{answer.place}: too many calls at once.", retry_after_s=answer.retry_after_s
    )


def _refused_sign_in(place: str, body: Mapping[str, Any]) -> ConvsyncError:
    """Return why there is no token: ten are given out in ten minutes.

    https://www.zoho.com/crm/developer/docs/api/v8/token-validity.html
    """
    error = str(body["error"])
    code = code_of(error) or "no code"
    if error == "Access Denied":
        return TransientError(
            f"{place}: too many access tokens were requested in ten minutes. Set token_file, so"
            " that they are kept between runs.",
            retry_after_s=_TEN_MINUTES_S,
        )
    fix = _SIGN_IN.get(error, f"compare the client's settings with {located(_PAGE)}")
    return OperatorError(f"{place}: Zoho refused the sign-in with {code}: {fix}.")


def refreshing(http: Http, client_id: str, client_secret: str, refresh_token: str) -> Fetch:
    """Return what gets an access token, good for an hour. The refresh token stays the same.

    https://www.zoho.com/crm/developer/docs/api/v8/refresh.html
    """

    def fetch(_: Token | None) -> Token:
        return granted(
            http,
            "oauth/v2/token",
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "client_secret": client_secret,
                "refresh_token": refresh_token,
            },
        )

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
        address = keeper.token().api_url or (f"https://www.{domain}" if domain else login_url)
        api = urlsplit(address)
        if f"{api.scheme}://{api.netloc}" not in allowed:
            raise OperatorError(
                f"Zoho's token is for {api.netloc}, which is not where {login.netloc} signs in to:"
                " correct login_url, delete the token_file, or give the API's address as url."
            )
        return address

    return address


def _select(columns: Sequence[str], module: str) -> str:
    return f"select {', '.join(columns)} from {module}"  # noqa: S608 - COQL, of our own words


def _data(answer: Any) -> list[ZohoRecord]:
    if answer is None:
        return []
    try:
        rows: list[ZohoRecord] = answer["data"]
    except (KeyError, TypeError):
        raise UnexpectedResponseError("Zoho's answer has no data.") from None
    return rows


def _has_more(answer: Any, rows: Sequence[ZohoRecord]) -> bool:
    """Return whether a list goes on. `info` is optional: without it, whatever holds rows leads on.

    A page may be shorter than was asked for, so its length says nothing.
    """
    said = ((answer or {}).get("info") or {}).get("more_records")
    if said and not rows:
        raise UnexpectedResponseError("Zoho says that a list goes on, and lists nothing.")
    return bool(rows) if said is None else bool(said)
