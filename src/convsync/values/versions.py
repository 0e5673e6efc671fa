"""What a lead is worth, learned from the deals that are kept, in versions that a person accepts.

A version is learned, tried on past months, kept, and used by nobody until it is accepted. What the
rules use is then frozen: a later version changes nothing by itself, not even where the last months
have drifted from what is used. That is said, and a person decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from convsync.clock import Clock
from convsync.decisions.deciding import put_on_record
from convsync.errors import OperatorError
from convsync.model.event import Event, EventKind
from convsync.model.expected import ExpectedTable, Forecast
from convsync.model.finding import Finding, Severity
from convsync.model.outcome import EXPLANATIONS, Reason
from convsync.model.rule import ConversionRule
from convsync.store import value_versions
from convsync.store.database import Database
from convsync.store.value_versions import Version
from convsync.values.backtest import Backtest, backtest
from convsync.values.drift import drift_in_words, drift_of
from convsync.values.fitting import learn
from convsync.values.history import (
    MONTHS_TRIED,
    History,
    LearningTerms,
    months_before,
    read_history,
)
from convsync.values.leads import days_at

FEWEST_WON = 10
"""Sales within the window, below which no version can be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A version as it was learned: its number, its table, how it did, and what rules use by now."""

    number: int
    table: ExpectedTable
    backtest: Backtest
    history: History
    drift: Sequence[Forecast]


def learn_version(
    database: Database, terms: LearningTerms, *, now: datetime, by: str, real_clock: Clock
) -> Learned:
    """Learn a version from what is known now, try the same on past months, and keep it.

    Raises OperatorError where no sale is known to learn from.
    """
    with database.reading() as connection:
        history = read_history(connection, terms)
        used = value_versions.accepted(connection)
    day = days_at(now)
    table = learn(history.leads, terms.terms, day)
    if table is None:
        raise OperatorError(
            f"No deal is known to have been won within {terms.terms.window_days} days of a"
            " milestone before it, so there is nothing to learn from. `convsync report funnel`"
            " shows what there is; [values] window_days is how long it may take."
        )
    tried = backtest(history.leads, terms.terms, months_before(now, terms.zone, MONTHS_TRIED), day)
    with database.transaction("keep values") as connection:
        number = value_versions.keep(connection, table, tried.forecasts, at=now, by=by)
        said = {"version": number, "leads": len(history.leads), "by": by}
        event = Event(EventKind.VALUES_LEARNED, said)
        put_on_record(connection, "values learn", event, now=now, real_clock=real_clock)
    drift = [] if used is None else drift_of(used.table, history, terms, now)
    return Learned(number=number, table=table, backtest=tried, history=history, drift=drift)


def accept_version(
    database: Database,
    number: int | None,
    *,
    now: datetime,
    by: str,
    restates: bool,
    real_clock: Clock,
) -> Version:
    """Let rules use a version, or the latest, from their next run on; return it.

    Raises OperatorError where there is no such version, it knows too little to be used, or another
    was accepted at a later time.
    """
    with database.transaction("accept values") as connection:
        found = value_versions.version(connection, number)
        if found is None:
            known = ", ".join(str(one.number) for one in value_versions.listed(connection))
            raise OperatorError(
                "No values have been learned yet: run `convsync values learn` first."
                if not known
                else f"There is no version {number} of the values; there are: {known}."
            )
        _require_enough(found)
        _require_later(value_versions.accepted(connection), now)
        value_versions.accept(connection, found.number, at=now, by=by, restates=restates)
        said = {"version": found.number, "restates": restates, "by": by}
        event = Event(EventKind.VALUES_ACCEPTED, said)
        put_on_record(connection, "values accept", event, now=now, real_clock=real_clock)
    return found


def _require_enough(version: Version) -> None:
    """Raise OperatorError for a version that rests on too little."""
    table = version.table
    won = max(table.path(name, ())[0].won for name in table.milestones)
    if won < FEWEST_WON:
        raise OperatorError(
            f"Version {version.number} rests on {won} sales; at least {FEWEST_WON} are needed"
            " before rules may use it. Learn again when more deals have been won, or give sales"
            " longer by [values] window_days."
        )
    if all(table.path(name, ())[0].value is None for name in table.milestones):
        raise OperatorError(
            f"Version {version.number} has chances and no values: no deal that was won has an"
            f" amount in {table.currency}. Map the deals' amount, or set [values] currency."
        )


def _require_later(used: Version | None, now: datetime) -> None:
    """Raise OperatorError where another was accepted later: that one would stay in use."""
    if used is not None and used.accepted_at is not None and used.accepted_at >= now:
        raise OperatorError(
            f"Version {used.number} was accepted at {used.accepted_at:%Y-%m-%d %H:%M:%S} UTC, and"
            f" now is {now:%Y-%m-%d %H:%M:%S} UTC: what is accepted last is used. Check the clock,"
            " or leave out --as-of."
        )


# What a look at the set-up says of it


def wants_learned_values(rules: Sequence[ConversionRule]) -> bool:
    """True where a rule's value is learned."""
    return any(rule.learned for rule in rules)


def findings(
    database: Database, rules: Sequence[ConversionRule], terms: LearningTerms, now: datetime
) -> Sequence[Finding]:
    """Return whether rules that want learned values have any, and whether these still hold."""
    with database.reading() as connection:
        used = value_versions.accepted(connection)
        history = None if used is None else read_history(connection, terms)
    if used is None or history is None:
        wanting = [rule.name for rule in rules if rule.learned]
        explained = EXPLANATIONS[Reason.VALUES_NOT_ACCEPTED]
        return [
            Finding(
                severity=Severity.WARNING,
                subject="learned values",
                problem=f"no version is accepted, and {', '.join(wanting)} would send nothing",
                means=explained.sentence,
                fix=explained.fix,
            )
        ]
    drift = drift_of(used.table, history, terms, now)
    if not drift:
        return [Finding(subject="learned values", problem=f"version {used.number}")]
    return [
        Finding(
            severity=Severity.WARNING,
            subject="learned values",
            problem=f"drift from version {used.number}: {drift_in_words(one)}",
            means="What is sent as the value of these leads is not what they bring any more.",
            fix="Look at what `convsync values learn` prints, and accept that version if it is"
            " right; nothing changes by itself.",
        )
        for one in drift
    ]
