"""`report trend`: week by week, with what people noted and where a definition changed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from convsync.cli import agreed, options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_days import To, Where, days_asked, only, week_of, where_of
from convsync.cli.report_money import exact
from convsync.model.money import amounts_in_words

if TYPE_CHECKING:
    from convsync.report.agreements import Standing
    from convsync.report.conditions import Conditions
    from convsync.report.lift import Lift
    from convsync.report.trend import Week
    from convsync.settings import Settings

DAYS = 7 * 13 - 1
AGAINST = 4
TABLE = (
    *("week", "leads", "lift", "sales", "lift of sales", "value", "lift of value"),
    *("sent", "cost", "ROI", "noted"),
)

From = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day; by default thirteen weeks ago."),
]
Against = Annotated[
    int,
    typer.Option(
        "--against", metavar="N", min=1, max=52, help="Compare each week with this many before it."
    ),
]


def trend(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    against: Against = AGAINST,
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show each week's leads, sales, value, costs and return, and its lift over the weeks before.

    Beside them are the notes of `convsync note` and changes of a definition, at which the
    comparison starts again.
    """
    from convsync.clock import system_clock

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    first, last = days_asked(from_day, to_day, now, settings, most=DAYS)
    if from_day is None:
        first, last = from_monday((first, last))
    meant = where_of(settings, where)
    answer = _asked(settings, (first, last), against, now, meant)
    match form:
        case Format.TABLE:
            _show(answer.weeks, f"from {first} to {last}{only(meant)}", against)
            if answer.changed:
                names = ", ".join(answer.changed)
                typer.echo(f"Changed since the last night, which the next one marks: {names}.")
            for note in answer.rates:
                typer.echo(note)
            agreed.show(answer.standings)
        case Format.CSV:
            output.show([*_rows(answer.weeks, answer.steps)], _columns(answer.steps), form)
        case Format.JSON:
            days = {"from": first.isoformat(), "to": last.isoformat(), "against": against}
            more = {
                "weeks": [*_rows(answer.weeks, answer.steps)],
                "changed_since": answer.changed,
                "rates": answer.rates,
            }
            output.show_json({**days, **more, **agreed.as_json(answer.standings)})


def from_monday(days: tuple[date, date]) -> tuple[date, date]:
    """Return the same days from the Monday of the first one's week."""
    first, last = days
    return first - timedelta(days=first.weekday()), last


class _Answer(NamedTuple):
    """All that the report says; `changed` is what no night has counted by yet."""

    weeks: "Sequence[Week]"
    steps: Sequence[str]
    changed: Sequence[str]
    standings: "Sequence[Standing]"
    rates: Sequence[str]


def _asked(
    settings: "Settings",
    days: tuple[date, date],
    against: int,
    now: datetime,
    where: "Conditions",
) -> _Answer:
    from convsync import wiring
    from convsync.cli.report_answers import Answers
    from convsync.model.deal import LOST
    from convsync.store import notes

    with options.ledger(settings) as database:
        answers = Answers(database, settings, days, now, where)
        weeks, standings = answers.trend(against), answers.standings()
        with database.reading() as connection:
            changed = notes.not_counted_by_yet(connection, wiring.definitions_of(settings))
    return _Answer(
        weeks=weeks,
        steps=[name for name in wiring.funnel_of(settings) if name != LOST],
        changed=[f"{one.kind} {one.name}" for one in changed],
        standings=standings,
        rates=answers.exchange.notes,
    )


def _show(weeks: "Sequence[Week]", days: str, against: int) -> None:
    typer.echo(
        f"Weeks {days}; lift is over the {against} weeks before, with the interval"
        " that holds nine in ten"
    )
    output.show([*lines_of(weeks)], TABLE, Format.TABLE)
    typer.echo("* Chance alone is an unlikely cause.")
    if any(week.breaks for week in weeks):
        typer.echo("A week in which a definition changed is compared with none, and begins anew.")
    typer.echo("")


