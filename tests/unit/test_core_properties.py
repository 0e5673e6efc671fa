"""What holds for worlds nobody thought of: whatever the deal, its clicks and the ledger are."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from convsync.decide import decide, decide_retired
from convsync.match import match_deal
from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.conversion import Conversion
from convsync.model.deal import LOST, WON, Deal, Gone, Milestone
from convsync.model.identifiers import NO_IDENTIFIERS
from convsync.model.ledger import IN_FLIGHT, LedgerEntry, State
from convsync.model.money import Money
from convsync.model.moves import Place, settled
from convsync.model.outcome import Confirmed, Matched, Reason
from convsync.model.rule import AmountOutcomes, ClickPolicy, ConversionRule, ShareOfAmount
from convsync.model.statement import Operation, order_id_of
from convsync.plan import (
    Decision,
    Item,
    PlanSummary,
    Step,
    plan_upload,
)
from convsync.reconcile import move_of
from convsync.value import value_deal
from tests.builders import (
    ACTION,
    ORDER_ID,
    SOMEBODY,
    WON_AT,
    a_conversion,
    a_new_entry,
    a_statement,
    an_entry,
    reserved,
)

PLACE = Place(action=ACTION, milestone=WON, milestone_at=WON_AT)
SENDS = {Step.NEW, Step.RESTATE, Step.RETRACT}

# Worlds. Times cluster on the edges of the windows, where the mistakes are.

T = TypeVar("T")
DAY = timedelta(days=1)
WINDOWS = [90 * DAY, 30 * DAY, DAY, timedelta(0)]
EDGES = [*WINDOWS, *(-window for window in WINDOWS), timedelta(hours=6), 120 * DAY]
NUDGES = [timedelta(0), timedelta(seconds=1), timedelta(seconds=-1), timedelta(microseconds=1)]


def mostly(usual: T, others: Sequence[T]) -> st.SearchStrategy[T]:
    """The usual in three worlds of four: where everything is odd at once, nothing is ever sent."""
    return st.sampled_from([usual] * 3 * len(others) + list(others))


times = st.one_of(
    st.builds(lambda edge, by: WON_AT - edge + by, st.sampled_from(EDGES), st.sampled_from(NUDGES)),
    st.integers(-200 * 86_400, 40 * 86_400).map(lambda s: WON_AT + timedelta(seconds=s)),
)
nights = st.sampled_from([WON_AT - DAY, WON_AT, WON_AT + DAY, WON_AT + 89 * DAY, WON_AT + 95 * DAY])
amounts = st.one_of(
    st.sampled_from([Decimal(text) for text in ("0", "-1", "0.01", "100", "1.0", "1.00", "1E+30")]),
    st.decimals(min_value=0, max_value=10_000_000, places=7),
    st.sampled_from([Decimal("NaN"), Decimal("Infinity")]),
)
moneys = st.builds(
    Money,
    amount=st.sampled_from([Decimal(text) for text in ("0", "1.0", "1.00", "100", "250.5")]),
    currency=st.sampled_from(["USD", "EUR"]),
)
clicks = st.builds(
    Click,
    click_id=st.builds(ClickId, st.sampled_from(ClickIdKind), st.sampled_from(["a", "A", "b"])),
    clicked_at=st.none() | times,
    is_whole_day=st.booleans(),
)
all_candidates = st.lists(st.builds(Candidate, clicks, st.sampled_from(MatchBasis)), max_size=6)
won = st.builds(Milestone, st.just(WON), st.just(WON_AT) | times, st.booleans())
lost = st.builds(Milestone, st.just(LOST), times, st.booleans())
milestones = st.one_of(*[st.tuples(won)] * 4, st.tuples(won, lost), st.tuples(lost), st.just(()))
consents = st.builds(
    Consent,
    ad_user_data=mostly(ConsentStatus.GRANTED, list(ConsentStatus)),
    ad_personalization=st.sampled_from(ConsentStatus),
)
deals = st.builds(
    Deal,
    source=st.just("crm"),
    deal_id=st.just("D-1"),
    created_at=st.none() | times,
    milestones=milestones,
    amount=st.none() | amounts,
    currency=mostly("USD", ["EUR", None]),
    identifiers=st.sampled_from([NO_IDENTIFIERS, SOMEBODY]),
    consent=consents,
    gone=mostly(None, [None, None, *Gone]),
)
REPLACED = AmountOutcomes(zero=Decimal(0), missing=Decimal(5))
rules = st.builds(
    ConversionRule,
    name=st.just("won"),
    milestone=st.just(WON),
    action=st.just(ACTION),
    value=st.builds(ShareOfAmount, share=st.sampled_from([Decimal(1), Decimal("0.3")])),
    amounts=st.sampled_from([AmountOutcomes(), REPLACED]),
    click_policy=st.sampled_from(ClickPolicy),
    lookback=mostly(90 * DAY, WINDOWS),
    hold=st.sampled_from([timedelta(0), timedelta(0), timedelta(days=3)]),
    upload_window=mostly(90 * DAY, WINDOWS),
    settling_time=st.sampled_from([timedelta(0), timedelta(hours=6)]),
    has_enhanced_conversions=st.booleans(),
    needs_granted_consent=st.booleans(),
    is_undone_by_loss=st.booleans(),
    days_to_close_variable=st.sampled_from([None, "days"]),
)


@st.composite
def entries(draw: st.DrawFn, states: Sequence[State] = tuple(State)) -> LedgerEntry:
    """Any entry the ledger may hold: a correction only of what was told, a reason for a wait."""
    state = draw(st.sampled_from(states))
    if state in {State.HELD, State.NOT_SENT}:
        due_at = draw(times) if state is State.HELD else None
        entry = an_entry(state, reason=draw(st.sampled_from(Reason)), due_at=due_at)
        return structs.replace(entry, statement=None, matched=None)
    told = draw(moneys if state is State.CONFIRMED else st.none() | moneys)
    operation, value = Operation.COUNT, draw(moneys)
    if told is not None:
        operation = draw(st.sampled_from(Operation))
    if operation is Operation.RETRACT and told is not None:
        value = Money(amount=Decimal(0), currency=told.currency)
    click = draw(st.none() | clicks)
    at = draw(times)
    return an_entry(
        state,
        operation=operation,
        due_at=draw(times) if state is State.DEFERRED else None,
        value=told if state is State.CONFIRMED else value,
        told=told,
        matched=Matched(
            basis=MatchBasis.DEAL,
            click=click,
            clicked_at=None if click is None else click.clicked_at,
        ),
        milestone_at=at,
        consent=draw(consents),
        code="TERMS" if state is State.BLOCKED else "",
        batch=1 if state in IN_FLIGHT else None,
    )


def decided(
    deal: Deal,
    candidates: Sequence[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry | None,
    now: datetime,
) -> Decision:
    return decide(deal, deal.milestone(rule.milestone), rule, candidates, entry, now=now)


def planned(decision: Decision, entry: LedgerEntry | None, now: datetime) -> Item:
    return plan_upload(ORDER_ID, decision, entry, now=now)


def applied(item: Item, entry: LedgerEntry | None) -> LedgerEntry:
    """The entry after a plan was carried out, before anything is sent: the ledger's own moves."""
    before = entry or a_new_entry()
    move = move_of(item, before, PLACE, run_id=2)
    return before if move is None else move.after


