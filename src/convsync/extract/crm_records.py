"""Makes deals of what a vendor's adapter hands over, by the config's mapping.

A click ID on a lead was seen when the lead was created, unless a field or the CRM's history of the
field says when. One on a contact or deal may have been written at any time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from operator import itemgetter
from re import compile as pattern
from typing import TypeVar

from msgspec import structs

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.crm_adapter import CrmDeal, FieldHistory, Fields, Person, is_sound
from convsync.extract.deal_reader import DealReader, milestone_at
from convsync.extract.funnel import Funnel, MilestoneStages, Stage
from convsync.extract.layout import Getter, Layout, NamedFields
from convsync.extract.malformed import MALFORMED, may_be_kept, quarantined
from convsync.extract.mapping import (
    ATTRIBUTES,
    CONTACT,
    LEAD,
    OWNER,
    CellFormat,
    CrmMapping,
    MilestoneField,
    OnCreation,
    RecordFields,
)
from convsync.extract.record_reader import Evidence, RecordReader
from convsync.extract.source import Quarantined
from convsync.extract.timestamps import Moment
from convsync.model.click import ClickId, MatchBasis
from convsync.model.deal import Deal, Merged, Milestone
from convsync.model.key import Key, KeyKind

T = TypeVar("T")
_UNKEEPABLE = pattern("[\0\ud800-\udfff]")
"""What no database keeps: a NUL, and half of a pair of surrogates."""


class CrmRecords:
    """Reads one CRM's records as the deals of `source`.

    Making one raises OperatorError where a stage is mapped that the CRM does not have. `merged`
    says of merged deals what is known from before; `empties_stages` is for the funnel.
    `unknown_stages` are the IDs of stages in histories that nothing is known of, each with a deal
    that was in it.
    """

    def __init__(
        self,
        source: str,
        mapping: CrmMapping,
        form: CellFormat,
        stages: Sequence[Stage],
        merged: Mapping[str, Merged] | None = None,
        *,
        empties_stages: bool = True,
    ) -> None:
        cells = self._cells = CellReader(form)
        layout = _DealLayout(cells)
        by_stage = {
            name: means
            for name, means in mapping.milestones.items()
            if isinstance(means, MilestoneStages)
        }
        self._funnel = Funnel(by_stage, stages, source=source, empties_stages=empties_stages)
        self._goes_by_stages = bool(by_stage)
        self._merged = merged or {}
        self.unknown_stages: dict[str, str] = {}
        self._by_moment = [
            (name, _moment_getter(means, cells, layout))
            for name, means in mapping.milestones.items()
            if not isinstance(means, MilestoneStages)
        ]
        self._own = _HistoryReader(mapping.deal, cells, MatchBasis.DEAL)
        self._people = {
            LEAD: _HistoryReader(mapping.lead, cells, MatchBasis.LEAD),
            CONTACT: _HistoryReader(mapping.contact, cells, MatchBasis.CONTACT),
        }
        self._deals: DealReader[CrmDeal] = DealReader(
            source,
            mapping,
            cells,
            layout,
            milestones=self._reached,
            evidence=self._evidence,
            merged=lambda record: tuple(filter(None, map(cells.internal_id, record.merged))),
            taken_over=lambda record: record.taken_over,
        )

    def read(self, record: CrmDeal | Quarantined) -> Deal | Quarantined:
        """Return the deal, or what is wrong with it."""
        if isinstance(record, Quarantined):
            return record
        try:
            return _sound(self._with_untold(record, self._deals.read(record)))
        except MALFORMED as error:
            return quarantined(str(record.deal_id), error)

    def _with_untold(self, record: CrmDeal, deal: Deal) -> Deal:
        if not self._goes_by_stages or record.merged:
            return deal
        untold = self._funnel.untold(record.entered, record.standing, record.created_at)
        return deal if untold is None else structs.replace(deal, untold=untold)

    def _reached(self, record: CrmDeal) -> tuple[Milestone, ...]:
        by_moment = [
            milestone_at(name, moment, self._cells)
            for name, get in self._by_moment
            if (moment := get(record)) is not None
        ]
        for stage_id in self._funnel.unknown_in(record.entered, record.standing):
            self.unknown_stages.setdefault(stage_id, record.deal_id)
        merged = self._merged.get(record.deal_id, Merged() if record.merged else None)
        reached = self._funnel.reached(record.entered, record.standing, merged)
        return (*reached, *by_moment)

    def _evidence(self, record: CrmDeal, key: Key) -> Sequence[Evidence]:
        own = self._own.read(record.fields, record.history, key=key)
        return [own, *map(self._evidence_of, record.people)]

    def _evidence_of(self, person: Person) -> Evidence:
        if not may_be_kept(str(person.record_id)):
            raise CellError(f"the ID of its {person.kind} is none: look at both in the CRM")
        return self._people[person.kind].read(
            person.fields,
            person.history,
            key=Key(KeyKind.CRM, person.record_id),
            otherwise_seen_at=person.created_at if person.kind == LEAD else None,
        )


class _DealLayout(Layout[CrmDeal]):
    """The fields of a CRM's deal: those that are mapped, and what every CRM tells without."""

    def __init__(self, cells: CellReader) -> None:
        self._fields = NamedFields()
        self._cells = cells

    def getter(self, name: str, read: Callable[[object], T]) -> Getter[CrmDeal, T]:
        get = self._fields.getter(name, read)
        return lambda record: get(record.fields)

    def of_deal(
        self, key: str, name: str | None, read: Callable[[object], T], otherwise: T
    ) -> Getter[CrmDeal, T]:
        """Return a getter of the mapped field, else of what the adapter says under `key`."""
        if name is not None:
            return self.getter(name, read)

        def get(record: CrmDeal) -> T:
            try:
                return read(getattr(record, key))
            except CellError as error:
                raise CellError(f"the deal's {key} {error}") from None

        return get

    def attributes(self) -> Mapping[str, Getter[CrmDeal, str]]:
        readers = dict.fromkeys(ATTRIBUTES, self._cells.segment) | {OWNER: self._cells.internal_id}
        return {name: _attribute_getter(name, read) for name, read in readers.items()}


