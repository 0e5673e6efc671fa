"""`report campaigns`: what campaigns cost, which bring leads, and which of them sell."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from convsync.cli import agreed, options, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, Config, Format, FormatOption
from convsync.cli.report_days import To, Where, days_asked, only, require_group, where_of
from convsync.cli.report_money import exact
from convsync.model.money import amounts_in_words

if TYPE_CHECKING:
    from convsync.report.agreements import Standing
    from convsync.report.campaigns import Campaigns, Line
    from convsync.report.conditions import Conditions
    from convsync.report.counted import Beside
    from convsync.settings import Settings

DAYS = 90
"""The days before today that the report is of where nobody names others: as long as a click is
taken."""
_COUNTED = (
    *("campaign", "action", "sent", "counted", "difference", "value sent", "value counted"),
)
_OF_ADS = ("a lead", "a sale", "return", "at sale date")
"""What all leads together have not: most of them may have come by no ad."""

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DAY", help="First day of costs and leads; by default 90 days ago."
    ),
]
By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="WHAT",
        help="Group by campaign, ad_group, keyword, device, location or audience.",
    ),
]


def campaigns(
    config: Config = DEFAULT_CONFIG,
    from_day: From = None,
    to_day: To = None,
    by: By = "campaign",
    where: Where = None,
    as_of: AsOf = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Show what campaigns cost, the leads they brought, how far these came, and what they sold for.

    Those with many leads and no sales come first. Needs `clicks enrich` and `costs fetch`.
    """
    from convsync.clock import system_clock
    from convsync.report.conditions import GROUPINGS

    settings = options.load(config)
    now = options.instant(as_of, settings) or system_clock()
    days = days_asked(from_day, to_day, now, settings, most=DAYS)
    require_group(by, list(GROUPINGS))
    meant = where_of(settings, where)
    answer = _asked(settings, by, days, now, meant)
    match form:
        case Format.TABLE:
            _show(answer.found, *days, only(meant))
            if by == "campaign":
                _show_beside(answer.beside)
            for note in answer.rates:
                typer.echo(note)
            agreed.show(answer.standings)
        case Format.CSV:
            output.show([*_rows(answer.found)], _columns(answer.found), form)
        case Format.JSON:
            output.show_json(_as_json(answer, days))


class _Answer(NamedTuple):
    """All that the report says."""

    found: "Campaigns"
    beside: "Sequence[Beside]"
    standings: "Sequence[Standing]"
    rates: Sequence[str]


def _asked(
    settings: "Settings", by: str, days: tuple[date, date], now: datetime, where: "Conditions"
) -> _Answer:
    from convsync.cli.report_answers import Answers

    with options.ledger(settings) as database:
        answers = Answers(database, settings, days, now, where)
        found, beside, standings = answers.campaigns(by), answers.beside(), answers.standings()
    return _Answer(found, beside, standings, answers.exchange.notes)


def _as_json(answer: _Answer, days: tuple[date, date]) -> dict[str, Any]:
    first, last = days
    found = answer.found
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "by": found.by,
        "finding": finding(found),
        "campaigns": [*_rows(found)],
        "unknown": {reason.name.lower(): leads for reason, leads in found.unknown.items()},
        "days_with_costs": found.days_known,
        "counted": [_beside_row(one) for one in answer.beside],
        "rates": answer.rates,
        **agreed.as_json(answer.standings),
    }


def finding(found: "Campaigns") -> str:
    """Return in a sentence what brings the cheapest leads, and what sells."""
    cheapest, best = found.cheapest, found.best
    if not found.has_costs:
        return "Costs are known of all deals alone, or by campaign: here they are left out."
    if len(found.whole.cost) > 1:
        return "Costs are in several currencies: with [rates], campaigns can be compared."
    if cheapest is None:
        return f"No {_called(found)} with costs has enough leads to compare."
    leads = f"'{cheapest.name}' brings the cheapest leads ({_price(cheapest, cheapest.leads)} each)"
    if best is None:
        return f"{leads}, and none has sold yet."
    if best.key == cheapest.key:
        return f"{leads}, and sells best: {_what_it_sold(best)}."
    return f"{leads}: {_what_it_sold(cheapest)}. '{best.name}' sells: {_what_it_sold(best)}."


