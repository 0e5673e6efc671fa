"""Deals, clicks, rules and ledger entries for tests: name only what the test is about.

Everything unnamed is ordinary: a deal won on 2 March 2026 that began with a click ten days before,
looked at on the morning after it was won, under a rule that counts what is won at its amount.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import structs

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.conversion import Conversion
from convsync.model.customer import CustomerType
from convsync.model.deal import WON, Deal, Gone, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers, hashed
from convsync.model.key import Key
from convsync.model.ledger import LedgerEntry, Move, MoveTogether, State, move
from convsync.model.money import Money
from convsync.model.moves import reserved_together
from convsync.model.outcome import Matched, Reason
from convsync.model.planned import Planned, PlannedTogether, planned_together
from convsync.model.rule import (
    AmountOutcomes,
    ClickPolicy,
    ConversionAction,
    ConversionRule,
    ShareOfAmount,
    ValueRule,
)
from convsync.model.statement import Extras, Operation, OrderId, Statement, order_id_of

WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
CLICKED_AT = WON_AT - timedelta(days=10)
CREATED_AT = CLICKED_AT + timedelta(hours=1)
NOW = WON_AT + timedelta(hours=12)

ACTION = ConversionAction(destination="data-manager", action_id="123")
CLICK_ID = ClickId(ClickIdKind.GCLID, "Cj0KCQ-one")
ALL_OF_IT = ShareOfAmount()
NEVER_REPLACED = AmountOutcomes()
GRANTED = Consent(ad_user_data=ConsentStatus.GRANTED)
DENIED = Consent(ad_user_data=ConsentStatus.DENIED)
SOMEBODY = Identifiers(emails=(hashed("somebody@example.com"),))


def usd(amount: str | int) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def a_milestone(
    name: str = WON, reached_at: datetime = WON_AT, *, is_whole_day: bool = False
) -> Milestone:
    return Milestone(name, reached_at, is_whole_day)


def a_deal(
    deal_id: str = "D-1",
    *,
    source: str = "crm",
    created_at: datetime | None = CREATED_AT,
    modified_at: datetime | None = WON_AT,
    milestones: tuple[Milestone, ...] = (a_milestone(),),
    amount: Decimal | str | int | None = 100,
    currency: str | None = "USD",
    clicks: tuple[Candidate, ...] = (),
    keys: tuple[Key, ...] = (),
    identifiers: Identifiers = NO_IDENTIFIERS,
    consent: Consent = GRANTED,
    customer_type: CustomerType | None = None,
    segments: Mapping[str, str] | None = None,
    gone: Gone | None = None,
) -> Deal:
    return Deal(
        source=source,
        deal_id=deal_id,
        created_at=created_at,
        modified_at=modified_at,
        milestones=milestones,
        amount=None if amount is None else Decimal(amount),
        currency=currency,
        clicks=clicks,
        keys=keys,
        identifiers=identifiers,
        consent=consent,
        customer_type=customer_type,
        segments=segments or {},
        gone=gone,
    )


def a_click(
    value: str = "Cj0KCQ-one",
    *,
    clicked_at: datetime | None = CLICKED_AT,
    kind: ClickIdKind = ClickIdKind.GCLID,
    is_whole_day: bool = False,
) -> Click:
    return Click(
        click_id=ClickId(kind, value),
        clicked_at=clicked_at,
        is_whole_day=is_whole_day,
    )


def a_candidate(click: Click | None = None, *, basis: MatchBasis = MatchBasis.DEAL) -> Candidate:
    return Candidate(click or a_click(), basis)


def a_rule(
    name: str = "won",
    *,
    milestone: str = WON,
    action: ConversionAction = ACTION,
    value: ValueRule = ALL_OF_IT,
    amounts: AmountOutcomes = NEVER_REPLACED,
    click_policy: ClickPolicy = ClickPolicy.LAST,
    click_ids: frozenset[ClickIdKind] = frozenset(ClickIdKind),
    lookback: timedelta = timedelta(days=90),
    upload_window: timedelta = timedelta(days=90),
    settling_time: timedelta = timedelta(hours=6),
    hold: timedelta = timedelta(0),
    has_enhanced_conversions: bool = False,
    needs_granted_consent: bool = True,
    is_undone_by_loss: bool = False,
    days_to_close_variable: str | None = None,
    when: Mapping[str, frozenset[str]] | None = None,
) -> ConversionRule:
    return ConversionRule(
        name=name,
        milestone=milestone,
        action=action,
        value=value,
        amounts=amounts,
        click_policy=click_policy,
        click_ids=click_ids,
        lookback=lookback,
        upload_window=upload_window,
        settling_time=settling_time,
        hold=hold,
        has_enhanced_conversions=has_enhanced_conversions,
        needs_granted_consent=needs_granted_consent,
        is_undone_by_loss=is_undone_by_loss,
        days_to_close_variable=days_to_close_variable,
        when=when or {},
    )


def a_match(
    click: Click | None = None, *, basis: MatchBasis = MatchBasis.DEAL, is_estimated: bool = False
) -> Matched:
    click = click or a_click()
    return Matched(basis=basis, click=click, clicked_at=click.clicked_at, is_estimated=is_estimated)


ORDER_ID = order_id_of("crm", "D-1", "won")


def a_conversion(
    order_id: OrderId = ORDER_ID,
    *,
    action: ConversionAction = ACTION,
    rule: str = "won",
    milestone: str = WON,
    value: Money | None = None,
    milestone_at: datetime = WON_AT,
    event_at: datetime | None = None,
    matched: Matched | None = None,
    operation: Operation = Operation.COUNT,
    identifiers: Identifiers = NO_IDENTIFIERS,
    consent: Consent = GRANTED,
    customer_type: CustomerType | None = None,
    variables: Mapping[str, str] | None = None,
    clicked_at: datetime | None = None,
    time_to_close: timedelta | None = None,
) -> Conversion:
    matched = matched or a_match()
    return Conversion(
        statement=a_statement(
            order_id,
            action=action,
            operation=operation,
            event_at=event_at or milestone_at,
            value=value,
            click_id=None if matched.click is None else matched.click.click_id,
            identifiers=identifiers,
            consent=consent,
            customer_type=customer_type,
            variables=variables,
            clicked_at=clicked_at,
        ),
        rule=rule,
        milestone=milestone,
        milestone_at=milestone_at,
        matched=matched,
        time_to_close=time_to_close,
    )


def a_statement(
    order_id: OrderId = ORDER_ID,
    *,
    action: ConversionAction = ACTION,
    operation: Operation = Operation.COUNT,
    event_at: datetime = WON_AT,
    value: Money | None = None,
    click_id: ClickId | None = CLICK_ID,
    clicked_at: datetime | None = None,
    identifiers: Identifiers = NO_IDENTIFIERS,
    consent: Consent = GRANTED,
    customer_type: CustomerType | None = None,
    variables: Mapping[str, str] | None = None,
) -> Statement:
    return Statement(
        order_id=order_id,
        action=action,
        operation=operation,
        event_at=event_at,
        value=value or usd(100),
        click_id=click_id,
        clicked_at=clicked_at,
        identifiers=identifiers,
        consent=consent,
        customer_type=customer_type,
        variables=variables or {},
    )


def an_entry(
    state: State = State.CONFIRMED,
    *,
    order_id: OrderId = ORDER_ID,
    operation: Operation = Operation.COUNT,
    reason: Reason | None = None,
    code: str = "",
    due_at: datetime | None = None,
    value: Money | None = None,
    told: Money | None = None,
    is_unsure: bool = False,
    matched: Matched | None = None,
    milestone_at: datetime = WON_AT,
    event_at: datetime | None = None,
    identifiers: Identifiers = NO_IDENTIFIERS,
    consent: Consent = GRANTED,
    batch: int | None = None,
) -> LedgerEntry:
    """What the ledger holds; a confirmed one was told its value, others nothing unless named."""
    value = value or usd(100)
    matched = matched or a_match()
    return LedgerEntry(
        number=1,
        deal_row=1,
        source="crm",
        deal_id="D-1",
        rule="won",
        order_id=order_id,
        action=ACTION,
        milestone=WON,
        milestone_at=milestone_at,
        run_id=1,
        state=state,
        statement=a_statement(
            order_id,
            operation=operation,
            event_at=event_at or milestone_at,
            value=value,
            click_id=None if matched.click is None else matched.click.click_id,
            identifiers=identifiers,
            consent=consent,
        ),
        matched=matched,
        told=value if told is None and state is State.CONFIRMED else told,
        is_unsure=is_unsure,
        reason=reason,
        code=code,
        due_at=due_at,
        batch=batch,
    )


def one_of(together: MoveTogether, entry: LedgerEntry) -> Move:
    """The move that entries take together, of one of them alone."""
    told = {"told": entry.value} if together.counts else {}
    return move(entry, together.event.kind, {**together.changes, **told}, {})


def reserved(entry: LedgerEntry, batch: int) -> Move:
    """The move of an entry into a batch."""
    return one_of(reserved_together([entry.number], batch, entry.action), entry)


def a_new_entry(**changes: Any) -> LedgerEntry:
    """An entry that is not in the ledger yet."""
    entry = structs.replace(
        an_entry(State.PLANNED), is_new=True, statement=None, matched=None, run_id=0
    )
    return structs.replace(entry, **changes)


def all_planned_together(entries: Sequence[LedgerEntry], **notes: Any) -> PlannedTogether:
    """The same entries as one event plans them, of a rule that counts what is won."""
    first = entries[0]
    rule = a_rule(first.rule)
    assert (rule.action, rule.milestone) == (first.action, first.milestone)
    rows = [_planned(entry) for entry in entries]
    return planned_together(first.source, rule, rows, run_id=first.run_id, **notes)


def _planned(entry: LedgerEntry) -> Planned:
    said, found = entry.statement, entry.matched
    assert said is not None
    assert said.click_id is not None
    assert found is not None
    assert found.clicked_at is not None
    assert not found.is_estimated
    took = entry.time_to_close
    return (
        entry.number,
        entry.deal_row,
        entry.deal_id,
        entry.order_id,
        entry.milestone_at,
        said.event_at,
        said.value.amount,
        said.value.currency,
        said.click_id,
        Extras(
            clicked_at=said.clicked_at,
            identifiers=said.identifiers,
            consent=said.consent,
            customer_type=said.customer_type,
            variables=said.variables,
        ),
        found.basis,
        found.clicked_at,
        None if took is None else int(took.total_seconds()),
        entry.values_version,
    )
