"""Settings → the concrete sources, destinations and store. Nobody else knows which they are."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from convsync.clock import frozen_clock, system_clock
from convsync.errors import OperatorError
from convsync.extract.csv_file import CsvClicks, CsvDeals
from convsync.extract.mapping import (
    CellFormat,
    ClickColumns,
    DealColumns,
    DealFields,
    MilestoneColumn,
    RecordFields,
)
from convsync.extract.source import ClickSource, DealSource
from convsync.extract.sql import SqlClicks, SqlDeals
from convsync.model.money import Money
from convsync.model.rule import (
    Agreement,
    AmountOutcomes,
    ConversionAction,
    ConversionRule,
    FixedSum,
    ShareOfAmount,
    TableBySegment,
    ValueRule,
)
from convsync.plan import SafetyLimits
from convsync.retrying import RetryPolicy
from convsync.settings import Settings, tables
from convsync.steps import NoProgress, Progress, Services
from convsync.store.database import Database, OnStep, ignore_step
from convsync.wiring.destinations import accounts_of as accounts_of
from convsync.wiring.destinations import destinations_of as destinations_of
from convsync.wiring.destinations import takes_of as takes_of
from convsync.wiring.values import customer_words, mapped


def services_of(
    settings: Settings,
    *,
    as_of: datetime | None = None,
    on_step: OnStep = ignore_step,
    progress: Progress | None = None,
) -> Services:
    """Return everything a run works with. Nothing is opened or imported before it is used."""
    retry = _retry(settings)
    return Services(
        database=database_of(settings, on_step=on_step),
        rules=rules_of(settings),
        deal_sources=[
            _deal_source(name, source, settings, retry) for name, source in settings.deals.items()
        ],
        click_sources=click_sources_of(settings),
        takes=takes_of(settings),
        destinations=destinations_of(settings),
        limits=SafetyLimits(
            factor=settings.limits.factor,
            small=settings.limits.small,
            retracted_share=settings.limits.retracted_share,
            small_retraction=settings.limits.small_retraction,
            vanished_share=settings.limits.vanished_share,
        ),
        retry=retry,
        clock=system_clock if as_of is None else frozen_clock(as_of),
        on_step=on_step,
        progress=progress or NoProgress(),
    )


def _retry(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        attempts=settings.retry.attempts,
        first_wait_s=settings.retry.first_wait_s,
        longest_wait_s=settings.retry.longest_wait_s,
        longest_asked_s=settings.retry.longest_asked_s,
        failures=settings.retry.failures,
    )


def database_of(settings: Settings, *, on_step: OnStep = ignore_step) -> Database:
    """Return the ledger's database; a relative SQLite file lies in the config's folder."""
    return Database(_in_folder(settings.store.url, settings), on_step=on_step)


def rules_of(settings: Settings) -> Sequence[ConversionRule]:
    """Return the conversion rules, in the file's order."""
    return [_rule(name, rule, settings) for name, rule in settings.rules.items()]


def agreements_of(settings: Settings) -> Sequence[Agreement]:
    """Return what the company agreed on for each milestone, in the file's order."""
    return [
        Agreement(
            milestone=name,
            definition=milestone.definition,
            owner=milestone.owner,
            next_within=_days(milestone.next_within_days),
        )
        for name, milestone in settings.milestones.items()
    ]


def company_zone(settings: Settings) -> ZoneInfo:
    """Return the zone whose calendar days `--from` and `--to` mean."""
    if settings.company.time_zone is None:
        raise OperatorError("Dates need a calendar: set [company] time_zone.")
    return settings.company.time_zone


def click_sources_of(settings: Settings) -> Sequence[ClickSource]:
    """Return the click sources a night reads: those that say where they are."""
    return [
        _click_source(name, source, settings, None)
        for name, source in settings.clicks.items()
        if not (isinstance(source, tables.CsvClicks) and source.path is None)
    ]


def click_file(settings: Settings, path: Path, mapping: str | None) -> ClickSource:
    """Return a click source that reads `path` by the mapping of a configured CSV source."""
    csv_sources = {
        name: source
        for name, source in settings.clicks.items()
        if isinstance(source, tables.CsvClicks)
    }
    if mapping is None and len(csv_sources) == 1:
        mapping = next(iter(csv_sources))
    if mapping is None or mapping not in csv_sources:
        listed = ", ".join(sorted(csv_sources)) or 'none; add a [clicks.NAME] with kind = "csv"'
        raise OperatorError(f"Which columns does {path} have? Name one with --as: {listed}.")
    return _click_source(mapping, csv_sources[mapping], settings, path)


