"""What else waits for somebody on the first page: alerts, learned values, a run in progress."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convsync.clock import system_clock
from convsync.store import alert_states, allowed_keys, runs, value_versions
from convsync.store.alert_states import KnownState
from convsync.store.allowed_keys import AllowedKey
from convsync.store.database import Connection
from convsync.store.session import lease_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What people may decide, beside what the night's account says.

    `known` are alerts by their names, with who answers for them; `values` the version of learned
    values that was learned since one was accepted; `going_on` the run that holds the lock.
    """

    known: Mapping[str, KnownState]
    values: int | None
    allowed: Sequence[AllowedKey]
    going_on: int | None


def within(connection: Connection) -> Waiting:
    """Return what waits in one state of the ledger."""
    running = runs.running(connection, lease_time(connection, system_clock))
    return Waiting(
        known=alert_states.recall(connection),
        values=value_versions.newer(connection),
        allowed=allowed_keys.listed(connection),
        going_on=None if running is None else running.run_id,
    )
