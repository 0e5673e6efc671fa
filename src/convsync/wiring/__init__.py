"""Settings → the concrete sources, destinations and store. Nobody else knows which they are.

A destination's client library is imported when the destination is first used, so a night with
nothing to send never loads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from convsync.clock import Clock, frozen_clock, system_clock
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
from convsync.pipeline import NoProgress, Progress, Services
from convsync.plan import SafetyLimits
from convsync.retrying import RetryPolicy
from convsync.settings import Settings, crm_tables, deal_fields, tables
from convsync.store.database import Database, OnStep, ignore_step
from convsync.upload.account import AccountReader
from convsync.upload.destination import Destination, Quota
from convsync.wiring.values import customer_words, mapped

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from convsync.report.check import Accounts
    from convsync.report.preflight import Expected
    from convsync.upload.credentials import Keeper
    from convsync.upload.google_ads import Customer


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
        destinations=destinations_of(settings),
        limits=SafetyLimits(
            factor=settings.limits.factor,
            small=settings.limits.small,
            retracted_share=settings.limits.retracted_share,
            small_retraction=settings.limits.small_retraction,
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


def destinations_of(settings: Settings) -> Callable[[str], Destination]:
    """Return a function that opens a destination at its first use and keeps it."""

    @cache
    def open_destination(name: str) -> Destination:
        match settings.destinations.get(name):
            case tables.DataManager() as table:
                return _data_manager(name, table, settings.folder, open_destination)
            case tables.GoogleAds() as table:
                return _google_ads(name, table, settings.folder)
            case None:
                raise OperatorError(
                    f"Conversions are still on their way by destinations.{name}, which is no "
                    "longer configured. Put its table back until they are settled."
                )

    return open_destination


def accounts_of(settings: Settings, *, clock: Clock | None = None) -> "Accounts":
    """Return the ad accounts that the rules count in, and how to look at them."""
    from convsync.report.check import Accounts

    return Accounts(
        expected=[_expected(name, settings) for name in _used(settings)],
        open_reader=readers_of(settings),
        clocks={
            name: partial(_server_time, url)
            for name in _used(settings)
            if (url := _json_endpoint(settings.destinations[name]))
        },
        clock=clock,
    )


def readers_of(settings: Settings) -> Callable[[str], AccountReader | None]:
    """Return a function that opens the reader of a destination's account; None: it has none."""

    @cache
    def open_reader(name: str) -> AccountReader | None:
        match settings.destinations[name]:
            case tables.GoogleAds() as table:
                return _google_ads_account(name, table, table.customer_id, settings.folder)
            case tables.DataManager(read_with=str(other)) as table:
                road = settings.destinations[other]
                assert isinstance(road, tables.GoogleAds), "settings see to that"
                return _google_ads_account(other, road, table.operating_account, settings.folder)
            case _:
                return None

    return open_reader


def _used(settings: Settings) -> list[str]:
    """Return the destinations that a rule names, in the file's order."""
    first = next(iter(settings.destinations))
    named = {rule.destination or first for rule in settings.rules.values()}
    return [name for name in settings.destinations if name in named]


def _expected(name: str, settings: Settings) -> "Expected":
    from convsync.report.preflight import Expected

    table = settings.destinations[name]
    is_data_manager = isinstance(table, tables.DataManager)
    return Expected(
        destination=name,
        customer_id=table.operating_account
        if isinstance(table, tables.DataManager)
        else table.customer_id,
        must_own=is_data_manager,
        sends_identifiers=table.enhanced_conversions,
        sends_braids=any(
            fields.gbraid or fields.wbraid or fields.landing_url
            for source in (*settings.deals.values(), *settings.clicks.values())
            for fields in _records_of(source)
        ),
        time_zone=settings.company.time_zone,
        currency=settings.company.currency,
    )


def _records_of(
    source: tables.DealSource | tables.ClickSource,
) -> Sequence[tables.DealColumns | tables.ClickColumns | deal_fields.RecordFields]:
    """Return the mappings of a source that may hold click IDs."""
    if isinstance(source, crm_tables.AnyCrmDeals):
        return (source.deal, source.contact, source.lead)
    return (source.columns,)


def _json_endpoint(table: tables.DataManager | tables.GoogleAds) -> str | None:
    """Return where a destination also answers over HTTP; not where it was led to gRPC alone."""
    if isinstance(table, tables.DataManager):
        return table.rest_endpoint
    return None if table.plaintext or table.ca_file else f"https://{table.endpoint}"


def _server_time(url: str) -> datetime:
    from convsync.upload.server_clock import server_time

    return server_time(url)


