"""The ledger table: what is planned, what was said, and what was answered, a row a conversion.

Chunks are written with one INSERT and one UPDATE for each kind of change, whatever their size.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from convsync.model.click import Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.conversion import Conversion, Operation, OrderId
from convsync.model.customer import CustomerType
from convsync.model.identifiers import Identifiers
from convsync.model.ledger import Account, LedgerEntry, State
from convsync.model.money import Money
from convsync.model.outcome import Matched, Reason
from convsync.model.period import Period
from convsync.model.rule import ConversionAction, ConversionRule
from convsync.store import dialect
from convsync.store.schema import deals, ledger, milestones

EntryKey = tuple[int, str]
"""A deal's row and a rule's name: what a ledger row is about."""


@dataclass(frozen=True, slots=True)
class Change:
    """A ledger row to be written: new where `is_new`, and only the named columns otherwise."""

    deal_row: int
    rule: str
    columns: Mapping[str, Any]
    is_new: bool


def entries_for(connection: Connection, deal_rows: Sequence[int]) -> dict[EntryKey, LedgerEntry]:
    """Return every ledger entry of the deals, by deal row and rule."""
    found = connection.execute(_OF_DEALS, {"deals": deal_rows})
    return {(row["deal"], row["rule"]): as_entry(row) for row in found.mappings()}


_OF_DEALS = select(ledger).where(ledger.c.deal.in_(bindparam("deals", expanding=True)))


def write(connection: Connection, changes: Iterable[Change]) -> None:
    """Write the changes of one chunk, those that name the same columns together.

    New rows are numbered a rule at a time: a batch is of one action, and its rows then lie on few
    pages, each of which is written when they are reserved and again when they are settled.
    """
    new: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    known: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for change in changes:
        alike = (new if change.is_new else known).setdefault(tuple(change.columns), [])
        alike.append((*change.columns.values(), change.deal_row, change.rule))
    for columns, rows in new.items():
        by_rule = sorted(rows, key=itemgetter(-1))
        dialect.insert_rows(connection, ledger, (*columns, *_KEY), by_rule)
    for columns, rows in known.items():
        dialect.update_rows(connection, ledger, columns, rows, key=_KEY)


_KEY = ("deal", "rule")


def content_of(conversion: Conversion) -> dict[str, Any]:
    """Return the columns that hold everything a request says of a conversion."""
    matched = conversion.matched
    click_id = None if matched.click is None else matched.click.click_id
    to_close = conversion.time_to_close
    return {
        "value": conversion.value.amount,
        "currency": conversion.value.currency,
        "event_at": conversion.event_at,
        "basis": matched.basis.value,
        "click_kind": None if click_id is None else click_id.kind.value,
        "click_id": None if click_id is None else click_id.value,
        "clicked_at": matched.clicked_at,
        "is_click_estimated": matched.is_estimated,
        "seconds_to_close": None if to_close is None else int(to_close.total_seconds()),
        "extras": _extras_of(conversion),
    }


def _extras_of(conversion: Conversion) -> str:
    consent, who = conversion.consent, conversion.identifiers
    extras: dict[str, Any] = {
        "ad_user_data": consent.ad_user_data.value,
        "ad_personalization": consent.ad_personalization.value,
    }
    if conversion.customer_type:
        extras["customer_type"] = conversion.customer_type.value
    if who:
        extras |= {"emails": who.emails, "phones": who.phones}
    if conversion.variables:
        extras["variables"] = dict(conversion.variables)
    return to_json(extras).decode()


WITHOUT_PERSON = json.dumps({})
"""The extras of a correction after consent was withdrawn: no hashes, and no consent claimed."""

OUT_OF_ITS_BATCH = {"batch_id": None, "is_unsure": True}
"""What changes about a row whose unanswered request is not to be repeated."""


def as_entry(row: RowMapping) -> LedgerEntry:
    """Return a row as the plan sees it."""
    return LedgerEntry(
        order_id=OrderId(row["order_id"]),
        rule=row["rule"],
        action=ConversionAction(destination=row["destination"], action_id=row["action_id"]),
        state=State(row["state"]),
        operation=Operation(row["operation"]),
        reason=None if row["reason"] is None else Reason(row["reason"]),
        code=row["code"] or "",
        due_at=row["due_at"],
        value=_money(row["value"], row["currency"]),
        told=_money(row["told_value"], row["told_currency"]),
        is_unsure=row["is_unsure"],
        matched=None if row["basis"] is None else _matched(row),
        event_at=row["event_at"],
        **_said_beside(row["extras"] if row["state"] in _MAY_GO_AGAIN else None),
    )


_MAY_GO_AGAIN = frozenset({State.SENDING, State.DEFERRED, State.REJECTED})
"""States in which the plan asks what a row says beside its click and value; reading it costs."""


def as_conversion(row: RowMapping) -> Conversion:
    """Return a row, joined with its deal's `source` and `deal_id`, word for word as it is sent."""
    value = _money(row["value"], row["currency"])
    assert value is not None, "the schema requires a value of everything that is sent"
    to_close = row["seconds_to_close"]
    return Conversion(
        order_id=OrderId(row["order_id"]),
        source=row["source"],
        deal_id=row["deal_id"],
        rule=row["rule"],
        action=ConversionAction(destination=row["destination"], action_id=row["action_id"]),
        milestone=row["milestone"],
        milestone_at=row["milestone_at"],
        event_at=row["event_at"],
        value=value,
        matched=_matched(row),
        operation=Operation(row["operation"]),
        time_to_close=None if to_close is None else timedelta(seconds=to_close),
        put_off_for=row["code"] or "",
        **_said_beside(row["extras"]),
    )


