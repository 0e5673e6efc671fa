"""Returning customers and retention, as `report funnel` prints them below its steps."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from convsync.cli import output
from convsync.cli.options import Format
from convsync.model.money import amounts_in_words

if TYPE_CHECKING:
    from convsync.report.funnel import Cohort
    from convsync.report.returning import Again, Deals, Returning

COLUMNS = ("customers", "leads", "won", "share", "nine in ten sure", "worth")
NOT_KNOWN = (
    "Who came back is not known: no click has a customer's key, and no contact of a CRM a click."
)


def as_json(cohorts: "Sequence[Cohort]") -> dict[str, Any]:
    """Return new and returning customers by cohort, None where it is not known who came back."""
    known = [_row(one.name, one.customers) for one in cohorts if one.customers is not None]
    return {"customers": known if len(known) == len(cohorts) else None}


def show(cohorts: "Sequence[Cohort]") -> None:
    """Print new customers beside those who came back, and how many buy again."""
    listed: list[dict[str, str]] = []
    for cohort in cohorts:
        if cohort.customers is None:
            typer.echo(NOT_KNOWN)
            return
        listed += lines(cohort.name, cohort.customers)
    typer.echo("")
    columns = ("cohort", *COLUMNS) if cohorts[0].name else COLUMNS
    output.show(listed, columns, Format.TABLE)
    for cohort in cohorts:
        if cohort.customers is not None and cohort.customers.first_sales:
            typer.echo(retention(cohort.name, cohort.customers))


def _row(name: str, customers: "Returning") -> dict[str, Any]:
    return {
        "cohort": name,
        "new": _deals_row(customers.new),
        "returning": _deals_row(customers.returning),
        "first_sales": customers.first_sales,
        "bought_again": customers.bought_again,
        "median_days_to_next_sale": customers.median_days,
        "again_within": [_again_row(one) for one in customers.again],
    }


def _deals_row(deals: "Deals") -> dict[str, Any]:
    return {
        "leads": deals.leads,
        "won": deals.won,
        **_share_row(deals.share),
        "worth": {currency or "": str(amount) for currency, amount in deals.worth.items()},
    }


def _again_row(again: "Again") -> dict[str, Any]:
    counts = {"days": again.days, "customers": again.customers, "bought_again": again.bought}
    return {**counts, **_share_row(again.share)}


def _share_row(share: Any) -> dict[str, float]:
    return {name: round(getattr(share, name), 4) for name in ("share", "low", "high")}


def lines(name: str, customers: "Returning") -> Iterator[dict[str, str]]:
    """Yield new customers and returning ones as lines of `COLUMNS`."""
    for word, deals in (("new", customers.new), ("returning", customers.returning)):
        yield {
            "cohort": name,
            "customers": word,
            "leads": f"{deals.leads:,}",
            "won": f"{deals.won:,}",
            "share": f"{deals.share.share:.0%}" if deals.leads else "",
            "nine in ten sure": f"{deals.share.low:.0%} to {deals.share.high:.0%}",
            "worth": amounts_in_words(deals.worth),
        }


def retention(name: str, customers: "Returning") -> str:
    """Return in a sentence how many customers bought again, and how soon."""
    within = [
        f"within {one.days} d {one.bought:,} of {one.customers:,}"
        f" ({one.share.share:.0%}; {one.share.low:.0%} to {one.share.high:.0%})"
        for one in customers.again
        if one.customers
    ]
    took = f", half of them within {customers.median_days:,} d" if customers.bought_again else ""
    whole = f"{customers.bought_again:,} of {customers.first_sales:,} new customers bought again"
    return f"{f'{name}: ' if name else ''}{'; '.join([whole + took, *within])}"
