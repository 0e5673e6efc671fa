"""A destination that was renamed, or whose account was replaced: refused while something counts.

The ledger knows conversions by their destination's name. If the name stands for another account
now, a correction of what counts in the former one would count in this one as a new conversion, and
the former keeps what should have been corrected. If the account is there under another name, what
was sent under the former can no longer be corrected.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from convsync.errors import UnsafePlanError
from convsync.model.finding import Finding, Severity
from convsync.store import retired, runs
from convsync.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What has become of a destination through which something counts, and what to do about it."""

    destination: str
    problem: str
    fix: str


def doubt_other_accounts(
    connection: Connection, accounts: Mapping[str, str], doubt: Callable[[UnsafePlanError], None]
) -> None:
    """Doubt destinations that were renamed or name another account, and remember those there are.

    `doubt` raises the error, or lets it pass where a person has confirmed it.
    """
    for one in _changes(connection, accounts):
        doubt(UnsafePlanError(f"{one.problem}. Nothing was sent. {one.fix}"))
        runs.remember(connection, _account_of(one.destination), "")
    for name, account in accounts.items():
        if runs.recall(connection, _account_of(name)) != account:
            runs.remember(connection, _account_of(name), account)


def findings_of_accounts(connection: Connection, accounts: Mapping[str, str]) -> Iterator[Finding]:
    """Yield an error for each destination that a run would doubt."""
    for one in _changes(connection, accounts):
        yield Finding(
            severity=Severity.ERROR,
            subject=f"destination {one.destination}",
            problem=one.problem,
            means="a run is refused with exit code 3",
            fix=one.fix,
        )


def _changes(connection: Connection, accounts: Mapping[str, str]) -> Iterator[_Change]:
    names = {account: name for name, account in accounts.items()}
    for name, count in retired.counting_through(connection).items():
        before, now = runs.recall(connection, _account_of(name)), accounts.get(name)
        if now is None and before in names:
            yield _renamed(name, names[before], before, count)
        elif now is not None and before and before != now:
            yield _replaced(name, before, now, count)


def _renamed(name: str, now: str, account: str, count: int) -> _Change:
    return _Change(
        destination=name,
        problem=f"{count:,} conversions count in account {account} that went out through"
        f" destinations.{name}, which is no longer in the configuration; destinations.{now} reports"
        " to the same account, and cannot correct them",
        fix=f"Name it {name} again, or keep the table of {name} beside it. If they need no"
        " correction any more, use --force to send anyway.",
    )


def _replaced(name: str, before: str, now: str, count: int) -> _Change:
    return _Change(
        destination=name,
        problem=f"destinations.{name} reported {count:,} conversions to account {before} that still"
        f" count, and names account {now}, which knows none of them: a correction would count there"
        " as a new conversion",
        fix=f"Write {before} again, and add a destination with its own name for {now}, which the"
        f" rules then name. If {now} is the same account, use --force to send anyway.",
    )


def _account_of(destination: str) -> str:
    return f"account of {destination}"
