"""Settings → the sources of deals and clicks. A CRM's adapter is imported when it is used."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from convsync.collect.source import CollectedClicks
from convsync.errors import OperatorError
from convsync.extract.source import ClickSource, DealSource
from convsync.opening import database_url
from convsync.retrying import RetryPolicy
from convsync.settings import Settings, source_tables
from convsync.store.database import Database
from convsync.wiring.tables import click_source, deal_source

_LOGS = source_tables.CsvClicksTable | source_tables.AccessLogClicksTable


def deal_sources_of(settings: Settings, retry: RetryPolicy) -> Sequence[DealSource]:
    """Return the deal sources, in the file's order."""
    return [_deal_source(name, table, settings, retry) for name, table in settings.deals.items()]


def deal_sources_by_name(settings: Settings) -> Mapping[str, DealSource]:
    """Return the deal sources by their names, to look at: nothing is asked of them."""
    return {source.name: source for source in deal_sources_of(settings, RetryPolicy())}


def click_sources_of(settings: Settings) -> Sequence[ClickSource]:
    """Return the click sources a night reads: those that say where they are, and the sites."""
    written = [
        click_source(name, source, settings, None)
        for name, source in settings.clicks.items()
        if not (isinstance(source, _LOGS) and source.path is None)
    ]
    return [*written, *_collected_clicks_of(settings)]


def _collected_clicks_of(settings: Settings) -> Sequence[ClickSource]:
    """Return what the visitors of each site brought. Nothing is opened yet."""
    if not settings.collect:
        return []
    database = Database(database_url(settings.store.url, settings.folder))
    return [CollectedClicks(name=name, database=database) for name in settings.collect]


def click_file(settings: Settings, path: Path, mapping: str | None) -> ClickSource:
    """Return a click source that reads `path` as a configured log is read."""
    logs = {name: source for name, source in settings.clicks.items() if isinstance(source, _LOGS)}
    if mapping is None and len(logs) == 1:
        mapping = next(iter(logs))
    if mapping is None or mapping not in logs:
        listed = ", ".join(sorted(logs)) or 'none; add a [clicks.NAME] with kind = "csv"'
        raise OperatorError(f"Which columns does {path} have? Name one with --as: {listed}.")
    return click_source(mapping, logs[mapping], settings, path)


def _deal_source(
    name: str, source: source_tables.DealSource, settings: Settings, retry: RetryPolicy
) -> DealSource:
    if isinstance(source, source_tables.FileDealsTable | source_tables.SqlDealsTable):
        return deal_source(name, source, settings)
    from convsync.wiring.crm import crm_source

    return crm_source(name, source, settings, retry)
