"""The question that reports answer: which days, and how grouped."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from convsync.report.conditions import Condition, Conditions
    from convsync.settings import Settings

To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, included.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="NAME=VALUE",
        help="Only deals with this value of a segment, or of source, campaign, ad_group, keyword,"
        " device, location or audience; NAME!=VALUE: only all others. Can be repeated.",
    ),
]


def days_asked(
    from_day: str | None, to_day: str | None, now: datetime, settings: "Settings", *, most: int
) -> tuple[date, date]:
    """Return the first and the last day that are asked for; else today and so many days before."""
    from convsync import wiring

    today = now.astimezone(wiring.company_zone(settings)).date()
    last = options.day(to_day, "--to") if to_day else today
    first = options.day(from_day, "--from") if from_day else last - timedelta(days=most)
    options.require_order(first, last)
    return first, last


def week_of(day: date) -> str:
    """Return the name of a day's week by ISO 8601, such as 2026-W10."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def segments_of(settings: "Settings") -> set[str]:
    """Return the segments of deals: those that are mapped, and those that every CRM tells."""
    from convsync.settings.crm_tables import ALWAYS_THERE, AnyCrmDeals

    is_a_crm = any(isinstance(source, AnyCrmDeals) for source in settings.deals.values())
    mapped = {name for source in settings.deals.values() for name in source.segments}
    return mapped | ALWAYS_THERE if is_a_crm else mapped


def require_group(by: str | None, there: "Collection[str]") -> None:
    """Raise OperatorError for a group that there is not, with those that there are."""
    if by is not None and by not in there:
        raise OperatorError(f"Cannot group by {by}; there are: {', '.join(there)}.")


def names_of(settings: "Settings") -> "Sequence[str]":
    """Return by what deals can be narrowed: sources, segments, and where they began."""
    from convsync.report.conditions import TOLD_APART_BY

    source, *places = TOLD_APART_BY
    return [*dict.fromkeys([source, *sorted(segments_of(settings)), *places])]


def where_of(settings: "Settings", texts: "Sequence[str] | None") -> "Conditions":
    """Return the conditions that NAME=VALUE and NAME!=VALUE say; OperatorError for others."""
    where = [_condition(text) for text in texts or ()]
    there = names_of(settings) if where else ()
    for one in where:
        if one.name not in there:
            raise OperatorError(
                f"Deals cannot be narrowed by {one.name}; there are: {', '.join(there)}."
            )
    return where


def only(where: "Conditions") -> str:
    """Return in words which deals alone are meant, to stand after others; nothing for all."""
    return "".join(f", only where {one}" for one in where[:1]) + "".join(
        f" and {one}" for one in where[1:]
    )


def _condition(text: str) -> "Condition":
    from convsync.report.conditions import Condition

    name, found, value = text.partition("=")
    if not found or not name.removesuffix("!"):
        raise OperatorError(f"--where {text}: write NAME=VALUE, as in --where region=north.")
    return Condition(name.removesuffix("!"), value, is_not=name.endswith("!"))