def _data_manager(
    name: str, table: tables.DataManager, folder: Path, others: Callable[[str], Destination]
) -> Destination:
    from convsync.upload.credentials import DATA_MANAGER_SCOPE
    from convsync.upload.data_manager import Account, DataManager

    return DataManager(
        name,
        Account(
            operating=table.operating_account,
            login=table.login_account,
            linked=table.linked_account,
            event_source=table.event_source,
        ),
        _credentials(name, table, folder, DATA_MANAGER_SCOPE),
        endpoint=table.endpoint,
        rest_endpoint=table.rest_endpoint,
        is_plaintext=table.plaintext,
        timeout=timedelta(seconds=table.timeout_s),
        requests_in_flight=table.requests_in_flight,
        upload_quota=_quota(table, "Data Manager uploads"),
        status_quota=_quota(table, "Data Manager statuses"),
        retractor=None if table.retract_with == tables.VALUE_ZERO else others(table.retract_with),
    )


def _google_ads(name: str, table: tables.GoogleAds, folder: Path) -> Destination:
    from convsync.upload.google_ads import GoogleAds

    customer, identity, connection = _google_ads_road(name, table, folder)
    return GoogleAds(
        name,
        customer,
        identity,
        **connection,
        requests_in_flight=table.requests_in_flight,
        upload_quota=_quota(table, "Google Ads"),
    )


def _google_ads_account(
    name: str, table: tables.GoogleAds, customer_id: str, folder: Path
) -> AccountReader:
    from convsync.upload.google_ads_reading import GoogleAdsAccount

    customer, identity, connection = _google_ads_road(name, table, folder)
    return GoogleAdsAccount(
        name, replace(customer, customer_id=customer_id), identity, **connection
    )


def _google_ads_road(
    name: str, table: tables.GoogleAds, folder: Path
) -> "tuple[Customer, Credentials | None, dict[str, Any]]":
    """Return whose account it is, who signs in, and the way there."""
    from convsync.upload.credentials import ADS_SCOPE, AdsConfig, ads_config, credentials_from
    from convsync.upload.google_ads import Customer

    key = "credentials" if table.google_ads_yaml is None else "google_ads_yaml"
    place = f"destinations.{name}.{key}"
    if table.google_ads_yaml is not None:
        official = ads_config(folder / table.google_ads_yaml, place=place)
    elif table.credentials == "google_ads":
        official = ads_config(None, place=place)
    else:
        official = AdsConfig(keeper=_keeper(table, folder))
    identity = None
    if table.credentials != "none":
        identity = credentials_from(
            official.keeper, ADS_SCOPE, place=place, impersonate=table.impersonate
        )
    token = table.developer_token
    customer = Customer(
        customer_id=table.customer_id,
        login_customer_id=table.login_customer_id or official.login_customer_id,
        linked_customer_id=table.linked_customer_id or official.linked_customer_id,
        developer_token=token.get_secret_value() if token else official.developer_token,
        variables=table.custom_variables,
    )
    is_ours = "endpoint" in table.model_fields_set
    connection = {
        "version": table.api_version,
        "endpoint": table.endpoint if is_ours else official.endpoint or table.endpoint,
        "is_plaintext": table.plaintext,
        "root_certificates": _certificates(name, table, folder),
        "proxy": official.http_proxy,
        "timeout": timedelta(seconds=table.timeout_s),
    }
    return customer, identity, connection


def _quota(table: tables.DataManager | tables.GoogleAds, what: str) -> Quota:
    """Return what Google counts together: the requests of one kind of a Cloud project."""
    return Quota(
        project=f"{table.cloud_project} ({what})",
        per_minute=table.requests_per_minute,
        per_day=table.requests_per_day,
    )


def _certificates(name: str, table: tables.GoogleAds, folder: Path) -> bytes | None:
    if table.ca_file is None:
        return None
    try:
        return (folder / table.ca_file).read_bytes()
    except OSError as error:
        raise OperatorError(
            f"destinations.{name}.ca_file: {folder / table.ca_file} cannot be read "
            f"({type(error).__name__})."
        ) from error


def _credentials(
    name: str, table: tables.DataManager, folder: Path, scope: str
) -> "Credentials | None":
    from convsync.upload.credentials import credentials_from

    if table.credentials == "none":
        return None
    place = f"destinations.{name}.credentials"
    keeper = _keeper(table, folder)
    return credentials_from(keeper, scope, place=place, impersonate=table.impersonate)


def _keeper(table: tables.DataManager | tables.GoogleAds, folder: Path) -> "Keeper":
    """Return where a destination's credentials are kept."""
    from convsync.upload.credentials import ApplicationDefault, KeyFile, RefreshToken

    if table.credentials in {"application_default", "none"}:
        return ApplicationDefault()
    if table.credentials != "refresh_token":
        return KeyFile(path=folder / table.credentials)
    assert table.client_secret is not None, "settings see to that"
    assert table.refresh_token is not None, "settings see to that"
    return RefreshToken(
        client_id=table.client_id or "",
        client_secret=table.client_secret.get_secret_value(),
        token=table.refresh_token.get_secret_value(),
    )


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
        lookback=timedelta(days=rule.lookback_days),
        upload_window=timedelta(days=platform.upload_window_days),
        settling_time=timedelta(hours=platform.settling_hours),
        has_enhanced_conversions=platform.enhanced_conversions,
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
