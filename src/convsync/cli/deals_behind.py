"""`deals --came-to`: the deals behind a figure of a report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import Format
from convsync.cli.report_days import where_of
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from datetime import datetime

    from convsync.model.period import Period
    from convsync.model.rule import Agreement
    from convsync.report.behind import Asked, Behind
    from convsync.settings import Settings
    from convsync.store.database import Database

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
Timed = Annotated[
    bool,
    typer.Option("--timed", help="Only those whose time from the step before is known."),
]
DecidedAfter = Annotated[
    int | None,
    typer.Option(
        "--decided-after",
        metavar="DAYS",
        min=0,
        help="Only those that went on, were lost there, or stood there for more than this.",
    ),
]
SentFor = Annotated[
    str | None,
    typer.Option(
        "--sent-for",
        metavar="MILESTONE",
        help="Only those of which platforms were sent this milestone, with its value.",
    ),
]
WithClick = Annotated[
    bool, typer.Option("--with-click", help="Only those that began with a click on an ad.")
]
WentRound = Annotated[
    str | None,
    typer.Option(
        "--went-round",
        metavar="WAY",
        help="Only those that came_back, went_back, were won_after_loss or lost_after_sale.",
    ),
]
OfCustomers = Annotated[
    str | None,
    typer.Option(
        "--customers", metavar="WHOSE", help="Only those of new customers, or of returning ones."
    ),
]
InAudience = Annotated[
    str | None,
    typer.Option(
        "--in-audience", metavar="NAME", help="Only those whose people are in this audience."
    ),
]
Late = Annotated[
    bool, typer.Option("--late", help="Only those that have stood there for longer than agreed.")
]
CameIn = Annotated[
    str | None,
    typer.Option(
        "--came-in",
        metavar="MONTHS",
        help="Add what came in up to this many months after the month of the win, or all.",
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
    timed: bool = False
    decided_after: int | None = None
    sent_for: str | None = None
    with_click: bool = False
    went_round: str | None = None
    customers: str | None = None
    in_audience: str | None = None
    late: bool = False
    came_in: str | None = None

    def is_of_deals(self, *, is_narrowed: bool) -> bool:
        """True where any of it was typed, and is not of conversions that are narrowed otherwise.

        On which days a milestone was reached, and what is in a segment, can be asked of both.
        """
        alone = replace(self, reached=(None, None), where=()) if is_narrowed else self
        return alone != Narrowing()


def require_alone(*, is_narrowed: bool) -> None:
    """Raise OperatorError where something is asked of conversions, too: these are deals."""
    if is_narrowed:
        raise OperatorError(
            "--came-to, --fate, --lead-from, --lead-to, --timed, --decided-after, --sent-for, "
            "--with-click, --went-round, --customers, --in-audience, --late and --came-in list "
            "deals; --state, --reason, --code, --rule, --source, --click, --found-by, "
            "--covered, --older-than, --value-above and --order are about conversions or "
            "scores: use only one of the two kinds. --where source=NAME names a source."
        )


def show(
    settings: "Settings", narrowing: Narrowing, *, limit: int, as_of: str | None, form: Format
) -> None:
    """Print the deals that are meant: a table of the first ones, or all as CSV or JSON."""
    from convsync import wiring
    from convsync.clock import system_clock
    from convsync.report.behind import Behind
    from convsync.report.totals import Totals

    asked = asked_of(settings, narrowing)
    now = options.instant(as_of, settings) or system_clock()
    totals = Totals(asked)
    with options.ledger(settings) as database:
        found = list(totals.counted(listed(settings, database, asked, now)))
    if form is not Format.TABLE:
        output.show([one._asdict() for one in found], Behind._fields, form)
        return
    zone = wiring.company_zone(settings)
    if found:
        lines = [_line(one, f"{one.lead_at.astimezone(zone):%Y-%m-%d}") for one in found[:limit]]
        output.show(lines, _TABLE, Format.TABLE)
    if len(found) > limit:
        typer.echo(f"and {len(found) - limit:,} more; --limit or --format csv lists them")
    for sentence in totals.sentences():
        typer.echo(sentence)


def listed(
    settings: "Settings", database: "Database", asked: "Asked", now: "datetime"
) -> "Iterator[Behind]":
    """Yield the deals that are meant, with the amounts that the company's reports add up."""
    from convsync import wiring
    from convsync.report.behind import deals_behind

    return deals_behind(
        database,
        wiring.funnel_of(settings),
        asked,
        now=now,
        zone=wiring.company_zone(settings),
        exchange=wiring.exchange_of(settings),
        absurd_above=wiring.absurd_above(settings),
    )


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
    from convsync.report.behind import Asked, Customers, Fate
    from convsync.report.passages import Loop

    steps = steps_of(settings)
    came_to = narrowing.came_to or steps[0]
    _require("step", came_to, steps)
    loops = {one.name.lower(): one for one in Loop}
    for what, name, there in (
        ("fate", narrowing.fate, list(Fate)),
        ("milestone", narrowing.sent_for, steps[1:]),
        ("way to go round", narrowing.went_round, list(loops)),
        ("kind of customers", narrowing.customers, list(Customers)),
        ("audience", narrowing.in_audience, list(settings.audiences)),
    ):
        if name is not None:
            _require(what, name, there)
    return Asked(
        came_to=came_to,
        fate=Fate(narrowing.fate) if narrowing.fate else None,
        lead=period(settings, "--lead", *narrowing.lead) or ALL_TIME,
        reached=period(settings, "--reached", *narrowing.reached),
        where=where_of(settings, narrowing.where),
        is_timed=narrowing.timed,
        decided_after=narrowing.decided_after,
        sent_for=narrowing.sent_for,
        with_click=narrowing.with_click,
        loop=loops[narrowing.went_round] if narrowing.went_round else None,
        customers=Customers(narrowing.customers) if narrowing.customers else None,
        in_audience=narrowing.in_audience,
        late=_agreed_on(settings, came_to) if narrowing.late else None,
        came_in=_months(narrowing.came_in),
    )


def _agreed_on(settings: "Settings", milestone: str) -> "Agreement":
    from convsync import wiring

    found = wiring.agreements_of(settings).get(milestone)
    if found is None or found.next_within is None:
        raise OperatorError(
            f"No deal is late at {milestone}: next_within_days under [milestones.{milestone}] says"
            " how long one may stand there."
        )
    return found


def _months(text: str | None) -> int | None:
    from convsync.report.behind import ALL_THAT_CAME
    from convsync.report.leads_to import ALL_SO_FAR

    if text is None or text == ALL_SO_FAR:
        return None if text is None else ALL_THAT_CAME
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise OperatorError(f"--came-in {text} is neither a number of months nor {ALL_SO_FAR}.")
    return int(text)


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
