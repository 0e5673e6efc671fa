"""From the stages a deal went through to the milestones it has reached.

A CRM's own closing date is typed by people and its current stage forgets, so milestones are read
from the history of stages. The rules that shape it:

- A milestone is reached when the deal first enters a stage that means it. One that was skipped was
  not reached: whoever wants it counted lists the later stages too.
- A deal that goes back below a milestone has no longer reached it; entering it again is a new time.
  Going back and forth above it, or saving the same stage again, changes nothing.
- A lost deal keeps what it had reached; what a loss undoes is the rule's to say. A deal that is
  taken up again is no longer lost.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from convsync.errors import OperatorError
from convsync.model.deal import LOST, Milestone


class StageOutcome(StrEnum):
    """What a CRM says a stage means for the deal."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a pipeline as the CRM has it; `position` orders the stages of one pipeline."""

    stage_id: str
    name: str
    pipeline: str
    position: int
    outcome: StageOutcome = StageOutcome.OPEN


@dataclass(frozen=True, slots=True)
class Entered:
    """A deal came into a stage at an instant (aware UTC)."""

    stage_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneStages:
    """The stages that mean a milestone: by ID, name or `pipeline: name`, and by outcome."""

    stages: tuple[str, ...] = ()
    outcome: StageOutcome | None = None


class Funnel:
    """The stages of one CRM, and the milestones they mean, in the funnel's order.

    Making one raises OperatorError where a stage is named that the CRM does not have.
    """

    def __init__(
        self,
        milestones: Mapping[str, MilestoneStages],
        stages: Sequence[Stage],
        *,
        source: str,
    ) -> None:
        means = {name: _meant(named, stages) for name, named in milestones.items()}
        if unknown := [
            f"milestone '{name}' names the stage '{word}', which is not there"
            for name, word in unknown_stages(milestones, stages)
        ]:
            raise OperatorError(
                f"source '{source}': {'; '.join(unknown)}. The stages there are: {listed(stages)}."
                " Correct the milestones of this source."
            )
        self._lost = means.pop(LOST, frozenset()) | {
            stage.stage_id for stage in stages if stage.outcome is StageOutcome.LOST
        }
        self._has_lost = LOST in milestones
        self._names = list(means)
        self._meant_by: dict[str, list[str]] = {}
        for name, stage_ids in means.items():
            for stage_id in stage_ids:
                self._meant_by.setdefault(stage_id, []).append(name)
        self._rank = dict(_ranked(stages, means))

    def reached(self, history: Iterable[Entered]) -> tuple[Milestone, ...]:
        """Return the milestones that stand after a deal's whole history, in the order of time.

        A stage the CRM no longer has tells nothing.
        """
        reached: dict[str, datetime] = {}
        lost_at: datetime | None = None
        for entered in sorted(history, key=lambda entered: entered.at):
            if entered.stage_id in self._lost:
                lost_at = lost_at or entered.at
                continue
            lost_at = None
            if (rank := self._rank.get(entered.stage_id)) is None:
                continue
            for name in self._names[rank + 1 :]:
                reached.pop(name, None)
            for name in self._meant_by.get(entered.stage_id, ()):
                reached.setdefault(name, entered.at)
        if lost_at and self._has_lost:
            reached[LOST] = lost_at
        return tuple(
            Milestone(name, at) for name, at in sorted(reached.items(), key=lambda item: item[1])
        )


def stages_named(word: str, stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages a word of the config means: of that ID, else of that name."""
    if by_id := [stage for stage in stages if stage.stage_id == word]:
        return by_id
    folded = _folded(word)
    return [
        stage
        for stage in stages
        if folded in (_folded(stage.name), _folded(f"{stage.pipeline}: {stage.name}"))
    ]


def unknown_stages(
    milestones: Mapping[str, object], stages: Sequence[Stage]
) -> Iterator[tuple[str, str]]:
    """Yield milestone and word for every stage that is named and that the CRM does not have."""
    for name, named in milestones.items():
        if isinstance(named, MilestoneStages):
            yield from ((name, word) for word in named.stages if not stages_named(word, stages))


def listed(stages: Sequence[Stage]) -> str:
    """Return the stages as a message names them."""
    return ", ".join(f"'{stage.pipeline}: {stage.name}'" for stage in stages)


def _meant(named: MilestoneStages, stages: Sequence[Stage]) -> frozenset[str]:
    found = [stage for word in named.stages for stage in stages_named(word, stages)]
    if named.outcome is not None:
        found += [stage for stage in stages if stage.outcome is named.outcome]
    return frozenset(stage.stage_id for stage in found)


def _ranked(
    stages: Sequence[Stage], means: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, int]]:
    """Yield how far down the funnel each stage is: the last milestone it or one before it means."""
    furthest: dict[str, int] = {}
    for stage in sorted(stages, key=lambda stage: stage.position):
        own = max(
            (rank for rank, ids in enumerate(means.values()) if stage.stage_id in ids), default=None
        )
        if own is None:
            own = furthest.get(stage.pipeline, -1)
        furthest[stage.pipeline] = max(own, furthest.get(stage.pipeline, -1))
        yield stage.stage_id, own


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
