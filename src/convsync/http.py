"""One HTTP session for every adapter of a CRM: timeouts, retry, and errors in our words.

Adapters only read, so any request may be made again. What is tried again: no answer, a cut-off
body, a body that is not JSON (a proxy's page in HTML), 408, 425, 429 and 5xx; for how long,
`retrying` says. A 401 renews the credentials once. Everything else is the vendor's to name: its
`Judge` looks at every answer first, because success with an error inside, a limit that says 403 and
a right that is missing look different everywhere.

Messages name the vendor, the path and the vendor's code. Query, body and headers stay out of them.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

import requests

from convsync import log
from convsync.clock import SERVERS, Clock, system_clock
from convsync.errors import (
    ConvsyncError,
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
from convsync.guides import located
from convsync.pace import Pace
from convsync.parallel import pause, raise_if_given_up, together
from convsync.retrying import RetryPolicy, keep_trying

CONNECT_S = 10.0
READ_S = 90.0
T = TypeVar("T")
_NOTHING = frozenset({204, 304})
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: status, headers, parsed body; numbers with a point are Decimal.

    A body in CSV, where a request asked for it, is its text.
    """

    place: str
    status: int
    headers: Mapping[str, str]
    body: Any
    sent_at: datetime

    @property
    def retry_after_s(self) -> float | None:
        """Return the seconds that Retry-After asks for, whether as a number or as a date."""
        written = self.headers.get("Retry-After", "").strip()
        try:
            return max(0.0, float(written))
        except ValueError:
            pass  # not a number
        try:
            then = parsedate_to_datetime(written)
        except ValueError:
            return None
        return max(0.0, (then.astimezone(UTC) - self.sent_at).total_seconds())


Verdict = ConvsyncError | None | Literal["fine"]
Judge = Callable[[Answer], Verdict]
"""Returns what an answer means to this vendor: an error, or "fine" whatever its status; None where
the status says all there is to say."""


