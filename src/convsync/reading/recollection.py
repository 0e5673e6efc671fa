"""What is known from earlier reads, combined with what a source says now, before it is stored.

- A stage that was seen once is known when the CRM has deleted or renamed it.
- An estimated time stays what it was first: a record that is edited every night would otherwise
  move it every night. It ends when the CRM's history says better.
- A history that was purged takes nothing back: what was known of the time before it begins stays
  reached, unless what it still tells goes back below that.
- A merge moves conversions, it does not undo a sale. The survivor keeps what it or any deal that
  was merged into it had reached, its own time first and else the earliest; and what was counted for
  one of these is counted for the survivor, under the click and the order ID it went out with. Where
  two had been counted, the survivor's own or else the earlier stays, and the other is taken back.
  A survivor that was planned under a rule of its own before, and not counted, is counted anew.

What a deal became in a CRM that does not name the survivor of a merge is found by `survivors`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from convsync import audit
from convsync.extract.source import DealSource, Memory, Remembers
from convsync.model import moves
from convsync.model.deal import Deal, Merged, Milestone
from convsync.model.event import Event
from convsync.model.ledger import IN_FLIGHT, LedgerEntry, Move
from convsync.store import deals, ledger, memory
from convsync.store.database import Connection
from convsync.store.deals import Saved
from convsync.store.session import Session


class Recollection:
    """What a run knows from earlier ones of the sources it reads."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def recall(self, source: DealSource) -> None:
        """Hand a source what was kept of it, where that serves it."""
        if isinstance(source, Remembers):
            with self._session.transaction("recall a source") as connection:
                source.recall(
                    Memory(
                        stages=memory.stages_of(connection, source.name),
                        merged=memory.merged_deals(connection, source.name),
                    )
                )

    def keep(self, source: DealSource) -> None:
        """Remember the stages that a source was seen to have."""
        if isinstance(source, Remembers):
            with self._session.transaction("remember stages") as connection:
                memory.keep_stages(
                    connection, source.name, source.stages_seen, now=self._session.now
                )

    def beside(self, connection: Connection, source: str, read: Sequence[Deal]) -> Sequence[Deal]:
        """Return deals as they are to be stored, beside what is stored of them."""
        concerned = [deal for deal in read if deal.merged or deal.untold or _is_estimated(deal)]
        if not concerned:
            return read
        became = {one: deal.deal_id for deal in concerned for one in deal.merged}
        memory.keep_survivors(connection, source, became)
        ids = {one for deal in concerned for one in (deal.deal_id, *deal.merged)}
        stored = deals.standing(connection, source, sorted(ids))
        settled = {
            deal.deal_id: _with_what_is_untold(
                _with_first_estimates(deal, stored.get(deal.deal_id, ())),
                stored.get(deal.deal_id, ()),
            )
            for deal in concerned
        }
        self._inherit(connection, source, settled, stored)
        return [settled.get(deal.deal_id, deal) for deal in read]

    def move_conversions(
        self, connection: Connection, source: str, read: Sequence[Deal], saved: Saved
    ) -> Saved:
        """Move what counts for deals that were merged, to the deals they have become.

        Return what was saved: a deal to which something was moved is nothing new to the ledger.
        """
        moved = set[int]()
        for deal in read:
            if deal.merged and (left := deals.present(connection, source, deal.merged)):
                (row,) = deals.present(connection, source, [deal.deal_id]).values()
                self._move(connection, deal, row, [*left.values()])
                moved.add(row)
        if not moved:
            return saved
        changed = [
            structs.replace(one, is_new=one.is_new and one.row not in moved)
            for one in saved.changed
        ]
        return replace(saved, changed=changed)

    def _inherit(
        self,
        connection: Connection,
        source: str,
        settled: dict[str, Deal],
        stored: Mapping[str, Sequence[Milestone]],
    ) -> None:
        news = {}
        for deal in [*settled.values()]:
            left = deals.present(connection, source, deal.merged) if deal.merged else ()
            if left:
                own = stored.get(deal.deal_id, ())
                theirs = [one for deal_id in left for one in stored.get(deal_id, ())]
                milestones = inherited(deal.milestones, own, theirs)
                settled[deal.deal_id] = structs.replace(deal, milestones=milestones)
                news[deal.deal_id] = Merged(self._session.now, milestones)
        memory.keep_merged(connection, source, news)

    def _move(self, connection: Connection, survivor: Deal, row: int, left: Sequence[int]) -> None:
        events: list[Event] = []
        moved: list[Move] = []
        entries = ledger.entries_for(connection, [row, *left]).values()
        for entry in conversions_to_move(entries, row):
            event, move = moves.merged_into(
                entry, row, survivor.deal_id, run_id=self._session.run_id
            )
            events.append(event)
            moved.append(move)
        if not moved:
            return
        run_id, now = self._session.run_id, self._session.now
        audit.record(connection, events, run_id=run_id, at=now)
        audit.write(connection, moved, run_id=run_id, at=now)
        deals.withdraw_milestones(connection, left, now)


def inherited(
    read: Iterable[Milestone], own: Iterable[Milestone], theirs: Iterable[Milestone]
) -> tuple[Milestone, ...]:
    """Return what a survivor has reached: as known of itself, else of those, else as read."""
    earliest_first = sorted(theirs, key=lambda one: one.reached_at)
    found: dict[str, Milestone] = {}
    for one in (*own, *earliest_first, *read):
        found.setdefault(one.name, one)
    return tuple(sorted(found.values(), key=lambda one: one.reached_at))


def conversions_to_move(entries: Iterable[LedgerEntry], survivor: int) -> list[LedgerEntry]:
    """Return which entries are the survivor's from now on: one a rule, where it has none itself."""
    known = [*entries]
    has_own = {entry.rule for entry in known if entry.deal_row == survivor}
    counted = [entry for entry in known if entry.rule not in has_own and _may_count(entry)]
    first: dict[str, LedgerEntry] = {}
    for entry in sorted(counted, key=lambda entry: (entry.milestone_at, entry.number)):
        first.setdefault(entry.rule, entry)
    return [*first.values()]


def _may_count(entry: LedgerEntry) -> bool:
    is_worth = entry.told is not None and entry.told.amount != 0
    return is_worth or entry.state in IN_FLIGHT or entry.may_count_otherwise


def _is_estimated(deal: Deal) -> bool:
    return any(one.is_estimated for one in deal.milestones)


def _with_what_is_untold(deal: Deal, stored: Iterable[Milestone]) -> Deal:
    untold, reached = deal.untold, {one.name for one in deal.milestones}
    if untold is None:
        return deal
    kept = [
        one
        for one in stored
        if one.name in untold.milestones
        and one.name not in reached
        and (untold.since is None or one.reached_at < untold.since)
    ]
    milestones = sorted([*kept, *deal.milestones], key=lambda one: one.reached_at)
    return structs.replace(deal, milestones=tuple(milestones)) if kept else deal


def _with_first_estimates(deal: Deal, stored: Iterable[Milestone]) -> Deal:
    first = {one.name: one for one in stored if one.is_estimated}
    return structs.replace(
        deal,
        milestones=tuple(
            first.get(one.name, one) if one.is_estimated else one for one in deal.milestones
        ),
    )
