"""What there is to say of a deal and its milestones, sentence by sentence: `explain`, and the page.

The sentences are the same for both; only times and amounts are written as each of them does.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from convsync.model.ad_click import AdClick
from convsync.model.consent import Said
from convsync.model.deal import Deal, Milestone
from convsync.model.ledger import State
from convsync.model.money import Money
from convsync.report.click_lines import ClickLine
from convsync.report.explanation import DealExplanation, Line, Sent
from convsync.report.sentences import FOUND_BY
from convsync.value import Income

NO_RULE = "no rule counts it"
NOT_REACHED, NOT_PLANNED = "not reached", "not planned yet"
_ALLOWED = (
    "Nothing, if it is a switchboard or a shared mailbox. If it is one customer's, add it to"
    " [keys] allowed."
)
_NOT_YET = "nothing is sent before the CRM says that the deal reached it"
_RETIRED = ", a rule that is no longer in the configuration"
_ESTIMATE = "an estimate: the CRM's history does not say when, its record has no better stamp"


class Sentence(NamedTuple):
    """A sentence, and the fix where it tells of something that can be fixed.

    One of depth 1 says more of the one before. `state` is where a conversion stands, which the
    sentence begins with in words.
    """

    text: str
    fix: str = ""
    depth: int = 0
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealWords:
    """Says what an explanation holds.

    `at` writes an instant, nothing for None; `day` the day of one; `amount` writes money. Accounts
    have their names by destination, and `finality` says by destination what cannot be taken back.
    """

    at: Callable[[datetime | None], str]
    day: Callable[[datetime], str]
    amount: Callable[[Money], str]
    accounts: Mapping[str, str]
    finality: Mapping[str, str]

    def of_deal(self, explained: DealExplanation) -> Iterator[Sentence]:
        """Yield what is to be said of a deal as a whole: its consents, its clicks, its keys."""
        for said in explained.consents:
            yield from self._of_consent(said, explained.deal)
        for number, candidate in enumerate(explained.candidates, start=1):
            click = candidate.click
            at = self.at(click.clicked_at) or "at an unknown time"
            found = FOUND_BY[candidate.basis.name.lower()]
            yield Sentence(
                f"click {number}: {click.click_id.kind} {click.click_id.value} {at}, found {found}"
            )
            if told := explained.ad_clicks.get(click.click_id.value):
                yield Sentence(_came_by(told), depth=1)
        if not explained.candidates:
            yield Sentence("no click is known")
        for candidate in explained.refused_clicks:
            click_id = candidate.click.click_id
            yield Sentence(f"{click_id.kind} {click_id.value} is left out: its visitor refused")
        yield from _joins_nobody(explained)

    def heading_of(self, line: Line) -> str:
        """Return which milestone a line is of, under which rule, and whether it was reached."""
        rule = f" ({line.rule}{_RETIRED if line.is_retired else ''})" if line.rule else ""
        return f"{line.milestone_name}{rule}: {self._reached(line)}"

    def of_line(self, line: Line) -> Iterator[Sentence]:
        """Yield what is to be said of a milestone under a rule."""
        if line.milestone is not None and line.milestone.is_estimated:
            yield Sentence(_ESTIMATE)
        yield from self._agreed(line)
        for number, click in enumerate(line.clicks, start=1):
            yield from self._of_click(number, click)
        if line.entry is None:
            yield from self._without_entry(line)
        else:
            yield from self._of_entry(line)
            yield from self._final(line)

    def _of_consent(self, said: Said, deal: Deal) -> Iterator[Sentence]:
        """Yield who said what when, unless it is merely what the deal's own field holds now."""
        is_own = (said.source, said.record) == (deal.source, deal.deal_id)
        if is_own and said.said_at is None:
            return
        when = f" {self.at(said.said_at)}" if said.said_at else ""
        how = said.how or ("" if is_own else f"deal {said.record}")
        where = f"{said.source} ({how})" if how else said.source
        yield Sentence(f"{said.purpose} {said.status}{when}, said in {where}", depth=1)

    def _reached(self, line: Line) -> str:
        milestone = line.milestone
        if milestone is None:
            return "no longer reached" if line.entry else NOT_REACHED
        about = "about " if milestone.is_estimated else ""
        return f"reached {about}{self._when(milestone)}"

    def _when(self, milestone: Milestone) -> str:
        write = self.day if milestone.is_whole_day else self.at
        return write(milestone.reached_at)

    def _agreed(self, line: Line) -> Iterator[Sentence]:
        if line.agreement and line.agreement.definition:
            owner = f" ({line.agreement.owner})" if line.agreement.owner else ""
            yield Sentence(f"agreed: {line.agreement.definition}{owner}")
        if line.agreement and line.next_due_at:
            followers = " or ".join(sorted(line.agreement.followed_by))
            yield Sentence(f"{followers} should follow by {self.at(line.next_due_at)}")

    def _of_click(self, number: int, line: ClickLine) -> Iterator[Sentence]:
        yield Sentence(f"click {number} {line.what}")
        if line.click.is_estimated:
            yield Sentence(
                "its time is an estimate: no later than the deal's creation,"
                f" {self.at(line.click.clicked_at)}",
                depth=1,
            )

    def _without_entry(self, line: Line) -> Iterator[Sentence]:
        if line.milestone is None:
            if line.rule:
                yield Sentence(_NOT_YET)
        elif line.order_id is None:
            yield Sentence(f"{NO_RULE}, so nothing is sent")
        elif line.explanation is None:
            yield Sentence(f"{NOT_PLANNED}; the next run plans it")
            yield from self._final(line)
        else:
            yield from _because(line)

    def _final(self, line: Line) -> Iterator[Sentence]:
        if said := self.finality.get(line.destination or ""):
            yield Sentence(f"what {line.destination} counts {said}")

    def _of_entry(self, line: Line) -> Iterator[Sentence]:
        entry = line.entry
        assert entry is not None, "there is one"
        value = f", {self.amount(entry.value)}" if entry.value else ""
        if value and entry.values_version:
            value += f" by version {entry.values_version} of the learned values"
        code = f", {entry.code}" if entry.code else ""
        due = f", until {self.at(entry.due_at)}" if entry.due_at else ""
        what = "" if entry.state is State.NOT_SENT else f" ({entry.operation})"
        words = entry.state.value.replace("_", " ")
        yield Sentence(f"{words}{what}{value}{code}{due}", state=entry.state.value)
        yield from _because(line)
        if line.income is not None:
            yield Sentence(self._income(line.income))
        if entry.may_count_otherwise:
            yield Sentence(
                "An earlier request was never answered: the platform may count it nevertheless."
            )
        for rule in line.caught_earlier:
            yield Sentence(f"It was in time for the rule {rule}, and sent under it.")
        if line.sent is not None:
            yield Sentence(self._sent(line, line.sent))
        yield Sentence(f"order ID {line.order_id}")

    def _income(self, income: Income) -> str:
        expected = income.expected
        known = self.amount(expected) if isinstance(expected, Money) else "nothing that is known"
        until = f"until {self.at(income.until)}"
        word = "payment" if income.payments == 1 else "payments"
        if income.came is None:
            return f"no revenue has come yet that counts, {until}; expected {known}"
        if not isinstance(income.came, Money):
            return f"{income.payments} {word} came, and no rate of {income.came.on} is known"
        came = self.amount(income.came)
        return f"{came} came by {income.payments} {word}, counted {until}; expected {known}"

    def _sent(self, line: Line, sent: Sent) -> str:
        account = self.accounts.get(line.destination or "", line.destination)
        when = f" {self.at(sent.envelope.sent_at)}" if sent.envelope else ""
        request_id = sent.envelope.request_id if sent.envelope else None
        request = f", request {request_id}" if request_id else ""
        who = ", ".join(sent.identifiers) or "its order ID alone"
        return f"sent{when} with {who} to {account}, action {line.action_id}{request}"


