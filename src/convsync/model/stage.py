"""A stage of a CRM's pipeline: its ID, what it is called, and what it means for a deal."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

ANY_PIPELINE: Final = "any"
"""The pipeline of stages that belong to all: states such as won, where a CRM has them apart."""


class StageOutcome(StrEnum):
    """What a CRM says a stage means for the deal."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class StageName(Struct, frozen=True):
    """What a stage is called, and in which pipeline."""

    pipeline: str
    name: str


class Stage(Struct, frozen=True, kw_only=True):
    """A stage of a pipeline as the CRM has it; `position` orders the stages of one pipeline.

    One that `is_gone` is remembered: the CRM no longer has it. `earlier` is what it was called
    before, oldest first.
    """

    stage_id: str
    name: str
    pipeline: str
    position: int
    outcome: StageOutcome = StageOutcome.OPEN
    is_gone: bool = False
    earlier: tuple[StageName, ...] = ()

    @property
    def called(self) -> StageName:
        """Return what it is called, or was last."""
        return StageName(self.pipeline, self.name)
