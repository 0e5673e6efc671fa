"""Dataverse's Web API, version 9.2, as Dynamics 365 is read by it: pages, batches, tokens, errors.

What shapes it: a page is followed by the link it gives, whole and unchanged, for IDs may not be
compared with `gt`; lists of IDs are asked for as `column eq … or column eq …`, of which one filter
holds 300; and single records, where there is no list, go into a `$batch`, whose own answer is 200
while those inside it may be errors.
https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_string
from functools import partial
from itertools import chain
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm_adapter import batches
from convsync.extract.crm_adapter import instant as instant_of
from convsync.extract.paging import pages_by_cursor
from convsync.http import Answer, Http, NotJson, Verdict
from convsync.pace import Limit
from convsync.process.guides import located
from convsync.signing_in.tokens import Fetch, Token, granted
from convsync.vendor_words import name_of, path_of

PATH: Final = "api/data/v9.2"
A_PAGE: Final = 500
"""Rows a page; the API's own most is 5,000."""
_CONDITIONS: Final = 250
"""Of the 300 a filter may hold, some are left for what else it says."""
_PARTS: Final = 1_000
AT_ONCE: Final = 8
LIMITS: Final = (Limit(requests=5_400, seconds=300),)
"""Of 52 requests at once most are left to others; of 6,000 in five minutes, a tenth.
https://learn.microsoft.com/power-apps/developer/data-platform/api-limits"""
_LABEL: Final = "OData.Community.Display.V1.FormattedValue"
_TARGET: Final = "Microsoft.Dynamics.CRM.lookuplogicalname"
_NO_SUCH_ROW: Final = "0x80040217"
_LIMITS = {
    "0x80072321": "execution time in five minutes",
    "0x80072322": "requests in five minutes",
    "0x80072326": "requests at once",
}
"""https://learn.microsoft.com/power-apps/developer/data-platform/api-limits"""
_PASSING: Final = frozenset({"0x80044151", "0x80040216", "0x80048d0b"})
"""Worth another try where they come as 400: a query that ran too long, a busy database.
https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes"""
_PAGE: Final = "docs/dynamics.md"
_PRIVILEGE = re.compile(r"\bprv[A-Za-z_]+")
_PART_LIMITED = re.compile(r"^HTTP/1\.1 429\b", re.M)
_RETRY_AFTER = re.compile(r"^Retry-After: *(\d+)", re.M | re.I)
_SIGNS: Final = "$,()'/=:;"
_BOUNDARY: Final = "batch_convsync"
_HEADERS: Final = {
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "If-None-Match": "null",  # or expanded rows may come from a cache
}

DynamicsRecord = Mapping[str, Any]
Query = Mapping[str, str]


class Api:
    """One environment's tables. Calls raise what Http raises."""

    def __init__(self, http: Http, *, a_page: int = A_PAGE) -> None:
        self._http = http
        self._annotated = {**_HEADERS, "Prefer": f'odata.include-annotations="{_TARGET},{_LABEL}"'}
        self._paged = {
            **_HEADERS,
            "Prefer": f"odata.maxpagesize={a_page},{self._annotated['Prefer']}",
        }

    def pages(
        self, records: str, query: Query, place: str = ""
    ) -> Iterator[tuple[list[DynamicsRecord], str]]:
        """Return pages of rows as `pages_by_cursor` does, their links being the cursors.

        `place` is such a link. One of another question begins again; how long a link lives is
        unconfirmed.
        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/page-results
        """
        first = _url(records, query)

        def read(link: str) -> tuple[list[DynamicsRecord], str]:
            answer = self._http.get(link or first, headers=self._paged)
            return _rows_of(answer), answer.get("@odata.nextLink") or ""

        kept = place if _is_of(place, query) else ""
        return pages_by_cursor(f"{self._http.name} {records}", read, kept)

    def rows(self, records: str, query: Query) -> list[DynamicsRecord]:
        """Return every row that a query finds."""
        return [row for rows, _ in self.pages(records, query) for row in rows]

    def rows_of_each(self, records: str, queries: Iterable[Query]) -> list[DynamicsRecord]:
        """Return what queries find, in their order; several are made at once."""
        reads = [partial(self.rows, records, query) for query in queries]
        return [*chain.from_iterable(self._http.together(reads))]

    def first(self, records: str, query: Query) -> list[DynamicsRecord]:
        """Return the rows that a query with `$top` finds; it goes without pages."""
        return _rows_of(self._http.get(_url(records, query), headers=self._annotated))

    def definitions(self, path: str, query: Query) -> list[DynamicsRecord]:
        """Return what the metadata say; they have no pages.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query-metadata-web-api
        """
        return _rows_of(self._http.get(_url(f"EntityDefinitions{path}", query), headers=_HEADERS))

    def batch(self, paths: Sequence[str]) -> Iterator[Answer]:
        """Yield the answers to single reads, in order, errors among them.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api
        """
        headers = {
            **_HEADERS,
            "Content-Type": f'multipart/mixed; boundary="{_BOUNDARY}"',
            "Prefer": "odata.continue-on-error",
        }
        for some in batches(paths, _PARTS):
            body = _batch_of([self._http.url_of(path) for path in some])
            answer = self._http.answer("POST", "$batch", data=body, headers=headers)
            parts = _parts_of(answer, [f"{self._http.name} GET {path_of(path)}" for path in some])
            if len(parts) != len(some):
                raise TransientError(f"{answer.place}: {len(parts)} of {len(some)} answers came.")
            yield from parts

    def bodies(self, paths: Sequence[str]) -> list[Any | ConvsyncError]:
        """Return what single reads give, in order, None where there is no such row, or errors.

        What fails is asked for a second time: a batch whose parts fail is not repeated by itself.
        """
        found = [self._body_or_error(part) for part in self.batch(paths)]
        again = [place for place, body in enumerate(found) if isinstance(body, ConvsyncError)]
        for place, part in zip(again, self.batch([paths[one] for one in again]), strict=True):
            found[place] = self._body_or_error(part)
        return found

    def _body_or_error(self, part: Answer) -> Any:
        return None if is_gone(part) else self._http.problem_of(part) or part.body

    def problem_of(self, part: Answer) -> ConvsyncError | None:
        """Return what is wrong with a part of a batch, None for nothing."""
        return self._http.problem_of(part)


