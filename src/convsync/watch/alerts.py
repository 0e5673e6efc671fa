"""Checks the nights, and alerts people to what they do not know yet.

Nothing here stops a night: what cannot be read or delivered is logged, and told at the next look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

from convsync import log
from convsync.store import alert_states
from convsync.store.database import Database
from convsync.watch.delivery import AppriseTarget, deliver
from convsync.watch.digest import (
    Digest,
    body_of,
    digest_of,
    remembered,
    still_acknowledged,
    title_of,
)
from convsync.watch.findings import Finding
from convsync.watch.timetable import Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When nobody is woken, by the company's clocks; over midnight where `until` is the earlier."""

    since: time
    until: time

    def has(self, at: datetime, zone: ZoneInfo) -> bool:
        """Return whether an instant lies in them."""
        now = at.astimezone(zone).time()
        if self.since <= self.until:
            return self.since <= now < self.until
        return now >= self.since or now < self.until

    def ends(self, zone: ZoneInfo) -> Timetable:
        """Return when they end, every day."""
        return Timetable(zone=zone, at=(self.until,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Who is told, when not, and what a dead man's switch is; `name` says which convsync speaks."""

    name: str
    zone: ZoneInfo
    targets: Sequence[AppriseTarget] = field(default_factory=tuple)
    quiet: QuietHours | None = None
    ping_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What there was to tell, and whether anybody was told; quiet hours put it off."""

    digest: Digest
    is_delivered: bool
    is_quiet: bool = False


def tell(
    database: Database,
    findings: Sequence[Finding],
    alarm: Alarm,
    now: datetime,
    *,
    closing: str = "",
    passing: Sequence[Finding] = (),
) -> Told:
    """Tell what is new, worse or over in one message, and remember what was told.

    `passing` is what was wrong and has ended by now: it is told at once, unless it was told while
    it lasted. Where there is nobody to tell, only acknowledgements are remembered. Two that look at
    once may both tell: a message twice is better than none.
    """
    with database.reading() as connection:
        known = alert_states.recall(connection)
    digest = digest_of(findings, known, passing)
    is_quiet = alarm.quiet is not None and alarm.quiet.has(now, alarm.zone)
    is_told = digest.is_empty or (not is_quiet and _deliver(alarm, digest, closing))
    kept = (
        remembered(findings, known, now, is_told=is_told)
        if alarm.targets
        else still_acknowledged(findings, known)
    )
    if kept != known:
        with database.transaction("remember alerts") as connection:
            alert_states.remember(connection, kept)
    return Told(digest=digest, is_delivered=is_told, is_quiet=is_quiet)


def tell_without_memory(finding: Finding, alarm: Alarm) -> bool:
    """Tell of a failure that keeps the ledger from being read: it is told every time."""
    return _deliver(alarm, Digest(new=[finding]), "")


def _deliver(alarm: Alarm, digest: Digest, closing: str) -> bool:
    if not alarm.targets:
        return False
    title, body = title_of(digest, alarm.name), body_of(digest, closing)
    is_delivered = deliver(alarm.targets, title, body, is_good_news=not digest.new)
    if is_delivered:
        log.info("alert sent", new=len(digest.new), resolved=len(digest.ended))
    return is_delivered
