"""Deals under an ID that is known in another form: held back, so that none is counted twice.

An export in which the zeros before the IDs are gone, or their case is another, would be as many new
deals, and each would be sent again under an order ID of its own. So a new deal whose ID is that of
a deal still there, but for its form, goes into quarantine, and the one that is known stays as it
is. A source's first read knows nothing yet: what stands there in two forms is two deals. Where that
is so later, too, the source says `ids_are_exact`.

A word before or behind the ID (`OPP-12345` for `12345`, or the other way round) is another form
only where both reached a milestone at the same instant: else they are two deals.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from convsync.extract.id_forms import bare_forms_of, other_forms_of, prefix_of
from convsync.extract.source import ComesThroughOthers, DealSource, Quarantined, Record
from convsync.model.deal import Deal, Milestone
from convsync.store import deals, runs
from convsync.store.database import Connection
from convsync.store.session import Session

_LOOKED_AT: Final = 200
"""Of so many known IDs is taken what stands before most of them."""


class OtherForms:
    """Tells deals apart, for one run, from those whose ID is another's but for its form."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._may_be_there = False
        self._usual_prefix = ""

    def recall(self, source: DealSource) -> None:
        """Look, before a source is read, whether it was read before."""
        self._may_be_there = isinstance(source, ComesThroughOthers) and not source.ids_are_exact
        if self._may_be_there:
            with self._session.transaction("recall whether it was read") as connection:
                self._may_be_there = runs.watermark(connection, source.name) is not None
                known = deals.present_after(connection, source.name, 0, limit=_LOOKED_AT)
            prefixes = Counter(prefix_of(deal_id) for _, deal_id in known)
            self._usual_prefix = max(prefixes, key=prefixes.__getitem__, default="")

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
        read = {record.deal_id: record for record in chunk if isinstance(record, Deal)}
        known = deals.rows_by_id(connection, source, [*read]) if read else {}
        new = {deal_id: deal for deal_id, deal in read.items() if deal_id not in known}
        as_one = self._there_among(connection, source, {one: other_forms_of(one) for one in new})
        longer = {one: self._with_or_without_a_word(one) for one in new if one not in as_one}
        perhaps = self._there_among(connection, source, longer)
        reached = deals.standing(connection, source, [text for text, _ in perhaps.values()])
        alike = {
            deal_id: (text, row)
            for deal_id, (text, row) in perhaps.items()
            if _share_a_milestone(new[deal_id], reached.get(text, ()))
        }
        return as_one | alike

    def _with_or_without_a_word(self, deal_id: str) -> set[str]:
        return {self._usual_prefix + deal_id, *bare_forms_of(deal_id)} - {deal_id}

    def _there_among(
        self, connection: Connection, source: str, forms: Mapping[str, set[str]]
    ) -> dict[str, tuple[str, int]]:
        """Return, for each ID that has one, a form that is there, and in which row."""
        there = deals.present(connection, source, list(set().union(*forms.values())))
        return {
            deal_id: (texts[0], there[texts[0]])
            for deal_id, others in forms.items()
            if (texts := sorted(others.intersection(there)))
        }


def _share_a_milestone(deal: Deal, stored: Sequence[Milestone]) -> bool:
    """Return whether a deal and a stored one reached a milestone at the same instant."""
    known = {(one.name, one.reached_at) for one in stored}
    return any((one.name, one.reached_at) in known for one in deal.milestones)


def _unclear(deal_id: str, known_as: str) -> Quarantined:
    problem = (
        f"its ID is that of deal {known_as} in another form, and would count a second time: export"
        " IDs as they were (a spreadsheet drops zeros, a report changes case or adds a word), or,"
        " if both are deals, set the source's ids_are_exact = true"
    )
    return Quarantined(place=f"deal {deal_id}", problem=problem, deal_id=deal_id)
