"""Why a deal was sent, waits, or was not sent: the answer to `convsync explain`.

The answer is what the ledger holds, in sentences: the decision of the last night that looked at the
deal, which stands until the deal, its clicks or the rules change. Every milestone of the funnel has
a line, also one that was not reached and one that no rule counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from msgspec import structs

from convsync.extract.salesforce_ids import ids_meant
from convsync.match import candidates_of, earlier_sale_of
from convsync.model.ad_click import AdClick
from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.consent import Said
from convsync.model.deal import Deal, Milestone
from convsync.model.ledger import IN_FLIGHT, LedgerEntry
from convsync.model.outcome import EXPLANATIONS, Explanation, Reason
from convsync.model.revenue import MoneyTerms
from convsync.model.rule import Agreement, ConversionRule, RevenueWithin
from convsync.model.statement import Operation, Statement, order_id_of
from convsync.model.takes import CodeMeaning
from convsync.report.agreements import next_due_at
from convsync.report.click_lines import ClickLine, click_lines
from convsync.report.outgoing import identifier_kinds
from convsync.store import (
    ad_clicks,
    batches,
    crowded_keys,
    crowds,
    deals,
    heard,
    ledger,
    quarantine,
    revenue,
    shared_keys,
)
from convsync.store.batches import Envelope
from convsync.store.crowded_keys import CrowdedKey
from convsync.store.crowds import Crowd
from convsync.store.database import Connection, Database
from convsync.store.deals import StoredDeal
from convsync.store.kin import kin_of
from convsync.store.shared_keys import SharedKey
from convsync.value import Income, income_of

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sent:
    """By which kinds of identifier a conversion was named when it was sent, and in which request.

    The request is None where it has been forgotten, or was made before this ledger.
    """

    identifiers: Sequence[str]
    envelope: Envelope | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One milestone of a deal under one rule, or under none: how far it has come, and why."""

    milestone_name: str
    milestone: Milestone | None
    rule: str | None = None
    order_id: str | None = None
    destination: str | None = None
    action_id: str | None = None
    is_retired: bool = False
    """True where the rule has left the configuration."""
    applies: bool = True
    """False where the rule's condition does not hold for the deal."""
    entry: LedgerEntry | None = None
    explanation: Explanation | None = None
    code_meaning: CodeMeaning | None = None
    agreement: Agreement | None = None
    next_due_at: datetime | None = None
    """By when the deal should go on from this milestone, where it has not and should."""
    caught_earlier: Sequence[str] = ()
    """Rules under which an earlier milestone of this deal was in time and has been sent."""
    clicks: Sequence[ClickLine] = ()
    sent: Sent | None = None
    income: Income | None = None
    """What came in after the sale, where the rule counts that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealExplanation:
    """A deal, its candidate clicks, and a line for every milestone of the funnel."""

    deal: Deal
    candidates: Sequence[Candidate]
    lines: Sequence[Line]
    shared: Sequence[SharedKey] = ()
    """Those of its keys that join nobody, because too many deals have them."""
    crowded: Sequence[CrowdedKey] = ()
    """Those that join nobody, because too many clicks have them."""
    crowd: Crowd | None = None
    """The deals that keys join it to, where these are too many for one customer."""
    ad_clicks: Mapping[str, AdClick] = field(default_factory=dict)
    """What the ad account says of the clicks, by their gclids."""
    consents: Sequence[Said] = ()
    """The statements that decide on the use of the person's data; the deal has the outcome."""
    refused_clicks: Sequence[Candidate] = ()
    """Stored clicks whose visitor refused, which are therefore no candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What the configuration says: rules, what milestones mean, and the order they come in."""

    rules: Sequence[ConversionRule]
    agreements: Mapping[str, Agreement] = field(default_factory=dict)
    funnel: Sequence[str] = ()
    money: MoneyTerms = field(default_factory=MoneyTerms)


