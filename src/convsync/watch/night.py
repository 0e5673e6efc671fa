"""Watches one night from outside: pings, checks, alerts, and writes the figures.

It wraps a run however that ends, one that never began included, and changes nothing of how it ends:
what goes wrong here is logged. A run that is stopped by a signal tells nobody, so that it ends
within seconds.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from convsync import log
from convsync.errors import ConvsyncError, LockedError, StoppedError
from convsync.model.rule import ConversionRule
from convsync.proof.verification import recent_break
from convsync.store import alert_states, watching
from convsync.store.database import Connection, Database
from convsync.watch import alerts
from convsync.watch.alerts import Alarm, Told
from convsync.watch.delivery import Ping, ping, ping_of
from convsync.watch.ending import Night
from convsync.watch.facts import Facts, facts_within
from convsync.watch.findings import Finding, Trouble, Watching, findings_of
from convsync.watch.sales import Sales, tell_quietly


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What to look at, whom to tell, and where the figures go; made by `wiring`."""

    rules: Sequence[ConversionRule]
    terms: Watching
    alarm: Alarm
    sales: Sales | None = None
    metrics_file: Path | None = None
    head_file: Path | None = None

    def look(self, database: Database, now: datetime) -> tuple[Facts, list[Finding]]:
        """Return how the nights stand, and what is wrong with them."""
        with database.reading() as connection:
            return self.look_within(connection, now)

    def look_within(
        self,
        connection: Connection,
        now: datetime,
        broken: Callable[[Connection], str] = recent_break,
    ) -> tuple[Facts, list[Finding]]:
        """Do the same over a connection that sees one state; `broken` is as of `facts_within`."""
        facts = facts_within(connection, self.rules, self.head_file, now, broken=broken)
        return facts, findings_of(facts, self.terms)

    def tell(
        self,
        database: Database,
        now: datetime,
        *,
        closing: str = "",
        passing: Sequence[Finding] = (),
    ) -> Told:
        """Look, tell what is not known yet in one message, and write the figures.

        `passing` is what was wrong and has ended by now.
        """
        facts, findings = self.look(database, now)
        told = alerts.tell(database, findings, self.alarm, now, closing=closing, passing=passing)
        self.write_figures(facts, findings)
        return told

    def write_figures(self, facts: Facts, findings: Sequence[Finding]) -> None:
        """Write the text file of figures, if one is wanted; a failure is logged."""
        if self.metrics_file is None:
            return
        from convsync.watch import metrics

        try:
            metrics.write(self.metrics_file, facts, findings)
        except OSError as error:
            log.warning(
                "the figures were not written", file=str(self.metrics_file), because=str(error)
            )


@contextmanager
def watched(watch: Watch, database: Database, now: datetime, night: Night) -> Iterator[None]:
    """Watch a run; its errors pass through, and `night` says how it ended where there are none."""
    ping(watch.alarm.ping_url, Ping.START)
    missed = _missed(watch, database, now)
    try:
        yield
    except StoppedError:
        raise  # somebody waits for it to end: the next look tells, unless a run is well by then
    except BaseException as error:
        exit_code = error.exit_code if isinstance(error, ConvsyncError) else 1
        _ended(watch, database, now, replace(night, exit_code=exit_code), missed, error)
        raise
    _ended(watch, database, now, night, missed, None)


def tell_of_no_settings(alarm: Alarm, error: ConvsyncError) -> None:
    """Tell of a run whose configuration could not be read: every time, for nothing remembers it."""
    alerts.tell_without_memory(_failure(error), alarm)
    ping(alarm.ping_url, ping_of(error.exit_code), _words_of(error))


def _missed(watch: Watch, database: Database, now: datetime) -> Sequence[Finding]:
    """Return the night that was missed before this run, which catches up on it."""
    try:
        with database.reading() as connection:
            last_begun = watching.last_begun(connection)
    except ConvsyncError:
        return ()  # the run will say what is wrong with the ledger
    findings = findings_of(Facts(at=now, last_begun=last_begun), watch.terms)
    return [
        replace(finding, text=f"{finding.text} This run has caught up.")
        for finding in findings
        if finding.trouble is Trouble.MISSED
    ]


def _ended(
    watch: Watch,
    database: Database,
    now: datetime,
    night: Night,
    missed: Sequence[Finding],
    error: BaseException | None,
) -> None:
    closing = str(night.closings[-1]) if night.closings else ""
    try:
        if not isinstance(error, LockedError):  # the run that holds the lock says how it ends
            _note_beginning(database, error if not night.closings else None)
            watch.tell(database, now, closing=closing, passing=missed)
            tell_quietly(database, watch.sales, now)
    except ConvsyncError as unreadable:
        log.warning("the ledger cannot be looked at for alerts", because=str(unreadable))
        alerts.tell_without_memory(_failure(error or unreadable), watch.alarm)
    ping(watch.alarm.ping_url, ping_of(night.exit_code), closing or _words_of(error))


def _note_beginning(database: Database, error: BaseException | None) -> None:
    """Keep why a run did not begin, for it left no row, until one begins."""
    text = "" if error is None else _words_of(error)
    with database.reading() as connection:
        known = alert_states.not_begun(connection)
    if text != known:
        with database.transaction("note the beginning") as connection:
            alert_states.note_not_begun(connection, text)


def _failure(error: BaseException) -> Finding:
    return Finding(trouble=Trouble.FAILED, text=f"The run did not start: {_words_of(error)}")


def _words_of(error: BaseException | None) -> str:
    """Return an error in our own words; others' errors may say too much."""
    if error is None:
        return ""
    return str(error) if isinstance(error, ConvsyncError) else f"stopped by {type(error).__name__}"
