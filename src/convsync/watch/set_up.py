"""What `check` says of the watch over nights, before a night needs it."""

from collections.abc import Iterator
from datetime import datetime

from convsync.model.finding import Finding, Severity
from convsync.watch.deadlines import due
from convsync.watch.delivery import problem_of_targets
from convsync.watch.night import Watch

_PAGE = "docs/operations.md"


def problems_of(watch: Watch, now: datetime) -> Iterator[Finding]:
    """Yield why people would not hear or figures not be written, and deadlines; send nothing."""
    yield from _deadlines(watch, now)
    if watch.alarm.targets and (problem := problem_of_targets(watch.alarm.targets)):
        yield Finding(
            severity=Severity.WARNING,
            subject="alerts",
            problem=problem,
            means="nobody hears when a night goes wrong; nights themselves go on",
            fix="correct CONVSYNC_ALERTS__URLS, then try it with `convsync alerts test`",
            link=_PAGE,
        )
    file = watch.metrics_file
    if file is not None and not file.parent.is_dir():
        yield Finding(
            severity=Severity.WARNING,
            subject="figures",
            problem=f"there is no folder {file.parent}",
            means="the figures of the nights are not written; nights themselves go on",
            fix="make the folder, or correct [metrics] textfile",
            link=_PAGE,
        )


def _deadlines(watch: Watch, now: datetime) -> Iterator[Finding]:
    """Yield vendors' deadlines from 60 days before on; a near or a past one is a warning."""
    for one in due(watch.terms.uses, now.astimezone(watch.terms.zone).date()):
        is_near = one.notices > 1
        yield Finding(
            severity=Severity.WARNING if is_near else Severity.INFO,
            subject=one.place,
            problem=one.text,
            means="after that day its requests are refused",
            fix=one.deadline.fix,
            link=one.deadline.source,
        )
