"""An offline conversion: one milestone of one deal under one rule, as it should be counted."""

from datetime import datetime, timedelta

from msgspec import Struct

from convsync.model.outcome import Matched
from convsync.model.statement import Statement


class Conversion(Struct, frozen=True, kw_only=True, gc=False):
    """What the platform should count, and what it was matched by. Times are aware UTC.

    `milestone_at` is when the milestone was reached; for a bare date the day's last second, while
    the statement's `event_at` is an instant within that day. `values_version` is that of the
    learned values which its value is of; None where it is of none.
    """

    statement: Statement
    rule: str
    milestone: str
    milestone_at: datetime
    matched: Matched
    time_to_close: timedelta | None = None
    values_version: int | None = None
