"""What a platform's room in the sandbox is: its API, its switches and its books, all its own.

Google's came first and is the house itself (`ad_platform`); every other platform is a room of it.
A room shares the house's clock and the trouble that is ordered, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.routing import Route

from convsync.sandbox.clock import SandboxClock
from convsync.sandbox.faults import FaultPlan

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all rooms share: the time, and the trouble still to come."""

    clock: SandboxClock
    faults: FaultPlan


class Room(Protocol):
    """One platform. Its switches and readers are served under its name: `POST /microsoft/goals`.

    `calls` are the words by which trouble is ordered `on` its calls; no two rooms share one.
    """

    calls: Sequence[str]

    def routes(self) -> Sequence[Route]:
        """Return the vendor's own endpoints."""

    def readers(self) -> Mapping[str, Callable[[], Json]]:
        """Return what can be read, by name; one is `books`."""

    def switches(self) -> Mapping[str, Callable[[Json], Json]]:
        """Return what can be set, by name; a docstring says which JSON it takes."""

    def reset(self) -> None:
        """Be as at the start."""
