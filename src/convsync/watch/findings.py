"""What is wrong with the nights, if anything: facts against limits; pure.

Each finding is a *state*: it is there from one look to the next for as long as it lasts, under the
same key. Whoever tells people remembers the keys, and so tells each state once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from zoneinfo import ZoneInfo

from convsync.plain_text import several
from convsync.store.watching import ANSWERS
from convsync.values.drift import drift_in_words
from convsync.watch.deadlines import Used, due
from convsync.watch.facts import USUAL_DAYS, Facts
from convsync.watch.timetable import Timetable


class Trouble(StrEnum):
    """What can be wrong; the word is part of keys, metrics and configuration."""

    FAILED = "failed"
    LEFT_UNDONE = "left_undone"
    MISSED = "missed"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    NOTHING_SENT = "nothing_sent"
    UNCONFIRMED = "unconfirmed"
    NOT_READ = "not_read"
    CHAIN = "chain"
    EXPIRING = "expiring"
    DEADLINE = "deadline"
    UNREADABLE = "unreadable"
    DRIFT = "drift"


CRITICAL = frozenset({Trouble.FAILED, Trouble.MISSED, Trouble.CHAIN})
"""What stops nights, or the trust in them; everything else is a warning."""

FIXES: Mapping[Trouble, str] = {
    Trouble.FAILED: "Fix what the message names, then `convsync run`.",
    Trouble.LEFT_UNDONE: "The next run tries again; `convsync status` shows what is left.",
    Trouble.MISSED: "Check that the timer, the container or the machine is up; the next run reads"
    " everything that was missed.",
    Trouble.BLOCKED: "`convsync status` says what to change in the account; then they go out.",
    Trouble.REJECTED: "`convsync audit list --event rejected` names them and their codes.",
    Trouble.NOTHING_SENT: "`convsync plan` says why nothing goes out; look at the CRM's export and"
    " at the click IDs first.",
    Trouble.UNCONFIRMED: "`convsync retry` asks again; `convsync status --platform` shows what"
    " the account says it received.",
    Trouble.NOT_READ: "`convsync check` tries the source; a large first read takes several nights.",
    Trouble.CHAIN: "`convsync audit verify` checks the whole log. After a restored backup, run"
    " `convsync audit accept-restore`.",
    Trouble.EXPIRING: "Sign in again with `convsync auth`, or renew it at its vendor and write the"
    " new expiry date into [alerts.expires].",
    Trouble.DEADLINE: "`convsync check` says what to change; docs/deadlines.md has the sources.",
    Trouble.UNREADABLE: "`convsync quarantine list` names each with its place and reason.",
    Trouble.DRIFT: "Look at what `convsync values learn` prints, and accept that version if it is"
    " right; nothing changes by itself.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One state that a person should know of.

    `about` tells states of one kind apart; `size` is how many records or conversions it concerns,
    0 where that says nothing. `text` makes sense alone, and names no person.
    """

    trouble: Trouble
    about: str = ""
    size: int = 0
    text: str

    @property
    def key(self) -> str:
        """Return what stays the same for as long as the state lasts."""
        return f"{self.trouble}:{self.about}" if self.about else str(self.trouble)

    @property
    def fix(self) -> str:
        """Return what to do about it."""
        return FIXES[self.trouble]

    @property
    def is_critical(self) -> bool:
        """True where nights stop, or cannot be trusted."""
        return self.trouble in CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """When something is wrong. `expires` are the last days of credentials, by what they are for.

    `uses` are the tables that vendors' deadlines may concern.
    """

    zone: ZoneInfo
    timetable: Timetable | None = None
    sources: Sequence[str] = ()
    read_within: timedelta = timedelta(hours=36)
    confirmed_within: timedelta = timedelta(hours=24)
    rejected_share: float = 0.05
    unreadable: int = 0
    expires: Mapping[str, date] = field(default_factory=dict)
    expiry_notice: timedelta = timedelta(days=14)
    uses: Sequence[Used] = ()


def findings_of(facts: Facts, terms: Watching) -> list[Finding]:
    """Return all that is wrong, worst first."""
    found = [
        *_failed(facts),
        *_missed(facts, terms),
        *_chain(facts),
        *_blocked(facts),
        *_rejected(facts, terms),
        *_nothing_sent(facts),
        *_unconfirmed(facts, terms),
        *_not_read(facts, terms),
        *_unreadable(facts, terms),
        *_expiring(facts, terms),
        *_deadlines(facts, terms),
        *_drift(facts),
    ]
    found += _left_undone(facts, found)
    return sorted(found, key=lambda finding: not finding.is_critical)


def _failed(facts: Facts) -> Iterator[Finding]:
    """A night that was stopped; one that came to its end says what is left by its own findings."""
    night = facts.night
    if facts.not_begun:
        yield Finding(trouble=Trouble.FAILED, text=f"The last run did not start: {facts.not_begun}")
    elif night is not None and not night.is_at_its_end:
        yield Finding(
            trouble=Trouble.FAILED,
            text=f"Run {night.run_id} did not finish: {night.message}",
        )


def _left_undone(facts: Facts, explained_by: Sequence[Finding]) -> Iterator[Finding]:
    """A night that came to its end with problems, where no finding says what they are."""
    night = facts.night
    if night is not None and night.is_at_its_end and night.message and not explained_by:
        yield Finding(
            trouble=Trouble.LEFT_UNDONE,
            text=f"Run {night.run_id} left something undone: {night.message}",
        )


