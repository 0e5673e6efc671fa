"""What a profile would do to conversions: questions to the source as a whole, and to each column.

Whatever is found says what it means for conversions, and how to put it right.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from convsync.model.deal import LOST
from convsync.model.finding import Finding, Severity
from convsync.profile.column_findings import findings_of_column
from convsync.profile.facts import LONGEST_LOOKBACK, Profile

Look = Callable[[Profile], Iterator[Finding]]
"""Yields what a profile shows, without its subject."""
_FEW: Final = 5
"""What so few deals show may be chance."""


def findings_of(profile: Profile) -> list[Finding]:
    """Return what a person should look at, errors first."""
    of_columns = (one for column in profile.columns for one in findings_of_column(profile, column))
    found = [*(one for look in OF_SOURCES for one in look(profile)), *of_columns]
    return sorted(found, key=lambda one: one.severity is not Severity.ERROR)


def _finding(profile: Profile, problem: str, means: str, fix: str, **more: str) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"source {profile.name}",
        problem=problem,
        means=means,
        fix=fix,
        **more,
    )


def _unreadable(profile: Profile) -> Iterator[Finding]:
    if profile.unreadable:
        yield _finding(
            profile,
            f"{profile.unreadable:,} of {profile.records:,} rows cannot be read;"
            f" {profile.unreadable_at}",
            "their deals are not sent, or stay as they were when last read",
            "correct the mapping or the export; `convsync quarantine list` has them after a run",
        )


def _footer(profile: Profile) -> Iterator[Finding]:
    if profile.footer and not profile.is_cut:
        yield _finding(
            profile,
            f"the {profile.footer:,} lines after the last deal, from {profile.footer_at} on, have"
            " no deal ID: they look like a report's footer",
            "they are unreadable every night, and no deal is taken for deleted beside them",
            "name the words that the first of them begins with",
            paste=f'[{profile.table}]\nstop_at = ["…"]',
        )


def _left_out(profile: Profile) -> Iterator[Finding]:
    if not profile.left_out:
        return
    is_lost = profile.left_out > profile.unreadable_stamps
    yield Finding(
        severity=Severity.ERROR if is_lost else Severity.WARNING,
        subject=f"source {profile.name}",
        problem=f"{profile.left_out:,} of {profile.records:,} rows are outside every window of the"
        " query",
        means="they are not read when they change, and the first run stops at them"
        if is_lost
        else "their stamps cannot be read either: they are in quarantine after the first run",
        fix="compare a timestamp with :since and :until, not seconds or text; or leave both out",
    )


def _repeated(profile: Profile) -> Iterator[Finding]:
    repeated = profile.repeated
    if repeated.differing:
        yield _finding(
            profile,
            f"{repeated.differing:,} deals stand in several rows that differ",
            "nothing tells which row counts, so these deals wait",
            "say what the rows of one deal are: product lines, or contacts",
            example=repeated.example,
            paste=f'[{profile.table}]\nrows_per_deal = "sum"   # or "merge", for contacts',
        )


def _shared(profile: Profile) -> Iterator[Finding]:
    for one in profile.shared:
        yield _finding(
            profile,
            f"{one.deals:,} deals share one {one.kind} key",
            f"a key of more than {profile.shared_limit} deals joins none of them to a click: it"
            " seems to be a placeholder or that of many people",
            "nothing, if it is one; otherwise allow it",
            example=one.shape,
            paste=f'[keys]\nallowed = ["{one.name}"]',
        )


def _before_creation(profile: Profile) -> Iterator[Finding]:
    for one in profile.milestones:
        if one.before_creation:
            yield _finding(
                profile,
                f"{one.before_creation:,} of {one.deals:,} deals reached '{one.name}' more than a"
                " day before they were created",
                "a click between the two is too late for the milestone, and not used",
                "look at how the date is entered; a typed closing date may lie anywhere",
                example=f"deal {one.example}",
            )


def _late(profile: Profile) -> Iterator[Finding]:
    for one in profile.milestones:
        if one.name != LOST and one.late >= max(_FEW, one.deals / 10):
            yield _finding(
                profile,
                f"{one.late:,} of {one.deals:,} deals reached '{one.name}' more than"
                f" {LONGEST_LOOKBACK.days} days after they were created",
                "the click they began with is older than that, and Google counts none so old",
                "send an earlier milestone as well, which such deals reach in time",
            )


def _reached_by_none(profile: Profile) -> Iterator[Finding]:
    for one in profile.milestones:
        if profile.deals and not one.deals:
            yield _finding(
                profile,
                f"none of {profile.deals:,} deals has reached the milestone '{one.name}'",
                "its rule sends nothing",
                "look whether it is mapped to the right column, stage or words",
            )


def _without_currency(profile: Profile) -> Iterator[Finding]:
    if count := profile.currencies.get(None, 0):
        yield _finding(
            profile,
            f"{count:,} deals have an amount without a currency",
            "their value is not sent",
            "map the column of the currency, or say which it is",
            paste=f'[{profile.table}]\ncurrency = "…"   # such as EUR',
        )


def _times(profile: Profile) -> Iterator[Finding]:
    samples = {
        column.column.name: column.sample for column in profile.columns if column.sample is not None
    }
    if samples:
        shown = (f"{name} '{one.written}' is {one.read}" for name, one in samples.items())
        yield Finding(
            severity=Severity.INFO,
            subject=f"source {profile.name}: times",
            problem="; ".join(shown),
        )


OF_SOURCES: Final[Sequence[Look]] = (
    _unreadable,
    _footer,
    _left_out,
    _repeated,
    _shared,
    _before_creation,
    _late,
    _reached_by_none,
    _without_currency,
    _times,
)
