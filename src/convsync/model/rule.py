"""What the company agreed on: its funnel, and which milestones count towards which action."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from convsync.model.click import ClickIdKind
from convsync.model.consent import Consent
from convsync.model.deal import LOST
from convsync.model.expected import AcceptedValues
from convsync.model.identifiers import GOOGLES_FORMS, HashForms
from convsync.model.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a milestone means, in words both teams accepted, and who owns it.

    One of `followed_by` should be reached within `next_within` of it, unless the deal is lost.
    """

    milestone: str
    definition: str
    owner: str
    next_within: timedelta | None = None
    followed_by: frozenset[str] = frozenset()


def after_in(milestone: str, funnels: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return the milestones that come after one, and are no loss, in any of several funnels."""
    found = [funnel[funnel.index(milestone) + 1 :] for funnel in funnels if milestone in funnel]
    return frozenset(name for names in found for name in names if name != LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionAction:
    """What a conversion counts towards: an ad account's action, reached by a destination."""

    destination: str
    action_id: str


class ClickPolicy(StrEnum):
    """Which of several eligible clicks a conversion is credited to."""

    LAST = "last"
    FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountOutcomes:
    """What happens to a deal whose amount is no value: a replacement, or None: it is not sent.

    An amount above `absurd_above`, or below zero, is absurd.
    """

    zero: Decimal | None = None
    missing: Decimal | None = None
    absurd: Decimal | None = None
    absurd_above: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOfAmount:
    """A conversion is worth the deal's amount, or a share of it."""

    share: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSum:
    """A conversion is always worth the same."""

    money: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBySegment:
    """A conversion is worth what a table says for the deal's value of one segment attribute."""

    segment: str
    amounts: Mapping[str, Decimal]
    otherwise: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedValue:
    """A conversion is worth what was learned from earlier leads; None: nothing is accepted yet."""

    accepted: AcceptedValues | None = None

    @property
    def keeps_what_is_counted(self) -> bool:
        """True unless the accepted version also restates what is counted already."""
        return self.accepted is None or not self.accepted.restates


StatedValue = ShareOfAmount | FixedSum | TableBySegment | ExpectedValue
"""What a conversion is worth by the deal alone, whatever happens after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueWithin:
    """A conversion is worth what came in from the milestone on, within a time.

    Until anything has, it is worth what is `expected`; and where `nothing_is_zero`, it is worth
    nothing once that time is over and nothing came.
    """

    within: timedelta
    expected: StatedValue
    nothing_is_zero: bool = False


ValueRule = StatedValue | RevenueWithin


def counts_revenue(rules: "Iterable[ConversionRule]") -> bool:
    """True where a rule counts what came in after the sale."""
    return any(isinstance(rule.value, RevenueWithin) for rule in rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionRule:
    """A milestone that counts: towards which action, with what value, for which clicks.

    `click_ids` are the kinds of click that its destination takes; no other is credited.
    `upload_window` is how long after a click the platform still takes a conversion for it;
    `settling_time` how old a click must be before the platform knows it. `is_undone_by_loss` says
    whether a deal lost after the milestone takes the conversion back. A counted value is restated
    when it has changed by at least `smallest_change`, a share of what is counted. `when` says
    which deals it counts: by segment, the values one of which each must have. Days to close that
    rest on an estimate are sent only where it `sends_estimated_days`. A click of an earlier sale to
    the same customer counts again only where it `reuses_clicks`; one that came after the milestone
    by no more than `clock_skew` counts as if it had come with it. A milestone is sent no sooner
    than `hold` after it was reached, so that it can still change. `hash_forms` are those of its
    destination, which is told the time of the click where it `asks_when_clicked`.
    """

    name: str
    milestone: str
    action: ConversionAction
    value: ValueRule = field(default_factory=ShareOfAmount)
    amounts: AmountOutcomes = field(default_factory=AmountOutcomes)
    click_policy: ClickPolicy = ClickPolicy.LAST
    click_ids: frozenset[ClickIdKind] = frozenset(ClickIdKind)
    lookback: timedelta = timedelta(days=90)
    reuses_clicks: bool = False
    clock_skew: timedelta = timedelta(0)
    hold: timedelta = timedelta(0)
    upload_window: timedelta = timedelta(days=90)
    settling_time: timedelta = timedelta(hours=6)
    has_enhanced_conversions: bool = False
    hash_forms: HashForms = GOOGLES_FORMS
    asks_when_clicked: bool = False
    needs_granted_consent: bool = True
    is_undone_by_loss: bool = False
    days_to_close_variable: str | None = None
    sends_estimated_days: bool = False
    smallest_change: Decimal = Decimal(0)
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def learned(self) -> ExpectedValue | None:
        """Return the learned value that it sends, or sends until money comes in; None: no such."""
        value = self.value.expected if isinstance(self.value, RevenueWithin) else self.value
        return value if isinstance(value, ExpectedValue) else None

    @property
    def needs_origins(self) -> bool:
        """True where its value depends on where in the ad account a deal began."""
        accepted = None if self.learned is None else self.learned.accepted
        return accepted is not None and accepted.table.needs_origins

    def with_accepted(self, accepted: AcceptedValues | None) -> "ConversionRule":
        """Return the rule with the version of learned values that it is to use, if it uses any."""
        if self.learned is None:
            return self
        learned = ExpectedValue(accepted=accepted)
        if isinstance(self.value, RevenueWithin):
            return replace(self, value=replace(self.value, expected=learned))
        return replace(self, value=learned)

    def applies_to(self, segments: Mapping[str, str]) -> bool:
        """True where a deal's segments satisfy `when`; one without a named segment does not."""
        return all(segments.get(name) in values for name, values in self.when.items())

    def is_worth_restating(self, value: Money, told: Money) -> bool:
        """True where a value differs enough from what is counted; small changes add up."""
        if value.currency != told.currency:
            return True
        return abs(value.amount - told.amount) >= self.smallest_change * abs(told.amount)

    def lets_identifiers_out(self, consent: Consent) -> bool:
        """True where hashed e-mails and phones may be sent; never after a refusal."""
        if not self.has_enhanced_conversions or consent.is_denied or consent.is_unclear:
            return False
        return consent.is_granted or not self.needs_granted_consent