def _missed(facts: Facts, terms: Watching) -> Iterator[Finding]:
    timetable = terms.timetable
    if timetable is None or not timetable.is_missed(facts.last_begun, facts.at):
        return
    due = timetable.last_by(facts.at - timetable.grace)
    yield Finding(
        trouble=Trouble.MISSED,
        text=f"No run has started since {_clock(facts.last_begun or due, terms)}; one was due at"
        f" {_clock(due, terms)} (nights are {timetable}).",
    )


def _chain(facts: Facts) -> Iterator[Finding]:
    if facts.chain:
        yield Finding(
            trouble=Trouble.CHAIN, text=f"The audit log cannot be trusted: {facts.chain}."
        )


def _blocked(facts: Facts) -> Iterator[Finding]:
    for action, code, count in facts.blocked:
        yield Finding(
            trouble=Trouble.BLOCKED,
            about=f"{action.destination}/{action.action_id}/{code}",
            size=count,
            text=f"{several(count, 'conversion')} of {action.destination}, action"
            f" {action.action_id}, blocked by the account's set-up: {code}.",
        )


def _rejected(facts: Facts, terms: Watching) -> Iterator[Finding]:
    rejected = facts.answers.get("rejected", 0)
    answered = sum(facts.answers.get(answer, 0) for answer in ANSWERS)
    if rejected and rejected / answered > terms.rejected_share:
        yield Finding(
            trouble=Trouble.REJECTED,
            size=rejected,
            text=f"{rejected:,} of {several(answered, 'conversion')} rejected"
            f" ({rejected / answered:.0%}; {terms.rejected_share:.0%} is allowed).",
        )


_HABIT = 7
"""For how many days something must have been sent before a day without is a drop."""


def _nothing_sent(facts: Facts) -> Iterator[Finding]:
    """A day in which nothing was sent, where of four weeks hardly a day was like it.

    A day ends now: with runs every few minutes, single ones send nothing as a matter of course.
    Failed nights are left out: they send nothing for a reason that is told already.
    """
    if facts.night is None or not facts.night.is_at_its_end:
        return
    by_day: dict[int, int] = {}
    for as_of, uploads in facts.uploads:
        day = (facts.night.as_of - as_of + timedelta(hours=2)) // timedelta(days=1)
        by_day[day] = by_day.get(day, 0) + uploads
    before = [sent for day, sent in by_day.items() if 0 < day <= USUAL_DAYS]
    empty = sum(1 for sent in before if not sent)
    if by_day.get(0, 0) == 0 and len(before) - empty >= _HABIT and empty <= len(before) // 20:
        yield Finding(
            trouble=Trouble.NOTHING_SENT,
            text=f"Nothing was sent; the days before usually sent {median(before):,.0f}.",
        )


def _unconfirmed(facts: Facts, terms: Watching) -> Iterator[Finding]:
    if facts.unconfirmed is None:
        return
    count, since = facts.unconfirmed
    if facts.at - since > terms.confirmed_within:
        yield Finding(
            trouble=Trouble.UNCONFIRMED,
            text=f"{several(count, 'request')} without the platform's verdict, the oldest since"
            f" {_clock(since, terms)}.",
        )


def _not_read(facts: Facts, terms: Watching) -> Iterator[Finding]:
    for source in terms.sources:
        until = facts.read_until.get(source)
        if until is not None and facts.at - until > terms.read_within:
            yield Finding(
                trouble=Trouble.NOT_READ,
                about=source,
                text=f"Source {source} has only been read up to {_clock(until, terms)}, longer ago"
                f" than the {terms.read_within.total_seconds() / 3600:g} hours allowed.",
            )


def _unreadable(facts: Facts, terms: Watching) -> Iterator[Finding]:
    for source, count in sorted(facts.unreadable.items()):
        if count > terms.unreadable:
            yield Finding(
                trouble=Trouble.UNREADABLE,
                about=source,
                size=count,
                text=f"{several(count, 'unreadable record')} of source {source}.",
            )


def _expiring(facts: Facts, terms: Watching) -> Iterator[Finding]:
    today = facts.at.astimezone(terms.zone).date()
    for name, last_day in sorted(terms.expires.items()):
        if last_day - today <= terms.expiry_notice:
            word = "expired" if last_day < today else "expires"
            yield Finding(
                trouble=Trouble.EXPIRING, about=name, text=f"{name} {word} on {last_day:%d %B %Y}."
            )


def _deadlines(facts: Facts, terms: Watching) -> Iterator[Finding]:
    """Yield vendors' deadlines; each notice makes one tenfold larger, so that it is told again."""
    for one in due(terms.uses, facts.at.astimezone(terms.zone).date()):
        yield Finding(
            trouble=Trouble.DEADLINE,
            about=f"{one.place}: {one.deadline.what}",
            size=10 ** (one.notices - 1),
            text=one.text,
        )


def _drift(facts: Facts) -> Iterator[Finding]:
    for one in facts.drift:
        yield Finding(
            trouble=Trouble.DRIFT,
            about=one.milestone,
            text=f"Learned values have drifted: {drift_in_words(one)}.",
        )


def _clock(at: datetime, terms: Watching) -> str:
    """Return an instant as the company's clocks show it."""
    return f"{at.astimezone(terms.zone):%Y-%m-%d %H:%M}"
