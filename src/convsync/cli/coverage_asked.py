"""The question that coverage answers: which days, which rules, and how grouped."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from convsync.cli.report_days import segments_of, week_of
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.model.period import Period
    from convsync.model.rule import ConversionRule
    from convsync.report.conditions import Conditions
    from convsync.report.coverage import Coverage
    from convsync.report.exchange import Exchange
    from convsync.settings import Settings
    from convsync.store.database import Database

DAYS = 90
"""The days before today that coverage is of where nobody names others: a click is taken as long."""
BY_WEEK = "week"


def covered(
    database: "Database",
    settings: "Settings",
    days: tuple[date, date],
    *,
    by: str | None,
    rule: str | None,
    exchange: "Exchange",
    where: "Conditions" = (),
) -> "Coverage":
    """Return the coverage of some days, grouped by one of `groups`, of one rule or of all.

    It is of deals that meet all conditions.
    """
    from convsync.report.coverage import coverage_of

    rules = _rules_asked(settings, rule)
    periods = _periods(*days, settings, is_by_week=by == BY_WEEK)
    by = None if by == BY_WEEK else by
    return coverage_of(database, rules, periods, by=by, exchange=exchange, where=where)


def groups(settings: "Settings") -> list[str]:
    """Return what conversions can be grouped by."""
    from convsync.report.conditions import SOURCE
    from convsync.report.coverage import BY_FORM

    forms = [BY_FORM] if settings.collect else []
    return [SOURCE, *forms, BY_WEEK, *sorted(segments_of(settings))]


def _rules_asked(settings: "Settings", rule: str | None) -> "Sequence[ConversionRule]":
    """Return all rules, or the one of that name; OperatorError where there is none."""
    from convsync import wiring

    rules = [one for one in wiring.rules_of(settings) if rule in (None, one.name)]
    if not rules:
        raise OperatorError(f"There is no rule {rule}; there are: {', '.join(settings.rules)}.")
    return rules


def _periods(
    first: date, last: date, settings: "Settings", *, is_by_week: bool
) -> Mapping[str, "Period"]:
    """Return the period asked for, or its weeks from Monday to Sunday by their ISO 8601 names."""
    from convsync import wiring
    from convsync.model.period import Period

    zone = wiring.company_zone(settings)
    if not is_by_week:
        return {"": Period.of_days(first, last, zone)}
    periods = {}
    while first <= last:
        sunday = min(first + timedelta(days=6 - first.weekday()), last)
        periods[week_of(first)] = Period.of_days(first, sunday, zone)
        first = sunday + timedelta(days=1)
    return periods
