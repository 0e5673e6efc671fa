"""Settings → the concrete sources, destinations and store. Nobody else knows which they are.

What watches the nights is in `wiring.watch`: slow to import, and most are watched by nobody.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic, sleep

from convsync.clock import frozen_clock, system_clock
from convsync.opening import absurd_above as absurd_above
from convsync.opening import company_zone as company_zone
from convsync.opening import database_of as database_of
from convsync.opening import head_file_of as head_file_of
from convsync.pace import Ticks
from convsync.running.services import NoProgress, Progress, Services
from convsync.settings import Settings
from convsync.settings.value_checks import rules_that_learn
from convsync.store.database import OnStep, ignore_step
from convsync.wiring.audiences import audiences_of as audiences_of
from convsync.wiring.definitions import definitions_of as definitions_of
from convsync.wiring.destinations import account_keys, time_of_platforms
from convsync.wiring.destinations import account_names as account_names
from convsync.wiring.destinations import accounts_of as accounts_of
from convsync.wiring.destinations import destinations_of as destinations_of
from convsync.wiring.destinations import explain_code as explain_code
from convsync.wiring.destinations import finality_of as finality_of
from convsync.wiring.destinations import takes_of as takes_of
from convsync.wiring.learning import learning_terms_of as learning_terms_of
from convsync.wiring.rates import exchange_of as exchange_of
from convsync.wiring.rates import rates_of as rates_of
from convsync.wiring.revenue import money_of as money_of
from convsync.wiring.revenue import revenue_sources_of as revenue_sources_of
from convsync.wiring.rules import agreements_of as agreements_of
from convsync.wiring.rules import funnel_of as funnel_of
from convsync.wiring.rules import rules_of as rules_of
from convsync.wiring.sandbox import let_sandbox_follow as let_sandbox_follow
from convsync.wiring.serve import oidc_terms_of as oidc_terms_of
from convsync.wiring.serve import proxy_terms_of as proxy_terms_of
from convsync.wiring.sources import click_file as click_file
from convsync.wiring.sources import click_sources_of as click_sources_of
from convsync.wiring.sources import deal_sources_by_name as deal_sources_by_name
from convsync.wiring.sources import deal_sources_of as deal_sources_of
from convsync.wiring.tell import tell_terms_of as tell_terms_of
from convsync.wiring.terms import audit_settings_of as audit_settings_of
from convsync.wiring.terms import cost_terms_of as cost_terms_of
from convsync.wiring.terms import digests_of as digests_of
from convsync.wiring.terms import formats_of as formats_of
from convsync.wiring.terms import is_watched as is_watched
from convsync.wiring.terms import moved_of as moved_of
from convsync.wiring.terms import privacy_of, safety_limits_of
from convsync.wiring.terms import retry_of as retry_of
from convsync.wiring.terms import run_limits_of as run_limits_of
from convsync.wiring.terms import shared_keys_of as shared_keys_of
from convsync.wiring.write_back import write_backs_of as write_backs_of


def services_of(
    settings: Settings,
    *,
    as_of: datetime | None = None,
    on_step: OnStep = ignore_step,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = sleep,
    ticks: Ticks = monotonic,
) -> Services:
    """Return everything a run works with. Nothing is opened or imported before it is used.

    Whoever has to wait does so by `sleep`, and tells how long by `ticks`.
    """
    retry = retry_of(settings, sleep, ticks)
    sources = deal_sources_of(settings, retry)
    return Services(
        database=database_of(settings, on_step=on_step),
        head_file=head_file_of(settings),
        privacy=privacy_of(settings),
        rules=rules_of(settings),
        deal_sources=sources,
        click_sources=click_sources_of(settings),
        revenue_sources=revenue_sources_of(settings),
        money=money_of(settings),
        takes=takes_of(settings),
        account_keys=account_keys(settings),
        destinations=destinations_of(settings),
        limits=safety_limits_of(settings),
        moved=moved_of(settings),
        run_limits=run_limits_of(settings),
        shared_keys=shared_keys_of(settings),
        agreements=agreements_of(settings),
        definitions=definitions_of(settings),
        funnel=funnel_of(settings),
        audiences=audiences_of(settings),
        write_backs=write_backs_of(settings, sources),
        tell=tell_terms_of(settings),
        learning=learning_terms_of(settings) if rules_that_learn(settings) else None,
        retry=retry,
        ask_the_time=time_of_platforms(settings),
        clock=system_clock if as_of is None else frozen_clock(as_of),
        on_step=on_step,
        progress=progress or NoProgress(),
    )


@contextmanager
def opened(
    settings: Settings,
    *,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = sleep,
) -> Iterator[Services]:
    """Yield everything a command works with, and close whatever of it was opened."""
    with closing(destinations_of(settings)) as destinations:
        services = replace(
            services_of(settings, as_of=as_of, progress=progress, sleep=sleep),
            destinations=destinations,
        )
        with closing(services.database):
            yield services
