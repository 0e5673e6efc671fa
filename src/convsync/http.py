"""One HTTP session for every adapter of a CRM: timeouts, retry, and errors in our words.

Adapters only read, so any request may be made again. What is tried again: no answer, a cut-off
body, a body that is not JSON (a proxy's page in HTML), 408, 423, 425, 429 and 5xx; for how long,
`retrying` says. A 401 renews the credentials once. Everything else is the vendor's to name: its
`Judge` looks at every answer first, because success with an error inside, a limit that says 403 and
a right that is missing look different everywhere.

Messages name the vendor, the path and the vendor's code. Query, body and headers stay out of them.

Who is asking is the adapter's to say: neither `.netrc` nor a user in the address replaces it, and
it goes only over TLS, or to this machine. Proxies and certificates are the environment's.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from ssl import SSLCertVerificationError, SSLError
from threading import Lock
from typing import Any, Final, Literal, Protocol, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError

from convsync import __version__, answer_body, log
from convsync.answer_body import NotJson as NotJson
from convsync.clock import SERVERS, Clock, system_clock
from convsync.errors import (
    ConvsyncError,
    OperatorError,
    TransientError,
    UnexpectedResponseError,
)
from convsync.pace import Pace
from convsync.parallel import pause, raise_if_given_up, together
from convsync.process import tracing
from convsync.process.guides import located
from convsync.retrying import RetryPolicy, keep_trying
from convsync.vendor_words import code_in, name_of, path_of

CONNECT_S = 10.0
READ_S = 90.0
T = TypeVar("T")
_NOTHING = frozenset({204, 304})
_PASSING = frozenset({408, 423, 425, 429})
USER_AGENT: Final = f"convsync/{__version__}"


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
    def code(self) -> str:
        """Return the vendor's code of the error that the body tells of, "" for none."""
        return code_in(self.body)

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
    `pace` says how fast requests may follow one another; an answer that asks to wait slows all. One
    that sends nothing for `read_s` has not come.

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
    read_s: float = READ_S
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
        verdict = self._judged(answer) or self._problem_by_status(answer)
        return verdict if isinstance(verdict, ConvsyncError) else None

    def _judged(self, answer: Answer) -> Verdict:
        """Return what the vendor means, None for an error that is shaped as none of its own."""
        try:
            return self.judge(answer)
        except (LookupError, TypeError, ValueError, AttributeError):
            return None

    def _asked(
        self, method: str, url: str, request: Mapping[str, Any], who: Mapping[str, str]
    ) -> Answer:
        headers = {
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
            **who,
            **(request.get("headers") or {}),
        }
        place = f"{self.name} {method} {path_of(urlsplit(url).path)}"
        self._take_turn(url)
        sent_at = self.clock()
        traced = tracing.call(f"{self.name} {method}", request=place)
        with _in_our_words(place, url), self.pace.slot, traced as told:
            sent_at = self.clock()
            with self.session.request(
                method,
                url,
                **{**request, "headers": headers},
                auth=_as_it_is,
                timeout=(CONNECT_S, self.read_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                told["http.response.status_code"] = response.status_code
                body = self._body_of(response)
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
            body=body,
            sent_at=sent_at,
        )

    def _take_turn(self, url: str) -> None:
        """Wait until a request to this URL may leave, and count it."""
        raise_if_given_up()
        if wait_s := self.pace.turn(url):
            pause(self.policy.sleep, wait_s)
        with self._counting:
            self.requests_made += 1

    def _body_of(self, response: requests.Response) -> Any:
        if response.status_code in _NOTHING:
            return None
        content = answer_body.content_of(response, self.policy.ticks)
        return answer_body.parsed(content, response.headers.get("Content-Type", ""))

    def _problem_by_status(self, answer: Answer) -> ConvsyncError | None:
        """Return what a status means where the vendor says nothing more precise."""
        place, status = answer.place, answer.status
        said = f"{status} ({answer.code})" if answer.code else f"{status}"
        if status in _PASSING or status >= 500:
            return TransientError(
                f"{place} was answered with {said}.", retry_after_s=answer.retry_after_s
            )
        if why := _REFUSED_FOR.get(status):
            return OperatorError(f"{place} was refused with {said}: {why}, in {located('docs')}.")
        if 300 <= status < 400 and status not in _NOTHING:
            return OperatorError(f"{place} was redirected with {status}: correct its URL.")
        if status >= 400:
            return UnexpectedResponseError(f"{place} was refused with {said}.")
        if isinstance(answer.body, NotJson):
            return TransientError(f"{place} was answered with {answer.body.kind} instead of JSON.")
        return None

    def url_of(self, path: str) -> str:
        """Return the URL of a path. Whole URLs must lie on the same host: tokens go with them."""
        base_url = self.base_url if isinstance(self.base_url, str) else self.base_url()
        base = urlsplit(base_url)
        _raise_unless_private(self.name, base_url)
        whole = urlsplit(path)
        if not whole.scheme:
            return f"{base_url.rstrip('/')}/{path.lstrip('/')}"
        if (whole.scheme, whole.netloc) != (base.scheme, base.netloc):
            there = name_of(whole.hostname) or "of no sound name"
            raise UnexpectedResponseError(f"{self.name} pointed to another host, {there}.")
        return path


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep the headers as they are: with an `auth`, no `.netrc` and no user in the URL is used."""
    return request


def _raise_unless_private(name: str, base_url: str) -> None:
    """Raise OperatorError where whoever listens on the way could read the credentials."""
    url = urlsplit(base_url)
    if url.username or url.password:
        raise OperatorError(
            f"{name}: the URL contains a user or a password. Write it without; other keys of this"
            " source are for signing in."
        )
    if url.scheme != "https" and not (url.scheme == "http" and _is_this_machine(url.hostname)):
        raise OperatorError(
            f"{name}: {url.hostname or 'its URL'} must use https://, unless it is this machine."
            " Correct url."
        )


def _is_this_machine(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


@contextmanager
def _in_our_words(place: str, url: str) -> Iterator[None]:
    """Turn what goes wrong on the way into our errors. The libraries' texts may hold the query."""
    host = urlsplit(url).hostname
    try:
        yield
    except answer_body.TooMuchError as error:
        raise UnexpectedResponseError(f"{place} was answered with {error}.") from None
    except (requests.exceptions.InvalidHeader, UnicodeEncodeError) as error:
        if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":
            raise UnexpectedResponseError(
                f"{place} could not be requested: an ID from the CRM contains half a character."
            ) from None
        raise OperatorError(
            f"{place} could not be requested: its token, or another secret, contains a line break"
            " or a character that a header cannot have. Set it again."
        ) from None
    except (requests.RequestException, HTTPError) as error:
        raise _unanswered(place, host, error) from None


_REFUSED_FOR = {
    401: "the credentials are wrong or have expired. Renew them as their page says",
    403: "the credentials lack a right, or lost it. Grant the scopes that their page lists",
}


def _unanswered(place: str, host: str | None, error: Exception) -> ConvsyncError:
    causes = list(_causes(error))
    if any(isinstance(cause, SSLCertVerificationError) for cause in causes):
        return OperatorError(
            f"{place}: the certificate of {host} is not trusted. Correct url; or, if a proxy or"
            " your company's own authority is involved, set REQUESTS_CA_BUNDLE to the file of its"
            " certificates."
        )
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return TransientError(
            f"{place} got no answer: this machine cannot find the host {host}. Correct url, or"
            " its DNS and proxy settings."
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return TransientError(
            f"{place} got no answer: nothing listens at {host}. Start its server, or correct url"
            " and its port."
        )
    if any(isinstance(cause, SSLError) for cause in causes):
        return TransientError(
            f"{place} got no answer: {host} does not speak TLS. Correct url: its port, or"
            " whether it starts with http or https."
        )
    return TransientError(f"{place} got no answer from {host} ({type(error).__name__}).")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all it wraps; requests and urllib3 hand theirs on as arguments."""
    yield error
    wrapped = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    for cause in wrapped:
        if isinstance(cause, BaseException) and cause is not error:
            yield from _causes(cause)
            return
