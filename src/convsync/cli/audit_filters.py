"""What `audit list` and `audit export` can be narrowed to, and what each option means."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from convsync.cli import options, output
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.settings import Settings
    from convsync.store.audit_search import Wanted
    from convsync.store.database import Connection
    from convsync.store.lookup import Asked

Deals = Annotated[
    list[str] | None, typer.Option("--deal", metavar="ID", help="Only this deal; repeatable.")
]
Order = Annotated[
    str | None,
    typer.Option("--order", metavar="ID", help="Only the conversion with this order ID."),
]
Click = Annotated[
    str | None,
    typer.Option("--click", metavar="ID", help="Only deals that this click belongs to."),
]
Request = Annotated[
    str | None,
    typer.Option("--request", metavar="ID", help="Only what this request sent, and its answer."),
]
Run = Annotated[int | None, typer.Option("--run", metavar="N", help="Only events of this run.")]
Kind = Annotated[
    str | None, typer.Option("--event", metavar="KIND", help="Only events of this kind.")
]
StateName = Annotated[
    str | None, typer.Option("--state", metavar="STATE", help="Only events that led to this state.")
]
Rule = Annotated[
    str | None, typer.Option("--rule", metavar="NAME", help="Only conversions of this rule.")
]
Code = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Only events with this code.")
]
Day = Annotated[
    str | None, typer.Option("--day", metavar="DAY", help="Only events of runs as of this day.")
]
Value = Annotated[
    str | None,
    typer.Option("--value", metavar="AMOUNT", help="Only conversions that ever had this value."),
]
ValueAbove = Annotated[
    str | None,
    typer.Option(
        "--value-above", metavar="AMOUNT", help="Only conversions that ever had a larger value."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options as they were typed."""

    deal: Sequence[str] | None = None
    order: str | None = None
    click: str | None = None
    request: str | None = None
    run: int | None = None
    event: str | None = None
    state: str | None = None
    rule: str | None = None
    code: str | None = None
    day: str | None = None
    value: str | None = None
    value_above: str | None = None

    @classmethod
    def among(cls, parameters: Mapping[str, Any]) -> "Options":
        """Return them as a command was given them, beside others."""
        return cls(**{one.name: parameters[one.name] for one in fields(cls)})

    def wanted(self, settings: "Settings") -> "Wanted":
        """Return which events are meant; OperatorError for a word that there is not."""
        from convsync import opening
        from convsync.model.event import EventKind
        from convsync.model.ledger import State
        from convsync.model.period import Period
        from convsync.store.audit_search import Wanted

        day = None if self.day is None else options.day(self.day, "--day")
        zone = None if day is None else opening.company_zone(settings)
        return Wanted(
            run_id=self.run,
            event=one_of(EventKind, self.event, "event"),
            state=one_of(State, self.state, "state"),
            rule=self.rule,
            code=self.code,
            period=Period.of_days(day, day, zone) if day and zone else None,
        )

    def asked(self, connection: "Connection") -> "Asked | None":
        """Return the conversions that all of these options name; None where none does."""
        from convsync.extract.salesforce_ids import ids_meant
        from convsync.store import lookup
        from convsync.store.lookup import Asked

        found = []
        if self.deal:
            names = [one for name in self.deal for one in ids_meant(name)]
            found.append(lookup.of_deals(connection, names))
        for ask, name in (
            (lookup.of_order, self.order),
            (lookup.of_click, self.click),
            (lookup.of_request, self.request),
        ):
            if name is not None:
                found.append(ask(connection, name))
        exact, above = amount(self.value, "--value"), amount(self.value_above, "--value-above")
        if exact is not None or above is not None:
            least = exact if above is None else above + _SMALLEST
            found.append(lookup.with_amount(connection, least, exact))
        asked = reduce(Asked.within, found) if found else None
        if asked is not None and asked.is_cut:
            output.note(
                f"More than {lookup.MOST_CONVERSIONS:,} conversions have such a value: these are"
                " the events of those that were given it last."
            )
        return asked


_SMALLEST = Decimal("0.000001")
"""By how much two amounts differ at the least."""

Word = TypeVar("Word", bound=StrEnum)


def one_of(words: type[Word], text: str | None, what: str) -> Word | None:
    """Return the word that was typed; OperatorError, with all there are, for any other."""
    if text is None:
        return None
    there = {word.value: word for word in words}
    if text not in there:
        raise OperatorError(f"There is no {what} {text}; there are: {_listed(there)}.")
    return there[text]


def amount(text: str | None, option: str) -> Decimal | None:
    """Return an amount that was typed; OperatorError where it is none."""
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise OperatorError(f"{option} {text} is not an amount such as 1234.50.")
    return found


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
