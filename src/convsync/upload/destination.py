"""What every ad platform promises, whatever its API calls things and however it reports failure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from convsync.model.outcome import Outcome
from convsync.model.statement import Batch
from convsync.model.takes import Takes


class StillProcessing(Struct, frozen=True, kw_only=True):
    """The platform has no verdict yet."""


class Unknown(Struct, frozen=True, kw_only=True):
    """The platform knows nothing of the request: it is as if it had never been sent."""


Verdict = Sequence[Outcome] | StillProcessing | Unknown
"""One final outcome for every statement of a batch, in order; or that there is none."""


class Quota(Struct, frozen=True, kw_only=True):
    """How many requests a project may make; None: as many as it likes.

    `project` names what the platform counts by, a Google Cloud project: destinations that share one
    share its quota.
    """

    project: str
    per_minute: int | None = None
    per_day: int | None = None


UNLIMITED = Quota(project="")


class Destination(Protocol):
    """Takes a batch and answers for every statement in it, in order.

    Both methods raise TransientError where a later try may succeed (and the outcome of this one is
    unknown), OperatorError where a person has to fix the account or the set-up first, and
    UnexpectedResponseError where the answer makes no sense. Nothing is counted twice if a batch is
    sent again word for word. What `takes` foresees is refused without a request.
    """

    name: str
    takes: Takes
    max_batch: int
    requests_in_flight: int
    upload_quota: Quota
    status_quota: Quota

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch, of at most `max_batch` statements, in one request."""

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Have the platform check a batch without counting it; OperatorError where it would not."""

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        """Ask what became of an accepted batch."""

    def close(self) -> None:
        """Give back the connection."""