def _said_beside(extras: str | None) -> dict[str, Any]:
    """Return what `_extras_of` has kept, by the names it has in conversions and entries."""
    said = json.loads(extras or "{}")
    kind = said.get("customer_type")
    return {
        "identifiers": Identifiers(
            emails=tuple(said.get("emails", ())), phones=tuple(said.get("phones", ()))
        ),
        "consent": Consent(
            ad_user_data=ConsentStatus(said.get("ad_user_data", "unspecified")),
            ad_personalization=ConsentStatus(said.get("ad_personalization", "unspecified")),
        ),
        "customer_type": None if kind is None else CustomerType(kind),
        "variables": said.get("variables", {}),
    }


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    if amount is None or currency is None:
        return None
    return Money(amount=amount, currency=currency)


def _matched(row: RowMapping) -> Matched:
    click = None
    if row["click_id"] is not None:
        click_id = ClickId(ClickIdKind(row["click_kind"]), row["click_id"])
        clicked_at = None if row["is_click_estimated"] else row["clicked_at"]
        click = Click(click_id=click_id, clicked_at=clicked_at)
    return Matched(
        basis=MatchBasis(row["basis"]),
        click=click,
        clicked_at=row["clicked_at"],
        is_estimated=bool(row["is_click_estimated"]),
    )


# Questions about the whole ledger: the sum, what is usual, what is due.

