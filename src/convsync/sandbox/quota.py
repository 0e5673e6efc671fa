"""How often the Data Manager API may be called: a minute's share and a day's, for each project.

Off until it is switched on. Writing (`ingest`) and reading (`status`) are counted apart.
https://developers.google.com/data-manager/api/devguides/limits
"""

from collections import Counter, defaultdict, deque
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal
from zoneinfo import ZoneInfo

import grpc

from convsync.sandbox.trouble import Trouble

Use = Literal["Write", "Read"]

MINUTE = timedelta(minutes=1)
DAYS_BEGIN_IN = ZoneInfo("America/Los_Angeles")


class CallQuota:
    """Counts calls by the sandbox's clock; `None` is no limit. Safe across threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.set(per_minute=None, per_day=None)

    def set(self, *, per_minute: int | None, per_day: int | None) -> None:
        """From now on so many calls a minute and a day; the count starts anew."""
        with self._lock:
            self._per_minute, self._per_day = per_minute, per_day
            self._recent: defaultdict[Use, deque[datetime]] = defaultdict(deque)
            self._today: Counter[tuple[Use, str]] = Counter()

    def take(self, use: Use, now: datetime) -> None:
        """Count one call; where the quota is used up, raise `Trouble` and do not count it."""
        with self._lock:
            recent = self._recent[use]
            while recent and not recent[0] <= now < recent[0] + MINUTE:
                recent.popleft()
            today = use, now.astimezone(DAYS_BEGIN_IN).date().isoformat()
            if self._per_day is not None and self._today[today] >= self._per_day:
                raise _exhausted(use, "Day", None)
            if self._per_minute is not None and len(recent) >= self._per_minute:
                raise _exhausted(use, "Minute", recent[0] + MINUTE - now if recent else MINUTE)
            recent.append(now)
            self._today[today] += 1


def _exhausted(use: Use, unit: str, retry_after: timedelta | None) -> Trouble:
    return Trouble(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"Quota exceeded for quota metric '{use} requests' and limit '{use} requests per "
        f"{unit.lower()}'.",
        retry_after=retry_after,
        quota_limit=f"IngestionService{use}RequestsPer{unit}PerProject",
    )
