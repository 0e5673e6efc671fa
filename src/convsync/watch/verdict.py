"""One line for monitors, in the format that Nagios, Icinga, Checkmk and Zabbix read; pure.

    OK run 12, 3 h ago, sent 34 | age=10800s;;93600 sent=34 findings=0

The exit code is the state: 0 OK, 1 WARNING, 2 CRITICAL.
https://nagios-plugins.org/doc/guidelines.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from convsync.watch.facts import Facts
from convsync.watch.findings import Finding


class Level(IntEnum):
    """How things stand, as an exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How things stand, and the one line that says so."""

    level: Level
    line: str


def verdict_of(
    facts: Facts, findings: Sequence[Finding], max_age: timedelta | None = None
) -> Verdict:
    """Return how things stand; without a night that came to its end within `max_age`, critically.

    Without `max_age` only the findings count, and that there was a night at all.
    """
    last = _last_completed(facts)
    problems = [finding.text.rstrip(".") for finding in findings]
    level = Level.OK
    if findings:
        is_critical = any(finding.is_critical for finding in findings)
        level = Level.CRITICAL if is_critical else Level.WARNING
    if last is None:
        level, problems = Level.CRITICAL, ["no run has finished yet", *problems]
    elif max_age is not None and facts.at - last > max_age:
        level = Level.CRITICAL
        too_old = f"no run has finished for {_span(facts.at - last)}"
        problems.insert(0, f"{too_old}, {_span(max_age)} allowed")
    said = "; ".join(problems) or _good_news(facts, last)
    figures = _figures(facts, findings, last, max_age)
    return Verdict(level=level, line=_on_one_line(f"{level.name} {said} | {figures}"))


def _last_completed(facts: Facts) -> datetime | None:
    if facts.night is not None and facts.night.is_at_its_end:
        return facts.night.as_of
    return facts.last_good


def _good_news(facts: Facts, last: datetime | None) -> str:
    assert facts.night is not None
    assert last is not None
    night = facts.night
    return f"run {night.run_id}, {_span(facts.at - last)} ago, sent {night.uploads:,}"


def _figures(
    facts: Facts, findings: Sequence[Finding], last: datetime | None, max_age: timedelta | None
) -> str:
    limit = "" if max_age is None else f";;{max_age.total_seconds():.0f}"
    age = [] if last is None else [f"age={(facts.at - last).total_seconds():.0f}s{limit}"]
    sent = [f"sent={facts.night.uploads}"] if facts.night else []
    return " ".join([*age, *sent, f"findings={len(findings)}"])


def _span(time: timedelta) -> str:
    minutes = time.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def _on_one_line(text: str) -> str:
    """Return a text without what ends a line, or begins the figures a second time."""
    words, bar, figures = text.rpartition(" | ")
    return " ".join(words.replace("|", "/").split()) + bar + figures
