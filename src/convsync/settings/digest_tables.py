"""The table of the weekly digest: when it goes out."""

from datetime import time
from typing import Literal, get_args

from convsync.settings.values import Table
from convsync.settings.watch_tables import TimeOfDay

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)
"""As `datetime.weekday` counts them."""


class DigestTable(Table):
    """When the digest of the last week, Monday to Sunday, is sent to the receivers of alerts."""

    day: Weekday = "monday"
    at: TimeOfDay = time(8)
