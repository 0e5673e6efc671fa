"""What became of each click of a deal under a rule, in words: the clicks of `explain`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from convsync.match import ClickVerdict, JudgedClick, judged
from convsync.model.click import Candidate
from convsync.model.deal import Deal, Milestone
from convsync.model.ledger import LedgerEntry, State
from convsync.model.rule import ConversionRule

ANOTHER_WAS_SENT = "is not the click that the conversion was sent with, and keeps"
"""Of a click that would count, had the conversion not gone out with another one."""
WOULD_COUNT = "is the one that would count"
"""Of the click of a conversion that waits or is not sent."""
_UNSENT = frozenset({State.HELD, State.NOT_SENT})
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class ClickLine:
    """A click of the deal, and what became of it under a rule."""

    click: JudgedClick
    what: str
    is_used: bool


def click_lines(
    deal: Deal,
    milestone: Milestone | None,
    candidates: Sequence[Candidate],
    rule: ConversionRule,
    entry: LedgerEntry | None,
) -> list[ClickLine]:
    """Return what became of each click; one that was sent stays the one that is used."""
    if milestone is None:
        return []
    found = judged(deal, milestone, candidates, rule)
    if entry is None or entry.statement is None or not _keeps(entry):
        is_sent = entry is None or entry.state not in _UNSENT
        return [_fresh(one, deal, milestone, rule, is_sent=is_sent) for one in found]
    sent = entry.statement.click_id
    return [
        _kept(one, deal, milestone, rule, is_sent=one.candidate.click.click_id == sent)
        for one in found
    ]


def _fresh(
    one: JudgedClick, deal: Deal, milestone: Milestone, rule: ConversionRule, *, is_sent: bool
) -> ClickLine:
    if one.verdict is not ClickVerdict.USED:
        return ClickLine(one, _why_not(one, deal, milestone, rule), is_used=False)
    return ClickLine(one, one.verdict if is_sent else WOULD_COUNT, is_used=True)


def _kept(
    one: JudgedClick, deal: Deal, milestone: Milestone, rule: ConversionRule, *, is_sent: bool
) -> ClickLine:
    if is_sent:
        return ClickLine(one, ClickVerdict.USED, is_used=True)
    if one.verdict is ClickVerdict.USED:
        return ClickLine(one, ANOTHER_WAS_SENT, is_used=False)
    return ClickLine(one, _why_not(one, deal, milestone, rule), is_used=False)


def _keeps(entry: LedgerEntry) -> bool:
    return entry.keeps_its_click or entry.state is State.CONFIRMED


def _why_not(one: JudgedClick, deal: Deal, milestone: Milestone, rule: ConversionRule) -> str:
    """Return a verdict with the figures behind it."""
    before = one.before(milestone)
    match one.verdict:
        case ClickVerdict.AFTER if before is not None:
            return f"{one.verdict}, by {_lasting(-before)}"
        case ClickVerdict.OUTSIDE_LOOKBACK if before is not None:
            return f"{one.verdict}: {_lasting(before)}, and {_lasting(rule.lookback)} are allowed"
        case ClickVerdict.EARLIER_SALE if deal.earlier_sale is not None:
            sale = deal.earlier_sale.deal_id
            return f"{one.verdict}: {sale} was won before this deal was made"
    return one.verdict


def _lasting(time: timedelta) -> str:
    """Return a time in its two largest units, the second where it is not nothing."""
    left = int(time.total_seconds())
    parts: list[tuple[int, str]] = []
    for seconds, unit in _UNITS:
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append((count, unit))
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts[:2] if count]
    return " ".join(said) or "less than a second"
