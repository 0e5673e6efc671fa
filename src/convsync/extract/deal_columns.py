"""Reads rows of a table as deals by columns: what DealRows reads of each, at a lower cost.

A call for each cell, through all that a cell may be, costs more than what it does. Here a column of
some hundred cells is read in one pass, and a text that repeats itself once. A row is a deal here
only where every cell of it can be read; of any other row nothing is said: it is read by itself,
which finds what is wrong with it. Both must find the same deal in the same row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import Any

from convsync.extract.cell_columns import CellColumn, Cells, ReadCell, ReadColumn
from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader, spelled
from convsync.extract.deal_reader import deal_id_in, deal_ids_in, milestone_at, money_of
from convsync.extract.layout import Header, NumberedRow
from convsync.extract.mapping import DealColumns, MilestoneColumn, bare_columns
from convsync.extract.record_reader import (
    CONSENTS,
    began,
    clicks_of,
    identifiers_of,
    ids_with_times,
    keys_of,
)
from convsync.extract.timestamps import Moment
from convsync.model.captured import Captured
from convsync.model.click import Candidate, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind

_Money = tuple[Decimal | None, str | None]
_MilestoneColumn = tuple[CellColumn, Sequence[tuple[CellColumn, frozenset[str]]]]
"""The column of a milestone's time, and those whose words decide whether it counts."""