def _what_it_sold(line: "Line") -> str:
    if not line.sold:
        return f"none of {line.leads:,} leads is sold"
    are = "is" if line.sold == 1 else "are"
    sold = f"{line.sold:,} of {line.leads:,} leads {are} sold"
    brings = _return(line, line.value)
    back = f", and each {line.currency} spent brought back {brings}" if brings else ""
    return f"{sold}, at {_price(line, line.sold)} a sale{back}"


def _show(found: "Campaigns", first: date, last: date, which: str) -> None:
    typer.echo(finding(found))
    typer.echo("")
    typer.echo(f"Costs, and leads, from {first} to {last}, and what the leads became by now{which}")
    columns = table_of(found)
    lines = [line_of(found, one) for one in found.lines]
    whole = line_of(found, found.whole) | dict.fromkeys(_OF_ADS, "")
    output.show([*lines, whole], columns, Format.TABLE)
    if barren := [f"'{one.name}'" for one in found.lines if one.is_barren and one.key]:
        typer.echo(f"Many leads and no sale, which chance hardly explains: {', '.join(barren)}.")
    if is_open := found.whole.leads - found.whole.decided:
        typer.echo(
            f"{is_open:,} of {found.whole.leads:,} leads are open yet, and may still be sold."
        )
    for reason, leads in sorted(found.unknown.items(), key=lambda pair: -pair[1]):
        typer.echo(f"{leads:,} leads began with nothing known: {reason.value}.")
    days = (last - first).days + 1
    if found.days_known < days and found.has_costs:
        typer.echo(
            f"Costs are known of {found.days_known:,} of {days:,} days. `convsync costs fetch`"
            " asks the ad account for them."
        )
    if any(one.is_partial(one.value) and one.cost for one in found.lines):
        typer.echo(
            "≥: some of its sales are in another currency than its costs. With [rates], all are in"
            " the company's."
        )
    typer.echo("")


def table_of(found: "Campaigns") -> Sequence[str]:
    """Return the columns of the table."""
    return (
        *(_called(found), "cost", "clicks", "leads", "a lead", *found.steps),
        *("sold", "a sale", "value", "return", "at sale date"),
    )


def line_of(found: "Campaigns", one: "Line") -> dict[str, str]:
    """Return a campaign, or what else is told apart, as a line of that table."""
    came = {step: f"{many:,}" for step, many in zip(found.steps, one.came, strict=True)}
    return {
        _called(found): one.name,
        "cost": amounts_in_words(one.cost),
        "clicks": f"{one.clicks:,}",
        "leads": f"{one.leads:,}",
        "a lead": _price(one, one.leads),
        **came,
        "sold": f"{one.sold:,}{_share(one)}",
        "a sale": _price(one, one.sold),
        "value": amounts_in_words(one.value),
        "return": _return(one, one.value),
        "at sale date": _return(one, one.value_at_sale),
    }


def _return(line: "Line", value: Mapping[str | None, Decimal]) -> str:
    """Return what each unit spent brought back: at least, where some is in another currency."""
    brings = line.return_on(value)
    if brings is None:
        return ""
    return f"≥ {brings:,.2f}" if line.is_partial(value) else f"{brings:,.2f}"


def _share(line: "Line") -> str:
    """Return the share of decided leads that are sold, and where it lies nine times in ten."""
    if not line.decided:
        return ""
    return f" ({line.sells.low:.0%} to {line.sells.high:.0%})"


def _called(found: "Campaigns") -> str:
    return found.by.replace("_", " ")


