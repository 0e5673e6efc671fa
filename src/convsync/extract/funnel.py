"""From the stages a deal went through to the milestones it has reached, for every CRM.

A CRM's closing date is typed by people, its current stage forgets, and its history can lag, be
purged or never have been written. So the record says where a deal is, and its history says when.
The rules that shape it:

- A milestone is reached when the deal first enters a stage that means it. One that was skipped was
  not reached: whoever wants it counted lists the later stages too.
- A stage that the record names and the history lacks was entered at the best time the record has:
  since when it is in its stage, when it was closed, for an open deal without any history when it
  was created, and at the latest when it was modified. Such a time is an estimate.
- A stage that nothing is known of, as it was deleted before anybody looked, may have meant what is
  reached right behind it, for its deals were moved when it was deleted. So that is an estimate:
  it is taken for reached when the record says it was closed, if that lies between the two moves,
  and else since the first. Old wins do not become new ones by a clean-up. Where a CRM leaves deals
  in stages that are retired, as Salesforce does, such a move was no clean-up, and is the time.
- A deal that goes back below a milestone has no longer reached it; entering it again is a new time.
  Going back and forth above it, or saving the same stage again, changes nothing.
- Going on is not going back: stages compare within one pipeline. What was reached in one is not
  undone in another, be it a hand-over or an approval beside the sale; nor does a loss there undo a
  win. A stage that belongs to any pipeline belongs to the one the deal is in.
- A lost deal keeps what it had reached; what a loss undoes is the rule's to say. A deal that is
  taken up again is no longer lost: in the same pipeline, in one where milestones are named, or won.
- Another record's history is not a deal's own. Where deals were merged and the history is that of
  all, nothing in it up to the merge undoes anything.
- Of changes with one stamp the last is the vendor's last, or else the one the record says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from convsync.errors import OperatorError
from convsync.extract.stage_names import listed, stages_named
from convsync.model.deal import LOST, Merged, Milestone, Untold
from convsync.model.stage import ANY_PIPELINE, Stage, StageOutcome

_AT_ONCE: Final = timedelta(minutes=1)
"""What is stamped so soon after a deal began is how it began."""
__all__ = [
    "ANY_PIPELINE",
    "Entered",
    "Funnel",
    "MilestoneStages",
    "Stage",
    "StageOutcome",
    "Standing",
    "listed",
    "stages_meant",
    "stages_named",
    "unknown_stages",
    "with_record",
]


@dataclass(frozen=True, slots=True)
class Entered:
    """A deal came into a stage at an instant (aware UTC), or about then."""

    stage_id: str
    at: datetime
    is_estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The stage that a deal's record says it is in, and what stamps the record has.

    `closed_at` counts only for a stage that is won or lost: before, it is when people hope to.
    """

    stage_id: str
    entered_at: datetime | None = None
    closed_at: datetime | None = None
    created_at: datetime | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneStages:
    """The stages that mean a milestone: by ID, name or `pipeline: name`, and by outcome."""

    stages: tuple[str, ...] = ()
    outcome: StageOutcome | None = None


