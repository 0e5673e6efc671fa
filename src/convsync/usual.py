"""A shortcut for the usual case: a new deal whose clicks all count, and nothing against it.

A first night, a backfill and a new source consist of little else, and to weigh all that may be said
of a deal known for years costs several times what such a one needs. What is usual is decided here
as `decide` and `plan` would, which a property test compares; of whatever is not plainly usual
nothing is said, and it goes their way. Value and statement come from `value`, for both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from convsync.match import seen_at, whole_day_before
from convsync.model.click import Candidate, Click, ClickId
from convsync.model.consent import Consent
from convsync.model.conversion import Conversion
from convsync.model.deal import LOST, Deal, Milestone
from convsync.model.ledger import LedgerEntry, State
from convsync.model.outcome import Matched
from convsync.model.period import Period
from convsync.model.planned import MOST_TOGETHER, PlannedTogether, planned_together
from convsync.model.rule import ClickPolicy, ConversionAction, ConversionRule, RevenueWithin
from convsync.plan import RefusalOf
from convsync.store.deals import StoredDeal
from convsync.value import value_deal

_NO_TIME = timedelta(0)


class UsualDeals:
    """The usual among the new deals of a chunk, under all rules.

    `refusal_of` says of an action what its destination would not take, `numbers` has the next
    number of an entry for each rule.
    """

    def __init__(
        self,
        rules: Sequence[ConversionRule],
        refusal_of: Callable[[ConversionAction], RefusalOf],
        numbers: Mapping[str, Iterator[int]],
        *,
        now: datetime,
        run_id: int,
    ) -> None:
        self._cases = [
            _UsualCase(rule, refusal_of(rule.action), numbers[rule.name], now=now, run_id=run_id)
            for rule in rules
        ]
        self._entries: dict[tuple[str, str], list[LedgerEntry]] = {}

    def take(
        self,
        stored: StoredDeal,
        candidates: Sequence[Candidate],
        within: Period | None,
    ) -> list[ConversionRule]:
        """Plan a new deal where it is usual; return the rules under which it is not."""
        deal = stored.deal
        left: list[ConversionRule] = []
        for case in self._cases:
            rule = case.rule
            milestone = deal.milestone(rule.milestone)
            if milestone is None or not rule.applies_to(deal.segments):
                continue
            if within is not None and milestone.reached_at not in within:
                continue
            if (entry := case.planned(stored.row, deal, milestone, candidates)) is None:
                left.append(rule)
            else:
                self._entries.setdefault((rule.name, deal.source), []).append(entry)
        return left

    def planned(self, **notes: Any) -> Iterator[PlannedTogether]:
        """Yield all that was planned, so many together as one event is to be about."""
        for entries in self._entries.values():
            for start in range(0, len(entries), MOST_TOGETHER):
                yield planned_together(entries[start : start + MOST_TOGETHER], **notes)


class _UsualCase:
    """What is usual under one rule."""

    def __init__(
        self,
        rule: ConversionRule,
        refusal_of: RefusalOf,
        numbers: Iterator[int],
        *,
        now: datetime,
        run_id: int,
    ) -> None:
        self.rule = rule
        self._refusal_of = refusal_of
        self._numbers = numbers
        self._now = now
        self._run_id = run_id

    def planned(
        self, row: int, deal: Deal, milestone: Milestone, candidates: Sequence[Candidate]
    ) -> LedgerEntry | None:
        """Return the entry of a milestone that a rule counts, None where it is not usual.

        The ledger has nothing of the deal yet.
        """
        rule = self.rule
        if not candidates or deal.gone is not None or not _may_be_sent(deal.consent):
            return None
        if deal.earlier_sale is not None or isinstance(rule.value, RevenueWithin):
            return None
        if rule.is_undone_by_loss and deal.milestone(LOST) is not None:
            return None
        matched = self._matched(milestone, candidates)
        if matched is None:
            return None
        conversion = value_deal(deal, milestone, matched, rule, now=self._now)
        if not isinstance(conversion, Conversion):
            return None
        statement = conversion.statement
        if self._refusal_of(statement, self._now) is not None:
            return None
        return LedgerEntry(
            number=next(self._numbers),
            deal_row=row,
            source=deal.source,
            deal_id=deal.deal_id,
            rule=rule.name,
            order_id=statement.order_id,
            action=rule.action,
            milestone=conversion.milestone,
            milestone_at=conversion.milestone_at,
            run_id=self._run_id,
            state=State.PLANNED,
            statement=statement,
            matched=matched,
            time_to_close=conversion.time_to_close,
            values_version=conversion.values_version,
        )

    def _matched(self, milestone: Milestone, candidates: Sequence[Candidate]) -> Matched | None:
        """Return the click that counts, where all would, and the platform takes it today."""
        picked = candidates[0] if len(candidates) == 1 else self._picked(milestone, candidates)
        if picked is None or (at := self._time_of(picked.click, milestone)) is None:
            return None
        rule, reached_at = self.rule, milestone.reached_at
        if not rule.settling_time <= self._now - at <= rule.upload_window:
            return None
        begins_at = whole_day_before(reached_at) if milestone.is_whole_day else reached_at
        if begins_at > self._now or (rule.hold and reached_at + rule.hold > self._now):
            return None
        return Matched(basis=picked.basis, click=picked.click, clicked_at=at)

    def _time_of(self, click: Click, milestone: Milestone) -> datetime | None:
        """Return when a click happened that counts for a milestone, None where it may not."""
        rule, at = self.rule, click.clicked_at
        if at is None or click.click_id.kind not in rule.click_ids:
            return None
        return at if _NO_TIME <= milestone.reached_at - at <= rule.lookback else None

    def _picked(self, milestone: Milestone, candidates: Sequence[Candidate]) -> Candidate | None:
        """Return the first or last of the best clicks, None where not all count."""
        if len(candidates) == 2:
            one, other = candidates
            if one.click.click_id == other.click.click_id:
                return _same_click(one, other)
        by_id: dict[ClickId, Candidate] = {}
        for one in candidates:
            if (known := by_id.setdefault(one.click.click_id, one)) is not one:
                by_id[one.click.click_id] = _same_click(known, one)
        different = by_id.values()
        if any(self._time_of(one.click, milestone) is None for one in different):
            return None
        rank = min(one.basis.rank for one in different)
        of_rank = [one for one in different if one.basis.rank == rank]
        best = sorted(of_rank, key=lambda one: seen_at(one.click))
        if self.rule.click_policy is ClickPolicy.LAST:
            best.reverse()
        if len(best) > 1 and best[0].click.clicked_at == best[1].click.clicked_at:
            return None
        return best[0]


def _same_click(one: Candidate, other: Candidate) -> Candidate:
    """Return a click that was found twice, as it was seen first, by the better of both ways."""
    click = min(one.click, other.click, key=seen_at)
    return Candidate(click, min(one.basis, other.basis))


@cache
def _may_be_sent(consent: Consent) -> bool:
    """True where a deal with this consent may be sent: there are few, and many deals of each."""
    return not (consent.is_denied or consent.is_unclear or consent.is_forgotten)