def explain(database: Database, asked: str, agreed: Agreed) -> list[DealExplanation]:
    """Return what is known of the deals of an ID, one for each source that has it.

    Salesforce's 15 characters are taken for the 18 of the same deal. What no deal is called is
    taken for an order ID: then of the deal that it belongs to.
    """
    with database.reading() as connection:
        named = (one for name in ids_meant(asked) for one in deals.named(connection, name))
        found = [*named] or deals.of_order(connection, asked)
        return [_explained(connection, stored, agreed) for stored in found]


def _explained(connection: Connection, read: StoredDeal, agreed: Agreed) -> DealExplanation:
    (stored,) = heard.with_consent(connection, [read])
    entries = ledger.entries_for(connection, [stored.row])
    kin = kin_of(connection, [stored.row])
    known = kin.candidates.get(stored.row, ())
    found = heard.without_refused(connection, kin.candidates).get(stored.row, ())
    refused = [one for one in known if one not in found]
    deal = structs.replace(
        stored.deal,
        earlier_sale=earlier_sale_of(stored.deal, kin.sales.get(stored.row, ())),
        takings=revenue.of_deals(connection, [stored.row], agreed.money).get(stored.row),
    )
    candidates = _each_once(candidates_of(deal, found))
    numbers = [entry.batch for entry in entries.values() if entry.batch is not None]
    desk = _Desk(
        deal=deal,
        entries={rule: entry for (_, rule), entry in entries.items()},
        candidates=candidates,
        envelopes=batches.envelopes(connection, numbers),
        agreed=agreed,
    )
    gclids = [one.click.click_id.value for one in candidates if _is_gclid(one)]
    return DealExplanation(
        deal=stored.deal,
        candidates=candidates,
        lines=list(desk.lines()),
        shared=shared_keys.of_deal(connection, stored.row),
        crowded=crowded_keys.of_deal(connection, stored.row),
        crowd=crowds.of_deal(connection, stored.row),
        ad_clicks=ad_clicks.of_gclids(connection, gclids) if gclids else {},
        consents=heard.deciding(connection, read),
        refused_clicks=_each_once(refused),
    )


def _is_gclid(candidate: Candidate) -> bool:
    return candidate.click.click_id.kind is ClickIdKind.GCLID


def with_codes(
    explained: DealExplanation, explain_code: Callable[[str, str], CodeMeaning | None]
) -> DealExplanation:
    """Return an explanation with what each code means, as `explain_code` has it by destination."""
    lines = [
        replace(line, code_meaning=explain_code(line.entry.action.destination, line.entry.code))
        if line.entry and line.entry.code
        else line
        for line in explained.lines
    ]
    return replace(explained, lines=lines)


def unreadable(database: Database, deal_id: str) -> list[str]:
    """Return where the latest record of a deal stands that could not be read, and why."""
    with database.reading() as connection:
        return [
            f"{row['source']}, {row['place']}: {row['problem']}"
            for row in quarantine.of_deal(connection, deal_id)
        ]