class Funnel:
    """The stages of one CRM, and the milestones they mean, in the funnel's order.

    Making one raises OperatorError where a stage is named that the CRM does not have, and that
    nothing is remembered of. `empties_stages`: one is deleted only once deals were moved out of it.
    """

    def __init__(
        self,
        milestones: Mapping[str, MilestoneStages],
        stages: Sequence[Stage],
        *,
        source: str,
        empties_stages: bool = True,
    ) -> None:
        self.empties_stages = empties_stages
        means = {name: _meant(named, stages) for name, named in milestones.items()}
        if unknown := [
            f"milestone '{name}' names the stage '{word}', which is not there"
            for name, word in unknown_stages(milestones, stages)
        ]:
            raise OperatorError(
                f"source '{source}': {'; '.join(unknown)}. The stages there are: {listed(stages)}."
                " Correct the milestones of this source."
            )
        self.stages = {stage.stage_id: stage for stage in stages}
        self.lost = means.pop(LOST, frozenset()) | {
            stage.stage_id for stage in stages if stage.outcome is StageOutcome.LOST
        }
        self._has_lost = LOST in milestones
        self.names = list(means)
        self.meant_by: dict[str, list[str]] = {}
        for name, stage_ids in means.items():
            for stage_id in stage_ids:
                self.meant_by.setdefault(stage_id, []).append(name)
        self.rank = dict(_ranked(stages, means))
        self.home = _home(milestones, stages)

    def reached(
        self,
        history: Iterable[Entered],
        standing: Standing | None = None,
        merged: Merged | None = None,
    ) -> tuple[Milestone, ...]:
        """Return the milestones that stand after a deal's whole history, in the order of time.

        Where it was `merged`, the history is that of all the deals it was merged from.
        """
        told = sorted(history, key=lambda entered: entered.at)
        road = _Road(self, standing.closed_at if standing else None)
        if merged is None:
            road.follow(self._with_record(told, standing))
        elif merged.at is None:
            road.follow(told, is_own=False)
            road.follow(self._now_in(told, standing))
        else:
            road.begin_with(merged.milestones)
            since = [one for one in told if one.at > merged.at]
            road.follow(self._with_record(since, standing) if since else ())
        found = {**road.reached}
        if road.lost and self._has_lost:
            found[LOST] = road.lost
        return tuple(
            Milestone(name, one.at, is_estimated=one.is_estimated)
            for name, one in sorted(found.items(), key=lambda item: item[1].at)
        )

    def untold(
        self,
        history: Sequence[Entered],
        standing: Standing | None,
        created_at: datetime | None,
    ) -> Untold | None:
        """Return what a history that was purged, or never written, no longer tells, if it was.

        A whole one begins with the deal.
        """
        since = min((one.at for one in history), default=None)
        if since is not None and (created_at is None or since <= created_at + _AT_ONCE):
            return None
        told = self._with_record(sorted(history, key=lambda one: one.at), standing)
        ranks = [
            self.rank[one.stage_id]
            for one in told
            if (stage := self.stages.get(one.stage_id))
            and one.stage_id not in self.lost
            and stage.pipeline in {*self.home, ANY_PIPELINE}
        ]
        lowest = min(ranks, default=len(self.names))
        return Untold(since, tuple(self.names[: lowest + 1]))

    def unknown_in(self, history: Iterable[Entered], standing: Standing | None) -> set[str]:
        """Return the IDs of stages in a history and a record of which nothing is known."""
        unknown = {one.stage_id for one in history if one.stage_id not in self.stages}
        if standing is not None and standing.stage_id and standing.stage_id not in self.stages:
            unknown.add(standing.stage_id)
        return unknown

    def _with_record(self, told: Sequence[Entered], standing: Standing | None) -> Sequence[Entered]:
        if standing is None:
            return told
        return with_record(told, standing, is_closed=self._is_closed(standing.stage_id))

    def _now_in(self, told: Sequence[Entered], standing: Standing | None) -> Sequence[Entered]:
        """Return the stage that the record of a merged deal is in, as it last came into it."""
        if standing is None:
            return ()
        same = [one for one in told if one.stage_id == standing.stage_id]
        return (same or self._with_record(told, standing))[-1:]

    def _is_closed(self, stage_id: str) -> bool:
        stage = self.stages.get(stage_id)
        return stage is not None and stage.outcome is not StageOutcome.OPEN


def with_record(
    told: Sequence[Entered], standing: Standing, *, is_closed: bool = False
) -> list[Entered]:
    """Return a history that ends in the stage the record says: its own, or else one estimated."""
    found = [*told]
    last = found[-1] if found else None
    if not standing.stage_id or (last and last.stage_id == standing.stage_id):
        return found
    if last is not None:
        for place, one in enumerate(found):
            if one.at == last.at and one.stage_id == standing.stage_id:
                return [*found[:place], *found[place + 1 :], one]
    at = _estimate(standing, last, is_closed=is_closed)
    return found if at is None else [*found, Entered(standing.stage_id, at, is_estimated=True)]


def _estimate(standing: Standing, last: Entered | None, *, is_closed: bool) -> datetime | None:
    """Return the best stamp that contradicts neither the history nor the record's last change."""
    since = None if last is None else last.at
    until = standing.modified_at
    stamps = (
        standing.entered_at,
        standing.closed_at if is_closed else None,
        standing.created_at if last is None and not is_closed else None,
        until,
    )
    fitting = (
        at
        for at in stamps
        if at and (since is None or at >= since) and (until is None or at <= until)
    )
    return next(fitting, since or until)


@dataclass(frozen=True, slots=True)
class _Reached:
    at: datetime
    pipeline: str
    is_estimated: bool


