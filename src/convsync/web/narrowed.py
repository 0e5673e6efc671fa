"""How a list is narrowed besides by its filters: said in words, each with the way to drop it.

A figure of a report leads to its list by more than the list's own form has fields for. What that is
stands in the address, and in the form as what is hidden, so that filters narrow further.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from convsync.errors import OperatorError
from convsync.report.leads_to import ALL_SO_FAR
from convsync.report.passages import Loop
from convsync.web.figures import Field
from convsync.web.visits import Visit

WHERE: Final = "where"
_LOOPS: Final = {loop.name.lower(): loop.value for loop in Loop}
MORE: Final[Mapping[str, Callable[[str], str]]] = {
    "timed": lambda _: "Only those whose time from the step before is known",
    "decided_after": lambda days: (
        f"Only those that went on, were lost, or stood there for over {days} days"
    ),
    "sent_for": lambda milestone: f"Only those of which platforms were sent the {milestone}",
    "with_click": lambda _: "Only those that began with a click on an ad",
    "went_round": lambda way: f"Only those that {_LOOPS.get(way, way)}",
    "customers": lambda whose: f"Only those of {whose} customers",
    "late": lambda _: "Only those that have stood there for longer than agreed",
    "in_audience": lambda name: f"Only those of people in the audience {name}",
    "came_in": lambda months: (
        "With all that came in for them so far"
        if months == ALL_SO_FAR
        else f"With what came in by the end of month {months} after that of the win"
    ),
}
"""What is said of each word of an address that no field of a form has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """One thing by which a list is narrowed, in words, and the address of the list without it."""

    words: str
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What an address asks of a list: by its fields, by conditions, and by more.

    `here` is all of it, as it stands in an address.
    """

    path: str
    fields: Mapping[str, str]
    where: Sequence[str]
    more: Mapping[str, str]

    @property
    def here(self) -> list[tuple[str, str]]:
        """Return what stands in the address, by name."""
        asked = [(name, value) for name, value in self.fields.items() if value]
        return [*asked, *self.hidden]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Return what no field shows."""
        return [*((WHERE, one) for one in self.where), *self.more.items()]

    @property
    def narrowed(self) -> list[Narrowed]:
        """Return what no field shows, in words."""
        return [
            Narrowed(
                words=f"Only where {value}" if name == WHERE else MORE[name](value),
                without=self.address(without=(name, value)),
            )
            for name, value in self.hidden
        ]

    def address(self, *more: tuple[str, str], without: tuple[str, str] | None = None) -> str:
        """Return the address of the same list, with more in it, or without something."""
        asked = [one for one in self.here if one != without]
        return f"{self.path}?{urlencode([*asked, *more])}"


def segment_fields(names: Sequence[str]) -> Sequence[Field]:
    """Return the two fields of a condition."""
    return (
        Field(name="segment", label="Only where", choices=names, none="(all deals)"),
        Field(name="value", label="is"),
    )


def day_fields(what: str, label: str) -> Sequence[Field]:
    """Return the two fields of some days, named as the commands' options are."""
    return (
        Field(name=f"{what}_from", label=f"{label} from", kind="date"),
        Field(name=f"{what}_to", label="to", kind="date"),
    )


def asking(visit: Visit, path: str, fields: Sequence[Field], more: Sequence[str] = ()) -> Asking:
    """Return what an address asks; OperatorError for half of a condition.

    A condition that was filled in joins those that were there, and leaves its fields empty.
    """
    asked = {field.name: visit.asked(field.name) for field in fields}
    name, value = asked.pop("segment", ""), asked.pop("value", "")
    where = [text for text in visit.request.query_params.getlist(WHERE) if text]
    if condition := condition_of(name, value):
        where.append(condition)
    said = {name: value for name in more if (value := visit.asked(name))}
    return Asking(path=path, fields=asked, where=[*dict.fromkeys(where)], more=said)


def condition_of(name: str, value: str) -> str:
    """Return what two fields mean together, nothing where both are empty."""
    if value and not name:
        raise OperatorError(f'{value} is the value of what? Choose it under "Only where".')
    if name and not value:
        raise OperatorError(f'What should {name} be? Write it under "is".')
    return f"{name}={value}" if name else ""
