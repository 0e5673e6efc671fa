"""Which deal a merged one became, in CRMs that do not say: Odoo, Pipedrive, Zoho CRM.

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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeGuard

from msgspec import structs

from convsync.extract.source import (
    AnswersForDeals,
    DealSource,
    Departed,
    Merges,
    Pause,
    Quarantined,
    Record,
)
from convsync.model.deal import Deal, Gone
from convsync.store import deals, ledger, likeness
from convsync.store.database import Connection
from convsync.store.session import Session

AT_ONCE: Final = timedelta(minutes=1)
"""How far apart a merge may stamp the two deals."""
_TOGETHER: Final = 2_000
"""For how many deals a survivor is looked for at once: each look is a pass over all deals."""
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
        departed: list[Departed] = []
        for record in records:
            if _is_unnamed(record):
                departed.append(record)
                if len(departed) < _TOGETHER:
                    continue
            if departed and not is_stored:
                yield Pause()
                is_stored = True
            yield from self._instead_of(departed, source)
            departed = []
            if isinstance(record, Deal | Quarantined):
                is_stored = False
            if isinstance(record, Deal):
                self._note_what_was_given(source.name, record)
            if not _is_unnamed(record):
                yield record
        if departed and not is_stored:
            yield Pause()
        yield from self._instead_of(departed, source)

    def told_apart(
        self, source: DealSource, left: Iterable[Departed | Quarantined]
    ) -> tuple[list[Record], list[Departed]]:
        """Return what is to be kept of deals that were merged, and those that were deleted.

        What could not be read is to be kept, too.
        """
        kept: list[Record] = []
        deleted: list[Departed] = []
        for record in self.followed(source, left):
            if _is_unnamed(record):
                deleted.append(record)
            elif not isinstance(record, Pause):
                kept.append(record)
        return kept, deleted

    def _note_what_was_given(self, source: str, deal: Deal) -> None:
        for at in deal.taken_over:
            self._given_to[source].setdefault(at, set()).add(deal.deal_id)

    def _instead_of(self, left: Sequence[Departed], source: DealSource) -> Iterator[Record]:
        if not left:
            return
        with self._session.transaction("look for survivors") as connection:
            survivors = self._survivors_of(connection, source.name, left)
        for departed in left:
            survivor = survivors.get(departed.deal_id)
            found = self._read(source, survivor) if survivor else None
            if found is None:
                yield departed
                continue
            losers = self._merged[source.name, found.deal_id]
            losers.append(departed.deal_id)
            yield structs.replace(found, merged=tuple(losers))
            yield replace(departed, gone=Gone.MERGED, survivor=found.deal_id)

    def _read(self, source: DealSource, deal_id: str) -> Deal | None:
        if not isinstance(source, AnswersForDeals):
            return None
        found = (one for one in source.read_named([deal_id]) if isinstance(one, Deal))
        return next((one for one in found if one.deal_id == deal_id), None)

    def _survivors_of(
        self, connection: Connection, source: str, left: Sequence[Departed]
    ) -> dict[str, str]:
        """Return the deals that some have become, by the IDs of these."""
        rows = deals.present(connection, source, [one.deal_id for one in left])
        known = [one for one in left if one.deal_id in rows]
        if not known:
            return {}
        found = self._given_their_history(connection, source, [*rows])
        recently = self._session.now - _RECENTLY
        since = min(one.at or recently for one in known) - AT_ONCE
        alike = likeness.alike(connection, source, [*rows.values()], since)
        for departed in known:
            others = alike.get(rows[departed.deal_id], ())
            at_once = [one.deal_id for one in others if _is_at_once(one, departed.at)]
            if departed.deal_id in found:
                continue
            if len(at_once) == 1:
                found[departed.deal_id] = at_once[0]
            else:
                since_then = (departed.at or recently) - AT_ONCE
                later = [one for one in others if one.changed_at >= since_then]
                unread = [one for one in others if not one.is_readable]
                if (later or unread) and self._has_counted(connection, rows[departed.deal_id]):
                    self._report(source, departed.deal_id, later or unread)
        return found

    def _given_their_history(
        self, connection: Connection, source: str, deal_ids: Sequence[str]
    ) -> dict[str, str]:
        """Return the deals that were given the changes by which others reached their last stage."""
        if not self._given_to[source]:
            return {}
        found = {}
        for deal_id, milestones in deals.standing(connection, source, deal_ids).items():
            last = max((one.reached_at for one in milestones), default=None)
            given_to = self._given_to[source].get(last, set()) if last else set()
            if len(given_to) == 1:
                (found[deal_id],) = given_to
        return found

    def _has_counted(self, connection: Connection, row: int) -> bool:
        entries = ledger.entries_for(connection, [row]).values()
        return any(entry.told is not None and entry.told.amount for entry in entries)

    def _report(self, source: str, deal_id: str, others: Sequence[likeness.Alike]) -> None:
        named = ", ".join(one.deal_id for one in others[:3])
        news = "changed since" if others[0].is_readable else "cannot be read"
        self.problems.append(
            f"source '{source}': deal {deal_id} was deleted, and what was counted for it is taken"
            f" back. It looks like a merge: {named} has the same person and {news}. If it was one,"
            " restore the deal in the CRM and close the other instead."
        )


def _is_unnamed(record: Record | Pause) -> TypeGuard[Departed]:
    """Return whether a deal left, and nobody says what it became."""
    return isinstance(record, Departed) and record.survivor is None


def _is_at_once(one: likeness.Alike, at: datetime | None) -> bool:
    return one.is_readable and at is not None and abs(one.changed_at - at) <= AT_ONCE
