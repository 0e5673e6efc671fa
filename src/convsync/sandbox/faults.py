"""Trouble on order: the nth call from now fails in a chosen way.

The way that matters most is `unavailable_after`: the platform counts, and its answer is lost.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any, Literal

import grpc

from convsync.sandbox.messages import Reason
from convsync.sandbox.refusals import Refusal

Call = Literal["ingest", "status"]
CALLS: tuple[Call, ...] = ("ingest", "status")

RETRY_AFTER = timedelta(seconds=30)
QUOTA_LIMIT = "IngestionServiceRequestsPerMinutePerProject"


def _unavailable() -> Refusal:
    return Refusal(
        grpc.StatusCode.UNAVAILABLE,
        Reason.ERROR_REASON_UNSPECIFIED,
        "The service is currently unavailable.",
    )


def _resource_exhausted() -> Refusal:
    return Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        Reason.RESOURCE_EXHAUSTED,
        "Quota exceeded.",
        metadata={"quota_limit": QUOTA_LIMIT},
        retry_after=RETRY_AFTER,
    )


def _internal() -> Refusal:
    return Refusal(grpc.StatusCode.INTERNAL, Reason.INTERNAL_ERROR, "Internal error.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way to fail: what the caller hears, and whether the call had its effect all the same."""

    answer: Callable[[], Refusal]
    takes_effect: bool = False


KINDS = {
    "unavailable_before": Kind(answer=_unavailable),
    "unavailable_after": Kind(answer=_unavailable, takes_effect=True),
    "resource_exhausted": Kind(answer=_resource_exhausted),
    "internal": Kind(answer=_internal),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The `request`th call of this sort from now, 1 being the next, fails in this `kind` of way."""

    on: Call
    request: int
    kind: str

    @classmethod
    def from_json(cls, fault: Mapping[str, Any]) -> "Fault":
        """Read one from `POST /faults`; a `ValueError` says what is wrong with it."""
        wanted = cls(on=fault["on"], request=int(fault["request"]), kind=fault["kind"])
        if wanted.on not in CALLS:
            raise ValueError(f"on is {wanted.on!r}, not one of {', '.join(CALLS)}")
        if wanted.kind not in KINDS:
            raise ValueError(f"kind is {wanted.kind!r}, not one of {', '.join(KINDS)}")
        if wanted.request < 1:
            raise ValueError(f"request is {wanted.request}; the next one is 1")
        return wanted


class FaultPlan:
    """The faults still to come. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: Counter[Call] = Counter()
        self._due: dict[tuple[Call, int], Kind] = {}

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._due.clear()

    def add(self, fault: Fault) -> None:
        """Plan one more."""
        with self._lock:
            self._due[fault.on, self._calls[fault.on] + fault.request] = KINDS[fault.kind]

    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        """Let the call through, or fail it before or after the work inside, as planned."""
        kind = self._next(call)
        if kind and not kind.takes_effect:
            raise kind.answer()
        yield
        if kind:
            raise kind.answer()

    def _next(self, call: Call) -> Kind | None:
        with self._lock:
            self._calls[call] += 1
            return self._due.pop((call, self._calls[call]), None)
