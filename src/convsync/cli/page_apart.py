"""Reports for the page, worked out by a process of its own: a ledger of years keeps one busy.

Were they worked out where pages are made, each page would wait for them at every statement.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from time import monotonic

from convsync import log, wiring
from convsync.cli.page_figures import figures_of
from convsync.errors import ConvsyncError
from convsync.process.apart import in_another_process
from convsync.settings import Settings
from convsync.web.kept_figures import Key, Outcome, Outcomes
from convsync.web.readers import WORKS_AHEAD, give_way


def work_out(settings: Settings, keys: Sequence[Key], at: datetime) -> Outcomes:
    """Yield what each report shows as of an instant, or why it could not be worked out."""
    yield from in_another_process(_worked_out, settings, keys, at)


def _worked_out(settings: Settings, keys: Sequence[Key], at: datetime) -> Outcomes:
    give_way(WORKS_AHEAD)
    pages = {page.path: page for page in figures_of(settings)}
    with closing(wiring.database_of(settings)) as database:
        for path, asked in keys:
            begun = monotonic()
            try:
                period, sections = pages[path].sections(database, dict(asked), at)
            except ConvsyncError as error:
                log.warning("a report could not be worked out", path=path, because=str(error))
                yield error
            else:
                yield Outcome(period, [*sections], monotonic() - begun)