class OrdinaryDeals:
    """Reads rows under one header, in which DealRows has found every mapped column."""

    def __init__(
        self, source: str, columns: DealColumns, cells: CellReader, header: Header
    ) -> None:
        self._source = source
        self._cells = cells
        self._header = header
        self._all: list[CellColumn] = []
        one, each = self._column, self._each
        (self._deal_id,) = each([columns.deal_id], partial(deal_id_in, cells), deal_ids_in)
        self._created = one(columns.created_at, *_instants(cells, columns.created_at))
        self._modified = one(columns.modified_at, *_instants(cells, columns.modified_at))
        self._amount = one(columns.amount, cells.amount, cells.plain_amounts)
        self._currency = one(columns.currency, cells.currency)
        self._customer_type = one(columns.customer_type, cells.customer_type)
        self._gone = one(columns.deleted, partial(_gone, cells))
        self._user_data = one(columns.ad_user_data, cells.consent)
        self._personal = one(columns.ad_personalization, cells.consent)
        self._consented = one(columns.consented_at, *_instants(cells, columns.consented_at))
        self._country = one(columns.country, cells.region)
        self._clicked = one(columns.clicked_at, cells.moment_in(columns.clicked_at))
        self._segments = dict(
            zip(columns.segments, each(columns.segments.values(), cells.segment), strict=True)
        )
        self._milestones = [self._milestone(*found) for found in columns.milestones.items()]
        self._captured = [
            found
            for kind, name in bare_columns(columns)
            for found in each(
                [name], partial(cells.captured, kind), partial(cells.all_captured, kind)
            )
        ]
        if columns.landing_url is not None:
            self._captured += each([columns.landing_url], cells.captured_in_url)
        self._keys = each(columns.crm_keys, *_keys_read(cells, KeyKind.CRM))
        self._keys += each(columns.visitors, *_keys_read(cells, KeyKind.VISITOR))
        self._emails = each(columns.emails, cells.hashed_emails, cells.all_hashed_emails)
        self._phones = each(columns.phones, cells.phones)
        plain = cells.plain_hashes
        is_read_as_written = plain.are_kept or plain.are_joined
        self._written = each(columns.emails if is_read_as_written else (), cells.text)

    def read(self, rows: Iterable[NumberedRow]) -> dict[int, Deal]:
        """Return deals by the numbers of their rows; a row without one is to be read by itself."""
        last = self._header.last_mapped
        found = Cells(
            [row for row in rows if row.problem is None and len(row.cells) > last], self._all
        )
        money = self._money(found)
        who = self._people(found)
        fields = (
            found.rows,
            found.of(self._deal_id),
            found.of(self._created),
            found.of(self._modified),
            self._reached(found),
            money,
            self._clicks(found),
            self._joined_by(found, who),
            who,
            self._consents(found),
            found.of(self._consented),
            found.of(self._customer_type),
            self._texts_of_segments(found),
            found.of(self._gone),
        )
        return self._deals(zip(*fields, strict=True))

    def _deals(self, fields: Iterable[tuple[Any, ...]]) -> dict[int, Deal]:
        source = self._source
        return {
            row.number: Deal(
                source=source,
                deal_id=deal_id,
                created_at=created_at,
                modified_at=modified_at,
                milestones=milestones,
                amount=money[0],
                currency=money[1],
                clicks=clicks,
                keys=keys,
                identifiers=who,
                consent=consent,
                consented_at=consented_at,
                customer_type=customer_type,
                segments=segments,
                gone=gone,
                row_digest=row.digest,
            )
            for (
                row,
                deal_id,
                created_at,
                modified_at,
                milestones,
                money,
                clicks,
                keys,
                who,
                consent,
                consented_at,
                customer_type,
                segments,
                gone,
            ) in fields
        }

    def _column(
        self, name: str | None, read: ReadCell, read_all: ReadColumn | None = None
    ) -> CellColumn | None:
        return None if name is None else self._each([name], read, read_all)[0]

    def _each(
        self, names: Iterable[str], read: ReadCell, read_all: ReadColumn | None = None
    ) -> list[CellColumn]:
        columns = [CellColumn(place, read, read_all) for place in self._header.places(*names)]
        self._all += columns
        return columns

    def _milestone(self, name: str, of: MilestoneColumn) -> _MilestoneColumn:
        cells = self._cells
        (reached,) = self._each(
            [of.column],
            partial(_milestones, cells, name, cells.moment_in(of.column)),
            partial(_milestones_of_all, cells, name, of.column),
        )
        words = [(self._each([other], cells.word)[0], spelled(ws)) for other, ws in of.when.items()]
        return reached, words

    def _money(self, found: Cells) -> list[_Money]:
        """Return amounts and currencies; rows in which they contradict are left out."""
        otherwise = self._cells.default_currency
        money: list[_Money] = []
        contradictory: set[int] = set()
        stated_money = zip(found.of(self._amount), found.of(self._currency), strict=True)
        for at, (amount, stated) in enumerate(stated_money):
            if amount is None or type(amount) is Decimal:
                money.append((amount, stated or otherwise))
                continue
            try:
                money.append(money_of(amount, stated, otherwise))
            except CellError:
                contradictory.add(at)
        found.leave_out(contradictory)
        return money

    def _reached(self, found: Cells) -> list[tuple[Milestone, ...]]:
        of_each = [self._counted(found, column, when) for column, when in self._milestones]
        return [tuple(reached) for reached in found.together(of_each)]

    def _counted(
        self, found: Cells, column: CellColumn, when: Sequence[tuple[CellColumn, frozenset[str]]]
    ) -> Iterable[tuple[Milestone, ...]]:
        reached = found.of(column)
        for other, words in when:
            said = found.of(other)
            reached = [
                one if word in words else () for one, word in zip(reached, said, strict=True)
            ]
        return reached

    def _clicks(self, found: Cells) -> list[tuple[Candidate, ...]]:
        captured = found.together(found.of_each(self._captured))
        return [
            self._candidates(ids, moment) if ids else ()
            for ids, moment in zip(captured, found.of(self._clicked), strict=True)
        ]

    def _candidates(
        self, captured: Sequence[Captured], moment: Moment | None
    ) -> tuple[Candidate, ...]:
        seen_at, is_whole_day = began(moment, self._cells)
        clicks = clicks_of(ids_with_times(captured), seen_at, is_whole_day=is_whole_day)
        return tuple([Candidate(click, MatchBasis.DEAL) for click in clicks.values()])

    def _people(self, found: Cells) -> list[Identifiers]:
        emails = found.together(found.of_each(self._emails))
        phones: Iterable[Sequence[str]] = repeat((), len(found.rows))
        if self._phones:
            regions = found.of(self._country, self._cells.region(None))
            numbers = zip(*found.of_each(self._phones), strict=True)
            phones = [
                [one for text in texts if text for one in self._cells.hashed_phones(text, region)]
                for texts, region in zip(numbers, regions, strict=True)
            ]
        people = [identifiers_of(*both) for both in zip(emails, phones, strict=True)]
        plain = self._cells.plain_hashes
        if not plain.are_kept:
            return people
        of_rows = zip(people, *self._texts_of_people(found), strict=True)
        return [plain.beside(*of_row) for of_row in of_rows]

    def _joined_by(self, found: Cells, who: Sequence[Identifiers]) -> list[tuple[Key, ...]]:
        crm, ids = KeyKind.CRM, found.together(found.of_each(self._keys))
        of_rows = zip(found.of(self._deal_id), ids, who, self._plain_keys(found), strict=True)
        return [
            (Key(crm, deal_id), *keys, *keys_of(people), *plain)
            for deal_id, keys, people, plain in of_rows
        ]

    def _plain_keys(self, found: Cells) -> Iterable[Sequence[Key]]:
        """Return the keys of each row to what was hashed elsewhere."""
        plain = self._cells.plain_hashes
        if not plain.are_joined:
            return repeat((), len(found.rows))
        return [plain.keys(*of_row) for of_row in zip(*self._texts_of_people(found), strict=True)]

    def _texts_of_people(
        self, found: Cells
    ) -> tuple[Iterable[Sequence[str]], Iterable[Sequence[str]], Iterable[str | None]]:
        """Return the texts of each row's e-mails and phones as they are written, and its region."""
        nothing: list[Sequence[str]] = [()] * len(found.rows)
        return (
            zip(*found.of_each(self._written), strict=True) if self._written else nothing,
            zip(*found.of_each(self._phones), strict=True) if self._phones else nothing,
            found.of(self._country, self._cells.region(None)),
        )

    def _consents(self, found: Cells) -> list[Consent]:
        unspecified = ConsentStatus.UNSPECIFIED
        user_data = found.of(self._user_data, unspecified)
        personal = found.of(self._personal, unspecified)
        return [CONSENTS[stated] for stated in zip(user_data, personal, strict=True)]

    def _texts_of_segments(self, found: Cells) -> list[Mapping[str, str]]:
        if not self._segments:
            return [{} for _ in found.rows]
        names = [*self._segments]
        of_rows = zip(*found.of_each(self._segments.values()), strict=True)
        return [
            dict(zip(names, texts, strict=True))
            if all(texts)
            else {name: text for name, text in zip(names, texts, strict=True) if text}
            for texts in of_rows
        ]