_IS_SENT = or_(
    ledger.c.told_value.is_not(None),
    ledger.c.state.in_([State.ACCEPTED, State.CONFIRMED]),
)
_ACCOUNT: ColumnElement[str] = case(
    (_IS_SENT, Account.SENT.value),
    (ledger.c.state.in_([State.NOT_SENT, State.REJECTED]), Account.NOT_SENT.value),
    else_=Account.WAITING.value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Every milestone under every rule, added up: `extracted` is counted apart from the rest."""

    extracted: int
    by_state: Mapping[tuple[Account, str], int]

    def total(self, account: Account) -> int:
        """Return one side of the sum."""
        return sum(count for (side, _), count in self.by_state.items() if side is account)

    @property
    def is_balanced(self) -> bool:
        """True where extracted = sent + waiting + not sent."""
        return self.extracted == sum(self.by_state.values())


def sums(
    connection: Connection, rules: Sequence[ConversionRule], period: Period | None = None
) -> Sums:
    """Return the account of all milestones of the rules, or of those reached in a period.

    What was extracted is counted in the milestones as they were read, what became of it in the
    ledger: were one lost on the way, the two would differ. A milestone that no rule has looked at
    waits for the next run if its deal is due, and is not sent if it was withdrawn before.
    """
    names = [rule.name for rule in rules]
    by_milestone = Counter(rule.milestone for rule in rules)
    read = select(milestones.c.name).where(milestones.c.name.in_(list(by_milestone)))
    rows = select(_ACCOUNT, _DETAIL.label("detail")).where(ledger.c.rule.in_(names))
    if period is not None:
        read = read.where(
            milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
        )
        is_of_milestone = and_(
            milestones.c.deal == ledger.c.deal, milestones.c.name == ledger.c.milestone
        )
        rows = rows.join(milestones, is_of_milestone).where(
            milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
        )
    extracted = sum(
        count * by_milestone[name] for (name,), count in dialect.tally(connection, read).items()
    )
    by_state = Counter(
        {
            (Account(account), str(detail)): count
            for (account, detail), count in dialect.tally(connection, rows).items()
        }
    )
    if by_state.total() != extracted:
        by_state += _not_looked_at(connection, rules, period)
    return Sums(extracted=extracted, by_state=by_state)


def _not_looked_at(
    connection: Connection, rules: Sequence[ConversionRule], period: Period | None
) -> Counter[tuple[Account, str]]:
    """Count milestones without a ledger row: left to the next run, or withdrawn before any."""
    found: Counter[tuple[Account, str]] = Counter()
    is_withdrawn = milestones.c.withdrawn_at.is_not(None)
    for rule in rules:
        has_row = exists().where(ledger.c.deal == milestones.c.deal, ledger.c.rule == rule.name)
        counted = (
            select(is_withdrawn, func.count())
            .join(deals, deals.c.id == milestones.c.deal)
            .where(milestones.c.name == rule.milestone, ~has_row)
            .where(or_(is_withdrawn, deals.c.reconcile_at.is_not(None)))
            .group_by(is_withdrawn)
        )
        if period is not None:
            counted = counted.where(
                milestones.c.reached_at >= period.since, milestones.c.reached_at < period.until
            )
        for withdrawn, count in connection.execute(counted):
            found[_WITHDRAWN if withdrawn else _NEXT_RUN] += count
    return found


_WITHDRAWN = (Account.NOT_SENT, Reason.MILESTONE_WITHDRAWN.value)
_NEXT_RUN = (Account.WAITING, "next_run")


_DETAIL: ColumnElement[str] = case(
    (
        and_(_IS_SENT, ledger.c.operation == Operation.RETRACT, ledger.c.state == State.CONFIRMED),
        "taken back",
    ),
    (_IS_SENT, ledger.c.state),
    (ledger.c.state == State.REJECTED, func.coalesce(ledger.c.code, "rejected")),
    (ledger.c.state.in_([State.HELD, State.NOT_SENT]), ledger.c.reason),
    else_=ledger.c.state,
)


def caught_earlier(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many milestones came too late after their click while an earlier one was sent.

    By the rule that came too late, and the rule of the same deal that was in time.
    """
    late, early = ledger.alias("late"), ledger.alias("early")
    was_sent = or_(
        early.c.told_value.is_not(None), early.c.state.in_([State.ACCEPTED, State.CONFIRMED])
    )
    found = (
        select(late.c.rule, early.c.rule, func.count())
        .join(early, and_(early.c.deal == late.c.deal, early.c.milestone_at < late.c.milestone_at))
        .where(late.c.reason == Reason.CLICK_OUTSIDE_LOOKBACK, was_sent)
        .group_by(late.c.rule, early.c.rule)
    )
    return {(too_late, in_time): count for too_late, in_time, count in connection.execute(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToMilestone:
    """How long it took from the matched click to a milestone, over all that were sent."""

    milestone: str
    count: int
    median: timedelta
    p90: timedelta


def times_to_milestones(connection: Connection) -> list[TimeToMilestone]:
    """Return the time from click to each milestone, quickest first; won is the time to close."""
    took = type_coerce(ledger.c.milestone_at, BigInteger) - type_coerce(
        ledger.c.clicked_at, BigInteger
    )
    is_known = and_(_IS_SENT, ledger.c.clicked_at.is_not(None))
    counts = select(ledger.c.milestone, func.count()).where(is_known).group_by(ledger.c.milestone)
    times = []
    for milestone, count in connection.execute(counts).all():
        ordered = select(took).where(is_known, ledger.c.milestone == milestone).order_by(took)
        median, p90 = (
            timedelta(microseconds=connection.execute(ordered.offset(at).limit(1)).scalar_one())
            for at in (count // 2, count * 9 // 10)
        )
        times.append(TimeToMilestone(milestone=milestone, count=count, median=median, p90=p90))
    return sorted(times, key=lambda time: time.median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What would go out now, by operation, and in which currencies."""

    by_operation: Mapping[Operation, int]
    currencies: frozenset[str]


def is_ready(now: datetime, run_id: int | None = None) -> ColumnElement[bool]:
    """Return the condition for rows that may go out now, of one run's plan or of any."""
    condition = or_(
        ledger.c.state == State.PLANNED,
        and_(ledger.c.state == State.DEFERRED, ledger.c.due_at <= now),
    )
    return condition if run_id is None else and_(condition, ledger.c.run_id == run_id)


def ready(connection: Connection, now: datetime, run_id: int | None = None) -> Ready:
    """Return how much is ready to go out."""
    found = (
        select(ledger.c.operation, ledger.c.currency, func.count())
        .where(is_ready(now, run_id))
        .group_by(ledger.c.operation, ledger.c.currency)
    )
    counts: Counter[Operation] = Counter()
    currencies = set()
    for operation, currency, number in connection.execute(found):
        counts[Operation(operation)] += number
        currencies.add(currency)
    return Ready(by_operation=counts, currencies=frozenset(currencies))


def counted(connection: Connection) -> tuple[int, frozenset[str]]:
    """Return how many conversions the platform has counted so far, and their currencies."""
    found = select(ledger.c.told_currency).where(ledger.c.told_value != Decimal(0))
    by_currency = dialect.tally(connection, found)
    return by_currency.total(), frozenset(str(currency) for (currency,) in by_currency)


def of_deal(connection: Connection, deal_row: int) -> list[RowMapping]:
    """Return every ledger row of a deal, joined with its source and ID, in the funnel's order."""
    found = (
        select(ledger, deals.c.source, deals.c.deal_id)
        .join(deals, deals.c.id == ledger.c.deal)
        .where(ledger.c.deal == deal_row)
        .order_by(ledger.c.milestone_at, ledger.c.rule)
    )
    return list(connection.execute(found).mappings())
