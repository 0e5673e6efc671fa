"""The one way from a source's record to a Deal, for every source: the hub of `extract/`.

A row of a file or query and a record of a CRM differ in where a field stands (a `Layout`), in how
milestones are found, and in how many people stand behind the deal. All else is decided here, once:
what a deal's ID may be, what two currencies that disagree mean, whose refusal counts. A record that
cannot be read raises CellError, and its source quarantines it.

A new field of a deal is added in these files:

    model/deal.py               what it means
    extract/mapping.py          DealFields: that a source may have it
    extract/deal_reader.py      how it is read, for every source
    settings/deal_fields.py     DealFields: its key in the config, for every source
    store/schema/deal_tables.py its column, with a migration beside the others
    store/deal_row.py           how it is written and read back

A CRM that tells it without a mapping also has it in `CrmDeal` (extract/crm_adapter.py) and in that
CRM's own file. What is done with it (a value, a rule, a platform's field) is no part of reading.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Final, Generic, TypeVar

from convsync.extract.amounts import Amount
from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.layout import Layout
from convsync.extract.mapping import DealFields
from convsync.extract.record_reader import Evidence, together
from convsync.extract.sound_ids import plain_ids
from convsync.extract.timestamps import Moment
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.key import Key, KeyKind

R = TypeVar("R")
_LONGEST_ID: Final = 200


class DealReader(Generic[R]):
    """Reads records of one source as deals.

    `id_field` holds the deal's ID where a source knows it by a mapping. `milestones` says what a
    record reached, and `evidence` what it and whoever stands behind it say, given the deal's key.
    """

    def __init__(
        self,
        source: str,
        fields: DealFields,
        cells: CellReader,
        layout: Layout[R],
        *,
        id_field: str | None = None,
        milestones: Callable[[R], tuple[Milestone, ...]],
        evidence: Callable[[R, Key], Sequence[Evidence]],
        merged: Callable[[R], tuple[str, ...]] = lambda _: (),
        taken_over: Callable[[R], tuple[datetime, ...]] = lambda _: (),
    ) -> None:
        self.milestones = milestones
        self._source = source
        self._cells = cells
        self._evidence = evidence
        self._merged = merged
        self._taken_over = taken_over
        self.deal_id = layout.of_deal("deal_id", id_field, partial(deal_id_in, cells), "")
        self.modified = layout.of_deal(
            "modified_at", fields.modified_at, cells.moment_in(fields.modified_at), None
        )
        self._created_at = layout.of_deal(
            "created_at", fields.created_at, cells.instant_in(fields.created_at), None
        )
        self._amount = layout.of_deal("amount", fields.amount, cells.amount, None)
        self._currency = layout.of_deal("currency", fields.currency, cells.currency, None)
        self._customer_type = layout.optional(fields.customer_type, cells.customer_type, None)
        self._is_deleted = layout.optional(fields.deleted, cells.is_deleted, otherwise=False)
        segments = {name: layout.getter(of, cells.segment) for name, of in fields.segments.items()}
        self._segments = list({**layout.attributes(), **segments}.items())

    def read(self, record: R, row_digest: bytes = b"") -> Deal:
        """Return the deal of a record, or raise CellError."""
        return self.modified_deal(record, self.modified(record), row_digest)

    def modified_deal(self, record: R, modified: Moment | None, row_digest: bytes = b"") -> Deal:
        """Return the deal of a record whose `modified` stamp was read before."""
        deal_id = self.deal_id(record)
        amount, currency = self._money(record)
        found = together(self._evidence(record, Key(KeyKind.CRM, deal_id)))
        return Deal(
            source=self._source,
            deal_id=deal_id,
            created_at=self._created_at(record),
            modified_at=None if modified is None else self._cells.start_of(modified),
            milestones=self.milestones(record),
            amount=amount,
            currency=currency,
            clicks=found.clicks,
            keys=found.keys,
            identifiers=found.identifiers,
            consent=found.consent,
            consented_at=found.consented_at,
            refused=found.refused,
            customer_type=self._customer_type(record),
            segments={name: text for name, get in self._segments if (text := get(record))},
            gone=Gone.DELETED if self._is_deleted(record) else None,
            merged=self._merged(record),
            taken_over=self._taken_over(record),
            row_digest=row_digest,
        )

    def _money(self, record: R) -> tuple[Decimal | None, str | None]:
        stated, amount = self._currency(record), self._amount(record)
        return money_of(amount, stated, self._cells.default_currency)


def money_of(
    amount: Amount | None, stated: str | None, otherwise: str | None
) -> tuple[Decimal | None, str | None]:
    """Return an amount and its currency: as stated, as written beside it, or `otherwise`.

    Never the account's: a deal without one says so. CellError where they contradict.
    """
    if amount is None:
        return None, stated or otherwise
    if stated and amount.in_format:
        return amount.number, stated
    beside = amount.currency
    if stated and beside and stated != beside:
        raise CellError(
            f"the amount is written in {beside}, the currency beside it is {stated}: correct"
            " one of them in the CRM"
        )
    currency = stated or beside or otherwise
    if currency and amount.may_mean and currency not in amount.may_mean:
        raise CellError(
            f"the amount is written with a sign that {currency} does not use: correct the"
            " amount, or map the column of the currency"
        )
    return amount.number, currency


def milestone_at(name: str, moment: Moment, cells: CellReader) -> Milestone:
    """Return a milestone reached at an instant, or within a bare date."""
    if isinstance(moment, datetime):
        return Milestone(name, moment)
    return Milestone(name, cells.end_of(moment), is_whole_day=True)


def deal_id_in(cells: CellReader, cell: object) -> str:
    """Return the ID of a deal, or raise CellError."""
    deal_id = cells.deal_id(cell)
    if not deal_id:
        raise CellError("is empty: every deal needs its own ID")
    if len(deal_id) > _LONGEST_ID:
        raise CellError(f"is longer than {_LONGEST_ID} characters: map the column of the ID")
    if "\0" in deal_id:
        raise CellError("holds a NUL character: correct it in the CRM")
    return deal_id


def deal_ids_in(cells: Sequence[str]) -> Sequence[str]:
    """Return what `deal_id_in` returns of each cell of a column, or raise CellError for any."""
    deal_ids = plain_ids([cell.strip() for cell in cells])
    if max(map(len, deal_ids), default=0) > _LONGEST_ID:
        raise CellError(f"holds an ID longer than {_LONGEST_ID} characters")
    return deal_ids