class Authorisation(Protocol):
    """Says who is asking."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request. May raise OperatorError or TransientError."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """After a 401 to these headers: get others, and return whether there are any to try.

        Of several threads that are refused at once, one gets them.
        """


class FixedHeader:
    """A key that never changes, in one header."""

    def __init__(self, name: str, value: str) -> None:
        self._headers = {name: value}

    def headers(self) -> Mapping[str, str]:
        """Return the one header."""
        return self._headers

    def renew(self, refused: Mapping[str, str]) -> bool:
        """There is nothing to renew."""
        return False


def basic(user: str, password: str) -> FixedHeader:
    """Return a user and a password, as an app shows them to a token endpoint (RFC 7617)."""
    return FixedHeader(
        "Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
    )


def no_judgement(_: Answer) -> Verdict:
    """Leave every answer to its status."""
    return None


@dataclass(kw_only=True)
class Http:
    """A vendor's API under one base URL, safe across threads. `requests_made` counts every try.

    A base URL that is a function is asked at every request: some vendors say it with each token.
    `pace` says how fast requests may follow one another; an answer that asks to wait slows all.

    All methods return the parsed body, None where there is none (204, 304, empty). They raise
    TransientError where a later try may succeed, OperatorError where credentials, a right or an
    address are wrong, UnexpectedResponseError where the request itself was refused.
    """

    name: str
    base_url: str | Callable[[], str]
    authorisation: Authorisation | None = None
    judge: Judge = no_judgement
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    pace: Pace = field(default_factory=Pace, repr=False)
    clock: Clock = system_clock
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    requests_made: int = 0
    _counting: Lock = field(default_factory=Lock, init=False, repr=False)

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Return what calls to this API return, in their order, as many at once as it may have."""
        return together(calls, at_once=self.pace.at_once)

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Read a path, or a whole URL on the same host (a next page's link)."""
        return self.answer("GET", path, params=params, headers=headers).body

    def post(
        self,
        path: str,
        body: Any,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask a question whose words do not fit into a URL."""
        return self.answer("POST", path, params=params, headers=headers, json=body).body

    def form(self, path: str, fields: Mapping[str, str]) -> Any:
        """Send a form, as token endpoints want it."""
        return self.answer("POST", path, data=dict(fields)).body

    def answer(self, method: str, path: str, **request: Any) -> Answer:
        """Make a request and return its whole answer, for what stands in headers."""
        url = self.url_of(path)
        return keep_trying(self.policy, lambda: self._answered(method, url, request))

    def _answered(self, method: str, url: str, request: Mapping[str, Any]) -> Answer:
        who = self._who()
        answer = self._asked(method, url, request, who)
        if answer.status == 401 and self.authorisation and self.authorisation.renew(who):
            answer = self._asked(method, url, request, self._who())
        if problem := self.problem_of(answer):
            if not isinstance(problem, TransientError):
                log.warning("refused", request=answer.place, status=answer.status)
            elif problem.retry_after_s and self.policy.waits_for(problem):
                self.pace.hold(problem.retry_after_s)
            raise problem
        return answer

    def _who(self) -> Mapping[str, str]:
        return self.authorisation.headers() if self.authorisation else {}

    def problem_of(self, answer: Answer) -> ConvsyncError | None:
        """Return what is wrong with an answer, be it one that came as a part of another."""
        verdict = self.judge(answer) or self._problem_by_status(answer)
        return verdict if isinstance(verdict, ConvsyncError) else None

    def _asked(
        self, method: str, url: str, request: Mapping[str, Any], who: Mapping[str, str]
    ) -> Answer:
        headers = {"Accept": "application/json", **who, **(request.get("headers") or {})}
        place = f"{self.name} {method} {urlsplit(url).path}"
        raise_if_given_up()
        if wait_s := self.pace.turn(url):
            pause(self.policy.sleep, wait_s)
        with self._counting:
            self.requests_made += 1
        try:
            with self.pace.slot:
                sent_at = self.clock()
                response = self.session.request(
                    method,
                    url,
                    **{**request, "headers": headers},
                    timeout=(CONNECT_S, READ_S),
                    allow_redirects=False,
                )
        except requests.RequestException as error:  # its text may hold the query
            raise TransientError(f"{place} got no answer ({type(error).__name__}).") from None
        seconds = round(response.elapsed.total_seconds(), 3)
        log.debug("request", request=place, status=response.status_code, seconds=seconds)
        SERVERS.note(
            urlsplit(url).netloc,
            response.headers.get("Date"),
            sent_at=sent_at,
            received_at=self.clock(),
            age=response.headers.get("Age"),
        )
        return Answer(
            place=place,
            status=response.status_code,
            headers=response.headers,
            body=_body_of(response),
            sent_at=sent_at,
        )

    def _problem_by_status(self, answer: Answer) -> ConvsyncError | None:
        """Return what a status means where the vendor says nothing more precise."""
        place, status = answer.place, answer.status
        if status in _PASSING or status >= 500:
            return TransientError(
                f"{place} was answered with {status}.", retry_after_s=answer.retry_after_s
            )
        if status in (401, 403):
            return OperatorError(
                f"{place} was refused with {status}: the credentials are wrong, have expired, or"
                " lack a right. Renew them, or grant the scopes that its page lists, in"
                f" {located('docs')}."
            )
        if 300 <= status < 400 and status not in _NOTHING:
            return OperatorError(f"{place} was sent elsewhere with {status}: correct its address.")
        if status >= 400:
            return UnexpectedResponseError(f"{place} was refused with {status}.")
        if isinstance(answer.body, NotJson):
            return TransientError(f"{place} was answered with {answer.body.kind} instead of JSON.")
        return None

    def url_of(self, path: str) -> str:
        """Return the URL of a path. Whole URLs must lie on the same host: tokens go with them."""
        base_url = self.base_url if isinstance(self.base_url, str) else self.base_url()
        base = urlsplit(base_url)
        whole = urlsplit(path)
        if not whole.scheme:
            return f"{base_url.rstrip('/')}/{path.lstrip('/')}"
        if (whole.scheme, whole.netloc) != (base.scheme, base.netloc):
            raise UnexpectedResponseError(f"{self.name} pointed to another host, {whole.netloc}.")
        return path


@dataclass(frozen=True, slots=True)
class NotJson:
    """A body that is no JSON: its kind is shown, its content is not."""

    kind: str
    text: str = field(default="", repr=False)


def _body_of(response: requests.Response) -> Any:
    if response.status_code in _NOTHING or not response.content:
        return None
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    try:
        if kind == "text/csv":  # a header alone, `"Id"`, would be JSON too
            return response.content.decode()
        return json.loads(response.content, parse_float=Decimal)
    except ValueError:
        return NotJson(kind or "something", response.content.decode("utf-8", "replace"))
