"""Microsoft's side of an ad account: its goals, and what arrived for them lately.

A row that was taken is not yet a conversion: whether it was attributed to a click is known after
some six hours, as counts by goal and day, with the reasons for what was not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Final

from convsync.clock import Clock, system_clock
from convsync.errors import ConvsyncError
from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionRule
from convsync.upload.ad_account import CannotAsk, Received
from convsync.upload.microsoft.goals import Goal
from convsync.upload.microsoft.offline_conversions import MicrosoftConversions
from convsync.upload.unreadable_account import UnreadableAccount

_GOALS_PAGE: Final = (
    "https://learn.microsoft.com/en-us/advertising/campaign-management-service/offlineconversion"
)
_SHOWN: Final = timedelta(days=14)
_DAY: Final = timedelta(days=1)


class MicrosoftAdAccount(UnreadableAccount):
    """One account at Microsoft; `open_destination` is called where it is asked for."""

    platform = "Microsoft"
    why_no_costs = "they are in another API"
    help_url = _GOALS_PAGE

    def __init__(
        self,
        destination: str,
        open_destination: Callable[[], MicrosoftConversions],
        *,
        sends_identifiers: bool,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(destination)
        self._open = open_destination
        self._sends_identifiers = sends_identifiers
        self._clock = clock

    def findings(self, rules: Sequence[ConversionRule], clock: Clock | None) -> Sequence[Finding]:
        """Return findings of the account and of each rule's goal; see AdAccount."""
        try:
            with closing(self._open()) as microsoft:
                goals = microsoft.goals()
        except ConvsyncError as error:
            return [
                Finding(
                    severity=Severity.ERROR,
                    subject=f"account of {self.destination}",
                    problem=str(error),
                    means="neither the account nor its goals could be checked",
                    link=self.help_url,
                )
            ]
        own = self._own(rules)
        return [finding for rule in own for finding in self._of_rule(rule, goals)]

    def received(self) -> Received | CannotAsk:
        """Return what arrived by the API in two weeks, by goal; see AdAccount."""
        now = self._clock()
        with closing(self._open()) as microsoft:
            summaries = microsoft.summaries(now - _SHOWN, now)
        return Received(
            platform="Microsoft",
            time_zone="UTC",
            ours=summaries,
            is_complete=False,
            note="Microsoft shows a conversion up to six hours after it came, and one that it has "
            "already as DuplicateConversionKey.",
        )

    def _of_rule(self, rule: ConversionRule, goals: Mapping[str, Goal]) -> Iterator[Finding]:
        name = rule.action.action_id
        subject = f"goal {name} of {self.destination}"
        goal = goals.get(name)
        if goal is None:
            listed = ", ".join(sorted(goals)) or "none"
            yield Finding(
                severity=Severity.ERROR,
                subject=subject,
                problem=f"the account has no offline goal of that name; it has: {listed}",
                means=f"nothing of the rule {rule.name} counts",
                fix="write a goal's name, word for word, into the rule's action_id",
                link=self.help_url,
            )
            return
        found = [*self._amiss(rule, goal, subject)]
        yield from found or [
            Finding(
                severity=Severity.INFO,
                subject=subject,
                problem=f"the rule {rule.name} counts in it",
            )
        ]

    def _amiss(self, rule: ConversionRule, goal: Goal, subject: str) -> Iterator[Finding]:
        if goal.status not in {"Active", ""}:
            yield Finding(
                severity=Severity.ERROR,
                subject=subject,
                problem=f"the goal is {goal.status.lower()}",
                means="what is sent to it is not counted",
                fix="activate it under Conversions › Conversion goals",
            )
        if goal.window is not None and goal.window < rule.lookback:
            yield Finding(
                severity=Severity.WARNING,
                subject=subject,
                problem=f"the goal counts {goal.window / _DAY:g} days after a click, the rule "
                f"{rule.lookback / _DAY:g}",
                means="what comes later is refused (OfflineConversionOutsideGoalWindow)",
                fix="lengthen the goal's window, up to 90 days, or shorten lookback_days",
            )
        if goal.counts_once:
            yield Finding(
                severity=Severity.WARNING,
                subject=subject,
                problem="the goal counts only the first conversion of a click",
                means="a second deal of one click is taken, and not counted",
                fix="let it count all, if that is not meant",
            )
        if self._sends_identifiers and goal.takes_identifiers is False:
            yield Finding(
                severity=Severity.ERROR,
                subject=subject,
                problem="enhanced conversions are off for the goal",
                means="what has no click ID waits (NotEligibleForEnhancedConversions)",
                fix="turn them on for the goal, or set enhanced_conversions = false",
            )