def any_of(columns: Sequence[str], ids: Iterable[str]) -> Iterator[str]:
    """Yield filters that name rows by ID, as many in each as it may hold.

    `In` would be shorter, but how many values it takes is not documented.
    https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows
    """
    for some in batches(dict.fromkeys(ids), _CONDITIONS // len(columns)):
        yield " or ".join(f"{column} eq {one}" for one in some for column in columns)


def instant(value: object) -> datetime | None:
    """Return when something was. A column that holds dates alone (DateOnly) means the whole day.

    Its end is taken: what happened on a day had happened by then.
    https://learn.microsoft.com/power-apps/developer/data-platform/behavior-format-date-time-attribute
    """
    at = instant_of(value)
    is_day = isinstance(value, str) and len(value.strip()) == len("2026-11-29")
    return at + timedelta(days=1, seconds=-1) if at and is_day else at


def stamp(at: datetime) -> str:
    """Return an instant as filters take it. Rows are stamped in whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def label(row: DynamicsRecord, name: str) -> str:
    """Return what people see in a column, in the language of the app's user."""
    return row.get(f"{name}@{_LABEL}") or ""


def table_of(row: DynamicsRecord, name: str) -> str:
    """Return the table that a lookup leads to."""
    return row.get(f"{name}@{_TARGET}") or ""


def is_gone(answer: Answer) -> bool:
    """Return whether there is no such row. One that may not be read is answered with 403.

    https://learn.microsoft.com/troubleshoot/power-platform/dataverse/dataverse-web-api-and-sdk/web-api-client-errors
    """
    return answer.status == 404 and _error_in(answer).get("code") == _NO_SUCH_ROW


def judge(answer: Answer) -> Verdict:
    """Return what Dataverse means by a status that says too little.

    https://learn.microsoft.com/power-apps/developer/data-platform/api-limits
    """
    error = _error_in(answer)
    match answer.status:
        case 200 if isinstance(answer.body, NotJson) and answer.body.kind == "multipart/mixed":
            return _limited_inside(answer.place, answer.body.text) or "fine"
        case 429 | 400 | 403 | 503 if answer.status == 429 or answer.code in _LIMITS:
            limit = _LIMITS.get(answer.code, "use")
            return TransientError(
                f"{answer.place}: the app user's limit of {limit} is reached.",
                retry_after_s=answer.retry_after_s,
            )
        case 400 if answer.code in _PASSING:
            return TransientError(f"{answer.place} was answered with 400 ({answer.code}).")
        case 403 if answer.code == "0x80072560":
            return OperatorError(
                f"{answer.place}: the app is not a user of this environment. Create an application"
                f" user for it, as {located(_PAGE)} says."
            )
        case 403 if named := _PRIVILEGE.search(str(error.get("message"))):
            return OperatorError(
                f"{answer.place} needs the privilege {name_of(named[0])}. Add it to the security"
                f" role of the application user; {located(_PAGE)} lists which are optional."
            )
        case 404:
            return OperatorError(
                f"{answer.place} is not there ({answer.code or 'no code'}): correct url, or"
                " the tables to read."
            )
    return None


def _limited_inside(place: str, parts: str) -> TransientError | None:
    """Return whether a part of a batch reached a limit; it says by itself how long to wait.

    https://learn.microsoft.com/power-apps/developer/data-platform/api-limits
    """
    if not _PART_LIMITED.search(parts):
        return None
    asked = [float(found[1]) for found in _RETRY_AFTER.finditer(parts)]
    return TransientError(
        f"{place}: the app user's limit of requests is reached by a part of the batch.",
        retry_after_s=max(asked, default=None),
    )


def judge_login(answer: Answer) -> Verdict:
    """Return what Entra means by refusing a token; the numbers are Microsoft's to explain.

    https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status in (400, 401) and isinstance(body.get("error"), str):
        (first,) = [*(body.get("error_codes") or ()), 0][:1]
        code = first if isinstance(first, int) else 0
        return OperatorError(
            f"{answer.place} returned no token: {answer.code or 'no code'}, AADSTS{code}. Correct"
            f" tenant_id, client_id, client_secret or url; https://login.microsoftonline.com/error?code={code}"
            " says what is wrong."
        )
    return None


def client_credentials(
    http: Http, tenant_id: str, client_id: str, client_secret: str, url: str
) -> Fetch:
    """Return what gets an access token for an hour or so. There is no refresh token: ask again.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """

    def fetch(_: Token | None) -> Token:
        return granted(
            http,
            f"{tenant_id}/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
                "scope": f"{url.rstrip('/')}/.default",
            },
        )

    return fetch


def refreshing(
    http: Http,
    tenant_id: str,
    client_id: str,
    client_secret: str | None,
    refresh_token: str,
    url: str,
) -> Fetch:
    """Return what gets an access token for the person who agreed; each brings a new refresh token.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token
    """

    def fetch(last: Token | None) -> Token:
        return granted(
            http,
            f"{tenant_id}/oauth2/v2.0/token",
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                **({} if client_secret is None else {"client_secret": client_secret}),
                "refresh_token": (last and last.refresh_token) or refresh_token,
                "scope": f"{url.rstrip('/')}/user_impersonation offline_access",
            },
        )

    return fetch


def _url(records: str, query: Query) -> str:
    """Return a path with its query, OData's punctuation left as it is."""
    asked = urlencode(query, quote_via=quote, safe=_SIGNS)
    return f"{records}?{asked}"


def _is_of(place: str, query: Query) -> bool:
    """Return whether a link continues this very query: same columns, same window."""
    asked = dict(parse_qsl(urlsplit(place).query))
    return all(asked.get(name) == value for name, value in query.items())


def _rows_of(answer: Any) -> list[DynamicsRecord]:
    try:
        return list(answer["value"])
    except (KeyError, TypeError):
        raise UnexpectedResponseError("Dataverse's answer has no rows.") from None


def _error_in(answer: Answer) -> Mapping[str, Any]:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    return error if isinstance(error, dict) else {}


def _batch_of(urls: Sequence[str]) -> bytes:
    parts = [
        f"--{_BOUNDARY}\r\n"
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"GET {urlsplit(url)._replace(scheme='', netloc='').geturl()} HTTP/1.1\r\n"
        "Accept: application/json\r\n\r\n\r\n"
        for url in urls
    ]
    return f"{''.join(parts)}--{_BOUNDARY}--\r\n".encode()


def _parts_of(answer: Answer, places: Sequence[str]) -> list[Answer]:
    """Return the answers inside the answer to a batch; a broken one comes out too few."""
    if not isinstance(answer.body, NotJson):
        raise UnexpectedResponseError(f"{answer.place} did not return a multipart answer.")
    header = f"Content-Type: {answer.headers.get('Content-Type')}\r\n\r\n"
    message = message_from_string(header + answer.body.text)
    parts = message.get_payload() if message.is_multipart() else []
    return [
        _part(str(part.get_payload()), place, answer.sent_at)
        for part, place in zip(parts, places, strict=False)
    ]


def _part(text: str, place: str, sent_at: datetime) -> Answer:
    """Return one answer of a batch: a line of status, headers, a blank line, the body."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    try:
        status = int(head.split(maxsplit=2)[1])
        read = json.loads(body, parse_float=Decimal) if body.strip() else None
    except (IndexError, ValueError):
        raise TransientError(f"{place} returned an incomplete part.") from None
    return Answer(place=place, status=status, headers={}, body=read, sent_at=sent_at)