def _in_folder(url: SecretStr, settings: Settings) -> str:
    """Return a database URL whose relative SQLite file lies in the config's folder."""
    written = url.get_secret_value()
    try:
        parsed = make_url(written)
    except ArgumentError:
        return written
    file = parsed.database
    if parsed.get_backend_name() == "sqlite" and file and not file.startswith((":", "file:")):
        parsed = parsed.set(database=str(settings.folder / file))
    return parsed.render_as_string(hide_password=False)


def _rule(name: str, rule: tables.Rule, settings: Settings) -> ConversionRule:
    destination = rule.destination or next(iter(settings.destinations))
    platform = settings.destinations[destination]
    takes = takes_of(settings)[destination]
    return ConversionRule(
        name=name,
        milestone=rule.milestone,
        action=ConversionAction(destination=destination, action_id=rule.action_id),
        value=_value(rule.value),
        amounts=AmountOutcomes(
            zero=rule.amounts.zero,
            missing=rule.amounts.missing,
            absurd=rule.amounts.absurd,
            absurd_above=rule.amounts.absurd_above,
        ),
        click_policy=rule.click_policy,
        click_ids=takes.click_ids,
        lookback=timedelta(days=rule.lookback_days),
        upload_window=timedelta(days=platform.upload_window_days),
        settling_time=timedelta(hours=platform.settling_hours),
        has_enhanced_conversions=platform.enhanced_conversions and takes.identifiers > 0,
        needs_granted_consent=platform.identifiers_need_consent,
        is_undone_by_loss=rule.is_undone_by_loss,
        days_to_close_variable=rule.days_to_close_variable,
        smallest_change=rule.smallest_change,
    )


def _value(value: tables.Value) -> ValueRule:
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


def _deal_source(
    name: str, source: tables.DealSource, settings: Settings, retry: RetryPolicy
) -> DealSource:
    if not isinstance(source, tables.CsvDeals | tables.SqlDeals):
        from convsync.wiring.crm import crm_source

        return crm_source(name, source, settings, retry)
    columns = _deal_columns(source)
    cells = _cells(source, settings.company, source)
    lag = timedelta(minutes=source.lag_minutes)
    overlap = timedelta(minutes=source.overlap_minutes)
    match source:
        case tables.CsvDeals():
            return CsvDeals(
                name=name,
                path=settings.folder / source.path,
                columns=columns,
                cells=cells,
                encoding=source.encoding,
                delimiter=source.delimiter,
                is_complete=source.complete,
                lag=lag,
                overlap=overlap,
            )
        case tables.SqlDeals():
            return SqlDeals(
                name=name,
                url=_in_folder(source.url, settings),
                query=source.query,
                columns=columns,
                cells=cells,
                is_complete=source.complete,
                lag=lag,
                overlap=overlap,
            )


def _click_source(
    name: str, source: tables.ClickSource, settings: Settings, path: Path | None
) -> ClickSource:
    columns = ClickColumns(**mapped(source.columns, ClickColumns))
    cells = _cells(source, settings.company, None)
    lag = timedelta(minutes=source.lag_minutes)
    overlap = timedelta(minutes=source.overlap_minutes)
    match source:
        case tables.CsvClicks():
            return CsvClicks(
                name=name,
                path=path or settings.folder / (source.path or ""),
                columns=columns,
                cells=cells,
                encoding=source.encoding,
                delimiter=source.delimiter,
                lag=lag,
                overlap=overlap,
            )
        case tables.SqlClicks():
            return SqlClicks(
                name=name,
                url=_in_folder(source.url, settings),
                query=source.query,
                columns=columns,
                cells=cells,
                lag=lag,
                overlap=overlap,
            )


def _deal_columns(source: tables.CsvDeals | tables.SqlDeals) -> DealColumns:
    columns = source.columns
    return DealColumns(
        deal_id=columns.deal_id,
        milestones={
            name: MilestoneColumn(
                column=milestone.column,
                when={column: frozenset(words) for column, words in milestone.when.items()},
            )
            for name, milestone in source.milestones.items()
        },
        segments=source.segments,
        **mapped(columns, RecordFields),
        **mapped(columns, DealFields),
    )


def _cells(
    source: tables.Cells,
    company: tables.Company,
    deals: tables.CsvDeals | tables.SqlDeals | None,
) -> CellFormat:
    return CellFormat(
        time_zone=source.time_zone or company.time_zone,
        date_formats=source.date_formats,
        has_decimal_comma=source.decimal == ",",
        blank_words=frozenset(source.blank_words),
        currency=source.currency or company.currency,
        phone_region=source.country or company.country,
        granted_words=frozenset(deals.consent.granted if deals else ()),
        denied_words=frozenset(deals.consent.denied if deals else ()),
        customer_words=customer_words(deals.customer_type) if deals else {},
        deleted_words=frozenset(deals.deleted_words if deals else ()),
    )


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
