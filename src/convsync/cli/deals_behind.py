"""`deals --came-to`: the deals behind a figure of a report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import Format
from convsync.cli.report_days import where_of
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.model.period import Period
    from convsync.report.behind import Asked, Behind
    from convsync.settings import Settings

_TABLE = ("deal", "lead since", "came to", "is", "worth")

CameTo = Annotated[
    str | None,
    typer.Option(
        "--came-to",
        metavar="STEP",
        help="List deals instead: those that came to a step of the funnel, or to its start, lead.",
    ),
]
FateName = Annotated[
    str | None,
    typer.Option(
        "--fate", metavar="FATE", help="Only those that stopped there: open, lost or won."
    ),
]
LeadFrom = Annotated[
    str | None, typer.Option("--lead-from", metavar="DAY", help="Only leads from this day on.")
]
LeadTo = Annotated[
    str | None, typer.Option("--lead-to", metavar="DAY", help="Only leads up to this day.")
]
ReachedFrom = Annotated[
    str | None,
    typer.Option(
        "--reached-from", metavar="DAY", help="Only those that reached it from this day on."
    ),
]
ReachedTo = Annotated[
    str | None,
    typer.Option("--reached-to", metavar="DAY", help="Only those that reached it up to this day."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="Only those with this value of a segment, or of source, campaign, ad_group,"
        " keyword, device, location or audience.",
    ),
]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What was typed to narrow the deals down to those behind a figure."""

    came_to: str | None = None
    fate: str | None = None
    lead: tuple[str | None, str | None] = (None, None)
    reached: tuple[str | None, str | None] = (None, None)
    where: tuple[str, ...] = ()

    def is_of_deals(self, *, is_narrowed: bool) -> bool:
        """True where any of it was typed, and is not of conversions that are narrowed otherwise.

        On which days a milestone was reached can be asked of both.
        """
        alone = replace(self, reached=(None, None)) if is_narrowed else self
        return alone != Narrowing()


def require_alone(*, is_narrowed: bool) -> None:
    """Raise OperatorError where something is asked of conversions, too: these are deals."""
    if is_narrowed:
        raise OperatorError(
            "--came-to, --fate, --lead-from, --lead-to and --where list deals; --state, --reason,"
            " --code, --rule, --source, --click, --found-by, --older-than, --value-above and"
            " --order are about conversions or scores: leave one of the two out."
            " --where source=NAME names a source."
        )


def show(
    settings: "Settings", narrowing: Narrowing, *, limit: int, as_of: str | None, form: Format
) -> None:
    """Print the deals that are meant: a table of the first ones, or all as CSV or JSON."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.report.behind import Behind, deals_behind

    asked = asked_of(settings, narrowing)
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database:
        found = list(deals_behind(database, wiring.funnel_of(settings), asked, now=now))
    if form is not Format.TABLE:
        output.show([one._asdict() for one in found], Behind._fields, form)
        return
    zone = wiring.company_zone(settings)
    if found:
        lines = [_line(one, f"{one.lead_at.astimezone(zone):%Y-%m-%d}") for one in found[:limit]]
        output.show(lines, _TABLE, Format.TABLE)
    if len(found) > limit:
        typer.echo(f"and {len(found) - limit:,} more; --limit or --format csv lists them")
    typer.echo(f"{len(found):,} deals")


def _line(one: "Behind", lead_since: str) -> dict[str, str]:
    amount = "" if one.amount is None else f"{one.amount:,.2f} {one.currency or ''}".rstrip()
    return {
        "deal": one.deal_id,
        "lead since": lead_since,
        "came to": one.step,
        "is": one.fate,
        "worth": amount,
    }


def steps_of(settings: "Settings") -> list[str]:
    """Return what deals can come to, the beginning of the funnel first."""
    from convsync import wiring
    from convsync.model.deal import LOST
    from convsync.report.shortfalls import LEAD

    return [LEAD, *(name for name in wiring.funnel_of(settings) if name != LOST)]


def asked_of(settings: "Settings", narrowing: Narrowing) -> "Asked":
    """Return which deals are meant; OperatorError where there can be none such."""
    from convsync.model.period import ALL_TIME
    from convsync.report.behind import TOLD_APART_BY, Asked, Fate

    steps = steps_of(settings)
    came_to = narrowing.came_to or steps[0]
    _require("step", came_to, steps)
    if narrowing.fate is not None:
        _require("fate", narrowing.fate, list(Fate))
    where = where_of(settings, narrowing.where, TOLD_APART_BY)
    return Asked(
        came_to=came_to,
        fate=Fate(narrowing.fate) if narrowing.fate else None,
        lead=period(settings, "--lead", *narrowing.lead) or ALL_TIME,
        reached=period(settings, "--reached", *narrowing.reached),
        where=where,
    )


def _require(what: str, name: str, there: Sequence[str]) -> None:
    if name not in there:
        raise OperatorError(f"There is no {what} {name}; there are: {', '.join(there)}.")


def period(
    settings: "Settings", option: str, first: str | None, last: str | None
) -> "Period | None":
    """Return the days from a first to a last; a missing one is open, both missing: None."""
    if first is None and last is None:
        return None
    from convsync import wiring
    from convsync.model.period import Period

    begins = options.day(first, f"{option}-from") if first else date(1971, 1, 1)
    ends = options.day(last, f"{option}-to") if last else date(9998, 1, 1)
    options.require_order(begins, ends)
    return Period.of_days(begins, ends, wiring.company_zone(settings))
