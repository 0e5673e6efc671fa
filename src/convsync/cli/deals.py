"""`deals`: conversions by state, listed, counted and added up."""

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import deals_behind, options, output, scored_deals
from convsync.cli.audit_filters import amount
from convsync.cli.deals_behind import (
    CameIn,
    CameTo,
    DecidedAfter,
    FateName,
    InAudience,
    Late,
    LeadFrom,
    LeadTo,
    Narrowing,
    OfCustomers,
    ReachedFrom,
    ReachedTo,
    SentFor,
    Timed,
    WentRound,
    WithClick,
)
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_days import Where, where_of
from convsync.plain_text import several
from convsync.report.sentences import NO_CONVERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from convsync.report.exchange import Exchange
    from convsync.settings import Settings
    from convsync.store.database import Connection
    from convsync.store.selection import Selected, Selection, Sum

_TABLE = ("deal", "rule", "reached", "state", "why", "value")

StateName = Annotated[
    str | None,
    typer.Option(
        "--state", metavar="STATE", help="Only those in this state: waiting, sent, not_sent, held …"
    ),
]
ReasonName = Annotated[
    str | None, typer.Option("--reason", metavar="REASON", help="Only those for this reason.")
]
Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only those with this code.")
]
Rule = Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Only this rule.")]
Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only this source.")]
ClickKind = Annotated[
    str | None,
    typer.Option(
        "--click", metavar="KIND", help="Only those matched by a gclid, …, or by a person."
    ),
]
FoundBy = Annotated[
    str | None,
    typer.Option(
        "--found-by",
        metavar="HOW",
        help="Only those whose match was found on the deal, by email, …",
    ),
]
Covered = Annotated[
    str | None,
    typer.Option(
        "--covered", metavar="yes|no", help="Only those with a click or a person, or without."
    ),
]
OlderThan = Annotated[
    str | None,
    typer.Option(
        "--older-than", metavar="TIME", help="Only those reached at least this long ago, e.g. 21d."
    ),
]
ValueAbove = Annotated[
    str | None, typer.Option("--value-above", metavar="AMOUNT", help="Only those worth more.")
]
Order = Annotated[
    str | None,
    typer.Option("--order", metavar="score", help="List open deals by their chance of a sale."),
]
Limit = Annotated[
    int,
    typer.Option(
        "--limit", metavar="N", min=1, help="How many rows the table has; CSV and JSON have all."
    ),
]


def deals(
    config: Config = DEFAULT_CONFIG,
    state: StateName = None,
    reason: ReasonName = None,
    code: Code = None,
    rule: Rule = None,
    source: Source = None,
    older_than: OlderThan = None,
    value_above: ValueAbove = None,
    click: ClickKind = None,
    found_by: FoundBy = None,
    covered: Covered = None,
    limit: Limit = 20,
    order: Order = None,
    came_to: CameTo = None,
    fate: FateName = None,
    decided_after: DecidedAfter = None,
    sent_for: SentFor = None,
    went_round: WentRound = None,
    customers: OfCustomers = None,
    in_audience: InAudience = None,
    came_in: CameIn = None,
    lead_from: LeadFrom = None,
    lead_to: LeadTo = None,
    reached_from: ReachedFrom = None,
    reached_to: ReachedTo = None,
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
    *,
    timed: Timed = False,
    with_click: WithClick = False,
    late: Late = False,
) -> None:
    """List conversions by state, oldest first, and add them up.

    With [rates] the sum is in the company's currency, each at the rate of its milestone's day;
    without, each currency is added up separately.

    A conversion that is not planned yet is worth what its deal is. `--order score` lists open deals
    instead, best chance of a sale first, with the facts behind it. `--came-to` and the options
    below it list the deals behind a figure of a report. In CSV and JSON times are in
    UTC.
    """
    settings = options.load(config)
    of_conversions = (state, reason, code, rule, older_than, value_above, click, found_by, covered)
    is_narrowed = any(one is not None for one in of_conversions)
    narrowing = Narrowing(
        came_to=came_to,
        fate=fate,
        lead=(lead_from, lead_to),
        reached=(reached_from, reached_to),
        where=tuple(where or ()),
        timed=timed,
        decided_after=decided_after,
        sent_for=sent_for,
        with_click=with_click,
        went_round=went_round,
        customers=customers,
        in_audience=in_audience,
        late=late,
        came_in=came_in,
    )
    is_of_others = is_narrowed or bool(source or order)
    if narrowing.is_of_deals(is_narrowed=is_of_others):
        deals_behind.require_alone(is_narrowed=is_of_others)
        deals_behind.show(settings, narrowing, limit=limit, as_of=as_of, form=form)
    elif order is not None:
        scored_deals.require_alone(order, is_narrowed=is_narrowed or bool(where))
        scored_deals.show(settings, source=source, limit=limit, as_of=as_of, form=form)
    else:
        words = {"state": state, "reason": reason, "code": code, "rule": rule, "source": source}
        asked = selected(
            settings,
            {**words, "click": click, "found_by": found_by, "covered": covered},
            reached=(reached_from, reached_to),
            where=where or (),
        )
        asked = replace(
            asked,
            until=_before(options.instant(as_of, settings), older_than),
            value_above=amount(value_above, "--value-above"),
        )
        _show_conversions(settings, asked, limit, form)


