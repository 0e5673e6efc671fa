"""A ledger entry as flat fields: what events say of it, and what a replay of them gathers.

Each part of an entry is recorded in one or more fields, JSON's own scalars. A field that is missing
is None, and so are False and the empty text: an event leaves defaults out. What a statement says of
a person stands in the ledger itself; here it is a digest, enough to notice that it was edited.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any

from pydantic_core import to_json

from convsync.model.click import MatchBasis
from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.customer import CustomerType
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.money import Money
from convsync.model.outcome import Matched
from convsync.model.rule import ConversionAction
from convsync.model.statement import Extras, Statement

Scalar = str | int | bool | None

TOLD_AS_STATED: Mapping[str, str] = {"told_from": "value"}
"""What an event about many entries says where of each its own value has become what was told."""


def record_fields(parts: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the fields that say these parts of an entry, by the names of `LedgerEntry`."""
    record: dict[str, Scalar] = {}
    for name, value in parts.items():
        if field := _AS_IT_IS.get(name):
            record[field] = value or None
        elif write := _WRITERS.get(name):
            write(record, value)
    return record


def recorded_parts() -> Iterable[str]:
    """Return the names of all parts of an entry that events record."""
    return chain(_AS_IT_IS, _WRITERS)


def spans_of(numbers: Iterable[int]) -> str:
    """Return numbers as spans, such as `1-5,7`: how a batch's event names its entries."""
    return as_text(spans_in(numbers))


def as_text(spans: Iterable[tuple[int, int]]) -> str:
    """Return spans of numbers as an event names them."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def spans_in(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each unbroken run of numbers."""
    ordered = sorted(set(numbers))
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        return [(ordered[0], ordered[-1])]
    spans: list[list[int]] = []
    for number in ordered:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return [(first, last) for first, last in spans]


def numbers_in(spans: str) -> Iterator[int]:
    """Yield the numbers that `spans_of` has named."""
    return chain.from_iterable(ranges_in(spans))


def ranges_in(spans: str) -> Iterator[range]:
    """Yield each span that `spans_of` has named."""
    for span in spans.split(","):
        first, _, last = span.partition("-")
        yield range(int(first), int(last or first) + 1)


def amount_text(amount: Decimal) -> str:
    """Return an amount in one spelling, whatever the number of its places: at least two."""
    if (text := str(amount))[-3:-2] == ".":  # as most are: there is nothing to round
        return text
    cents = round(amount, 2)
    return str(cents) if cents == amount else f"{amount.normalize():f}"


Writer = Callable[[dict[str, Scalar], Any], None]
"""Writes one part of an entry into a record."""


def _time(name: str) -> Writer:
    def write(record: dict[str, Scalar], at: datetime | None) -> None:
        record[name] = None if at is None else at.isoformat()

    return write


def _action(record: dict[str, Scalar], action: ConversionAction) -> None:
    record["destination"] = action.destination
    record["action"] = action.action_id


def _statement(record: dict[str, Scalar], statement: Statement | None) -> None:
    if statement is None:
        record |= dict.fromkeys(("operation", "event_at", "value", "currency", "click", "about"))
        return
    click_id, value = statement.click_id, statement.value
    record["operation"] = statement.operation
    record["event_at"] = statement.event_at.isoformat()
    record["value"] = amount_text(value.amount)
    record["currency"] = value.currency
    record["click"] = None if click_id is None else f"{click_id.kind}:{click_id.value}"
    record["about"] = about_of(statement)


def about_of(said: Statement | Extras) -> str | None:
    """Return a digest of what a statement says beside its click and value; None: nothing."""
    if said.identifiers or said.variables or said.clicked_at:
        return _about(said)
    return _about_anyone(said.consent, said.customer_type)


@lru_cache(maxsize=64)
def _about_anyone(consent: Consent, customer_type: CustomerType | None) -> str | None:
    """Return the digest where nobody is named: hardly any two statements differ in it."""
    if consent == UNSPECIFIED and customer_type is None:
        return None
    return _digest(consent, customer_type, NO_IDENTIFIERS, {}, None)


def _about(said: Statement | Extras) -> str:
    return _digest(
        said.consent, said.customer_type, said.identifiers, said.variables, said.clicked_at
    )


def _digest(
    consent: Consent,
    customer_type: CustomerType | None,
    who: Identifiers,
    variables: Mapping[str, str],
    clicked_at: datetime | None,
) -> str:
    content = (
        consent.ad_user_data.value,
        consent.ad_personalization.value,
        customer_type,
        who.emails,
        who.phones,
        sorted(variables.items()),
        clicked_at,
    )
    return blake2b(to_json(content), digest_size=8).hexdigest()


def _matched(record: dict[str, Scalar], matched: Matched | None) -> None:
    if matched is None:
        record |= dict.fromkeys(("matched_by", "clicked_at", "is_click_estimated"))
        return
    at = matched.clicked_at
    record["matched_by"] = MATCHED_BY[matched.basis]
    record["clicked_at"] = None if at is None else at.isoformat()
    record["is_click_estimated"] = matched.is_estimated or None


MATCHED_BY = {basis: basis.name.lower() for basis in MatchBasis}


def _told(record: dict[str, Scalar], told: Money | None) -> None:
    record["told"] = None if told is None else amount_text(told.amount)
    record["told_currency"] = None if told is None else told.currency


def _seconds(record: dict[str, Scalar], took: timedelta | None) -> None:
    record["seconds_to_close"] = None if took is None else int(took.total_seconds())


_AS_IT_IS: Mapping[str, str] = {
    "number": "entry",
    "rule": "rule",
    "milestone": "milestone",
    "state": "state",
    "is_unsure": "is_unsure",
    "reason": "reason",
    "code": "code",
    "batch": "batch",
    "values_version": "values_version",
}
"""Parts that are scalars themselves, by the field that holds each."""
_WRITERS: Mapping[str, Writer] = {
    "action": _action,
    "milestone_at": _time("milestone_at"),
    "statement": _statement,
    "matched": _matched,
    "time_to_close": _seconds,
    "told": _told,
    "due_at": _time("due_at"),
}

FIELDS = frozenset(
    {
        *("entry", "rule", "destination", "action", "milestone", "milestone_at", "state"),
        *("operation", "event_at", "value", "currency", "click", "about"),
        *("matched_by", "clicked_at", "is_click_estimated", "seconds_to_close"),
        *("told", "told_currency", "is_unsure", "reason", "code", "due_at", "batch"),
        "values_version",
    }
)
"""Every field of an entry; whatever else an event says explains it."""