def confirmed(entry: LedgerEntry, now: datetime) -> LedgerEntry:
    """The entry once the platform has counted what was planned."""
    return settled(reserved(entry, 1).after, Confirmed(), now=now).after


# Match


@given(deals, all_candidates, rules, nights)
def test_a_click_after_the_milestone_or_outside_the_lookback_never_counts(
    deal: Deal, candidates: list[Candidate], rule: ConversionRule, now: datetime
) -> None:
    milestone = deal.milestone(WON) or Milestone(WON, WON_AT)
    outcome = match_deal(deal, milestone, candidates, rule, now=now)
    if not isinstance(outcome, Matched) or outcome.click is None:
        return
    same_id = [c.click for c in candidates if c.click.click_id == outcome.click.click_id]
    first_seen = min((c.clicked_at for c in same_id if c.clicked_at), default=None)
    assert first_seen == outcome.click.clicked_at
    if outcome.clicked_at is not None:
        assert milestone.reached_at - rule.lookback <= outcome.clicked_at <= milestone.reached_at
        assert now - rule.upload_window <= outcome.clicked_at


@given(deals, all_candidates, rules, nights, st.randoms(use_true_random=False))
def test_the_match_does_not_depend_on_the_order_of_candidates(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    now: datetime,
    random: Random,
) -> None:
    milestone = deal.milestone(WON) or Milestone(WON, WON_AT)
    shuffled = candidates.copy()
    random.shuffle(shuffled)
    expected = match_deal(deal, milestone, candidates, rule, now=now)
    assert match_deal(deal, milestone, shuffled, rule, now=now) == expected


# Consent


@given(deals, all_candidates, rules, st.none() | entries(), nights)
def test_nothing_of_a_person_who_refused_is_ever_planned_as_a_send(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry | None,
    now: datetime,
) -> None:
    refused = structs.replace(deal, consent=Consent(ad_user_data=ConsentStatus.DENIED))
    item = planned(decided(refused, candidates, rule, entry, now), entry, now)
    assert item.conversion is None
    assert item.step not in {Step.NEW, Step.RESTATE}


@given(deals, all_candidates, rules, nights)
def test_identifiers_never_go_out_without_consent(
    deal: Deal, candidates: list[Candidate], rule: ConversionRule, now: datetime
) -> None:
    milestone = deal.milestone(WON) or Milestone(WON, WON_AT)
    matched = match_deal(deal, milestone, candidates, rule, now=now)
    if not isinstance(matched, Matched):
        return
    conversion = value_deal(deal, milestone, matched, rule, now=now)
    is_allowed = deal.consent.is_granted or (
        not rule.needs_granted_consent and not deal.consent.is_denied
    )
    if isinstance(conversion, Conversion) and conversion.statement.identifiers:
        assert rule.has_enhanced_conversions
        assert is_allowed
    if matched.click is None:
        assert is_allowed


