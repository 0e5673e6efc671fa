"""A destination whose account was replaced in place: refused while what it sent still counts.

The ledger knows conversions by their destination's name. If the name stands for another account
now, a correction of what counts in the former one would count in this one as a new conversion, and
the former keeps what should have been corrected.
"""

from collections.abc import Callable, Mapping

from convsync.errors import UnsafePlanError
from convsync.store import retired, runs
from convsync.store.database import Connection


def doubt_other_accounts(
    connection: Connection, accounts: Mapping[str, str], doubt: Callable[[UnsafePlanError], None]
) -> None:
    """Doubt an account that has taken another's place, and remember the accounts there are.

    `doubt` raises the error, or lets it pass where a person has confirmed it.
    """
    for name, account in accounts.items():
        before = runs.recall(connection, f"account of {name}")
        if before == account:
            continue
        if before is not None and (count := retired.counting_at(connection, name)):
            doubt(_replaced(name, before, account, count))
        runs.remember(connection, f"account of {name}", account)


def _replaced(name: str, before: str, now: str, count: int) -> UnsafePlanError:
    return UnsafePlanError(
        f"destinations.{name} reported {count:,} conversions to account {before} that still count,"
        f" and names account {now}, which knows none of them: a correction would count there as a"
        f" new conversion. Nothing was sent. Write {before} again, and add a destination with its"
        f" own name for {now}, which the rules then name. If {now} is the same account, use --force"
        " to send anyway."
    )
