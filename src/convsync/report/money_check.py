"""What is wrong with the set-up of money: revenue, rates, and rules that count revenue."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from convsync.errors import ConvsyncError
from convsync.model.finding import Finding, Severity
from convsync.model.money import Money
from convsync.model.rates import NoRate
from convsync.model.revenue import RatesOf
from convsync.model.rule import ConversionRule, RevenueWithin
from convsync.model.statement import Operation
from convsync.model.takes import Takes

_OTHERS = ("USD", "EUR")


class _Source(Protocol):
    name: str

    def check_columns(self) -> None:
        """Raise OperatorError where the source, or a mapped column, is not there."""


def findings_of_money(
    sources: Sequence[_Source],
    rates: RatesOf,
    rules: Sequence[ConversionRule],
    takes: Mapping[str, Takes],
    *,
    currency: str | None,
    today: date,
) -> Iterator[Finding]:
    """Yield what a person should know: one for each source of revenue, and what is wrong else."""
    for source in sources:
        yield _looked_at(f"revenue {source.name}", source.check_columns)
    yield from _of_rates(rates, currency, today)
    for rule in rules:
        if isinstance(rule.value, RevenueWithin):
            yield from _of_rule(rule, rule.value, takes)


def _of_rates(rates: RatesOf, currency: str | None, today: date) -> Iterator[Finding]:
    try:
        known = rates()
    except ConvsyncError as error:
        yield Finding(severity=Severity.ERROR, subject="rates", problem=str(error))
        return
    if known is None or currency is None:
        return
    other = next(one for one in _OTHERS if one != currency)
    found = known.convert(Money(amount=Decimal(1), currency=other), currency, today)
    if isinstance(found, NoRate):
        yield Finding(
            severity=Severity.WARNING,
            subject="rates",
            problem=f"{known.origin} has no rate of {found.currency} for {today} or shortly before",
            means="today's amounts in other currencies are left out of sums, and conversions that"
            " need the rate wait for it",
            fix="update the file each day; docs/money.md says how",
        )
    else:
        yield Finding(subject="rates")


def _of_rule(
    rule: ConversionRule, wanted: RevenueWithin, takes: Mapping[str, Takes]
) -> Iterator[Finding]:
    """Warn of money that comes when the platform corrects no longer."""
    limit = _corrects_for(takes.get(rule.action.destination))
    if limit is not None and limit < wanted.within:
        yield Finding(
            severity=Severity.WARNING,
            subject=f"rule {rule.name}",
            problem=f"counts revenue of {wanted.within.days} days, and {rule.action.destination}"
            f" corrects a conversion for {limit.days} days",
            means="what comes in later is in the reports, but not in the ad account",
            fix=f"set within_days to {limit.days}, or use a destination that corrects longer",
        )


def _corrects_for(takes: Takes | None) -> timedelta | None:
    """Return for how long a platform takes another value, None where no limit is known."""
    ways = takes.corrections.get(Operation.RESTATE, ()) if takes else ()
    limits = [way.within for way in ways]
    return None if not limits or None in limits else max(filter(None, limits))


def _looked_at(subject: str, look: Callable[[], None]) -> Finding:
    try:
        look()
    except ConvsyncError as error:
        return Finding(severity=Severity.ERROR, subject=subject, problem=str(error))
    return Finding(subject=subject)
