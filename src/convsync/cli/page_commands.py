"""What `serve` hands to the page: the commands' own answers, so that both say the same."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from convsync import wiring
from convsync.cli import check, deals_behind
from convsync.cli.deals_behind import Narrowing
from convsync.cli.page_figures import figures_of
from convsync.report import behind
from convsync.report.behind import Behind
from convsync.settings import Settings
from convsync.store.database import Database
from convsync.web.asking import Commands, Words


def commands_of(settings: Settings) -> Commands:
    """Return what the page of a company asks the commands."""

    def of_deals(
        database: Database, asked: Words, where: Sequence[str], now: datetime
    ) -> Iterator[Behind]:
        meant = deals_behind.asked_of(settings, _narrowing(asked, where))
        return behind.deals_behind(database, wiring.funnel_of(settings), meant, now=now)

    return Commands(
        figures=figures_of(settings),
        deals_behind=of_deals,
        steps=deals_behind.steps_of(settings),
        check=partial(check.all_findings, settings),
        check_offline=partial(check.offline_findings, settings),
    )


def _narrowing(asked: Words, where: Sequence[str]) -> Narrowing:
    def typed(name: str) -> str | None:
        return asked.get(name) or None

    return Narrowing(
        typed("came_to"),
        typed("fate"),
        (typed("lead_from"), typed("lead_to")),
        (typed("reached_from"), typed("reached_to")),
        tuple(where),
    )
