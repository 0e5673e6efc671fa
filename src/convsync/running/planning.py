"""A chunk of deals, planned: what is known of them is fetched, decided on, and written down.

It is one transaction's work: the deals, their entries and the events that say what moved are
written together, or not at all.
"""

from collections.abc import Callable, Mapping, Sequence

from convsync import audit
from convsync.model.ledger import LedgerEntry
from convsync.model.narrowed import EVERYTHING, Narrowed
from convsync.model.period import Period
from convsync.model.revenue import Takings
from convsync.plan import PlanSummary
from convsync.reconcile import Reconciled, reconcile_chunk
from convsync.running.services import Services
from convsync.store import deals, heard, key_times, ledger, origins, shared_keys
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.kin import kin_of
from convsync.store.ledger import EntryKey
from convsync.store.session import Session

TakingsOf = Callable[[Connection, Sequence[int]], Mapping[int, Takings]]
"""What came in after the sale, by the row of each deal."""


class ChunkPlanner:
    """Plans deals, a chunk in a transaction, and counts into `summary` what that comes to."""

    def __init__(
        self,
        services: Services,
        session: Session,
        summary: PlanSummary,
        *,
        takings_of: TakingsOf,
    ) -> None:
        self._services = services
        self._session = session
        self._summary = summary
        self._takings_of = takings_of

    def reconcile(
        self,
        connection: Connection,
        chunk: Sequence[StoredDeal],
        *,
        within: Period | None = None,
        only: Narrowed = EVERYTHING,
    ) -> None:
        """Decide, plan and write down every milestone of a chunk of deals."""
        if not chunk:
            return
        known = [stored.row for stored in chunk if not stored.is_new]
        done = self._decided(connection, chunk, known, within=within, only=only)
        self._write_down(connection, done)
        held = {row: at for row, at in done.look_again.items() if at is not None}
        if within is None:
            no_longer = {row: None for row in known if row not in held}
            deals.look_again(connection, {**held, **no_longer})
        else:
            deals.look_again_sooner(connection, held)

    def _decided(
        self,
        connection: Connection,
        chunk: Sequence[StoredDeal],
        known: Sequence[int],
        *,
        within: Period | None,
        only: Narrowed,
    ) -> Reconciled:
        """Fetch what is known of a chunk, and decide on it; `known` are the rows not new to us."""
        services, rows = self._services, [stored.row for stored in chunk]
        kin = kin_of(connection, rows)
        candidates = heard.without_refused(connection, kin.candidates)
        entries = self._entries(connection, known, only)
        known_now = heard.with_consent(connection, chunk)
        if services.needs_origins:
            known_now = origins.with_origins(connection, known_now, candidates)
        return reconcile_chunk(
            known_now,
            [rule for rule in services.rules if only.has_rule(rule.name)],
            candidates,
            entries,
            now=self._session.now,
            run_id=self._session.run_id,
            next_number=ledger.next_number(connection),
            within=within,
            takes=services.takes,
            shared=shared_keys.digests(connection),
            sales=kin.sales,
            takings=self._takings_of(connection, rows),
            seconds=key_times.seconds_for(
                connection, services.takes, chunk, candidates, entries.values()
            ),
        )

    @staticmethod
    def _entries(
        connection: Connection, known: Sequence[int], only: Narrowed
    ) -> Mapping[EntryKey, LedgerEntry]:
        found = ledger.entries_for(connection, known) if known else {}
        return {key: entry for key, entry in found.items() if only.has_rule(entry.rule)}

    def _write_down(self, connection: Connection, done: Reconciled) -> None:
        """Write what became of a chunk, and count it into the plan."""
        audit.write(
            connection,
            done.moves,
            planned=done.planned,
            run_id=self._session.run_id,
            at=self._session.now,
        )
        for planned in done.planned:
            self._summary.add_new(planned.columns)
        for item in done.replaced:
            self._summary.take_out(item)
        for item in done.items:
            self._summary.add(item)