def _came_by(told: AdClick) -> str:
    keyword = told.keyword and f"keyword {told.keyword!r} ({told.match_type.lower()})"
    device = told.device and f"on {told.device.lower()}"
    names = (f"campaign {told.campaign!r}", f"ad group {told.ad_group!r}", keyword, device)
    return ", ".join(filter(None, names))


def _joins_nobody(explained: DealExplanation) -> Iterator[Sentence]:
    """Yield which keys of a deal join it to nothing, and the crowd that it is in."""
    for shared in explained.shared:
        yield Sentence(
            f"{shared.deals:,} deals share an e-mail, phone or ID of it ({shared.name}):"
            " it does not identify who is behind this one, and finds no click",
            _ALLOWED,
        )
    for crowded in explained.crowded:
        yield Sentence(
            f"{crowded.clicks:,} clicks have an e-mail, phone or ID of it ({crowded.name}):"
            " more than a person's, so it finds no click",
            _ALLOWED,
        )
    if explained.crowd:
        yield Sentence(
            f"keys link it to {explained.crowd.deals - 1:,} other deals, more than a customer"
            " has: it is treated as a customer's only deal"
        )


def _because(line: Line) -> Iterator[Sentence]:
    """Yield why a milestone stands where it does, and the fix: first in our words."""
    if line.explanation:
        yield Sentence(line.explanation.sentence, line.explanation.fix)
    if line.code_meaning and line.entry:
        yield Sentence(f"{line.entry.code}: {line.code_meaning.sentence}", line.code_meaning.fix)