# Value


@given(deals, all_candidates, rules, nights)
def test_what_is_sent_is_never_negative_absurd_or_from_the_future(
    deal: Deal, candidates: list[Candidate], rule: ConversionRule, now: datetime
) -> None:
    decision = decided(deal, candidates, rule, None, now)
    if isinstance(decision, Conversion):
        statement = decision.statement
        assert 0 <= statement.value.amount <= 10**12
        assert statement.value.currency
        assert statement.event_at <= min(now, decision.milestone_at)
        assert decision.time_to_close is None or decision.time_to_close >= timedelta(0)


# Plan


@given(deals, all_candidates, rules, st.none() | entries(), nights)
def test_a_plan_takes_only_the_ledgers_arrows(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry | None,
    now: datetime,
) -> None:
    item = planned(decided(deal, candidates, rule, entry, now), entry, now)
    applied(item, entry)  # a move that the arrows do not have is refused


@given(deals, all_candidates, rules, entries(sorted(IN_FLIGHT)), nights)
def test_what_is_in_flight_is_never_changed(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry,
    now: datetime,
) -> None:
    item = planned(decided(deal, candidates, rule, entry, now), entry, now)
    assert item.step in {Step.WAIT, Step.UNCHANGED}
    assert item.value is None
    assert applied(item, entry) == entry


@given(deals, all_candidates, rules, st.none() | entries(), nights)
def test_a_plan_carried_out_twice_is_the_same_as_once(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry | None,
    now: datetime,
) -> None:
    first = planned(decided(deal, candidates, rule, entry, now), entry, now)
    once = applied(first, entry)
    second = planned(decided(deal, candidates, rule, once, now), once, now)
    assert applied(second, once) == once
    if first.step in SENDS:
        assert second == first
    elif once.state not in IN_FLIGHT:
        assert second.step is Step.UNCHANGED


@given(deals, all_candidates, rules, st.none() | entries(), nights, nights)
def test_a_later_quiet_night_sends_nothing(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry | None,
    now: datetime,
    later: datetime,
) -> None:
    item = planned(decided(deal, candidates, rule, entry, now), entry, now)
    if item.step not in SENDS:
        return
    counted = confirmed(applied(item, entry), now)
    later = max(now, later)
    again = planned(decided(deal, candidates, rule, counted, later), counted, later)
    assert again == Item(Step.UNCHANGED, ORDER_ID)


@given(deals, all_candidates, rules, entries(), nights)
def test_a_rule_that_was_removed_sends_nothing_but_what_takes_back(
    deal: Deal,
    candidates: list[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry,
    now: datetime,
) -> None:
    item = planned(decide_retired(deal, entry), entry, now)
    after = applied(item, entry)
    assert item.step in {Step.RETRACT, Step.UNCHANGED, Step.NOT_SENT, Step.WAIT}
    assert after.state not in {State.PLANNED} or item.step is Step.RETRACT or after == entry


@given(entries(), st.booleans(), nights)
def test_a_comeback_that_was_sent_is_never_sent_again(
    entry: LedgerEntry, is_conversion: bool, now: datetime
) -> None:
    if (told := entry.told) is None:
        return
    wanted = structs.replace(told, amount=told.amount + Decimal("0.000"))
    decision: Decision = a_conversion(value=wanted) if is_conversion else wanted
    assert planned(decision, entry, now).step not in SENDS


# Names, numbers and limits


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(words, words, words), unique=True, max_size=8))
def test_order_ids_are_short_not_numeric_and_all_different(
    names: list[tuple[str, str, str]],
) -> None:
    order_ids = [order_id_of(*name) for name in names]
    assert all(len(order_id) <= 64 and not order_id.isnumeric() for order_id in order_ids)
    assert len(set(order_ids)) == len(names)


items = st.builds(
    Item,
    st.sampled_from(sorted(SENDS)),
    st.integers(0, 5).map(lambda number: order_id_of("crm", str(number), "won")),
    statement=st.builds(lambda value: a_statement(value=value), moneys),
) | st.builds(
    Item,
    st.sampled_from(sorted(set(Step) - SENDS)),
    st.integers(0, 5).map(lambda number: order_id_of("crm", str(number), "won")),
)


@given(
    st.lists(items, unique_by=lambda item: item.order_id).flatmap(
        lambda plan: st.tuples(st.just(plan), st.permutations(plan))
    )
)
def test_a_plan_adds_up_the_same_in_any_order(plans: tuple[list[Item], list[Item]]) -> None:
    one, other = PlanSummary(is_compared=True), PlanSummary(is_compared=True)
    for summary, plan in zip((one, other), plans, strict=True):
        for item in plan:
            summary.add(item)
    assert one == other
    assert sum(one.steps.values()) == len(plans[0])
    assert sum(one.steps[step] for step in SENDS) == sum(item.step in SENDS for item in plans[0])
