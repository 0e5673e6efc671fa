"""`deals --order score`: open deals, those with the best chance of a sale first."""

from heapq import nlargest
from typing import TYPE_CHECKING, Any

from convsync.cli import options, output
from convsync.cli.options import Format
from convsync.cli.value_words import facts_in_words, percent
from convsync.cli.values import accepted_or_raise
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.report.scores import Scored
    from convsync.settings import Settings

_TABLE = ("deal", "source", "milestone", "since", "chance", "expected", "what moved it")
_COLUMNS = (
    *("deal_id", "source", "milestone", "since", "chance", "value", "currency", "facts"),
    "version",
)


def require_alone(order: str, *, is_narrowed: bool) -> None:
    """Raise OperatorError for any other order, and where conversions are asked for as well."""
    if order != "score":
        raise OperatorError(f"There is no order {order}; there is: score.")
    if is_narrowed:
        raise OperatorError(
            "--order score lists deals, and --state, --reason, --code, --rule, --older-than and"
            " --value-above are about conversions: leave them out. --source can be used."
        )


def show(
    settings: "Settings", *, source: str | None, limit: int, as_of: str | None, form: Format
) -> None:
    """Print open deals by their chance; the table the first of them, CSV and JSON all."""
    from convsync.clock import system_clock
    from convsync.report.scores import scores

    if source is not None and source not in settings.deals:
        there = ", ".join(sorted(settings.deals))
        raise OperatorError(f"There is no source {source}; there are: {there}.")
    now = options.instant(as_of, settings) or system_clock()
    with options.ledger(settings) as database, database.reading() as connection:
        used = accepted_or_raise(connection)
        found = scores(connection, used.table, now=now, source=source)
        if form is Format.TABLE:
            best = nlargest(limit, found, key=_by_chance)
        else:
            best = sorted(found, key=_by_chance, reverse=True)
    if form is Format.TABLE:
        output.show([_line(one, used.table.currency) for one in best], _TABLE, form)
        return
    with output.listing(_COLUMNS, form) as show_row:
        for one in best:
            show_row(_row(one, used.table.currency) | {"version": used.number})


def _by_chance(one: "Scored") -> tuple[float, str]:
    return one.score.chance, one.deal_id


def _expected(one: "Scored") -> float | None:
    """Return what a deal is worth by its chance now."""
    amount = one.score.cell.amount
    return None if amount is None else round(one.score.chance * amount.value, 2)


def _line(one: "Scored", currency: str) -> dict[str, str]:
    expected = _expected(one)
    return {
        "deal": one.deal_id,
        "source": one.source,
        "milestone": one.milestone,
        "since": f"{one.since:%Y-%m-%d}",
        "chance": percent(one.score.chance),
        "expected": "" if expected is None else f"{expected:,.2f} {currency}",
        "what moved it": facts_in_words(one.score.facts),
    }


def _row(one: "Scored", currency: str) -> dict[str, Any]:
    return {
        "deal_id": one.deal_id,
        "source": one.source,
        "milestone": one.milestone,
        "since": one.since,
        "chance": round(one.score.chance, 5),
        "value": _expected(one),
        "currency": currency,
        "facts": facts_in_words(one.score.facts),
    }
