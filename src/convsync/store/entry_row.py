"""How an entry of the ledger is written as a row, and read back, its statement word for word."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from msgspec import Struct, field
from msgspec.json import Decoder
from pydantic_core import to_json
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    RowMapping,
    select,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from convsync.model.click import Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.consent import UNSPECIFIED, Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.identifiers import Identifiers
from convsync.model.ledger import LedgerEntry, State
from convsync.model.money import Money
from convsync.model.outcome import Matched, Reason
from convsync.model.record import about_of
from convsync.model.rule import ConversionAction
from convsync.model.statement import Extras, Operation, OrderId, Statement
from convsync.store.column_types import amount_of, instant_of, order_id_of_bytes
from convsync.store.schema import QUEUES, deals, ledger

WITH_DEAL = select(ledger, deals.c.source, deals.c.deal_id).join(deals, deals.c.id == ledger.c.deal)
"""Ledger rows as `as_entry` reads them, joined with the names of their deals."""


def strays(row: RowMapping, entry: LedgerEntry) -> list[str]:
    """Return the columns of a row that its entry would not have been written with."""
    as_written = zip(ALL_COLUMNS[1:], row_of(entry), strict=True)
    return [name for name, value in as_written if row[name] != value]


def columns_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that hold these parts of an entry."""
    columns: dict[str, Any] = {}
    for part, value in changes.items():
        names, cells = _CELLS_OF[part]
        columns.update(zip(names, cells(value), strict=True))
    return columns


def row_of(entry: LedgerEntry) -> tuple[Any, ...]:
    """Return the values of `ALL_COLUMNS` after the number: all that `_CELLS_OF` has, in a row."""
    action, told, took = entry.action, entry.told, entry.time_to_close
    return (
        entry.deal_row,
        entry.rule,
        entry.order_id,
        action.destination,
        action.action_id,
        entry.milestone,
        entry.milestone_at,
        entry.run_id,
        *_state_cells(entry.state),
        *_statement_cells(entry.statement),
        *_matched_cells(entry.matched),
        None if took is None else int(took.total_seconds()),
        None if told is None else told.amount,
        None if told is None else told.currency,
        entry.is_unsure,
        entry.reason,
        entry.code or None,
        entry.due_at,
        entry.batch,
        entry.values_version,
    )


def _cell(value: Any) -> tuple[Any, ...]:
    return (value,)


def _action_cells(action: ConversionAction) -> tuple[Any, ...]:
    return action.destination, action.action_id


def _state_cells(state: State) -> tuple[Any, ...]:
    return state, QUEUES.get(state)


def _money_cells(money: Money | None) -> tuple[Any, ...]:
    return (None, None) if money is None else (money.amount, money.currency)


def _statement_cells(statement: Statement | None) -> tuple[Any, ...]:
    if statement is None:
        return Operation.COUNT, None, None, None, None, None, None
    click_id = statement.click_id
    return (
        statement.operation,
        *_money_cells(statement.value),
        statement.event_at,
        None if click_id is None else click_id.kind,
        None if click_id is None else click_id.value,
        extras_of(statement),
    )


def _matched_cells(matched: Matched | None) -> tuple[Any, ...]:
    if matched is None:
        return None, None, None
    return matched.basis.value, matched.clicked_at, matched.is_estimated


def _seconds_cell(took: timedelta | None) -> tuple[Any, ...]:
    return (None if took is None else int(took.total_seconds()),)