def _price(line: "Line", many: int) -> str:
    each = line.cost_per(many)
    return "" if each is None else f"{each:,.2f} {line.currency}"


def _columns(found: "Campaigns") -> Sequence[str]:
    per = [f"cost_per_{what}" for what in ("click", "lead", *found.steps, "sale")]
    return (
        *(found.by, "id", "leads", *found.steps, "decided", "sold", "sales_at_sale_date", "clicks"),
        *("sells", "sells_low", "sells_high", "barren"),
        *("currency", "cost", "value", "value_at_sale_date", *per),
        *("return", "return_at_sale_date", "return_is_whole"),
    )


def _rows(found: "Campaigns") -> Iterator[dict[str, Any]]:
    """Yield a row a line, and one more for each further currency, with sums of it alone.

    So each column can be added up: what is counted stands in a line's first row.
    """
    for one in found.lines:
        currencies = list(dict.fromkeys([*one.cost, *one.value, *one.value_at_sale])) or [None]
        counts = _counts(found, one)
        for currency in currencies:
            yield {
                found.by: one.name,
                "id": None if one.key is None else "/".join(one.key),
                **counts,
                "currency": currency,
                "cost": exact(one.cost.get(currency)),
                "value": exact(one.value.get(currency)),
                "value_at_sale_date": exact(one.value_at_sale.get(currency)),
            }
            counts = dict.fromkeys(counts)


def _counts(found: "Campaigns", one: "Line") -> dict[str, Any]:
    came = dict(zip(found.steps, one.came, strict=True))
    per = {"click": one.clicks, "lead": one.leads, **came, "sale": one.sold}
    brings, at_sale = one.return_on(one.value), one.return_on(one.value_at_sale)
    return {
        "leads": one.leads,
        **came,
        "decided": one.decided,
        "sold": one.sold,
        "sales_at_sale_date": one.sales,
        "clicks": one.clicks,
        "sells": round(one.sells.share, 4),
        "sells_low": round(one.sells.low, 4),
        "sells_high": round(one.sells.high, 4),
        "barren": one.is_barren,
        **{f"cost_per_{what}": exact(one.cost_per(many)) for what, many in per.items()},
        "return": None if brings is None else round(float(brings), 4),
        "return_at_sale_date": None if at_sale is None else round(float(at_sale), 4),
        "return_is_whole": not (one.is_partial(one.value) or one.is_partial(one.value_at_sale)),
    }


def _show_beside(beside: "Sequence[Beside]") -> None:
    if not beside:
        return
    typer.echo("What was sent for clicks of these days, and what Google counts for them")
    output.show([_beside_line(one) for one in beside], _COUNTED, Format.TABLE)
    if any(not one.campaign_id for one in beside):
        typer.echo(
            "Google also knows people by e-mail and phone: what was sent without a click it may"
            " count for a campaign, and its values are in the account's currency."
        )
    typer.echo("")


def _beside_line(one: "Beside") -> dict[str, str]:
    difference = round(one.counted - one.sent, 2) if one.campaign_id else 0
    return {
        "campaign": one.campaign,
        "action": f"{one.action} ({one.action_id})" if one.action else one.action_id,
        "sent": f"{one.sent:,}",
        "counted": f"{round(one.counted, 2):,}" if one.campaign_id else "",
        "difference": f"{difference:+,}" if difference else "",
        "value sent": amounts_in_words(one.sent_value),
        "value counted": amounts_in_words(one.counted_value),
    }


def _beside_row(one: "Beside") -> dict[str, Any]:
    return {
        "campaign": one.campaign,
        "id": one.campaign_id or None,
        "action_id": one.action_id,
        "rule": one.action or None,
        "sent": one.sent,
        "counted": one.counted,
        "sent_value": {code or "": exact(sum_) for code, sum_ in one.sent_value.items()},
        "counted_value": {code or "": exact(sum_) for code, sum_ in one.counted_value.items()},
    }