def _instants(cells: CellReader, name: str | None) -> tuple[ReadCell, ReadColumn]:
    def read_all(texts: Sequence[str]) -> Sequence[datetime | None]:
        moments = cells.moments(name, texts)
        return [None if moment is None else cells.start_of(moment) for moment in moments]

    return cells.instant_in(name), read_all


def _milestones(
    cells: CellReader, name: str, moment_of: Callable[[object], Moment | None], cell: str
) -> tuple[Milestone, ...]:
    moment = moment_of(cell)
    return () if moment is None else (milestone_at(name, moment, cells),)


def _milestones_of_all(
    cells: CellReader, name: str, column: str, texts: Sequence[str]
) -> list[tuple[Milestone, ...]]:
    return [
        () if moment is None else (milestone_at(name, moment, cells),)
        for moment in cells.moments(column, texts)
    ]


def _gone(cells: CellReader, cell: str) -> Gone | None:
    return Gone.DELETED if cells.is_deleted(cell) else None


def _keys_read(cells: CellReader, kind: KeyKind) -> tuple[ReadCell, ReadColumn]:
    def read(cell: str) -> list[Key]:
        return [Key(kind, found) for found in cells.ids(cell)]

    def read_all(texts: Sequence[str]) -> list[Sequence[Key]]:
        return [(Key(kind, found),) if found else () for found in cells.plain_ids(texts)]

    return read, read_all
