"""The deals of a CRM, read through its vendor's adapter: a source like any other.

An adapter tells of deals and of the people behind them in one shape (`CrmDeal`); the config's
mapping says what their stages and fields mean, the same for all vendors. One page is read ahead of
that which is worked on, so that the store and the CRM need not wait for each other.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from msgspec import structs

from convsync import log
from convsync.clock import Clock, system_clock
from convsync.errors import OperatorError
from convsync.extract.cells import text_of
from convsync.extract.crm_adapter import Crm, CrmField, Page
from convsync.extract.crm_looks import columns_of_crm, looks_at, newest
from convsync.extract.crm_records import CrmRecords
from convsync.extract.free_text import without_people
from convsync.extract.funnel import MilestoneStages, StageOutcome, listed
from convsync.extract.looks import LookedAt
from convsync.extract.malformed import as_documented, may_be_kept
from convsync.extract.mapping import CellFormat, CrmMapping
from convsync.extract.source import Bookmark, Departed, Memory, Quarantined, Record
from convsync.extract.stage_names import doubtful_words, with_remembered
from convsync.model.deal import Deal
from convsync.model.period import Period
from convsync.model.stage import Stage
from convsync.parallel import ahead


class CrmDeals:
    """The deals of a CRM. Promises what DealSource does."""

    is_complete = False
    reads_all = False

    def __init__(
        self,
        name: str,
        crm: Crm,
        mapping: CrmMapping,
        cells: CellFormat,
        *,
        lag: timedelta | None = None,
        overlap: timedelta | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._clock = clock
        self.name = name
        self.crm = crm
        self.mapping = mapping
        self.lag = crm.lag if lag is None else lag
        self.overlap = crm.overlap if overlap is None else overlap
        self.cells = cells
        self._memory = Memory()
        self.stages_seen: Sequence[Stage] = ()

    @property
    def names_survivors(self) -> bool:
        """Return False where a deal that was merged seems to have been deleted."""
        return self.crm.names_survivors

    @property
    def lists_deleted_for(self) -> timedelta | None:
        """Return how long the CRM lists a deal that was deleted, if it lists them."""
        return self.crm.lists_deleted_for

    @property
    def links_unseen(self) -> bool:
        """Return True where a person may be linked to a deal and neither seems to have changed."""
        return self.crm.links_unseen

    def recall(self, memory: Memory) -> None:
        """Take what was kept of stages that are gone or renamed, and of deals that were merged."""
        self._memory = memory

    def check_columns(self) -> None:
        """Raise OperatorError unless the CRM answers, and has every mapped stage and field."""
        with as_documented(f"source '{self.name}'"):
            self._records()

    @contextmanager
    def looked_at(self) -> Iterator[LookedAt]:
        """Open the CRM for a look at the deals that were modified last."""
        with as_documented(f"source '{self.name}'"):
            columns, read = columns_of_crm(self.mapping), self._records().read
            with closing(newest(self.crm, self._clock())) as deals:
                yield LookedAt(
                    name=self.name,
                    table=f"deals.{self.name}",
                    columns=columns,
                    form=self.cells,
                    looks=looks_at(deals, columns, read),
                    milestones=tuple(self.mapping.milestones),
                )

    def read_changed(self, window: Period, after: Bookmark | None = None) -> Iterator[Record]:
        """Yield every deal modified inside the window, and every one that left the CRM in it."""
        with as_documented(f"source '{self.name}'"):
            records = self._records()
            for page in _ahead(self.crm.changed(window, after.place if after else None)):
                yield from map(records.read, page.deals)
                yield from filter(_has_sound_ids, page.departed)
                if page.place is not None and self._may_be_kept(page.place):
                    yield Bookmark(page.place)
            yield from filter(_has_sound_ids, self.crm.departed(window))
            self._say_what_is_unknown(records)

    def read_period(self, period: Period) -> Iterator[Record]:
        """Yield every deal that reached any milestone inside the period, however long untouched."""
        with as_documented(f"source '{self.name}'"):
            records = self._records()
            listed = chain.from_iterable(page.deals for page in _ahead(self.crm.reached(period)))
            for record in map(records.read, listed):
                if not isinstance(record, Deal) or any(
                    milestone.reached_at in period for milestone in record.milestones
                ):
                    yield record
            self._say_what_is_unknown(records)

    def read_named(self, deal_ids: Sequence[str]) -> Iterator[Record]:
        """Yield those of the deals that the CRM shows; it may add what they were merged into.

        Behind such a deal, what was merged into it is yielded as Departed.
        """
        with as_documented(f"source '{self.name}'"):
            records = self._records()
            for page in _ahead(self.crm.named(deal_ids)):
                yield from map(records.read, page.deals)
                yield from filter(_has_sound_ids, page.departed)

    def stages(self) -> Sequence[Stage]:
        """Return the stages there are now, and behind them those that are only remembered."""
        self.stages_seen = [named(stage, self.cells.phone_region) for stage in self.crm.stages()]
        return with_remembered(self.stages_seen, self._memory.stages)

    def _may_be_kept(self, place: str) -> bool:
        """Return whether a place, which names records, names nobody by what should be an ID."""
        is_one_word = " " not in place.rpartition(":")[2]
        return is_one_word and without_people(place, self.cells.phone_region) == place

    def _records(self) -> "CrmRecords":
        raise_if_missing(self.name, self.mapping, self.crm.fields())
        stages = self.stages()
        raise_if_never_won(self.name, self.mapping, stages)
        records = CrmRecords(
            self.name,
            self.mapping,
            self.cells,
            stages,
            self._memory.merged,
            empties_stages=self.crm.empties_stages,
        )
        for doubt in doubtful_words(self.mapping.stage_words, stages):
            log.warning("a stage is known only from memory", source=self.name, what=doubt)
        return records

    def _say_what_is_unknown(self, records: CrmRecords) -> None:
        for stage_id, deal_id in records.unknown_stages.items():
            log.warning(
                "a stage that nothing is known of: what deals reached behind it is estimated",
                source=self.name,
                stage=stage_id,
                deal=deal_id,
            )


class ForgetfulCrmDeals(CrmDeals):
    """The deals of a CRM that keeps no trace of deleted ones. Promises KeepsNoTrace, too."""

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed | Quarantined]:
        """Yield those of the deals that the CRM no longer has, or does not say whether it has."""
        asked: Any = self.crm
        with as_documented(f"source '{self.name}'"):
            yield from asked.departed_among(deal_ids)


def _ahead(pages: Iterator[Page]) -> Iterator[Page]:
    return ahead(pages, by=1)


def unreadable(mapping: CrmMapping, there: Sequence[CrmField]) -> Iterator[tuple[str, str]]:
    """Yield kind and name of every mapped field that is not there, or may not be read."""
    readable = {(field.kind, field.name) for field in there if field.is_readable}
    for kind, names in mapping.names.items():
        yield from ((kind, name) for name in names if (kind, name) not in readable)


def unreachable(mapping: CrmMapping, stages: Sequence[Stage]) -> Iterator[tuple[str, StageOutcome]]:
    """Yield every milestone that is meant by an outcome alone which no stage of the CRM has."""
    outcomes = {stage.outcome for stage in stages}
    for name, how in mapping.milestones.items():
        match how:
            case MilestoneStages(stages=(), outcome=StageOutcome() as outcome):
                if outcome not in outcomes:
                    yield name, outcome


def raise_if_never_won(source: str, mapping: CrmMapping, stages: Sequence[Stage]) -> None:
    """Raise OperatorError where no deal could ever be won: every sale would be dropped unsaid."""
    for name, outcome in unreachable(mapping, stages):
        if outcome is StageOutcome.WON:
            raise OperatorError(
                f"source '{source}': milestone '{name}' can never be reached: no stage there counts"
                f" as {outcome}. Those there are: {listed(stages) or 'none'}. Mark one as"
                f" {outcome} in the CRM, grant the right to read that mark, or name the stages of"
                " the milestone."
            )


def _has_sound_ids(departed: Departed) -> bool:
    """Return whether a deal that left may be spoken of: one that never could was never stored."""
    ids = (departed.deal_id, departed.survivor)
    return all(may_be_kept(str(one)) for one in ids if one is not None)


def named(stage: Stage, region: str | None) -> Stage:
    """Return a stage with words for names; one without a name goes by its ID."""
    stage_id, name, pipeline = (
        without_people(text_of(text), region)
        for text in (stage.stage_id, stage.name, stage.pipeline)
    )
    return structs.replace(stage, stage_id=stage_id, name=name or stage_id, pipeline=pipeline)


def raise_if_missing(source: str, mapping: CrmMapping, there: Sequence[CrmField]) -> None:
    """Raise OperatorError naming every mapped field that the CRM does not have or may not tell."""
    problems = []
    for kind, found in groupby(unreadable(mapping, there), key=itemgetter(0)):
        readable = sorted(
            without_people(of.name) for of in there if of.kind == kind and of.is_readable
        )
        named = ", ".join(f"'{name}'" for _, name in found)
        problems.append(
            f"{kind} field {named} is missing or may not be read; those there are:"
            f" {', '.join(readable)}"
        )
    if problems:
        raise OperatorError(
            f"source '{source}': {'. '.join(problems)}. Correct the mapping of this source, or"
            " grant the right to read them."
        )
