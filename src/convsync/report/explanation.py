"""Why a deal was sent, waits, or was not sent: the answer to `convsync explain`.

The answer is what the ledger holds, in sentences: the decision of the last night that looked at the
deal, which stands until the deal, its clicks or the rules change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from convsync.model.click import Candidate, Click, ClickId
from convsync.model.deal import Deal, Milestone
from convsync.model.ledger import LedgerEntry
from convsync.model.outcome import EXPLANATIONS, Explanation, Reason
from convsync.model.rule import Agreement, ConversionRule
from convsync.model.statement import order_id_of
from convsync.model.takes import CodeMeaning
from convsync.report.agreements import next_due_at
from convsync.store import clicks, deals, ledger, quarantine
from convsync.store.database import Database
from convsync.store.deals import StoredDeal

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One milestone of a deal under one rule: how far it has come, and why."""

    rule: str
    milestone_name: str
    milestone: Milestone | None
    order_id: str
    destination: str
    is_retired: bool
    """True where the rule has left the configuration."""
    entry: LedgerEntry | None
    explanation: Explanation | None
    code_meaning: CodeMeaning | None = None
    agreement: Agreement | None = None
    next_due_at: datetime | None = None
    """By when the deal should go on from this milestone, where it has not and should."""
    caught_earlier: Sequence[str] = ()
    """Rules under which an earlier milestone of this deal was in time and has been sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealExplanation:
    """A deal, its candidate clicks, and a line for every milestone that a rule counts."""

    deal: Deal
    candidates: Sequence[Candidate]
    lines: Sequence[Line]


def explain(
    database: Database,
    rules: Sequence[ConversionRule],
    deal_id: str,
    agreements: Mapping[str, Agreement],
) -> list[DealExplanation]:
    """Return what is known of the deals of that ID, one for each source that has it."""
    with database.reading() as connection:
        explained = []
        for stored in deals.named(connection, deal_id):
            entries = ledger.entries_for(connection, [stored.row])
            found = clicks.candidates(connection, [stored.row]).get(stored.row, [])
            explained.append(
                DealExplanation(
                    deal=stored.deal,
                    candidates=_each_once([*stored.deal.clicks, *found]),
                    lines=list(_lines(stored, rules, entries, agreements)),
                )
            )
        return explained


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
            for row in quarantine.entries(connection)
            if row["deal_id"] == deal_id
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


def _lines(
    stored: StoredDeal,
    rules: Sequence[ConversionRule],
    entries: dict[ledger.EntryKey, LedgerEntry],
    agreements: Mapping[str, Agreement],
) -> Iterator[Line]:
    """Yield a line for each configured rule, then for each that was removed."""
    names = {rule.name for rule in rules}
    for rule in rules:
        if line := _line(stored, rule, entries, agreements):
            yield line
    for (_, name), entry in entries.items():
        if name not in names:
            yield _retired_line(stored, entry)


def _line(
    stored: StoredDeal,
    rule: ConversionRule,
    entries: dict[ledger.EntryKey, LedgerEntry],
    agreements: Mapping[str, Agreement],
) -> Line | None:
    deal = stored.deal
    milestone = deal.milestone(rule.milestone)
    entry = entries.get((stored.row, rule.name))
    is_counted = milestone is not None and rule.applies_to(deal.segments)
    if entry is None and not is_counted:
        return None
    agreement = agreements.get(rule.milestone)
    reason = entry.reason if entry else None
    order_id = order_id_of(deal.source, deal.deal_id, rule.name)
    return Line(
        rule=rule.name,
        milestone_name=rule.milestone,
        milestone=milestone,
        order_id=entry.order_id if entry else order_id,
        destination=(entry.action if entry else rule.action).destination,
        is_retired=False,
        entry=entry,
        explanation=EXPLANATIONS[reason] if reason else None,
        agreement=agreement,
        next_due_at=next_due_at(agreement, deal) if agreement else None,
        caught_earlier=_caught_earlier(stored, entries, reason),
    )


def _retired_line(stored: StoredDeal, entry: LedgerEntry) -> Line:
    return Line(
        rule=entry.rule,
        milestone_name=entry.milestone,
        milestone=stored.deal.milestone(entry.milestone),
        order_id=entry.order_id,
        destination=entry.action.destination,
        is_retired=True,
        entry=entry,
        explanation=EXPLANATIONS[entry.reason] if entry.reason else None,
    )


def _caught_earlier(
    stored: StoredDeal, entries: dict[ledger.EntryKey, LedgerEntry], reason: Reason | None
) -> list[str]:
    if reason is not Reason.CLICK_OUTSIDE_LOOKBACK:
        return []
    return sorted(
        name
        for (row, name), entry in entries.items()
        if row == stored.row and entry.keeps_its_click
    )
