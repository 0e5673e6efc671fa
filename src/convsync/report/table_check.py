"""What the rows of a file or query would do to the nights to come: `check`'s look at a table."""

from collections import Counter
from collections.abc import Iterator, Mapping

from convsync.extract.table_profile import Profiled, TableProfile, TimeSample, word_shown
from convsync.model.finding import Finding, Severity

_MOST_WORDS = 10


def findings_of_table(source: Profiled) -> list[Finding]:
    """Look through every row of a source. Raises what reading the source raises."""
    subject = f"source {source.name}"
    profile = source.profile()
    problems = [
        *_unclear(source.name, subject, profile.unclear),
        *_left_out(subject, profile),
    ]
    return [*(problems or [Finding(subject=subject)]), *_times(subject, profile.times)]


def _unclear(name: str, subject: str, unclear: Mapping[str, Counter[str]]) -> Iterator[Finding]:
    for column, words in unclear.items():
        if not words:
            continue
        shown = ", ".join(
            f"'{word_shown(word)}' ({count})" for word, count in words.most_common(_MOST_WORDS)
        )
        more = f" and {len(words) - _MOST_WORDS} more words" if len(words) > _MOST_WORDS else ""
        yield Finding(
            severity=Severity.WARNING,
            subject=subject,
            problem=f"the consent column '{column}' holds words that have no meaning in the"
            f" configuration: {shown}{more}",
            means=f"{words.total()} deals wait (consent_unclear): such a word may be a refusal",
            fix=f'add each word to `granted = ["…"]`, `denied = ["…"]` or `unspecified = ["…"]`'
            f" under [deals.{name}.consent]",
        )


def _left_out(subject: str, profile: TableProfile) -> Iterator[Finding]:
    if not profile.left_out:
        return
    is_lost = profile.left_out > profile.unreadable_stamps
    yield Finding(
        severity=Severity.ERROR if is_lost else Severity.WARNING,
        subject=subject,
        problem=f"{profile.left_out} of {profile.rows} rows are outside every window of the query",
        means="they are not read when they change, and the first run stops at them"
        if is_lost
        else "their stamps cannot be read either: they are in quarantine after the first run",
        fix="compare a timestamp with :since and :until, not seconds or text; or leave both out",
    )


def _times(subject: str, times: Mapping[str, TimeSample]) -> Iterator[Finding]:
    if not times:
        return
    samples = (f"{name} '{one.written}' is {one.read}" for name, one in times.items())
    yield Finding(
        severity=Severity.INFO,
        subject=f"{subject}: times",
        problem="; ".join(samples),
    )
