"""Preflight: everything a night needs, looked at one by one, so that one fault hides no other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

from convsync.errors import ConvsyncError
from convsync.model.click import Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.conversion import Batch, Conversion, order_id_of
from convsync.model.money import Money
from convsync.model.outcome import Matched
from convsync.model.rule import ConversionRule, FixedSum, TableBySegment
from convsync.store import migrate
from convsync.store.database import Database
from convsync.upload.destination import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, and what is wrong with it and the mend; None: nothing."""

    subject: str
    problem: str | None


class Checkable(Protocol):
    """A source that can tell, without reading it all, whether it can be read."""

    name: str

    def check_columns(self) -> None:
        """Raise OperatorError where it cannot."""


def check_all(
    database: Database,
    rules: Sequence[ConversionRule],
    sources: Sequence[Checkable],
    destinations: Callable[[str], Destination],
    *,
    now: datetime,
) -> list[Finding]:
    """Look at the database, every source, and every rule's way to the platform."""
    findings = [_looked_at(f"database {database.name}", lambda: migrate.require_current(database))]
    findings += [_looked_at(f"source {source.name}", source.check_columns) for source in sources]
    for rule in rules:
        subject = f"rule {rule.name} at {rule.action.destination}"
        findings.append(_looked_at(subject, partial(_validate, rule, destinations, now)))
    return findings


def _looked_at(subject: str, look: Callable[[], None]) -> Finding:
    try:
        look()
    except ConvsyncError as error:
        return Finding(subject=subject, problem=str(error))
    return Finding(subject=subject, problem=None)


def _validate(
    rule: ConversionRule, destinations: Callable[[str], Destination], now: datetime
) -> None:
    """Have the platform check a made-up conversion of the rule, which it does not count."""
    destinations(rule.action.destination).validate(made_up_batch(rule, now), now=now)


def made_up_batch(rule: ConversionRule, now: datetime) -> Batch:
    """Return one made-up conversion of a rule, whose click ID says what it is."""
    click = Click(click_id=ClickId(ClickIdKind.GCLID, "convsync-check"), clicked_at=None)
    conversion = Conversion(
        order_id=order_id_of("convsync", "check", rule.name),
        source="convsync",
        deal_id="check",
        rule=rule.name,
        action=rule.action,
        milestone=rule.milestone,
        milestone_at=now,
        event_at=now,
        value=Money(amount=Decimal(1), currency=_currency(rule)),
        matched=Matched(basis=MatchBasis.DEAL, click=click, clicked_at=None),
    )
    return Batch(number=0, action=rule.action, conversions=[conversion])


def _currency(rule: ConversionRule) -> str:
    match rule.value:
        case FixedSum(money=money):
            return money.currency
        case TableBySegment(currency=currency):
            return currency
        case _:
            return "EUR"
