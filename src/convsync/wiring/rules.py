"""Settings → the conversion rules, and what the company agreed on for its milestones."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from convsync.model.deal import KNOWN_MILESTONES, LOST, WON
from convsync.model.money import Money
from convsync.model.rule import (
    Agreement,
    AmountOutcomes,
    ConversionAction,
    ConversionRule,
    ExpectedValue,
    FixedSum,
    RevenueWithin,
    ShareOfAmount,
    StatedValue,
    TableBySegment,
    ValueRule,
    after_in,
)
from convsync.settings import Settings, tables
from convsync.wiring.destinations import takes_of


def rules_of(settings: Settings) -> Sequence[ConversionRule]:
    """Return the conversion rules, in the file's order."""
    return [_rule(name, rule, settings) for name, rule in settings.rules.items()]


def agreements_of(settings: Settings) -> Mapping[str, Agreement]:
    """Return what the company agreed on for each milestone, in the file's order."""
    funnels = [list(source.milestones) for source in settings.deals.values()]
    return {
        name: Agreement(
            milestone=name,
            definition=milestone.definition,
            owner=milestone.owner,
            next_within=_days(milestone.next_within_days),
            followed_by=after_in(name, funnels),
        )
        for name, milestone in settings.milestones.items()
    }


def funnel_of(settings: Settings) -> Sequence[str]:
    """Return the milestones that sources, agreements or rules name: as they follow one another."""
    named = dict.fromkeys(name for source in settings.deals.values() for name in source.milestones)
    named |= dict.fromkeys(settings.milestones)
    named |= dict.fromkeys(rule.milestone for rule in settings.rules.values())
    known = [name for name in KNOWN_MILESTONES if name in named and name not in {WON, LOST}]
    own = [name for name in named if name not in KNOWN_MILESTONES]
    return [*known, *own, *(name for name in (WON, LOST) if name in named)]


def _rule(name: str, rule: tables.Rule, settings: Settings) -> ConversionRule:
    destination = rule.destination or next(iter(settings.destinations))
    platform = settings.destinations[destination]
    takes = takes_of(settings)[destination]
    return ConversionRule(
        name=name,
        milestone=rule.milestone,
        action=ConversionAction(destination=destination, action_id=rule.action_id),
        value=_value_or_revenue(rule.value),
        amounts=AmountOutcomes(
            zero=rule.amounts.zero,
            missing=rule.amounts.missing,
            absurd=rule.amounts.absurd,
            absurd_above=rule.amounts.absurd_above,
        ),
        click_policy=rule.click_policy,
        click_ids=takes.click_ids,
        lookback=timedelta(days=rule.lookback_days),
        reuses_clicks=rule.reuse_clicks,
        clock_skew=timedelta(minutes=rule.clock_skew_minutes),
        hold=timedelta(days=rule.hold_days),
        upload_window=timedelta(days=platform.upload_window_days),
        settling_time=timedelta(hours=platform.settling_hours),
        has_enhanced_conversions=platform.enhanced_conversions and takes.identifiers > 0,
        hash_forms=takes.hash_forms,
        asks_when_clicked=takes.asks_when_clicked,
        needs_granted_consent=platform.identifiers_need_consent,
        is_undone_by_loss=rule.is_undone_by_loss,
        days_to_close_variable=rule.days_to_close_variable,
        sends_estimated_days=rule.estimated_days_to_close,
        smallest_change=rule.smallest_change,
        when={segment: frozenset(values) for segment, values in rule.when.items()},
    )


def _value_or_revenue(value: tables.Value) -> ValueRule:
    if not isinstance(value, tables.RevenueValue):
        return _value(value)
    return RevenueWithin(
        within=timedelta(days=value.within_days),
        expected=_value(value.expected),
        nothing_is_zero=value.if_nothing_came == "zero",
    )


def _value(value: tables.StatedValue) -> StatedValue:
    match value:
        case tables.AmountValue(share=share):
            return ShareOfAmount(share=share)
        case tables.FixedValue(amount=amount, currency=currency):
            return FixedSum(money=Money(amount=amount, currency=currency))
        case tables.TableValue():
            return TableBySegment(
                segment=value.segment,
                amounts=value.amounts,
                otherwise=value.otherwise,
                currency=value.currency,
            )
        case tables.ExpectedRuleValue():
            return ExpectedValue()


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