class _HistoryReader:
    """Reads the records of one kind, with the click IDs that their fields held before."""

    def __init__(self, fields: RecordFields, cells: CellReader, basis: MatchBasis) -> None:
        self._records: RecordReader[Fields] = RecordReader(fields, cells, NamedFields(), basis)
        self._click_fields = fields.click_ids

    def read(
        self,
        fields: Fields,
        history: FieldHistory,
        *,
        key: Key,
        otherwise_seen_at: datetime | None = None,
    ) -> Evidence:
        """Return what a record says; a click ID was seen when it was first written."""
        return self._records.read(
            fields,
            key=key,
            written=dict(self._written(history)) if history else None,
            otherwise_seen_at=otherwise_seen_at,
        )

    def _written(self, history: FieldHistory) -> Iterator[tuple[ClickId, datetime]]:
        """Yield the click IDs of a history with their times; the last of one ID is its first."""
        for name in self._click_fields:
            for value, at in sorted(history.get(name, ()), key=itemgetter(1), reverse=True):
                with suppress(CellError):  # nobody can correct what a field held before
                    for click_id, clicked_at in self._records.click_ids.of({name: value}).items():
                        yield click_id, clicked_at or at


def _attribute_getter(name: str, read: Callable[[object], str]) -> Getter[CrmDeal, str]:
    def get(record: CrmDeal) -> str:
        try:
            return read(record.attributes.get(name))
        except CellError as error:
            raise CellError(f"the deal's {name} {error}") from None

    return get


def _sound(deal: Deal) -> Deal:
    """Return a deal that can be kept and calculated with, or raise CellError."""
    clicks = [candidate.click for candidate in deal.clicks]
    instants = (
        deal.created_at,
        deal.modified_at,
        *(milestone.reached_at for milestone in deal.milestones),
        *(click.clicked_at for click in clicks),
    )
    if not all(at is None or is_sound(at) for at in instants):
        raise CellError("one of its times lies beyond all sense, as the year 9999: correct it")
    texts = (
        deal.deal_id,
        deal.currency or "",
        *deal.segments.values(),
        *(key.value for key in deal.keys),
        *(click.click_id.value for click in clicks),
    )
    if _UNKEEPABLE.search("\n".join(texts)):
        raise CellError("one of its texts holds half a character or a NUL: correct it in the CRM")
    return deal


def _moment_getter(
    means: MilestoneField | OnCreation, cells: CellReader, layout: _DealLayout
) -> Getter[CrmDeal, Moment | None]:
    if isinstance(means, MilestoneField):
        return layout.getter(means.field, cells.moment_in(means.field))
    return lambda record: record.created_at
