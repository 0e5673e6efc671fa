"""Settings → the collector.

`app` is what an ASGI server of your choice is pointed at: it reads the file that CONVSYNC_CONFIG
names, and is a factory:

    CONVSYNC_CONFIG=convsync.toml uvicorn --factory convsync.wiring.collecting:app
"""

import os
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from starlette.applications import Starlette

from convsync.clock import system_clock
from convsync.collect.application import Collector, Site
from convsync.collect.snippet import SnippetSettings, snippet
from convsync.errors import OperatorError
from convsync.model.collected import Report
from convsync.opening import database_url
from convsync.settings import Settings, load_settings
from convsync.store import collected, migrate
from convsync.store.database import Database


def app() -> Starlette:
    """Return the collector of the configuration that CONVSYNC_CONFIG names."""
    settings = load_settings(Path(os.environ.get("CONVSYNC_CONFIG", "convsync.toml")))
    return collector_of(settings)


def collector_of(settings: Settings) -> Starlette:
    """Return the collector; OperatorError where no site is configured, or no ledger is there."""
    if not settings.collect:
        raise OperatorError(
            "No site is configured for collecting clicks: add a [collect.NAME] with its url, key"
            " and origins."
        )
    database = _database_of(settings)
    migrate.require_current(database)

    def save(reports: Sequence[Report]) -> None:
        with database.transaction("collect reports") as connection:
            collected.save(connection, reports)

    token = settings.metrics.token
    collector = Collector(
        sites_of(settings),
        save,
        clock=system_clock,
        ticks=monotonic,
        token=None if token is None else token.get_secret_value(),
    )
    return collector.application()


def sites_of(settings: Settings) -> Sequence[Site]:
    """Return the configured sites, each with the script that it is handed."""
    return [
        Site(
            name=name,
            key=site.key,
            origins=frozenset(site.origins),
            country=site.country or settings.company.country,
            reports_per_minute=site.reports_per_minute,
            script=script_of(settings, name),
        )
        for name, site in settings.collect.items()
    ]


def script_of(settings: Settings, name: str) -> str:
    """Return the script of one site; OperatorError where it is not configured."""
    if name not in settings.collect:
        known = ", ".join(settings.collect) or "none"
        raise OperatorError(
            f"There is no [collect.{name}] in the configuration; there are: {known}."
        )
    site = settings.collect[name]
    return snippet(
        SnippetSettings(
            url=f"{site.url}/sites/{site.key}/reports",
            fields=site.fields,
            country=site.country or settings.company.country,
        )
    )


def _database_of(settings: Settings) -> Database:
    return Database(database_url(settings.store.url, settings.folder))
