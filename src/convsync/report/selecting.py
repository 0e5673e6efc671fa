"""Which conversions somebody asks for, in words, at the command line and on the page alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from convsync.errors import OperatorError
from convsync.model.click import ClickIdKind, MatchBasis
from convsync.model.ledger import Side, State
from convsync.model.outcome import Reason
from convsync.report.conditions import GROUPINGS, NOT_FILLED_IN, SOURCE, Conditions
from convsync.report.exchange import Exchange
from convsync.report.leads_to import YES
from convsync.store import selection, sums
from convsync.store.database import Connection
from convsync.store.selection import PERSON, OfDeal, Selection, Sum

Wanted = TypeVar("Wanted")

_STATES_AND_SIDES: Mapping[str, State | Side] = {
    **{state.value: state for state in State},
    **{side.value: side for side in Side},
}
STATES = {name: _STATES_AND_SIDES[name] for name in sorted(_STATES_AND_SIDES)}
"""Sides of the account and states; `not_sent` is the side, with what was refused."""
REASONS: Mapping[str, Reason] = {reason.value: reason for reason in Reason}
CLICKS: Mapping[str, str] = {name: name for name in (*ClickIdKind, PERSON)}
FOUND_BY: Mapping[str, MatchBasis] = {basis.name.lower(): basis for basis in MatchBasis}
COVERED: Mapping[str, bool] = {YES: True, "no": False}


def selection_of(
    *,
    state: str | None = None,
    reason: str | None = None,
    code: str | None = None,
    rule: str | None = None,
    source: str | None = None,
    click: str | None = None,
    found_by: str | None = None,
    covered: str | None = None,
) -> Selection:
    """Return what is meant; OperatorError, with all there are, for a word that there is not."""
    return Selection(
        state=_named("state", state, STATES),
        reason=_named("reason", reason, REASONS),
        code=code,
        rule=rule,
        source=source,
        click=_named("click", click, CLICKS),
        found_by=_named("way to find a click", found_by, FOUND_BY),
        is_covered=_named("answer", covered, COVERED),
    )


def narrowed(asked: Selection, where: Conditions) -> Selection:
    """Return the same conversions of deals that meet all conditions.

    OperatorError for what is known of deals in a report alone: where in the account they began.
    """
    for one in where:
        if one.name in GROUPINGS:
            raise OperatorError(
                f"Conversions cannot be narrowed by {one.name}; deals can, by --came-to."
            )
    conditions = [
        OfDeal(
            name=None if one.name == SOURCE else one.name,
            value=None if one.value == NOT_FILLED_IN else one.value,
            is_not=one.is_not,
        )
        for one in where
    ]
    return replace(asked, of_deal=tuple(conditions))


def require_known(
    connection: Connection, rules: Iterable[str], sources: Iterable[str], asked: Selection
) -> None:
    """Raise OperatorError for a rule, a source or a code that neither config nor ledger knows."""
    kept = sums.kept(connection)
    for what, name, known in (
        ("rule", asked.rule, {*rules, *(one.rule for one in kept)}),
        ("source", asked.source, {*sources, *(one.source for one in kept)}),
        ("code", asked.code, {one.code for one in kept if one.code}),
    ):
        if name is not None and name not in known:
            raise OperatorError(_there_is_no(what, name, sorted(known)))


def in_one_currency(
    connection: Connection, asked: Selection, exchange: Exchange, absurd_above: Decimal | None
) -> Sequence[Sum]:
    """Return what conversions are worth, in the company's currency as far as there are rates.

    Each is converted at the rate of its milestone's day; without rates sums are by currency.
    """
    added = selection.added_up(connection, asked, absurd_above=absurd_above)
    company = exchange.currency
    if company is None or {one.currency for one in added} <= {company, None}:
        return added
    total = {
        one.currency: (one.conversions, one.value)
        for one in added
        if one.currency in (company, None)
    }
    others = selection.in_other_currencies(connection, asked, company, absurd_above=absurd_above)
    for value, currency, reached_at in others:
        worth = exchange.worth(value, currency, reached_at)
        count, so_far = total.get(worth.currency, (0, Decimal(0)))
        total[worth.currency] = count + 1, so_far + worth.amount
    in_order = sorted(total.items(), key=lambda pair: pair[0] or "")
    left_out: dict[str | None, int] = {company: sum(one.left_out for one in added)}
    return [Sum(name, count, value, left_out.get(name, 0)) for name, (count, value) in in_order]


def _named(what: str, text: str | None, there: Mapping[str, Wanted]) -> Wanted | None:
    if text is None:
        return None
    if text not in there:
        raise OperatorError(_there_is_no(what, text, there))
    return there[text]


def _there_is_no(what: str, name: str, known: Iterable[str]) -> str:
    there = ", ".join(known) or "none yet"
    return f"There is no {what} {name}; there are: {there}."