def selected(
    settings: "Settings",
    words: "Mapping[str, str | None]",
    *,
    reached: tuple[str | None, str | None],
    where: "Sequence[str]",
) -> "Selection":
    """Return which conversions are meant; OperatorError for words that there are not."""
    from convsync.report.selecting import narrowed, selection_of

    asked = selection_of(**words)
    days = deals_behind.period(settings, "--reached", *reached)
    return narrowed(replace(asked, reached=days), where_of(settings, where))


def _show_conversions(settings: "Settings", asked: "Selection", limit: int, form: Format) -> None:
    from convsync import opening
    from convsync.report.selecting import require_known
    from convsync.store import selection

    with options.ledger(settings) as database, database.reading() as connection:
        require_known(connection, settings.rules, settings.deals, asked)
        if form is not Format.TABLE:
            _show_all(connection, asked, form)
            return
        found = list(selection.listed(connection, asked, limit=limit))
        added, notes = added_up(settings, connection, asked)
    _show_table(found, added, opening.company_zone(settings))
    for note in notes:
        typer.echo(note)


def _exchange_of(settings: "Settings") -> "Exchange":
    """Return what sums are converted by; what reads rates is loaded only where there are some."""
    from convsync.report.exchange import Exchange

    if settings.rates is None:
        return Exchange()
    from convsync import wiring

    return wiring.exchange_of(settings)


def added_up(
    settings: "Settings", connection: "Connection", asked: "Selection"
) -> "tuple[Sequence[Sum], Sequence[str]]":
    """Return what all conversions that are meant add up to, and what is to be said of that."""
    from convsync import opening
    from convsync.report.selecting import in_one_currency

    exchange = _exchange_of(settings)
    limit = opening.absurd_above(settings)
    added = in_one_currency(connection, asked, exchange, limit)
    notes = list(exchange.notes)
    if exchange.currency is None and len({one.currency for one in added} - {None}) > 1:
        notes.append("Each currency is added up by itself: the config has no [rates].")
    if left_out := sum(one.left_out for one in added):
        too_large = "" if limit is None else f" or above the rules' absurd_above, {limit:,.2f}"
        notes.append(
            f"The sum leaves out {several(left_out, 'amount')} of deals, below zero{too_large}."
        )
    return added, notes


def _show_all(connection: "Connection", asked: "Selection", form: Format) -> None:
    from convsync.store import selection
    from convsync.store.selection import Selected

    with output.listing(Selected._fields, form) as show:
        for one in selection.listed(connection, asked):
            show(one._asdict())


def _before(at: "datetime | None", older_than: str | None) -> "datetime | None":
    from convsync.clock import system_clock

    age = None if older_than is None else options.span("--older-than", older_than)
    return None if age is None else (at or system_clock()) - age


def _show_table(found: "Sequence[Selected]", added: "Sequence[Sum]", zone: "ZoneInfo") -> None:
    count = sum(one.conversions for one in added)
    if not count:
        typer.echo(NO_CONVERSION)
        return
    output.show([_line(one, zone) for one in found], _TABLE, Format.TABLE)
    if count > len(found):
        typer.echo(f"and {count - len(found):,} more; --limit or --format csv lists them")
    worth = " + ".join(_sum(one) for one in added)
    typer.echo(f"{several(count, 'conversion')}: {worth}")


def _line(one: "Selected", zone: "ZoneInfo") -> dict[str, str]:
    value = "" if one.value is None else f"{one.value:,.2f} {one.currency or ''}".rstrip()
    return {
        "deal": one.deal_id,
        "rule": one.rule,
        "reached": output.local_time(one.milestone_at, zone)[:10],
        "state": one.state,
        "why": one.code or one.reason or "",
        "value": value,
    }


def _sum(one: "Sum") -> str:
    if one.currency is None and one.value == Decimal(0):
        return f"{one.conversions:,} without a value"
    return f"{one.value:,.2f} {one.currency or '(no currency)'} ({one.conversions:,})"