_CELLS_OF: Mapping[str, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {
    "deal_row": (("deal",), _cell),
    "rule": (("rule",), _cell),
    "order_id": (("order_id",), _cell),
    "action": (("destination", "action_id"), _action_cells),
    "milestone": (("milestone",), _cell),
    "milestone_at": (("milestone_at",), _cell),
    "run_id": (("run_id",), _cell),
    "state": (("state", "queue"), _state_cells),
    "statement": (
        ("operation", "value", "currency", "event_at", "click_kind", "click_id", "extras"),
        _statement_cells,
    ),
    "matched": (("basis", "clicked_at", "is_click_estimated"), _matched_cells),
    "time_to_close": (("seconds_to_close",), _seconds_cell),
    "told": (("told_value", "told_currency"), _money_cells),
    "is_unsure": (("is_unsure",), _cell),
    "reason": (("reason",), _cell),
    "code": (("code",), lambda code: (code or None,)),
    "due_at": (("due_at",), _cell),
    "batch": (("batch_id",), _cell),
    "values_version": (("values_version",), _cell),
}
"""The columns that hold each part of an entry, and how; a part that changes is written whole."""

ALL_COLUMNS = ("id", *(name for names, _ in _CELLS_OF.values() for name in names))


def extras_of(said: Statement | Extras) -> str | None:
    """Return what a statement says beside its click and value as JSON, None where nothing."""
    who, variables, at = said.identifiers, said.variables, said.clicked_at
    if not who and not variables and at is None:
        return _extras_of_anyone(said.consent, said.customer_type)
    named = {"emails": who.emails, "phones": who.phones} if who else {}
    varied = {"variables": dict(variables)} if variables else {}
    timed = {"clicked_at": at.isoformat()} if at else {}
    anyone = _of_anyone(said.consent, said.customer_type)
    extras = {**anyone, **named, **varied, **timed}
    return to_json(extras).decode()


@lru_cache(maxsize=64)
def _extras_of_anyone(consent: Consent, customer_type: CustomerType | None) -> str | None:
    """Return them where nobody is named: hardly any two statements differ in that."""
    extras = _of_anyone(consent, customer_type)
    return to_json(extras).decode() if extras else None


def _of_anyone(consent: Consent, customer_type: CustomerType | None) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if consent != UNSPECIFIED:
        extras["consent"] = consent.ad_user_data.value, consent.ad_personalization.value
    if customer_type:
        extras["customer_type"] = customer_type.value
    return extras


def as_entry(row: RowMapping) -> LedgerEntry:
    """Return a row of `WITH_DEAL` as an entry, its statement word for word as it is sent."""
    to_close = row["seconds_to_close"]
    action = _action(row["destination"], row["action_id"])
    has_statement = row["value"] is not None
    return LedgerEntry(
        number=row["id"],
        deal_row=row["deal"],
        source=row["source"],
        deal_id=row["deal_id"],
        rule=row["rule"],
        order_id=row["order_id"],
        action=action,
        milestone=row["milestone"],
        milestone_at=row["milestone_at"],
        run_id=row["run_id"],
        state=_STATES[row["state"]],
        statement=_statement(action, *map(row.__getitem__, _SAID)) if has_statement else None,
        matched=_as_matched(row),
        time_to_close=None if to_close is None else timedelta(seconds=to_close),
        told=_as_money(row["told_value"], row["told_currency"]),
        is_unsure=row["is_unsure"],
        reason=None if row["reason"] is None else _REASONS[row["reason"]],
        code=row["code"] or "",
        due_at=row["due_at"],
        batch=row["batch_id"],
        values_version=row["values_version"],
    )


_STATES = {state.value: state for state in State}
_REASONS = {reason.value: reason for reason in Reason}
_OPERATIONS = {operation.value: operation for operation in Operation}
_KINDS = {kind.value: kind for kind in ClickIdKind}
_SAID = (
    *("order_id", "operation", "event_at", "value", "currency"),
    *("click_kind", "click_id", "extras"),
)
_AS_KEPT: Mapping[str, TypeEngine[Any]] = {
    "order_id": LargeBinary(16),
    "event_at": BigInteger(),
    "value": BigInteger(),
}
STATEMENT_COLUMNS: list[ColumnElement[Any]] = [
    type_coerce(ledger.c[name], _AS_KEPT[name]) if name in _AS_KEPT else ledger.c[name]
    for name in _SAID
]
"""What `as_statement` takes after the action, in its order and as the driver gives it."""


def as_statement(
    action: ConversionAction,
    order_id: bytes,
    operation: str,
    event_at: int,
    value: int,
    *more: str | None,
) -> Statement:
    """Return the statement that a row holds, word for word; numbers are as they are stored."""
    at, amount = instant_of(event_at), amount_of(value)
    assert at is not None, "what is sent has a time"
    assert amount is not None, "and a value"
    return _statement(action, order_id_of_bytes(order_id), operation, at, amount, *more)


def _statement(
    action: ConversionAction,
    order_id: OrderId,
    operation: str,
    event_at: datetime,
    value: Decimal,
    currency: str | None,
    click_kind: str | None,
    click_id: str | None,
    extras: str | None,
) -> Statement:
    assert currency is not None, "a value has a currency"
    click = None
    if click_id is not None and click_kind is not None:
        click = ClickId(_KINDS[click_kind], click_id)
    more = _NO_EXTRAS if extras is None else _as_extras(extras)
    return Statement(
        order_id=order_id,
        action=action,
        operation=_OPERATIONS[operation],
        event_at=event_at,
        value=Money(amount=value, currency=currency),
        click_id=click,
        identifiers=more.identifiers,
        consent=more.consent,
        customer_type=more.customer_type,
        variables=more.variables,
        clicked_at=more.clicked_at,
    )


_NO_EXTRAS = Extras()


class _KeptExtras(Struct, frozen=True):
    """What `extras_of` writes, as it is read back."""

    consent: tuple[ConsentStatus, ConsentStatus] | None = None
    customer_type: CustomerType | None = None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    clicked_at: datetime | None = None


_read_extras = Decoder(_KeptExtras).decode


@lru_cache(maxsize=64)
def _as_extras(text: str) -> Extras:
    """Return what `extras_of` wrote; most rows of a batch have the same, a consent alone."""
    kept = _read_extras(text)
    return Extras(
        identifiers=Identifiers(emails=kept.emails, phones=kept.phones),
        consent=UNSPECIFIED if kept.consent is None else _consent_of(*kept.consent),
        customer_type=kept.customer_type,
        variables=kept.variables,
        clicked_at=kept.clicked_at,
    )


def about_in(extras: str) -> str | None:
    """Return the digest by which events know these extras.

    Raises ValueError where they are not what would have been written.
    """
    if not extras.startswith("{"):
        raise ValueError("extras that are no object")
    nothing = (OrderId("cs-"), Operation.COUNT, _EPOCH, Decimal(0), "XXX", None, None)
    statement = _statement(_ANY, *nothing, extras)
    if extras_of(statement) != extras:
        raise ValueError("extras in another spelling")
    return about_of(statement)


_ANY = ConversionAction(destination="", action_id="")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _action(destination: str, action_id: str) -> ConversionAction:
    return ConversionAction(destination=destination, action_id=action_id)


@cache
def _consent_of(user_data: ConsentStatus, personalization: ConsentStatus) -> Consent:
    return Consent(ad_user_data=user_data, ad_personalization=personalization)


def _as_money(amount: Decimal | None, currency: str | None) -> Money | None:
    if amount is None or currency is None:
        return None
    return Money(amount=amount, currency=currency)


def _as_matched(row: RowMapping) -> Matched | None:
    if row["basis"] is None:
        return None
    click, is_estimated = None, bool(row["is_click_estimated"])
    if row["click_id"] is not None:
        click_id = ClickId(_KINDS[row["click_kind"]], row["click_id"])
        clicked_at = None if is_estimated else row["clicked_at"]
        click = Click(click_id=click_id, clicked_at=clicked_at)
    return Matched(
        basis=MatchBasis(row["basis"]),
        click=click,
        clicked_at=row["clicked_at"],
        is_estimated=is_estimated,
    )
