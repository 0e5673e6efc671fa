"""Preflight: everything a night needs, looked at one by one, so that one fault hides no other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

from convsync.clock import Clock
from convsync.errors import ConvsyncError
from convsync.extract.crm import CrmDeals
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.finding import Finding, Severity
from convsync.model.money import Money
from convsync.model.rule import ConversionRule, FixedSum, TableBySegment
from convsync.model.statement import Batch, Operation, Statement, order_id_of
from convsync.report.crm_check import findings_of_crm
from convsync.store import migrate
from convsync.store.database import Database
from convsync.upload.destination import Destination
from convsync.upload.google import preflight
from convsync.upload.google.account import AccountReader
from convsync.upload.google.preflight import Expected


class Checkable(Protocol):
    """A source that can tell, without reading it all, whether it can be read."""

    name: str

    def check_columns(self) -> None:
        """Raise OperatorError where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The accounts behind the destinations: what is expected of each, and how to look.

    `open_reader` returns None for a destination without one. `clocks` tell the platform's time, by
    destination; `clock` is this machine's, None where it stands still and cannot be compared.
    """

    expected: Sequence[Expected]
    open_reader: Callable[[str], AccountReader | None]
    clocks: Mapping[str, Callable[[], datetime]] = field(default_factory=dict)
    clock: Clock | None = None


def check_all(
    database: Database,
    rules: Sequence[ConversionRule],
    sources: Sequence[Checkable],
    destinations: Callable[[str], Destination],
    accounts: Accounts,
    *,
    now: datetime,
) -> list[Finding]:
    """Look at the database, every source, every account, and every rule's way to the platform."""
    findings = [_looked_at(f"database {database.name}", lambda: migrate.require_current(database))]
    for source in sources:
        findings += _source(source)
    for expected in accounts.expected:
        own = [rule for rule in rules if rule.action.destination == expected.destination]
        findings += _clock(expected, accounts)
        findings += _account(expected, own, accounts)
    for rule in rules:
        subject = f"rule {rule.name} at {rule.action.destination}"
        refused = Finding(
            means="a run stops at the rule's first batch, and nothing of it is counted",
            mend="do what the answer says; what waits is sent by the next run",
            link=preflight.LINKS["upload errors"],
        )
        findings.append(_looked_at(subject, partial(_validate, rule, destinations, now), refused))
    return findings


def _looked_at(subject: str, look: Callable[[], None], otherwise: Finding | None = None) -> Finding:
    """Return what looking found: nothing, or an error, with what `otherwise` says of it."""
    try:
        look()
    except ConvsyncError as error:
        found = otherwise or Finding()
        return replace(found, severity=Severity.ERROR, subject=subject, problem=str(error))
    return Finding(subject=subject)


def _source(source: Checkable) -> list[Finding]:
    if not isinstance(source, CrmDeals):
        return [_looked_at(f"source {source.name}", source.check_columns)]
    try:
        return findings_of_crm(source)
    except ConvsyncError as error:
        subject = f"source {source.name}"
        return [Finding(severity=Severity.ERROR, subject=subject, problem=str(error))]


def _clock(expected: Expected, accounts: Accounts) -> Iterator[Finding]:
    if accounts.clock is None:
        return
    subject = f"clock against {expected.destination}"
    ask = accounts.clocks.get(expected.destination)
    if ask is None:
        yield preflight.clock_not_read(subject, "its endpoint speaks gRPC alone.")
        return
    asked_at = accounts.clock()
    try:
        theirs = ask()
    except ConvsyncError as error:
        yield preflight.clock_not_read(subject, str(error))
    else:
        ours = asked_at + (accounts.clock() - asked_at) / 2
        yield preflight.finding_of_clock(subject, ours, theirs)


def _account(
    expected: Expected, rules: Sequence[ConversionRule], accounts: Accounts
) -> list[Finding]:
    try:
        reader = accounts.open_reader(expected.destination)
        if reader is None:
            return [preflight.not_read(expected)]
        with closing(reader):
            findings = preflight.findings_of_account(reader.account(), expected)
            actions = reader.actions()
    except ConvsyncError as error:
        return [
            Finding(
                severity=Severity.ERROR,
                subject=expected.subject,
                problem=str(error),
                means="neither the account nor its conversion actions could be checked",
                mend="do what the answer says, and check again",
                link=preflight.LINKS["access"],
            )
        ]
    for rule in rules:
        findings += preflight.findings_of_rule(rule, actions, expected)
    return findings


def _validate(
    rule: ConversionRule, destinations: Callable[[str], Destination], now: datetime
) -> None:
    """Have the platform check a made-up conversion of the rule, which it does not count."""
    destinations(rule.action.destination).validate(made_up_batch(rule, now), now=now)


def made_up_batch(rule: ConversionRule, now: datetime) -> Batch:
    """Return one made-up conversion of a rule, whose click ID says what it is."""
    statement = Statement(
        order_id=order_id_of("convsync", "check", rule.name),
        action=rule.action,
        operation=Operation.COUNT,
        event_at=now,
        value=Money(amount=Decimal(1), currency=_currency(rule)),
        click_id=ClickId(ClickIdKind.GCLID, "convsync-check"),
    )
    return Batch(number=0, action=rule.action, statements=[statement])


def _currency(rule: ConversionRule) -> str:
    match rule.value:
        case FixedSum(money=money):
            return money.currency
        case TableBySegment(currency=currency):
            return currency
        case _:
            return "EUR"
