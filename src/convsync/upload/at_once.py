"""What destinations share whose platform answers for every row at once, and has no later verdict.

A row that was taken is confirmed. So there is no status to ask for, and whoever does ask has a
batch that another platform accepted under this destination's name.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from convsync.model.statement import Batch
from convsync.model.takes import Takes
from convsync.upload.codes import of_another_platform
from convsync.upload.destination import UNLIMITED, Quota, Verdict
from convsync.upload.parts import Part, foreseen


class AnsweredAtOnce:
    """A destination without verdicts; see Destination. `platform` is its name in messages."""

    platform: ClassVar[str]
    status_quota = UNLIMITED

    def __init__(
        self,
        name: str,
        takes: Takes,
        *,
        max_batch: int,
        requests_in_flight: int,
        upload_quota: Quota,
    ) -> None:
        self.name = name
        self.takes = takes
        self.max_batch = max_batch
        self.requests_in_flight = requests_in_flight
        self.upload_quota = upload_quota

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        """Raise OperatorError: there is never a verdict to wait for."""
        raise of_another_platform(batch, self.name, renamed=f"{self.platform}'s destination")

    def _apart_from_the_foreseen(self, batch: Batch, now: datetime) -> tuple[Sequence[int], Part]:
        """Return the rows to send, and the part of those that the platform is known to refuse."""
        refused = foreseen(batch, self.takes, now)
        known, rows = frozenset(refused[0]), range(len(batch.statements))
        return [row for row in rows if row not in known] if known else rows, refused
