"""A destination whose account was replaced in place: refused while what it sent still counts.

The ledger knows conversions by their destination's name. If the name stands for another account
now, a correction of what counts in the former one would count in this one as a new conversion, and
the former keeps what should have been corrected.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from convsync.errors import UnsafePlanError
from convsync.model.finding import Finding, Severity
from convsync.store import retired, runs
from convsync.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replaced:
    """A destination that names another account than the one in which something counts."""

    name: str
    before: str
    now: str
    count: int

    def __str__(self) -> str:
        return (
            f"destinations.{self.name} reported {self.count:,} conversions to account {self.before}"
            f" that still count, and names account {self.now}, which knows none of them: a"
            " correction would count there as a new conversion"
        )

    @property
    def fix(self) -> str:
        """Return what to do about it."""
        return (
            f"Write {self.before} again, and add a destination with its own name for {self.now},"
            f" which the rules then name. If {self.now} is the same account, use --force to send"
            " anyway."
        )


def doubt_other_accounts(
    connection: Connection, accounts: Mapping[str, str], doubt: Callable[[UnsafePlanError], None]
) -> None:
    """Doubt an account that has taken another's place, and remember the accounts there are.

    `doubt` raises the error, or lets it pass where a person has confirmed it.
    """
    for one in _replaced(connection, accounts):
        doubt(UnsafePlanError(f"{one}. Nothing was sent. {one.fix}"))
    for name, account in accounts.items():
        if runs.recall(connection, _account_of(name)) != account:
            runs.remember(connection, _account_of(name), account)


def findings_of_accounts(connection: Connection, accounts: Mapping[str, str]) -> Iterator[Finding]:
    """Yield an error for each account that has taken the place of one in which something counts."""
    for one in _replaced(connection, accounts):
        yield Finding(
            severity=Severity.ERROR,
            subject=f"destination {one.name}",
            problem=str(one),
            means="a run is refused with exit code 3",
            fix=one.fix,
        )


def _replaced(connection: Connection, accounts: Mapping[str, str]) -> Iterator[_Replaced]:
    for name, now in accounts.items():
        before = runs.recall(connection, _account_of(name))
        if before in (None, now):
            continue
        if count := retired.counting_at(connection, name):
            yield _Replaced(name=name, before=before, now=now, count=count)


def _account_of(destination: str) -> str:
    return f"account of {destination}"
