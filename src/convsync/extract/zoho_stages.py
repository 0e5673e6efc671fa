"""The stages of Zoho's deals, which are known by words that several pipelines share.

Pipelines share stages, so an ID here is the pipeline's and the stage's. Deals hold words: what a
stage was called first, or what it is called now. Unconfirmed: which, so either is known; a new name
that another stage had first means the other. `forecast_type` says won and lost.
https://www.zoho.com/crm/developer/docs/api/v8/get-pipelines.html
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from operator import itemgetter
from typing import Final

from convsync.extract.crm_adapter import instant, oldest_first
from convsync.extract.funnel import Entered, Stage
from convsync.extract.zoho_api import ZohoRecord
from convsync.extract.zoho_records import stage_of

_NO_PIPELINE: Final = {"id": "none", "actual_value": "", "display_value": ""}
_NAMES: Final = ("actual_value", "display_value")
"""What a stage or pipeline was called first, and is called now."""


class ZohoStages:
    """The stages of pipelines, and behind them those that deals may hold and no pipeline has.

    `picks` are the values of the deal's field `Stage`.
    """

    def __init__(self, pipelines: Sequence[ZohoRecord], picks: Sequence[ZohoRecord]) -> None:
        known = [*_in_pipelines(pipelines), *_without_pipeline(pipelines, picks)]
        self.all: Sequence[Stage] = [stage for _, _, stage in known]
        self._pipeline_of = {stage.stage_id: one["actual_value"] for one, _, stage in known}
        self._by_word: dict[tuple[str, str], Stage] = {}
        for of_pipeline, of_stage in product(_NAMES, repeat=2):
            for pipeline, one, stage in known:
                self._by_word.setdefault((pipeline[of_pipeline], one[of_stage]), stage)
                self._by_word.setdefault(("", one[of_stage]), stage)

    def of(self, pipeline: str, word: str) -> Stage | None:
        """Return the pipeline's stage, or another's: a deal that changes pipelines was in both."""
        return self._by_word.get((pipeline, word)) or self._by_word.get(("", word))

    def entered(self, history: Sequence[ZohoRecord], pipeline: str) -> list[Entered]:
        """Return the stages a deal came into; a row has the stage's word, and not its pipeline.

        That is taken to be the one the deal was in before, if it has such a stage: a word means
        the present pipeline's stage only where that has no other.
        """
        dated = [(row["Stage"], at) for row in history if row["Stage"] and (at := _changed_at(row))]
        entered, was_in = list[Entered](), pipeline
        for word, at in oldest_first(dated, itemgetter(1)):
            stage = self.of(was_in, word)
            was_in = self._pipeline_of.get(stage.stage_id, pipeline) if stage else was_in
            entered.append(Entered(stage.stage_id if stage else word, at))
        return entered


Known = tuple[Mapping[str, str], ZohoRecord, Stage]
"""A pipeline, one of its stages as Zoho tells it, and that as the funnel knows it."""


def _in_pipelines(pipelines: Sequence[ZohoRecord]) -> Iterator[Known]:
    for pipeline in pipelines:
        for number, one in enumerate(pipeline["maps"]):
            yield pipeline, one, stage_of(pipeline, one, number)


def _without_pipeline(
    pipelines: Sequence[ZohoRecord], picks: Sequence[ZohoRecord]
) -> Iterator[Known]:
    """Yield the stages that deals may hold and no pipeline has: a layout may have none."""
    known = {one[name] for pipeline in pipelines for one in pipeline["maps"] for name in _NAMES}
    for number, one in enumerate(picks):
        if not {one["actual_value"], one["display_value"]} & known:
            yield _NO_PIPELINE, one, stage_of(_NO_PIPELINE, one, number)


def _changed_at(row: ZohoRecord) -> datetime | None:
    return instant(row["Modified_Time"])