def _each_once(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return each click once, with the best basis and the earliest time it was seen, as matched."""
    found: dict[ClickId, list[Candidate]] = {}
    for candidate in candidates:
        found.setdefault(candidate.click.click_id, []).append(candidate)
    return [
        Candidate(
            min((seen.click for seen in same), key=_seen_at), min(seen.basis for seen in same)
        )
        for same in found.values()
    ]


def _seen_at(click: Click) -> tuple[bool, datetime]:
    return click.clicked_at is None, click.clicked_at or _NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """One deal, with all that is needed to say where its milestones stand."""

    deal: Deal
    entries: Mapping[str, LedgerEntry]
    candidates: Sequence[Candidate]
    envelopes: Mapping[int, Envelope]
    agreed: Agreed

    def lines(self) -> Iterator[Line]:
        """Yield the lines of each milestone, then those of rules that were removed."""
        own = [one.name for one in self.deal.milestones]
        for name in dict.fromkeys([*self.agreed.funnel, *own]):
            rules = [rule for rule in self.agreed.rules if rule.milestone == name]
            if concerned := self._concerned(rules):
                yield from map(self._under, concerned)
            else:
                yield self._bare(name, rules)
        names = {rule.name for rule in self.agreed.rules}
        for entry in self.entries.values():
            if entry.rule not in names:
                yield self._retired(entry)

    def _concerned(self, rules: Sequence[ConversionRule]) -> list[ConversionRule]:
        """Return which of a milestone's rules have anything to say of the deal.

        Of rules whose condition does not hold only where no other one does: a company may have one
        for each of many accounts.
        """
        reached = [rule for rule in rules if self.deal.milestone(rule.milestone) is not None]
        counting = [rule for rule in reached if rule.applies_to(self.deal.segments)]
        known = [rule for rule in rules if rule.name in self.entries or rule in counting]
        return known or reached

    def _bare(self, name: str, rules: Sequence[ConversionRule]) -> Line:
        """Return the line of a milestone that was not reached, or that no rule counts."""
        return Line(
            milestone_name=name,
            milestone=self.deal.milestone(name),
            rule=", ".join(rule.name for rule in rules) or None,
            agreement=self.agreed.agreements.get(name),
        )

    def _under(self, rule: ConversionRule) -> Line:
        deal = self.deal
        milestone, entry = deal.milestone(rule.milestone), self.entries.get(rule.name)
        agreement = self.agreed.agreements.get(rule.milestone)
        reason = entry.reason if entry else None
        applies = rule.applies_to(deal.segments)
        if entry is None and not applies:
            reason = Reason.OUTSIDE_RULE
        action = entry.action if entry else rule.action
        order_id = order_id_of(deal.source, deal.deal_id, rule.name)
        return Line(
            milestone_name=rule.milestone,
            milestone=milestone,
            rule=rule.name,
            order_id=entry.order_id if entry else order_id,
            destination=action.destination,
            action_id=action.action_id,
            applies=applies,
            entry=entry,
            explanation=EXPLANATIONS[reason] if reason else None,
            agreement=agreement,
            next_due_at=next_due_at(agreement, deal) if agreement else None,
            caught_earlier=self._caught_earlier(reason),
            clicks=click_lines(deal, milestone, self.candidates, rule, entry),
            sent=self._sent(entry),
            income=self._income(rule),
        )

    def _income(self, rule: ConversionRule) -> Income | None:
        if self.deal.milestone(rule.milestone) is None:
            return None
        wanted = rule.value
        return income_of(self.deal, rule, wanted) if isinstance(wanted, RevenueWithin) else None

    def _retired(self, entry: LedgerEntry) -> Line:
        return Line(
            milestone_name=entry.milestone,
            milestone=self.deal.milestone(entry.milestone),
            rule=entry.rule,
            order_id=entry.order_id,
            destination=entry.action.destination,
            action_id=entry.action.action_id,
            is_retired=True,
            entry=entry,
            explanation=EXPLANATIONS[entry.reason] if entry.reason else None,
            sent=self._sent(entry),
        )

    def _caught_earlier(self, reason: Reason | None) -> list[str]:
        if reason is not Reason.CLICK_OUTSIDE_LOOKBACK:
            return []
        return sorted(name for name, entry in self.entries.items() if entry.keeps_its_click)

    def _sent(self, entry: LedgerEntry | None) -> Sent | None:
        """Return how a conversion went out, None where nothing of it has, or may have."""
        if entry is None or entry.statement is None:
            return None
        if entry.batch is None and entry.told is None and entry.state not in IN_FLIGHT:
            return None
        envelope = self.envelopes.get(entry.batch) if entry.batch is not None else None
        return Sent(_named_by(entry, entry.statement), envelope)


_ERASED = "a hashed e-mail or phone (erased since)"


def _named_by(entry: LedgerEntry, statement: Statement) -> list[str]:
    """Return by what a conversion was named, also where that is kept no longer."""
    is_by_person = entry.matched is not None and entry.matched.basis is MatchBasis.IDENTIFIER
    kinds = identifier_kinds(statement)
    return kinds or ([_ERASED] if is_by_person and entry.operation is Operation.COUNT else [])