class _Road:
    """One deal on its way: what it has reached by now, and in which pipeline."""

    def __init__(self, funnel: Funnel, closed_at: datetime | None) -> None:
        self._funnel = funnel
        self._closed_at = closed_at
        self._pipeline = ANY_PIPELINE
        self._won_in: str | None = None
        self._unclear_since: datetime | None = None
        self.reached: dict[str, _Reached] = {}
        self.lost: _Reached | None = None

    def begin_with(self, milestones: Iterable[Milestone]) -> None:
        """Begin with what had been reached, in whatever pipeline."""
        for one in milestones:
            self.reached[one.name] = _Reached(one.reached_at, ANY_PIPELINE, one.is_estimated)
        self.lost = self.reached.pop(LOST, None)

    def follow(self, told: Iterable[Entered], *, is_own: bool = True) -> None:
        """Come into stages. Those that may be another record's undo nothing."""
        for entered in told:
            stage = self._funnel.stages.get(entered.stage_id)
            if stage is None:
                self._unclear_since = self._unclear_since or entered.at
            else:
                self._enter(stage, entered, is_own=is_own)

    def _enter(self, stage: Stage, entered: Entered, *, is_own: bool) -> None:
        if stage.pipeline != ANY_PIPELINE:
            self._pipeline = stage.pipeline
        now = self._as_reached(stage, entered)
        self._unclear_since = None
        if stage.stage_id in self._funnel.lost:
            if is_own:
                self._lose(now)
            return
        self._take_up(stage)
        if is_own:
            self._go_back(stage)
        if stage.outcome is StageOutcome.WON:
            self._won_in = self._won_in or self._pipeline
        for name in self._funnel.meant_by.get(stage.stage_id, ()):
            self.reached.setdefault(name, now)

    def _as_reached(self, stage: Stage, entered: Entered) -> _Reached:
        since = self._unclear_since
        if since is None:
            return _Reached(entered.at, self._pipeline, entered.is_estimated)
        if not self._funnel.empties_stages:
            return _Reached(entered.at, self._pipeline, is_estimated=True)
        is_closed = stage.outcome is not StageOutcome.OPEN
        closed_at = self._closed_at if is_closed else None
        if closed_at is None or not since <= closed_at <= entered.at:
            closed_at = since
        return _Reached(closed_at, self._pipeline, is_estimated=True)

    def _lose(self, now: _Reached) -> None:
        if self._won_in is None or self._is_here(self._won_in):
            self.lost = self.lost or now

    def _take_up(self, stage: Stage) -> None:
        if self.lost is None:
            return
        is_wanted = stage.outcome is StageOutcome.WON or self._pipeline in self._funnel.home
        if is_wanted or self._is_here(self.lost.pipeline):
            self.lost = None

    def _go_back(self, stage: Stage) -> None:
        for name in self._funnel.names[self._funnel.rank[stage.stage_id] + 1 :]:
            if name in self.reached and self._is_here(self.reached[name].pipeline):
                del self.reached[name]
        is_won = stage.outcome is StageOutcome.WON
        if not is_won and self._won_in is not None and self._is_here(self._won_in):
            self._won_in = None

    def _is_here(self, pipeline: str) -> bool:
        return ANY_PIPELINE in (pipeline, self._pipeline) or pipeline == self._pipeline


def unknown_stages(
    milestones: Mapping[str, object], stages: Sequence[Stage]
) -> Iterator[tuple[str, str]]:
    """Yield milestone and word for every stage that is named and that the CRM does not have."""
    for name, named in milestones.items():
        if isinstance(named, MilestoneStages):
            yield from ((name, word) for word in named.stages if not stages_named(word, stages))


def stages_meant(named: MilestoneStages, stages: Sequence[Stage]) -> list[Stage]:
    """Return the stages that mean a milestone, by name or by outcome."""
    found = [stage for word in named.stages for stage in stages_named(word, stages)]
    if named.outcome is not None:
        found += [stage for stage in stages if stage.outcome is named.outcome]
    return found


def _meant(named: MilestoneStages, stages: Sequence[Stage]) -> frozenset[str]:
    return frozenset(stage.stage_id for stage in stages_meant(named, stages))


def _home(milestones: Mapping[str, MilestoneStages], stages: Sequence[Stage]) -> frozenset[str]:
    """Return the pipelines with a named stage; all, where milestones go by outcome alone."""
    words = [word for named in milestones.values() for word in named.stages]
    named = {stage.pipeline for word in words for stage in stages_named(word, stages)}
    return frozenset(named or {stage.pipeline for stage in stages})


def _ranked(
    stages: Sequence[Stage], means: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, int]]:
    """Yield how far down the funnel each stage is: the last milestone it or one before it means.

    Won without a meaning is behind all of them.
    """
    furthest: dict[str, int] = {}
    for stage in sorted(stages, key=lambda stage: stage.position):
        own = max(
            (rank for rank, ids in enumerate(means.values()) if stage.stage_id in ids), default=None
        )
        if own is None:
            is_won = stage.outcome is StageOutcome.WON
            own = len(means) - 1 if is_won else furthest.get(stage.pipeline, -1)
        furthest[stage.pipeline] = max(own, furthest.get(stage.pipeline, -1))
        yield stage.stage_id, own
