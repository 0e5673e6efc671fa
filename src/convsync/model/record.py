"""A ledger entry as flat fields: what events say of it, and what a replay of them gathers.

Each part of an entry is recorded in one or more fields, JSON's own scalars. A field that is missing
is None, and so are False and the empty text: an event leaves defaults out. What a statement says of
a person stands in the ledger itself; here it is a digest, enough to notice that it was edited.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from pydantic_core import to_json

from convsync.model.money import Money
from convsync.model.outcome import Matched
from convsync.model.rule import ConversionAction
from convsync.model.statement import Statement

Scalar = str | int | bool | None

TOLD_AS_STATED: Mapping[str, str] = {"told_from": "value"}
"""What an event about many entries says where of each its own value has become what was told."""


def record_fields(parts: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the fields that record these parts of an entry, by the names of `LedgerEntry`."""
    recorded: dict[str, Scalar] = {}
    for name, value in parts.items():
        if fields := _FIELDS_OF.get(name):
            recorded.update(fields(value))
    return recorded


def recorded_parts() -> Iterable[str]:
    """Return the names of all parts of an entry that events record."""
    return _FIELDS_OF.keys()


def spans_of(numbers: Iterable[int]) -> str:
    """Return numbers as spans, such as `1-5,7`: how a batch's event names its entries."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans_in(numbers))


def spans_in(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each unbroken run of numbers."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return [(first, last) for first, last in spans]


def numbers_in(spans: str) -> Iterator[int]:
    """Yield the numbers that `spans_of` has named."""
    for span in spans.split(","):
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)


def is_named(number: int, spans: str) -> bool:
    """True where spans hold a number."""
    return any(
        int(first) <= number <= int(last or first)
        for first, _, last in (span.partition("-") for span in spans.split(","))
    )


def amount_text(amount: Decimal) -> str:
    """Return an amount in one spelling, whatever the number of its places: at least two."""
    cents = round(amount, 2)
    return f"{cents:f}" if cents == amount else f"{amount.normalize():f}"


def _one(name: str) -> Callable[[Any], dict[str, Scalar]]:
    return lambda value: {name: value or None}


def _time(name: str) -> Callable[[datetime | None], dict[str, Scalar]]:
    return lambda at: {name: None if at is None else at.isoformat()}


def _action(action: ConversionAction) -> dict[str, Scalar]:
    return {"destination": action.destination, "action": action.action_id}


def _statement(statement: Statement | None) -> dict[str, Scalar]:
    if statement is None:
        return dict.fromkeys(("operation", "event_at", "value", "currency", "click", "about"))
    click_id = statement.click_id
    return {
        "operation": statement.operation.value,
        "event_at": statement.event_at.isoformat(),
        "value": amount_text(statement.value.amount),
        "currency": statement.value.currency,
        "click": None if click_id is None else f"{click_id.kind.value}:{click_id.value}",
        "about": about_of(statement),
    }


def about_of(statement: Statement) -> str | None:
    """Return a digest of what a statement says beside its click and value; None: nothing."""
    if statement.is_silent_about_a_person and not statement.variables:
        return None
    consent, who = statement.consent, statement.identifiers
    content = (
        consent.ad_user_data.value,
        consent.ad_personalization.value,
        statement.customer_type,
        who.emails,
        who.phones,
        sorted(statement.variables.items()),
    )
    return blake2b(to_json(content), digest_size=8).hexdigest()


def _matched(matched: Matched | None) -> dict[str, Scalar]:
    if matched is None:
        return dict.fromkeys(("matched_by", "clicked_at", "is_click_estimated"))
    at = matched.clicked_at
    return {
        "matched_by": matched.basis.name.lower(),
        "clicked_at": None if at is None else at.isoformat(),
        "is_click_estimated": matched.is_estimated or None,
    }


def _told(told: Money | None) -> dict[str, Scalar]:
    if told is None:
        return {"told": None, "told_currency": None}
    return {"told": amount_text(told.amount), "told_currency": told.currency}


def _seconds(took: timedelta | None) -> dict[str, Scalar]:
    return {"seconds_to_close": None if took is None else int(took.total_seconds())}


_FIELDS_OF: Mapping[str, Callable[[Any], dict[str, Scalar]]] = {
    "number": _one("entry"),
    "rule": _one("rule"),
    "action": _action,
    "milestone": _one("milestone"),
    "milestone_at": _time("milestone_at"),
    "state": _one("state"),
    "statement": _statement,
    "matched": _matched,
    "time_to_close": _seconds,
    "told": _told,
    "is_unsure": _one("is_unsure"),
    "reason": _one("reason"),
    "code": _one("code"),
    "due_at": _time("due_at"),
    "batch": _one("batch"),
}

FIELDS = frozenset(
    {
        *("entry", "rule", "destination", "action", "milestone", "milestone_at", "state"),
        *("operation", "event_at", "value", "currency", "click", "about"),
        *("matched_by", "clicked_at", "is_click_estimated", "seconds_to_close"),
        *("told", "told_currency", "is_unsure", "reason", "code", "due_at", "batch"),
    }
)
"""Every field of an entry; whatever else an event says explains it."""
