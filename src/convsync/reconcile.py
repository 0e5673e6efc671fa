"""A chunk of deals against the ledger: decide, plan, and move entries, each with its event.

Nothing here reads or writes. What a chunk of deals needs is handed in; the moves that come out are
written by the pipeline in one transaction, ledger rows and audit events together.

What waits to be sent again, an unanswered request or one that was put off, is looked at for the
person behind it: where it names more of them than they now allow, it is not repeated. It is
withheld, as something the platform may have received where it was never answered, and what is right
today follows in its place, without them: a retraction where consent was refused, the same value
where there is still a click to report it for, and otherwise nothing.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from msgspec import structs

from convsync.decide import decide, decide_retired, lets_identifiers_out, may_be_repeated
from convsync.match import candidates_of, earlier_sale_of
from convsync.model import moves
from convsync.model.click import Candidate
from convsync.model.conversion import Conversion
from convsync.model.deal import EarlierSale, Milestone
from convsync.model.ledger import LedgerEntry, Move
from convsync.model.moves import Place
from convsync.model.outcome import Reason
from convsync.model.period import Period
from convsync.model.planned import PlannedTogether
from convsync.model.revenue import Takings
from convsync.model.rule import ConversionAction, ConversionRule, RevenueWithin
from convsync.model.seconds import Seconds
from convsync.model.statement import OrderId, order_id_of
from convsync.model.takes import Takes
from convsync.plan import (
    Decision,
    Item,
    RefusalOf,
    Step,
    plan_upload,
    planned_before,
    takes_everything,
)
from convsync.store.deals import StoredDeal
from convsync.store.ledger import EntryKey
from convsync.usual import UsualDeals
from convsync.value import revalued_at, values_version_of

NEAR_ENOUGH = timedelta(hours=1)
"""How far an estimated time may be off without being called wrong."""
MANY = 20
"""From so many deals on, what is usual among the new ones is planned together. In a smaller chunk,
as of an ordinary night, each is an event of its own, and the log reads deal by deal."""
DESTINATION_REMOVED = "DESTINATION_REMOVED"
"""The code of a correction for a destination that has left the configuration."""


_NO_SALES: Mapping[int, Sequence[EarlierSale]] = {}
_NO_TAKINGS: Mapping[int, Takings] = {}


@dataclass(slots=True)
class Reconciled:
    """What became of a chunk: every planned step, the moves to write, and when to look again.

    `replaced` are steps that the same run had planned before, and that hold no longer; `planned`
    are new conversions that need no step each (`usual`).
    """

    items: list[Item] = field(default_factory=list)
    replaced: list[Item] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    planned: Sequence[PlannedTogether] = ()
    look_again: dict[int, datetime | None] = field(default_factory=dict)


def reconcile_chunk(
    chunk: Sequence[StoredDeal],
    rules: Sequence[ConversionRule],
    candidates: Mapping[int, Sequence[Candidate]],
    entries: Mapping[EntryKey, LedgerEntry],
    *,
    now: datetime,
    run_id: int,
    next_number: int,
    within: Period | None = None,
    takes: Mapping[str, Takes] | None = None,
    shared: Set[bytes] = frozenset(),
    sales: Mapping[int, Sequence[EarlierSale]] = _NO_SALES,
    takings: Mapping[int, Takings] = _NO_TAKINGS,
    seconds: Seconds | None = None,
) -> Reconciled:
    """Decide and plan each milestone of each deal that a rule counts, or that was once planned.

    New entries are numbered from `next_number` on, those of a rule side by side: a batch is of one
    action, and its rows then lie on few pages. `takes` says what each destination takes, by its
    name; None: anything. `shared` are the digests of keys that too many deals have, `sales` the
    earlier sales of the same customers and `takings` what came in since, by the deal's row.
    `seconds` chooses the second of what a platform knows by that.
    """
    at_hand = _AtHand(
        rules=rules,
        now=now,
        run_id=run_id,
        takes=takes,
        numbers={
            rule.name: count(next_number + index * len(chunk)) for index, rule in enumerate(rules)
        },
        has_many=len(chunk) >= MANY,
        seconds=seconds or Seconds(),
    )
    by_deal = _by_deal(entries)
    is_more_known = bool(shared or sales or takings)
    for stored in chunk:
        if is_more_known:
            stored = _as_known(stored, shared, sales.get(stored.row, ()), takings.get(stored.row))
        clicks = candidates_of(stored.deal, candidates.get(stored.row, ()))
        at_hand.reconcile(stored, clicks, by_deal.get(stored.row, {}), within)
    return at_hand.finished()


@dataclass(slots=True, kw_only=True)
class _AtHand:
    """What the deals of a chunk are decided with, and what became of those that were."""

    rules: Sequence[ConversionRule]
    now: datetime
    run_id: int
    takes: Mapping[str, Takes] | None
    numbers: Mapping[str, Iterator[int]]
    has_many: bool
    seconds: Seconds
    done: Reconciled = field(default_factory=Reconciled)
    usual: UsualDeals = field(init=False)
    apart: Sequence[ConversionRule] = field(init=False)

    def __post_init__(self) -> None:
        self.apart = [rule for rule in self.rules if self.seconds.needed_by(rule.action)]
        self.usual = UsualDeals(
            [rule for rule in self.rules if rule not in self.apart],
            self.takes,
            self.numbers,
            now=self.now,
            run_id=self.run_id,
        )

    def reconcile(
        self,
        stored: StoredDeal,
        clicks: Sequence[Candidate],
        entries: Mapping[str, LedgerEntry],
        within: Period | None,
    ) -> None:
        """Reconcile a deal: the usual of many new ones without a detour, and whatever is left."""
        rules = self.rules
        if self.has_many and stored.is_new:
            rules = [*self.usual.take(stored, clicks, within), *self.apart]
        if stored.is_new and not rules:
            self.done.look_again[stored.row] = None
            return
        desk = _DealAtHand(
            stored=stored,
            rules=rules,
            entries=entries,
            candidates=clicks,
            now=self.now,
            run_id=self.run_id,
            takes=self.takes,
            numbers=self.numbers,
            seconds=self.seconds,
            done=self.done,
        )
        desk.reconcile(within)

    def finished(self) -> Reconciled:
        """Return what became of the chunk."""
        self.done.planned = [*self.usual.planned(step=Step.NEW.value)]
        return self.done


def _by_deal(entries: Mapping[EntryKey, LedgerEntry]) -> Mapping[int, Mapping[str, LedgerEntry]]:
    by_deal: dict[int, dict[str, LedgerEntry]] = {}
    for (row, rule), entry in entries.items():
        by_deal.setdefault(row, {})[rule] = entry
    return by_deal


def _as_known(
    given: StoredDeal, shared: Set[bytes], sales: Sequence[EarlierSale], takings: Takings | None
) -> StoredDeal:
    """Return a deal without identifiers that too many have, with its customer's last sale.

    Its takings are what came in for it since.
    """
    deal = given.deal.with_shared_apart(shared)
    if sales:
        deal = structs.replace(deal, earlier_sale=earlier_sale_of(deal, sales))
    if takings is not None:
        deal = structs.replace(deal, takings=takings)
    return given if deal is given.deal else structs.replace(given, deal=deal)


def _refusal_of(takes: Mapping[str, Takes] | None, action: ConversionAction) -> RefusalOf:
    if takes is None:
        return takes_everything
    if found := takes.get(action.destination):
        return found.refusal_of
    return lambda _statement, _now: DESTINATION_REMOVED


def _knows_repeat(takes: Mapping[str, Takes] | None, entry: LedgerEntry) -> bool:
    found = (takes or {}).get(entry.action.destination)
    return found is None or found.repeats.knows(entry.statement)


@dataclass(slots=True, kw_only=True)
class _DealAtHand:
    """One deal, with all that is needed to decide and plan its milestones."""

    stored: StoredDeal
    rules: Sequence[ConversionRule]
    entries: Mapping[str, LedgerEntry]
    candidates: Sequence[Candidate]
    now: datetime
    run_id: int
    takes: Mapping[str, Takes] | None
    numbers: Mapping[str, Iterator[int]]
    seconds: Seconds
    done: Reconciled
    untils: list[datetime] = field(default_factory=list)

    def reconcile(self, within: Period | None) -> None:
        """Reconcile every milestone, of configured rules and of those that were removed."""
        deal = self.stored.deal
        left = dict(self.entries)
        for rule in self.rules:
            entry = left.pop(rule.name, None)
            milestone = deal.milestone(rule.milestone)
            is_counted = milestone is not None and rule.applies_to(deal.segments)
            if (is_counted or entry is not None) and _is_within(within, milestone):
                self._reconcile_under(rule, milestone, entry)
        for entry in left.values():
            if _is_within(within, deal.milestone(entry.milestone)):
                self._reconcile_retired(entry)
        self.done.look_again[self.stored.row] = min(self.untils, default=None)

    def _reconcile_under(
        self, rule: ConversionRule, milestone: Milestone | None, entry: LedgerEntry | None
    ) -> None:
        entry = self._withhold(entry, rule)
        decision = decide(self.stored.deal, milestone, rule, self.candidates, entry, now=self.now)
        if entry is None:
            assert milestone is not None, "there is a milestone or an entry"
            entry = self._new_entry(rule, milestone, _order_id_in(decision))
        reached_at = entry.milestone_at if milestone is None else milestone.reached_at
        place = Place(action=rule.action, milestone=rule.milestone, milestone_at=reached_at)
        self._plan(entry, decision, rule, place)

    def _reconcile_retired(self, entry: LedgerEntry) -> None:
        withheld = self._withhold(entry, None)
        assert withheld is not None, "an entry stays one"
        decision = decide_retired(self.stored.deal, withheld)
        place = Place(
            action=entry.action, milestone=entry.milestone, milestone_at=entry.milestone_at
        )
        self._plan(withheld, decision, None, place)

    def _withhold(
        self, entry: LedgerEntry | None, rule: ConversionRule | None
    ) -> LedgerEntry | None:
        """Withdraw what must not be sent again; return the entry as it is then."""
        if entry is None or may_be_repeated(entry, self.stored.deal, rule):
            return entry
        move = moves.withheld(entry, run_id=self.run_id)
        self.done.moves.append(move)
        return move.after

    def _new_entry(
        self, rule: ConversionRule, milestone: Milestone, order_id: OrderId | None
    ) -> LedgerEntry:
        deal = self.stored.deal
        return LedgerEntry(
            number=next(self.numbers[rule.name]),
            deal_row=self.stored.row,
            source=deal.source,
            deal_id=deal.deal_id,
            rule=rule.name,
            order_id=order_id or order_id_of(deal.source, deal.deal_id, rule.name),
            action=rule.action,
            milestone=rule.milestone,
            milestone_at=milestone.reached_at,
            is_new=True,
        )

    def _plan(
        self,
        entry: LedgerEntry,
        decision: Decision,
        rule: ConversionRule | None,
        place: Place,
    ) -> None:
        known = None if entry.is_new else entry
        if isinstance(decision, Conversion):
            decision = self.seconds.placed(decision, known, now=self.now)
        item = plan_upload(
            entry.order_id,
            decision,
            known,
            now=self.now,
            may_name_person=lets_identifiers_out(rule, self.stored.deal),
            refusal_of=_refusal_of(
                self.takes, place.action if entry.told is None else entry.action
            ),
            is_mistimed=_is_mistimed(entry, self.stored.deal.milestone(place.milestone)),
            knows_repeat=_knows_repeat(self.takes, entry),
            anew=self.seconds.counted_anew if self.seconds.needed_by(entry.action) else None,
            correctable_at=self.seconds.correctable.get(entry.number),
        )
        if rule is not None:
            item = self._with_revenue(item, rule, decision)
            item = self._with_version(item, rule, entry)
        self._note(item, self.entries.get(entry.rule))
        move = move_of(item, entry, place, run_id=self.run_id)
        if move is not None:
            self.done.moves.append(move)
        if item.until is not None and item.until > self.now:  # else it is due to be sent
            self.untils.append(item.until)

    def _with_revenue(self, item: Item, rule: ConversionRule, decision: Decision) -> Item:
        """Return a step that names money as its reason where that came; note when to look again."""
        deal = self.stored.deal
        if (again := revalued_at(deal, rule, decision, now=self.now)) is not None:
            self.untils.append(again)
        came = isinstance(rule.value, RevenueWithin) and deal.takings is not None
        is_restated = item.step is Step.RESTATE and item.reason is None
        return structs.replace(item, reason=Reason.REVENUE_CAME) if came and is_restated else item

    def _with_version(self, item: Item, rule: ConversionRule, entry: LedgerEntry) -> Item:
        """Return a step that names the learned values which what is to be counted is of."""
        if rule.learned is None or not (item.statement or item.is_dropped):
            return item
        value = entry.told if item.is_dropped else item.value
        version = values_version_of(self.stored.deal, rule, value)
        return structs.replace(item, values_version=version)

    def _note(self, item: Item, entry: LedgerEntry | None) -> None:
        """Note a step, in the place of what the same run has planned for the entry, if anything."""
        before = None if entry is None else planned_before(entry, self.run_id)
        if before is not None:
            if item.step is Step.UNCHANGED and not item.is_dropped:
                return
            self.done.replaced.append(before)
        self.done.items.append(item)


def move_of(item: Item, entry: LedgerEntry, place: Place, *, run_id: int) -> Move | None:
    """Return the move that takes a planned step, None where the entry stays as it is."""
    notes: dict[str, Any] = {"run_id": run_id, "step": item.step.value}
    match item:
        case Item(step=Step.NEW, conversion=conversion) if conversion is not None:
            return moves.planned(entry, conversion, **notes)
        case Item(step=Step.NEW | Step.RESTATE | Step.RETRACT, statement=statement) if statement:
            notes["values_version"] = item.values_version
            return moves.corrected(entry, statement, reason=item.reason, **notes)
        case Item(step=Step.WAIT, reason=reason, until=until) if reason and until:
            if reason is Reason.VERDICT_PENDING:
                return None
            return moves.held(entry, place, reason, until, **notes)
        case Item(step=Step.NOT_SENT, reason=reason) if reason is not None:
            return moves.not_sent(entry, place, reason, **notes)
        case Item(step=Step.CANNOT) if entry.told is None:
            reason = Reason.PLATFORM_CANNOT
            return moves.not_sent(entry, place, reason, code=item.code, **notes)
        case Item(step=Step.CANNOT):
            return moves.uncorrectable(entry, item.code, **notes)
        case Item(step=Step.UNCHANGED, is_dropped=True):
            return moves.kept(entry, values_version=item.values_version, **notes)
        case _:
            return None


def _order_id_in(decision: Decision) -> OrderId | None:
    """Return the order ID that was derived for a conversion, to derive it once."""
    return decision.statement.order_id if isinstance(decision, Conversion) else None


def _is_mistimed(entry: LedgerEntry, milestone: Milestone | None) -> bool:
    """True where what counts has an estimated time, and the milestone is known to have another."""
    if milestone is None or milestone.is_estimated or not entry.keeps_its_click:
        return False
    is_worthless = entry.told is not None and not entry.told.amount
    was_estimated = milestone.estimated_at == entry.milestone_at
    is_off = abs(milestone.reached_at - entry.milestone_at) > NEAR_ENOUGH
    return was_estimated and is_off and not is_worthless


def _is_within(period: Period | None, milestone: Milestone | None) -> bool:
    return period is None or (milestone is not None and milestone.reached_at in period)
