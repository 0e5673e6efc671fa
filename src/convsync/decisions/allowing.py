"""Keys that a person allows to link deals and clicks, however many have them, and disallows again.

What too many deals or clicks share says nothing of who is behind one of them, unless somebody who
knows says that it does. The next run joins by it, and looks again at the deals that have it.
"""

from collections.abc import Collection
from datetime import datetime

from convsync.clock import Clock
from convsync.decisions.deciding import put_on_record
from convsync.errors import OperatorError
from convsync.model.event import Event, EventKind
from convsync.report import nobody
from convsync.store import allowed_keys
from convsync.store.crowded_keys import CrowdedKey
from convsync.store.database import Connection, Database
from convsync.store.shared_keys import SharedKey


def allow(
    database: Database, digests: Collection[bytes], *, by: str, now: datetime, real_clock: Clock
) -> str:
    """Let a key join from the next run on; return the name it is listed by.

    `digests` are those of whatever kind of key its name can mean. Raises OperatorError where none
    of them is a key that joins nobody now, or it is allowed already.
    """
    with database.transaction("allow key") as connection:
        found = joining_nobody(connection, digests)
        if found is None:
            raise OperatorError(
                "No such key is shared by too many deals or clicks; `convsync keys list` names"
                " those that are."
            )
        if not allowed_keys.add(connection, found.name, by=by, at=now):
            raise OperatorError(f"{found.name} is allowed already: the next run uses it as a link.")
        detail = {"about": found.name, "shared_by": shared_by(found), "by": by}
        event = Event(EventKind.KEY_ALLOWED, detail)
        put_on_record(connection, "keys allow", event, now=now, real_clock=real_clock)
    return found.name


def disallow(
    database: Database, digests: Collection[bytes], *, by: str, now: datetime, real_clock: Clock
) -> str:
    """Let a key join nobody again, from the next run on; return its name.

    Raises OperatorError where no command has allowed it.
    """
    with database.transaction("disallow key") as connection:
        found = next((key for key in digests if allowed_keys.remove(connection, key)), None)
        if found is None:
            raise OperatorError(
                "No command has allowed such a key; `convsync keys list` names those that are"
                " allowed. What the configuration allows is in its [keys] allowed."
            )
        name = allowed_keys.name_of(found)
        event = Event(EventKind.KEY_DISALLOWED, {"about": name, "by": by})
        put_on_record(connection, "keys disallow", event, now=now, real_clock=real_clock)
    return name


def joining_nobody(
    connection: Connection, digests: Collection[bytes]
) -> SharedKey | CrowdedKey | None:
    """Return which of these keys joins nobody at present, None where none does."""
    names = {allowed_keys.name_of(key) for key in digests}
    return next((one for one in nobody.listed(connection).keys if one.name in names), None)


def shared_by(one: SharedKey | CrowdedKey) -> str:
    """Return how many have a key, in words."""
    return f"{one.deals:,} deals" if isinstance(one, SharedKey) else f"{one.clicks:,} clicks"
