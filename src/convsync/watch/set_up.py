"""What `check` says of the watch over nights, before a night needs it."""

from collections.abc import Iterator

from convsync.model.finding import Finding, Severity
from convsync.watch.delivery import problem_of_targets
from convsync.watch.night import Watch

_PAGE = "docs/operations.md"


def problems_of(watch: Watch) -> Iterator[Finding]:
    """Yield why people would not hear, or figures not be written; nothing is sent."""
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
