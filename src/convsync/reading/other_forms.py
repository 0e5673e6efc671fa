"""Deals under an ID that is known in another form: held back, so that none is counted twice.

An export in which the zeros before the IDs are gone, or their case is another, would be as many new
deals, and each would be sent again under an order ID of its own. So a new deal whose ID is that of
a deal still there, but for its form, goes into quarantine, and the one that is known stays as it
is. A source's first read knows nothing yet: what stands there in two forms is two deals. Where that
is so later, too, the source says `ids_are_exact`.
"""

from collections.abc import Sequence

from convsync.extract.id_forms import other_forms_of
from convsync.extract.source import ComesThroughOthers, DealSource, Quarantined, Record
from convsync.model.deal import Deal
from convsync.store import deals, runs
from convsync.store.database import Connection
from convsync.store.session import Session


class OtherForms:
    """Tells deals apart, for one run, from those whose ID is another's but for its form."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._may_be_there = False

    def recall(self, source: DealSource) -> None:
        """Look, before a source is read, whether it was read before."""
        self._may_be_there = isinstance(source, ComesThroughOthers) and not source.ids_are_exact
        if self._may_be_there:
            with self._session.transaction("recall whether it was read") as connection:
                self._may_be_there = runs.watermark(connection, source.name) is not None

    def held_back(
        self, connection: Connection, source: str, chunk: list[Record]
    ) -> tuple[list[Record], list[int]]:
        """Return a chunk with what is unreadable in place of such deals, and whose rows they are.

        The deals of these rows have not left their source.
        """
        known_as = self._known_as(connection, source, chunk) if self._may_be_there else {}
        if not known_as:
            return chunk, []
        told_apart: list[Record] = [
            _unclear(record.deal_id, known_as[record.deal_id][0])
            if isinstance(record, Deal) and record.deal_id in known_as
            else record
            for record in chunk
        ]
        return told_apart, [row for _, row in known_as.values()]

    def _known_as(
        self, connection: Connection, source: str, chunk: Sequence[Record]
    ) -> dict[str, tuple[str, int]]:
        """Return under which ID, and in which row, the deals of new IDs are known."""
        read = [record.deal_id for record in chunk if isinstance(record, Deal)]
        known = deals.rows_by_id(connection, source, read) if read else {}
        forms = {deal_id: other_forms_of(deal_id) for deal_id in read if deal_id not in known}
        there = deals.present(connection, source, list(set().union(*forms.values())))
        return {
            deal_id: (texts[0], there[texts[0]])
            for deal_id, others in forms.items()
            if (texts := sorted(others.intersection(there)))
        }


def _unclear(deal_id: str, known_as: str) -> Quarantined:
    problem = (
        f"its ID is that of deal {known_as} in another form, and would count a second time: export"
        " IDs as they were (a spreadsheet drops zeros, a report changes case), or, if both are"
        " deals, set the source's ids_are_exact = true"
    )
    return Quarantined(place=f"deal {deal_id}", problem=problem, deal_id=deal_id)