def lines_of(weeks: "Sequence[Week]") -> Iterator[dict[str, str]]:
    """Yield each week as a line of `TABLE`."""
    for week in weeks:
        unfinished = "" if week.is_whole else " (not whole)"
        yield {
            "week": f"{week_of(week.monday)}{unfinished}",
            "leads": f"{week.leads:,}",
            "lift": _lift(week.lead_lift),
            "sales": f"{week.sales:,}",
            "lift of sales": _lift(week.sale_lift),
            "value": amounts_in_words({code: total.amount for code, total in week.value.items()}),
            "lift of value": ", ".join(
                f"{_lift(one)} in {currency}" if len(week.value) > 1 else _lift(one)
                for currency, one in sorted(week.value_lift.items(), key=_by_currency)
            ),
            "sent": f"{week.sent:,}",
            "cost": amounts_in_words(week.cost),
            "ROI": _roi(week),
            "noted": "; ".join([*map(_break, week.breaks), *_notes(week)]),
        }


def _notes(week: "Week") -> Iterator[str]:
    for note in week.notes:
        yield f"{note.day}: {note.text} ({note.by})"


def _break(change: object) -> str:
    return f"─ {change} ─"


def _by_currency(pair: "tuple[str | None, object]") -> str:
    return pair[0] or ""


def _lift(lift: "Lift | None") -> str:
    if lift is None:
        return ""
    share = "new" if lift.share is None else f"{lift.share:+.0%}"
    high = "…" if lift.high is None else f"{lift.high:+.0%}"
    return f"{share} ({lift.low:+.0%} to {high}){'*' if lift.is_sure else ''}"


def _roi(week: "Week") -> str:
    if week.roi is None:
        return ""
    share, reach = week.roi
    return f"{share:+.0%}" if reach is None else f"{share:+.0%} ± {reach:.0%}"


def _columns(steps: Sequence[str]) -> Sequence[str]:
    lifts = [f"{what}_lift{end}" for what in ("lead", "sale") for end in ("", "_low", "_high")]
    return (
        *("week", "monday", "whole", "leads", *steps, "sales", "sent", *lifts),
        *("roi", "roi_low", "roi_high", "notes", "breaks"),
        *("currency", "value", "value_from_ads", "value_sent", "cost"),
        *("value_lift", "value_lift_low", "value_lift_high"),
    )


def _rows(weeks: "Sequence[Week]", steps: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row a week, and one more for each further currency, with sums of it alone."""
    for week in weeks:
        counts = _counts(week, steps)
        currencies = dict.fromkeys([*week.cost, *week.value, *week.sent_value]) or {None: None}
        for currency in currencies:
            yield {
                "week": week_of(week.monday),
                "monday": week.monday.isoformat(),
                **counts,
                "currency": currency,
                "value": _amount(week.value, currency),
                "value_from_ads": _amount(week.from_ads, currency),
                "value_sent": exact(week.sent_value.get(currency)),
                "cost": exact(week.cost.get(currency)),
                **_lift_row("value", week.value_lift.get(currency)),
            }
            counts = dict.fromkeys(counts)


def _counts(week: "Week", steps: Sequence[str]) -> dict[str, Any]:
    share, reach = week.roi or (None, None)
    return {
        "whole": week.is_whole,
        "leads": week.leads,
        **{step: week.reached[step] for step in steps},
        "sales": week.sales,
        "sent": week.sent,
        **_lift_row("lead", week.lead_lift),
        **_lift_row("sale", week.sale_lift),
        "roi": _rounded(share),
        "roi_low": None if share is None or reach is None else _rounded(share - reach),
        "roi_high": None if share is None or reach is None else _rounded(share + reach),
        "notes": [{"day": one.day, "text": one.text, "by": one.by} for one in week.notes],
        "breaks": [str(one) for one in week.breaks],
    }


def _lift_row(what: str, lift: "Lift | None") -> dict[str, float | None]:
    share, low, high = lift or (None, None, None)
    return {
        f"{what}_lift": _rounded(share),
        f"{what}_lift_low": _rounded(low),
        f"{what}_lift_high": _rounded(high),
    }


def _rounded(number: "float | Decimal | None") -> float | None:
    return None if number is None else round(float(number), 4)


def _amount(sums: Mapping[str | None, Any], currency: str | None) -> str | None:
    return exact(sums[currency].amount) if currency in sums else None
