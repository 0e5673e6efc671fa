"""Preflight: everything a night needs, looked at one by one, so that one fault hides no other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

from convsync.clock import Clock
from convsync.errors import ConvsyncError
from convsync.extract.crm import CrmDeals
from convsync.extract.looks import CanBeLookedAt
from convsync.extract.source import MayBeCutOff, Memory
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.finding import Finding, Severity
from convsync.model.money import Money
from convsync.model.rule import ConversionRule, FixedSum, TableBySegment
from convsync.model.statement import Batch, Operation, Statement, order_id_of
from convsync.model.terms import SharedKeys
from convsync.profile.column_findings import fields_of_damaged_click_ids
from convsync.profile.counting import profile_of
from convsync.profile.facts import Profile
from convsync.profile.findings import findings_of
from convsync.report import nobody
from convsync.report.crm_check import OfClickIds, findings_of_crm
from convsync.report.profile_page import summary_of
from convsync.store import allowed_keys, memory, migrate
from convsync.store.database import Database
from convsync.store.retired import retired
from convsync.upload.ad_account import AdAccount
from convsync.upload.destination import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled(Finding):
    """What the records of a source look like as a whole, and what that shows."""

    profile: Profile
    shows: Sequence[Finding]


RESULTS: Mapping[Severity | None, str] = {
    None: "ok",
    Severity.ERROR: "failed",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}
"""How a finding came out, in a word."""


def each_of(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings, and behind a profile what it shows."""
    for finding in findings:
        yield finding
        if isinstance(finding, Profiled):
            yield from finding.shows


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
    accounts: Sequence[AdAccount],
    *,
    shared: SharedKeys,
    clock: Clock | None,
    now: datetime,
) -> list[Finding]:
    """Look at the database, every source, every account, and every rule's way to the platform.

    `clock` is this machine's, None where it stands still and cannot be compared.
    """
    names = [rule.name for rule in rules], [source.name for source in sources]
    findings = findings_of_ledger(database, *names)
    if findings[0].severity is None:
        with database.reading() as connection:
            shared = allowed_keys.added_to(connection, shared)
        _recall(database, sources)
    for source in sources:
        findings += _source(source, shared)
    for account in accounts:
        own = [rule for rule in rules if rule.action.destination == account.destination]
        findings += account.findings(own, clock)
    help_urls = {account.destination: account.help_url for account in accounts}
    for rule in rules:
        destination = rule.action.destination
        refused = Finding(
            means="a run stops at the rule's first batch, and nothing of it is counted",
            fix="do what the answer says; what waits is sent by the next run",
            link=help_urls[destination],
        )
        look = partial(_validate, rule, destinations, now)
        findings.append(_looked_at(f"rule {rule.name} at {destination}", look, refused))
    return findings


def findings_of_ledger(
    database: Database, rules: Sequence[str], sources: Sequence[str]
) -> list[Finding]:
    """Look at the database, and at what it holds against the configuration: nobody is asked."""
    findings = [_looked_at(f"database {database.name}", lambda: migrate.require_current(database))]
    if findings[0].severity is None:
        findings += _retired(database, rules, sources)
        with database.reading() as connection:
            findings += nobody.warnings(connection)
    return findings


def _recall(database: Database, sources: Sequence[Checkable]) -> None:
    """Let sources be looked at with what is kept of earlier reads."""
    with database.reading() as connection:
        for source in sources:
            if isinstance(source, MayBeCutOff):
                source.ended_whole = memory.ended_whole(connection, source.name)
            if isinstance(source, CrmDeals):
                source.recall(Memory(stages=memory.stages_of(connection, source.name)))


def _looked_at(subject: str, look: Callable[[], None], otherwise: Finding | None = None) -> Finding:
    """Return what looking found: nothing, or an error, with what `otherwise` says of it."""
    try:
        look()
    except ConvsyncError as error:
        found = otherwise or Finding()
        return replace(found, severity=Severity.ERROR, subject=subject, problem=str(error))
    return Finding(subject=subject)


def _retired(database: Database, rules: Sequence[str], sources: Sequence[str]) -> list[Finding]:
    """Warn of what still counts under rules and sources that left the configuration."""
    with database.reading() as connection:
        found = retired(connection, rules=rules, sources=sources)
    return [
        Finding(
            severity=Severity.WARNING,
            subject=f"retired {one.kind} {one.name}",
            problem=str(one),
            means="these conversions stay in the ad account, and are only taken back where a deal "
            "is lost, deleted or refused",
            fix=f"nothing, if it was removed on purpose; if it was renamed, write "
            f'"{one.kind}s.{one.name}" = "{one.kind}s.NEW" under [moved]',
        )
        for one in found
    ]


def _source(source: Checkable, shared: SharedKeys) -> list[Finding]:
    """Look at the set-up of a source, and at what its records hold if they can be read."""
    subject = f"source {source.name}"
    try:
        found = findings_of_crm(source) if isinstance(source, CrmDeals) else []
        if isinstance(source, CanBeLookedAt):
            page = profiled(source, shared)
            found = [*_beside(page.profile, found), *_ending(source)]
            return [*(found or [Finding(subject=subject)]), page]
    except ConvsyncError as error:
        return [Finding(severity=Severity.ERROR, subject=subject, problem=str(error))]
    return found or [_looked_at(subject, source.check_columns)]


def _ending(source: Checkable) -> Iterator[Finding]:
    """Warn, before a file is read for the first time, if its last row may be cut off."""
    if isinstance(source, MayBeCutOff) and source.ended_whole is None and not source.ends_whole():
        yield Finding(
            severity=Severity.WARNING,
            subject=f"source {source.name}",
            problem="the last row of the file has no line break",
            means="if the file was cut off there, what the row says is not all, though it is read",
            fix="look at the row: if it is whole, the export ends so and there is nothing to do;"
            " let the export write another file and rename it when it is done",
        )


def _beside(profile: Profile, found: Sequence[Finding]) -> list[Finding]:
    """Leave out what the profile says as well of the click IDs in a field."""
    told = fields_of_damaged_click_ids(profile)
    return [one for one in found if not (isinstance(one, OfClickIds) and one.field in told)]


def profiled(source: CanBeLookedAt, shared: SharedKeys) -> Profiled:
    """Return a source's profile, and what it shows; raises what reading the source raises."""
    with source.looked_at() as looked_at:
        profile = profile_of(looked_at, shared)
    shows = findings_of(profile)
    told = [one.severity for one in shows if one.severity is not Severity.INFO]
    return Profiled(
        severity=told[0] if told else None,
        subject=f"records of {source.name}",
        problem=summary_of(profile) + (f"; {len(told)} things to look at" if told else ""),
        profile=profile,
        shows=shows,
    )


def _validate(
    rule: ConversionRule, destinations: Callable[[str], Destination], now: datetime
) -> None:
    """Have the platform check a made-up conversion of the rule, which it does not count."""
    destinations(rule.action.destination).validate(made_up_batch(rule, now), now=now)


def made_up_batch(rule: ConversionRule, now: datetime) -> Batch:
    """Return one made-up conversion of a rule, whose click ID says what it is."""
    kind = next(kind for kind in ClickIdKind if kind in rule.click_ids)
    statement = Statement(
        order_id=order_id_of("convsync", "check", rule.name),
        action=rule.action,
        operation=Operation.COUNT,
        event_at=now,
        value=Money(amount=Decimal(1), currency=_currency(rule)),
        click_id=ClickId(kind, "convsync-check"),
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
