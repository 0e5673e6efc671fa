"""How a vendor's API is served: a table of paths, who may call, and planned faults.

A server is a pure function of requests over its book, so tests call it without a socket, and the
sandbox mounts it under the vendor's name. It shares no code with the adapters it is asked by.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from math import ceil
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl

from convsync.sandbox.crm.book import CrmBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it arrived; header names in lower case, `path` below `base_url`."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = ""

    @property
    def bearer(self) -> str:
        """The token that the request shows, "" for none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def json(self) -> Any:
        """Return the body as JSON; ValueError where it is none."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """Return the body as a form."""
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: JSON, or bytes as they are. `is_cut_off` ends the body in the middle."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut_off: bool = False

    def encoded(self) -> bytes:
        """Return the body's bytes."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, default=_plain, separators=(",", ":")).encode()

    @property
    def media_type(self) -> str:
        """Return the Content-Type."""
        return self.headers.get("Content-Type", "application/json;charset=utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field as the vendor calls it; `own` is the book's word for what it holds.

    `longest` is the length the vendor's metadata tell, `is_readable` whether the credentials may.
    """

    kind: str
    own: str
    name: str
    label: str
    type: str = "string"
    longest: int | None = None
    is_readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many requests a vendor answers in so many seconds, of those whose path fits `of`.

    `name` is the vendor's for it, `by` whose requests are counted together.
    """

    requests: int
    seconds: float
    of: str = ""
    name: str = ""
    by: Callable[[Request], bool] = lambda _: True

    def covers(self, request: Request) -> bool:
        """Return whether a request counts."""
        return self.by(request) and re.search(self.of, request.path) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """What answers requests whose path fits `path` and that hold a text, parts of batches too.

    `times` is how many of them, None for every one: a record that no call can give, for good.
    """

    path: str
    holding: str = ""
    reply: Reply
    times: int | None = None

    def spoils(self, request: Request) -> bool:
        """Return whether a request touches what is poisoned."""
        asked = f"{request.path} {request.query} {request.body.decode('utf-8', 'replace')}"
        return re.search(self.path, request.path) is not None and self.holding in asked


Now = Callable[[], datetime]


class CrmServer:
    """One vendor's API over a book. Subclasses name their paths in `routes`.

    `faults` answer the nth request from now instead: 1 is the next. `poisons` answer every request
    about a record that no call can give. What `stuck` fits repeats its first answer for ever, as
    endless pages do. `requests` counts by method and
    path pattern, so that tests can say what a night costs, `refusals` those that were one too many.
    `ticks` are the seconds that allowances are kept by: real ones, whatever the sandbox's clock
    says.
    """

    name = ""
    routes: Sequence[tuple[str, str, str]] = ()
    """Method, pattern of the path, and who answers, with the pattern's groups as arguments."""
    allowances: Sequence[Allowance] = ()
    most_at_once: int | None = None
    """How many requests may be under way; None for any number."""
    has_pipelines = True
    """False where all stages are in one list."""
    merges_into_a_new_deal = False
    """True where a merge ends both deals and makes a third."""

    may_write = True
    """False where the credentials may read alone."""
    lost_answers = 0
    """How many of the next changes are made and never answered."""

    def __init__(self, book: CrmBook, now: Now) -> None:
        self.book = book
        self.now = now
        self.requests: dict[str, int] = {}
        self.faults: dict[int, Reply] = {}
        self.poisons: list[Poison] = []
        self.stuck: str | None = None
        self.ticks: Callable[[], float] = monotonic
        self.refusals = 0
        self.most_under_way = 0
        self._under_way = 0
        self._repeated: dict[str, Reply] = {}
        self._counting = Lock()
        self._taken = [(one, deque[float](maxlen=one.requests)) for one in self.allowances]
        self._routes = [
            (method, re.compile(pattern), pattern, getattr(self, handler))
            for method, pattern, handler in self.routes
        ]

    def answer(self, request: Request) -> Reply:
        """Answer a request, or refuse one too many."""
        with self._counting:
            self.faults = {number - 1: reply for number, reply in self.faults.items() if number}
            fault = self.faults.pop(0, None)
            refused = None if fault else self._one_too_many(request)
            self.refusals += refused is not None
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            if fault is not None:
                return fault
            if refused is not None:
                return self.too_many(refused)
            if spoilt := self.spoilt(request):
                return spoilt
            reply, route = self._again(request) or self.handled(request)
        finally:
            with self._counting:
                self._under_way -= 1
        with self._counting:
            self.requests[route] = self.requests.get(route, 0) + 1
        return reply

    def spoilt(self, request: Request) -> Reply | None:
        """Return what a poison answers to a request, None where none does."""
        for number, poison in enumerate(self.poisons):
            if poison.spoils(request):
                if poison.times is not None:
                    left = [replace(poison, times=poison.times - 1)] if poison.times > 1 else []
                    self.poisons[number : number + 1] = left
                return poison.reply
        return None

    def _again(self, request: Request) -> tuple[Reply, str] | None:
        """Return the first answer to a path that is stuck, whichever page is asked for."""
        if self.stuck is None or not re.search(self.stuck, request.path):
            return None
        if request.path not in self._repeated:
            self._repeated[request.path], _ = self.handled(request)
        return self._repeated[request.path], f"{request.method} {request.path}, stuck"

    def _one_too_many(self, request: Request) -> Allowance | None:
        """Return the allowance that a request goes beyond; one within all is counted by each."""
        if self.most_at_once is not None and self._under_way >= self.most_at_once:
            return Allowance(requests=self.most_at_once, seconds=0)
        now = self.ticks()
        taken = [(one, times) for one, times in self._taken if one.covers(request)]
        for one, times in taken:
            if len(times) == one.requests and now < times[0] + one.seconds:
                return one
        for _, times in taken:
            times.append(now)
        return None

    def handled(self, request: Request) -> tuple[Reply, str]:
        """Answer a request without counting it; also name the route it took."""
        for method, pattern, name, handler in self._routes:
            if method == request.method and (found := pattern.fullmatch(request.path)):
                refused = self.refuse(request)
                with self.book.lock:
                    return refused or handler(request, **found.groupdict()), f"{method} {name}"
        return self.not_found(request), "nowhere"

    def record_id(self, kind: str, number: int) -> str:
        """Return the vendor's form of the ID of a kind of record; numbers begin with 1."""
        raise NotImplementedError

    def archive(self, deal_id: str, at: datetime) -> None:
        """Put a deal away that stays what it is. Raises ValueError where the vendor cannot."""
        raise ValueError(f"{self.name} does not archive deal {deal_id}")

    def refuse(self, request: Request) -> Reply | None:
        """Return the answer to somebody who may not ask; None where he may."""
        return None

    def too_many(self, beyond: Allowance) -> Reply:
        """Return the answer to a request beyond an allowance."""
        return Reply(status=429, headers={"Retry-After": str(ceil(beyond.seconds))})

    def not_found(self, request: Request) -> Reply:
        """Return the answer to a path that does not exist."""
        return Reply(status=404)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value) if value % 1 else int(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
