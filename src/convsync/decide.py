"""What should be counted for one milestone of one deal under one rule, as of now. Pure.

A conversion that was counted, or is being sent, keeps the click it went out with: only whether it
stands and what it is worth are asked again. A rule that has left the configuration counts nothing
new and restates nothing, but what was counted under it is still taken back where the deal is lost
or gone, the milestone withdrawn, or consent refused: whoever removed the rule did not mean that.
Of a person who was forgotten nothing more is sent, not even that something should not count.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import structs

from convsync.match import match_deal
from convsync.model.click import Candidate
from convsync.model.conversion import Conversion
from convsync.model.deal import LOST, Deal, Gone, Milestone
from convsync.model.ledger import LedgerEntry, State
from convsync.model.money import Money
from convsync.model.outcome import Matched, NotSent, Reason, Waiting
from convsync.model.rule import ConversionRule
from convsync.model.statement import Operation
from convsync.plan import Decision
from convsync.value import is_still_expected, value_deal, value_of


def decide(
    deal: Deal,
    milestone: Milestone | None,
    rule: ConversionRule,
    candidates: Sequence[Candidate],
    entry: LedgerEntry | None,
    *,
    now: datetime,
) -> Decision:
    """Return what should be counted for one milestone of a deal."""
    if deal.consent.is_forgotten:
        return NotSent(reason=Reason.PERSON_FORGOTTEN)
    withdrawal = withdrawal_of(deal, milestone, is_undone_by_loss=rule.is_undone_by_loss)
    if withdrawal is not None or milestone is None:
        return NotSent(reason=withdrawal or Reason.MILESTONE_WITHDRAWN)
    if not rule.applies_to(deal.segments):
        return NotSent(reason=Reason.OUTSIDE_RULE)
    if deal.consent.is_unclear:
        return _until_consent_is_clear(milestone, rule, now)
    if entry is not None and entry.keeps_its_click:
        if kept := _kept_value(deal, entry, rule, now):
            return kept
        counted = None if entry.is_unsure else entry.told or entry.value
        return _worth_restating(value_of(deal, rule, now=now), counted, rule)
    match match_deal(deal, milestone, candidates, rule, now=now):
        case Matched() as matched:
            decided = value_deal(deal, milestone, matched, rule, now=now)
            return decided if entry is None else _under_its_name(decided, entry)
        case unmatched:
            return unmatched


def _until_consent_is_clear(
    milestone: Milestone, rule: ConversionRule, now: datetime
) -> Waiting | NotSent:
    """Wait for a word's meaning as long as the conversion could still be reported."""
    until = milestone.reached_at + rule.upload_window
    if until > now:
        return Waiting(reason=Reason.CONSENT_UNCLEAR, until=until)
    return NotSent(reason=Reason.CONSENT_UNCLEAR)


def _under_its_name(decided: Decision, entry: LedgerEntry) -> Decision:
    """Return a conversion under the order ID the ledger has: one that was moved keeps its own."""
    if not isinstance(decided, Conversion) or decided.statement.order_id == entry.order_id:
        return decided
    statement = structs.replace(decided.statement, order_id=entry.order_id)
    return structs.replace(decided, statement=statement)


def decide_retired(deal: Deal, entry: LedgerEntry) -> Decision:
    """Return what should be counted of an entry whose rule has left the configuration."""
    if deal.consent.is_forgotten:
        return NotSent(reason=Reason.PERSON_FORGOTTEN)
    withdrawal = withdrawal_of(deal, deal.milestone(entry.milestone), is_undone_by_loss=True)
    if withdrawal is not None:
        return NotSent(reason=withdrawal)
    counted = entry.told or (entry.value if entry.state is State.ACCEPTED else None)
    return NotSent(reason=Reason.RULE_RETIRED) if counted is None else counted


def withdrawal_of(
    deal: Deal, milestone: Milestone | None, *, is_undone_by_loss: bool
) -> Reason | None:
    """Return why a milestone must not count, whatever click there is; None where it may."""
    if deal.gone is not None:
        return Reason.DEAL_MERGED if deal.gone is Gone.MERGED else Reason.DEAL_DELETED
    if deal.consent.is_denied:
        return Reason.CONSENT_DENIED
    lost = deal.milestone(LOST) if is_undone_by_loss else None
    if lost and (milestone is None or lost.reached_at >= milestone.reached_at):
        return Reason.DEAL_LOST
    return Reason.MILESTONE_WITHDRAWN if milestone is None else None


def _worth_restating(
    value: Money | NotSent, counted: Money | None, rule: ConversionRule
) -> Money | NotSent:
    """Return the value, or what is counted where the difference is too small to say again."""
    if isinstance(value, Money) and counted is not None:
        return value if rule.is_worth_restating(value, counted) else counted
    return value


def _kept_value(
    deal: Deal, entry: LedgerEntry, rule: ConversionRule, now: datetime
) -> Money | None:
    """Return the learned value that a conversion went out with, where no other is to replace it.

    What was taken back meanwhile has none, and is valued anew; so is what money came in for.
    """
    value = entry.told or entry.value
    if rule.learned is None or not rule.learned.keeps_what_is_counted:
        return None
    if value is None or not value.amount or not is_still_expected(deal, rule, now=now):
        return None
    return value


def may_be_repeated(entry: LedgerEntry, deal: Deal, rule: ConversionRule | None) -> bool:
    """False where what waits to be sent again says more of a person than it may by now.

    After a refusal, or a word that may be one, only a retraction may go out that says nothing of
    them. Where the rule has left the configuration (None), their own consent decides. What is
    known to be many deals' counts nothing new; a correction names what was counted, as it did.
    """
    waits = entry.state in {State.SENDING, State.DEFERRED, State.BLOCKED}
    if not waits or entry.statement is None:
        return True
    if deal.consent.is_forgotten:
        return False
    if deal.consent.is_denied or deal.consent.is_unclear:
        is_silent = entry.statement.is_silent_about_a_person
        return entry.operation is Operation.RETRACT and is_silent
    named = entry.statement.identifiers
    if entry.operation is Operation.COUNT and named.without(deal.shared) != named:
        return False
    return not named or lets_identifiers_out(rule, deal)


def lets_identifiers_out(rule: ConversionRule | None, deal: Deal) -> bool:
    """True where hashed e-mails and phones of a deal may be sent; None: the rule was removed."""
    if rule is None:
        return deal.consent.is_granted
    return rule.lets_identifiers_out(deal.consent)
