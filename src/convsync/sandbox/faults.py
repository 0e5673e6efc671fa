"""Planned faults: the nth call from now, or every nth, fails in a chosen way.

The way that matters most is `unavailable_after`: the platform counts, and its answer is lost.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Lock
from typing import Any

import grpc

from convsync.sandbox.trouble import NoAnswer, Silence, Trouble

Call = str
CALLS: tuple[Call, ...] = (
    "ingest",
    "status",
    "members_ingest",
    "members_remove",
    "user_lists",
    "google_ads_upload",
    "google_ads_adjustment",
    "search",
    "token",
)
"""Google's calls; a room names its own."""

QUOTA_LIMIT = "IngestionServiceRequestsPerMinutePerProject"
LONGEST_WAIT = timedelta(seconds=10)

Wait = Callable[[float], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way to fail; `takes_effect` if the call had its effect all the same.

    `lasting` is how long the caller waits, or is told to wait, unless the fault says otherwise.
    """

    code: grpc.StatusCode
    message: str = ""
    takes_effect: bool = False
    lasting: timedelta = timedelta(0)
    silence: Silence | None = None

    @property
    def is_only_late(self) -> bool:
        """Whether nothing fails, and the answer merely takes its time."""
        return self.code is grpc.StatusCode.OK


_UNAVAILABLE = "The service is currently unavailable."
# The caller hears what happened and only has to come again.
KINDS = {
    "unavailable_before": Kind(code=grpc.StatusCode.UNAVAILABLE, message=_UNAVAILABLE),
    "unavailable_after": Kind(
        code=grpc.StatusCode.UNAVAILABLE, message=_UNAVAILABLE, takes_effect=True
    ),
    "resource_exhausted": Kind(
        code=grpc.StatusCode.RESOURCE_EXHAUSTED,
        message="Quota exceeded.",
        lasting=timedelta(seconds=30),
    ),
    "internal": Kind(code=grpc.StatusCode.INTERNAL, message="Internal error."),
}
# Nothing is heard for a while, or at all, or coming again is of no use.
WORSE_KINDS = {
    "latency": Kind(code=grpc.StatusCode.OK, lasting=timedelta(seconds=0.2)),
    "hang": Kind(
        code=grpc.StatusCode.DEADLINE_EXCEEDED, silence="hang", lasting=timedelta(seconds=5)
    ),
    "crash": Kind(code=grpc.StatusCode.UNAVAILABLE, silence="crash"),
    "garbage": Kind(code=grpc.StatusCode.INTERNAL, takes_effect=True, silence="garbage"),
    "expired_token": Kind(
        code=grpc.StatusCode.UNAUTHENTICATED,
        message="Request had invalid authentication credentials.",
    ),
    "refused": Kind(
        code=grpc.StatusCode.PERMISSION_DENIED, message="The caller does not have permission."
    ),
}
_ALL_KINDS = KINDS | WORSE_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """Calls of one sort fail in this `kind` of way, or in several ways by turns.

    Either the `request`th from now, 1 being the next (and as many after it as there are kinds), or
    `every` so many until the plan is cleared. `seconds` is how long a slow or silent call takes, or
    how long an exhausted quota asks to wait; `counts` overrides whether the call has its effect;
    `error` is the vendor's code for kind `refused`, such as `authorization_error.PROJECT_DISABLED`.
    """

    on: Call
    kind: str | tuple[str, ...]
    request: int = 0
    every: int = 0
    seconds: float | None = None
    counts: bool | None = None
    error: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The ways to fail, in turn."""
        return (self.kind,) if isinstance(self.kind, str) else self.kind

    @classmethod
    def from_json(cls, fault: Mapping[str, Any], calls: Collection[Call] = CALLS) -> "PlannedFault":
        """Read one from `POST /faults`; a `ValueError` says what is wrong with it."""
        kind = fault["kind"]
        wanted = cls(**{**fault, "kind": kind if isinstance(kind, str) else tuple(kind)})
        if wanted.on not in calls:
            raise ValueError(f"on is {wanted.on!r}, not one of {', '.join(calls)}")
        if not wanted.kinds or not set(wanted.kinds) <= set(_ALL_KINDS):
            raise ValueError(f"kind is {kind!r}, not one of {', '.join(_ALL_KINDS)}")
        if min(wanted.request, wanted.every) < 0 or bool(wanted.request) == bool(wanted.every):
            raise ValueError(
                f"request is {wanted.request} and every is {wanted.every}: say either which "
                "request, the next one being 1, or every how many"
            )
        return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    kind: Kind
    fault: PlannedFault

    @property
    def lasting(self) -> timedelta:
        asked = self.fault.seconds
        return self.kind.lasting if asked is None else timedelta(seconds=asked)

    @property
    def takes_effect(self) -> bool:
        return self.kind.takes_effect if self.fault.counts is None else self.fault.counts

    def trouble(self) -> Trouble:
        if self.kind.silence:
            return NoAnswer(self.kind.silence, self.kind.code, min(self.lasting, LONGEST_WAIT))
        is_quota = self.kind.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        return Trouble(
            self.kind.code,
            self.kind.message,
            retry_after=self.lasting if is_quota else None,
            quota_limit=QUOTA_LIMIT if is_quota else "",
            error=self.fault.error,
        )


class FaultPlan:
    """The faults still to come. Safe across threads.

    Waiting is done by `wait`, which is given seconds; without one it is real time, and cut short by
    `let_go`, so that nothing that hangs can keep the sandbox from stopping.
    """

    def __init__(self, wait: Wait | None = None) -> None:
        self._lock = Lock()
        self._let_go = Event()
        self._wait = wait or self._let_go.wait
        self._calls: Counter[Call] = Counter()
        self._once: defaultdict[tuple[Call, int], list[_Due]] = defaultdict(list)
        self._regular: list[
            tuple[int, PlannedFault]
        ] = []  # with the call after which it was ordered

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._once.clear()
            self._regular.clear()

    def add(self, fault: PlannedFault) -> None:
        """Plan one more."""
        with self._lock:
            now = self._calls[fault.on]
            if fault.every:
                self._regular.append((now, fault))
                return
            for turn, kind in enumerate(fault.kinds):
                due = _Due(kind=_ALL_KINDS[kind], fault=fault)
                self._once[fault.on, now + fault.request + turn].append(due)

    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        """Let the call through, late or not at all or with its answer lost, as planned."""
        due = self._next(call)
        for late in due:
            if late.kind.is_only_late:
                self.wait(late.lasting)
        failing = next((each for each in due if not each.kind.is_only_late), None)
        if failing and not failing.takes_effect:
            raise failing.trouble()
        yield
        if failing:
            raise failing.trouble()

    def wait(self, duration: timedelta) -> None:
        """Let a little time pass: never more than ten seconds, and none once let go."""
        self._wait(min(duration, LONGEST_WAIT).total_seconds())

    def hold(self) -> None:
        """From now on those who wait do wait."""
        self._let_go.clear()

    def let_go(self) -> None:
        """Nobody waits any longer."""
        self._let_go.set()

    def _next(self, call: Call) -> list[_Due]:
        with self._lock:
            self._calls[call] += 1
            number = self._calls[call]
            return [*self._once.pop((call, number), ()), *self._by_turns(call, number)]

    def _by_turns(self, call: Call, number: int) -> Iterator[_Due]:
        for since, fault in self._regular:
            turn, rest = divmod(number - since, fault.every)
            if fault.on == call and not rest:
                kind = fault.kinds[(turn - 1) % len(fault.kinds)]
                yield _Due(kind=_ALL_KINDS[kind], fault=fault)
