"""What `serve` hands to the page: the commands' own answers, so that both say the same."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from convsync.cli import check, deals, deals_behind, report_days
from convsync.cli.deals_behind import Narrowing
from convsync.cli.page_figures import figures_of
from convsync.errors import OperatorError
from convsync.report.behind import Behind
from convsync.report.leads_to import YES
from convsync.report.totals import Totals
from convsync.settings import Settings
from convsync.store.database import Database
from convsync.web.asking import Commands, Words


def commands_of(settings: Settings) -> Commands:
    """Return what the page of a company asks the commands."""

    def of_deals(
        database: Database, asked: Words, where: Sequence[str], now: datetime
    ) -> tuple[Iterator[Behind], Totals]:
        meant = deals_behind.asked_of(settings, _narrowing(asked, where))
        totals = Totals(meant)
        return totals.counted(deals_behind.listed(settings, database, meant, now)), totals

    return Commands(
        figures=figures_of(settings),
        deals_behind=of_deals,
        conversions=partial(deals.selected, settings),
        added_up=partial(deals.added_up, settings),
        steps=deals_behind.steps_of(settings),
        names=report_days.names_of(settings),
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
        timed=_is_said(asked, "timed"),
        decided_after=_days(typed("decided_after")),
        sent_for=typed("sent_for"),
        with_click=_is_said(asked, "with_click"),
        went_round=typed("went_round"),
        customers=typed("customers"),
        in_audience=typed("in_audience"),
        late=_is_said(asked, "late"),
        came_in=typed("came_in"),
    )


def _is_said(asked: Words, name: str) -> bool:
    return asked.get(name) == YES


def _days(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 6):
        raise OperatorError(f"{text} is no number of days.")
    return None if text is None else int(text)
