"""Settings → the concrete sources, destinations and store. Nobody else knows which they are."""

from datetime import datetime
from zoneinfo import ZoneInfo

from convsync.clock import frozen_clock, system_clock
from convsync.errors import OperatorError
from convsync.pipeline import NoProgress, Progress, Services
from convsync.plan import SafetyLimits
from convsync.retrying import RetryPolicy
from convsync.settings import Settings
from convsync.store.database import Database, OnStep, ignore_step
from convsync.wiring.destinations import accounts_of as accounts_of
from convsync.wiring.destinations import destinations_of as destinations_of
from convsync.wiring.rules import agreements_of as agreements_of
from convsync.wiring.rules import rules_of as rules_of
from convsync.wiring.sources import click_file as click_file
from convsync.wiring.sources import click_sources_of as click_sources_of
from convsync.wiring.sources import deal_sources_of as deal_sources_of
from convsync.wiring.values import database_url


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
        deal_sources=deal_sources_of(settings, retry),
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
    return Database(database_url(settings.store.url, settings.folder), on_step=on_step)


def company_zone(settings: Settings) -> ZoneInfo:
    """Return the zone whose calendar days `--from` and `--to` mean."""
    if settings.company.time_zone is None:
        raise OperatorError("Dates need a calendar: set [company] time_zone.")
    return settings.company.time_zone
