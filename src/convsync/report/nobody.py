"""Keys that would link deals and clicks, but link none because they would link too many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convsync.model.finding import Finding, Severity
from convsync.store import crowded_keys, crowds, shared_keys
from convsync.store.crowded_keys import CrowdedKey
from convsync.store.crowds import Crowd
from convsync.store.database import Connection
from convsync.store.shared_keys import SharedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """Keys of too many deals, keys of too many clicks, and crowds of deals; the largest first."""

    shared: Sequence[SharedKey]
    crowded: Sequence[CrowdedKey]
    crowds: Sequence[Crowd]

    @property
    def keys(self) -> list[SharedKey | CrowdedKey]:
        """Return the keys, of either kind."""
        return [*self.shared, *self.crowded]


def listed(connection: Connection) -> Nobody:
    """Return all that joins nobody."""
    return Nobody(
        shared=shared_keys.listed(connection),
        crowded=crowded_keys.listed(connection),
        crowds=crowds.listed(connection),
    )


def warnings(connection: Connection) -> Iterator[Finding]:
    """Yield a warning for each."""
    found = listed(connection)
    yield from map(_of_shared, found.shared)
    yield from map(_of_crowded, found.crowded)
    yield from map(_of_crowd, found.crowds)


def _of_shared(one: SharedKey) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"shared key {one.name}",
        problem=f"{one.deals:,} deals share one e-mail, phone or other key, {one.example} among"
        " them",
        means="it links none of them to a click and is not sent, because it seems to be a"
        " placeholder or an address of many people",
        fix=f'nothing, if it is one; else add "{one.name}", or the e-mail, phone or key itself,'
        " to [keys] allowed",
    )


def _of_crowded(one: CrowdedKey) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"crowded key {one.name}",
        problem=f"{one.clicks:,} clicks have one visitor ID, e-mail or other key,"
        f" {one.example or 'one that was erased'} among them",
        means="it links none of them to a deal, because it seems to be a device of many people or a"
        " test",
        fix=f'nothing, if it is one; else add "{one.name}", or the ID or e-mail itself, to [keys]'
        " allowed",
    )


def _of_crowd(one: Crowd) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        subject=f"crowd of {one.example}",
        problem=f"keys link {one.deals:,} deals one to the next, {one.example} the first of them",
        means="these are too many for one customer, so each is treated as a customer's only deal",
        fix=f"look at them with `convsync customer {one.example}`: contacts that were merged by"
        " mistake, or a key that partners or staff leave on many deals; lower [keys]"
        " shared_by_more_than if each of these keys has only a few deals",
    )
