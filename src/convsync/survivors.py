"""What a deal became that was merged, in a CRM that does not say: Odoo, Pipedrive, Zoho CRM.

There the loser of a merge is a deal that was deleted, and its sale would be taken back without a
word. So a deal that was deleted is taken for merged

- into the one whose history was given the changes that the deal had gone through (Odoo), or
- into the one that has a contact, e-mail, phone or click in common with it and was changed within a
  minute of the deletion: a merge touches both at once.

Where only the second half holds, or it holds of several, nobody can tell a merge from a customer of
whom one deal was deleted: the deal counts as deleted, and is reported where it had been counted.
A key that too many deals have is nothing in common.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from convsync.extract.source import (
    AnswersForDeals,
    DealSource,
    Departed,
    Merges,
    Pause,
    Record,
)
from convsync.model.deal import Deal, Gone
from convsync.store import deals, ledger, likeness
from convsync.store.database import Connection
from convsync.store.session import Session

AT_ONCE: Final = timedelta(minutes=1)
"""How far apart a merge may stamp the two deals."""
_RECENTLY: Final = timedelta(days=2)
"""How long before it was noticed a deal may have been deleted where the CRM does not say when."""


class Survivors:
    """What a run finds of merges. `problems` names deletions that look like merges."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._given_to: defaultdict[str, dict[datetime, set[str]]] = defaultdict(dict)
        self._merged: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        self.problems: list[str] = []

    def followed(self, source: DealSource, records: Iterable[Record]) -> Iterator[Record | Pause]:
        """Yield records, with deletions that are merges as such, each behind what it became.

        A pause asks for all before it to be stored: a survivor is looked for among what is.
        """
        if not isinstance(source, Merges) or source.names_survivors:
            yield from records
            return
        is_stored = True
        for record in records:
            if isinstance(record, Deal):
                is_stored = False
                for at in record.taken_over:
                    self._given_to[source.name].setdefault(at, set()).add(record.deal_id)
            if not isinstance(record, Departed) or record.survivor is not None:
                yield record
                continue
            if not is_stored:
                yield Pause()
            is_stored = True
            yield from self._instead_of(record, source)

    def told_apart(
        self, source: DealSource, left: Iterable[Departed]
    ) -> tuple[list[Record], list[Departed]]:
        """Return what is to be read of deals that were merged, and those that were deleted."""
        records = [one for one in self.followed(source, left) if not isinstance(one, Pause)]
        deleted = [one for one in records if isinstance(one, Departed) and one.survivor is None]
        return [one for one in records if one not in deleted], deleted

    def _instead_of(self, departed: Departed, source: DealSource) -> Iterator[Record]:
        with self._session.transaction("look for a survivor") as connection:
            survivor = self._survivor_of(connection, source.name, departed)
        found = self._read(source, survivor) if survivor else None
        if found is None:
            yield departed
            return
        losers = self._merged[source.name, found.deal_id]
        losers.append(departed.deal_id)
        yield structs.replace(found, merged=tuple(losers))
        yield replace(departed, gone=Gone.MERGED, survivor=found.deal_id)

    def _read(self, source: DealSource, deal_id: str) -> Deal | None:
        if not isinstance(source, AnswersForDeals):
            return None
        found = (one for one in source.read_named([deal_id]) if isinstance(one, Deal))
        return next((one for one in found if one.deal_id == deal_id), None)

    def _survivor_of(self, connection: Connection, source: str, departed: Departed) -> str | None:
        row = deals.present(connection, source, [departed.deal_id]).get(departed.deal_id)
        if row is None:
            return None
        if by_history := self._given_its_history(connection, source, departed.deal_id):
            return by_history
        at = departed.at
        since = (at or self._session.now - _RECENTLY) - AT_ONCE
        alike = likeness.alike(connection, source, row, since)
        at_once = [one for one, changed in alike if at and abs(changed - at) <= AT_ONCE]
        if len(at_once) == 1:
            return at_once[0]
        if alike and self._has_counted(connection, row):
            self._report(source, departed.deal_id, [deal_id for deal_id, _ in alike])
        return None

    def _given_its_history(self, connection: Connection, source: str, deal_id: str) -> str | None:
        """Return the deal that was given the change by which one reached its last milestone."""
        milestones = deals.standing(connection, source, [deal_id]).get(deal_id, ())
        last = max((one.reached_at for one in milestones), default=None)
        given_to = self._given_to[source].get(last, set()) if last else set()
        return next(iter(given_to)) if len(given_to) == 1 else None

    def _has_counted(self, connection: Connection, row: int) -> bool:
        entries = ledger.entries_for(connection, [row]).values()
        return any(entry.told is not None and entry.told.amount for entry in entries)

    def _report(self, source: str, deal_id: str, others: list[str]) -> None:
        self.problems.append(
            f"source '{source}': deal {deal_id} was deleted, and what was counted for it is taken"
            f" back. It looks like a merge: {', '.join(others[:3])} has the same person and changed"
            " since. If it was one, restore the deal in the CRM and close the other instead."
        )
