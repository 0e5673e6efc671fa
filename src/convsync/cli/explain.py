"""`explain`: why a deal was sent, waits, or was not sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.report.sentences import no_deal

if TYPE_CHECKING:
    from convsync.model.ad_click import AdClick
    from convsync.model.consent import Said
    from convsync.model.deal import Deal, Milestone
    from convsync.report.click_lines import ClickLine
    from convsync.report.explanation import DealExplanation, Line, Sent
    from convsync.value import Income

DealIds = Annotated[
    list[str],
    typer.Argument(metavar="DEAL...", help="IDs of deals in the CRM, or order IDs."),
]
_COLUMNS = (
    *("source", "deal_id", "order_id", "rule", "milestone", "reached_at", "is_estimated"),
    *("next_due_at", "state", "operation", "value", "currency", "values_version"),
    *("reason", "code", "due_at"),
    *("why", "fix", "code_means", "code_fix", "destination", "account", "action"),
    *("sent_with", "sent_at", "request_id", "clicks", "consents", "revenue"),
)

_NOT_REACHED, _NO_RULE = "not reached", "no rule counts it"
_NOT_PLANNED, _NOT_SENT = "not planned yet", "not_sent"


def explain(
    deal: DealIds, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Say for each milestone of a deal where it stands, why, and what to do about it.

    Times are in the company's zone; as CSV and JSON they are in UTC.
    """
    from convsync import wiring
    from convsync.report import explanation

    settings = options.load(config)
    agreed = explanation.Agreed(
        rules=wiring.rules_of(settings),
        agreements=wiring.agreements_of(settings),
        funnel=wiring.funnel_of(settings),
        money=wiring.money_of(settings),
    )
    meaning_of = partial(wiring.explain_code, settings)
    found: list[DealExplanation] = []
    unreadable: dict[str, list[str]] = {}
    with options.ledger(settings) as database:
        for asked in dict.fromkeys(deal):
            explained = explanation.explain(database, asked, agreed)
            unreadable[asked] = explanation.unreadable(database, asked)
            _require(asked, explained, unreadable[asked])
            found += [explanation.with_codes(one, meaning_of) for one in explained]
    accounts, finality = wiring.account_names(settings), wiring.finality_of(settings)
    if form is Format.TABLE:
        shown = _Shown(settings.company.time_zone, accounts, finality)
        for one in found:
            for text in shown.texts_of(one):
                typer.echo(text)
            for place in unreadable.get(one.deal.deal_id, ()):
                typer.echo(f"  Its latest record could not be read, and is left out: {place}")
    else:
        rows = [_row(one, line, accounts, finality) for one in found for line in one.lines]
        output.show(rows, _COLUMNS, form)


def _require(asked: str, found: "Sequence[DealExplanation]", unreadable: Sequence[str]) -> None:
    from convsync.errors import OperatorError

    if not found:
        raise OperatorError(no_deal(asked, unreadable))


def _row(
    explained: "DealExplanation",
    line: "Line",
    accounts: Mapping[str, str],
    finality: Mapping[str, str],
) -> dict[str, Any]:
    entry, why, sent = line.entry, line.explanation, line.sent
    return {
        "source": explained.deal.source,
        "deal_id": explained.deal.deal_id,
        "order_id": line.order_id,
        "rule": line.rule,
        "is_retired": line.is_retired,
        "milestone": line.milestone_name,
        "reached_at": line.milestone.reached_at if line.milestone else None,
        "is_estimated": bool(line.milestone and line.milestone.is_estimated),
        "next_due_at": line.next_due_at,
        "definition": line.agreement.definition if line.agreement else None,
        "owner": line.agreement.owner if line.agreement else None,
        "state": _state_of(line),
        "operation": entry.operation.value if entry else None,
        "value": str(entry.value.amount) if entry and entry.value else None,
        "currency": entry.value.currency if entry and entry.value else None,
        "values_version": entry.values_version if entry else None,
        "reason": entry.reason.value if entry and entry.reason else None,
        "code": entry.code if entry else None,
        "due_at": entry.due_at if entry else None,
        "why": why.sentence if why else None,
        "fix": why.fix if why else None,
        "code_means": line.code_meaning.sentence if line.code_meaning else None,
        "code_fix": line.code_meaning.fix if line.code_meaning else None,
        "may_be_counted": bool(entry and entry.may_count_otherwise),
        "caught_earlier": list(line.caught_earlier),
        "destination": line.destination,
        "account": accounts.get(line.destination or ""),
        "finality": finality.get(line.destination or ""),
        "action": line.action_id,
        "revenue": _income_row(line.income) if line.income else None,
        "sent_with": list(sent.identifiers) if sent else None,
        "sent_at": sent.envelope.sent_at if sent and sent.envelope else None,
        "request_id": sent.envelope.request_id if sent and sent.envelope else None,
        "clicks": [_click_row(one, explained.ad_clicks) for one in line.clicks],
        "consents": [_consent_row(one) for one in explained.consents],
    }


def _income_row(income: "Income") -> dict[str, Any]:
    from convsync.model.money import Money

    came, expected = income.came, income.expected
    return {
        "until": income.until,
        "payments": income.payments,
        "came": str(came.amount) if isinstance(came, Money) else None,
        "expected": str(expected.amount) if isinstance(expected, Money) else None,
        "currency": came.currency if isinstance(came, Money) else None,
    }


def _consent_row(said: "Said") -> dict[str, Any]:
    return {
        "purpose": said.purpose.value,
        "consent": said.status.value,
        "said_at": said.said_at,
        "said_in": said.source,
        "how": said.how,
    }


def _click_row(line: "ClickLine", ad_clicks: "Mapping[str, AdClick]") -> dict[str, Any]:
    click_id, basis = line.click.candidate.click.click_id, line.click.candidate.basis
    told = ad_clicks.get(click_id.value)
    return {
        "kind": click_id.kind.value,
        "value": click_id.value,
        "clicked_at": line.click.clicked_at,
        "is_estimated": line.click.is_estimated,
        "found_by": basis.name.lower(),
        "is_used": line.is_used,
        "what": str(line.what),
        **({name: getattr(told, name) for name in _AD_FIELDS} if told else {}),
    }


_AD_FIELDS = (*("campaign", "ad_group", "keyword", "match_type", "device", "location", "audience"),)


def _came_by(told: "AdClick") -> str:
    keyword = told.keyword and f"keyword {told.keyword!r} ({told.match_type.lower()})"
    device = told.device and f"on {told.device.lower()}"
    names = (f"campaign {told.campaign!r}", f"ad group {told.ad_group!r}", keyword, device)
    return ", ".join(filter(None, names))


def _state_of(line: "Line") -> str:
    """Return where a milestone stands, in the ledger's word or, where it has none, in ours."""
    if line.entry is not None:
        return line.entry.state.value
    if line.milestone is None:
        return _NOT_REACHED
    if line.order_id is None:
        return _NO_RULE
    return _NOT_PLANNED if line.applies else _NOT_SENT


@dataclass(frozen=True, slots=True)
class _Shown:
    """An explanation as text, with times in a zone and accounts by their names."""

    zone: tzinfo | None
    accounts: Mapping[str, str]
    finality: Mapping[str, str]

    def texts_of(self, explained: "DealExplanation") -> Iterator[str]:
        """Yield what there is to say of a deal, line by line."""
        deal = explained.deal
        gone = f", {deal.gone} in the CRM" if deal.gone else ""
        yield f"{deal.deal_id} ({deal.source}){gone}"
        currency = deal.currency or "(no currency)"
        amount = "none" if deal.amount is None else f"{deal.amount} {currency}"
        yield f"  amount {amount}; consent for ad user data {deal.consent.ad_user_data}"
        for said in explained.consents:
            yield from self._of_consent(said, deal)
        for number, candidate in enumerate(explained.candidates, start=1):
            click = candidate.click
            at = self._at(click.clicked_at) or "at an unknown time"
            yield (
                f"  click {number}: {click.click_id.kind} {click.click_id.value} {at},"
                f" found {output.FOUND_BY[candidate.basis.name.lower()]}"
            )
            if told := explained.ad_clicks.get(click.click_id.value):
                yield f"    {_came_by(told)}"
        if not explained.candidates:
            yield "  no click is known"
        for candidate in explained.refused_clicks:
            click_id = candidate.click.click_id
            yield f"  {click_id.kind} {click_id.value} is left out: its visitor refused"
        yield from _joins_nobody(explained)
        for line in explained.lines:
            yield from self._of_line(line)

    def _of_consent(self, said: "Said", deal: "Deal") -> Iterator[str]:
        """Yield who said what when, unless it is merely what the deal's own field holds now."""
        is_own = (said.source, said.record) == (deal.source, deal.deal_id)
        if is_own and said.said_at is None:
            return
        when = f" {self._at(said.said_at)}" if said.said_at else ""
        how = said.how or ("" if is_own else f"deal {said.record}")
        where = f"{said.source} ({how})" if how else said.source
        yield f"    {said.purpose} {said.status}{when}, said in {where}"

    def _of_line(self, line: "Line") -> Iterator[str]:
        rule = f" ({line.rule}{_RETIRED if line.is_retired else ''})" if line.rule else ""
        yield f"  {line.milestone_name}{rule}: {self._reached(line)}"
        if line.milestone is not None and line.milestone.is_estimated:
            yield f"    {_ESTIMATE}"
        yield from self._agreed(line)
        for number, click in enumerate(line.clicks, start=1):
            yield from self._of_click(number, click)
        if line.entry is None:
            yield from self._without_entry(line)
            return
        yield from self._of_entry(line)
        if said := self.finality.get(line.destination or ""):
            yield f"    what {line.destination} counts {said}"

    def _reached(self, line: "Line") -> str:
        milestone = line.milestone
        if milestone is None:
            return "no longer reached" if line.entry else "not reached"
        about = "about " if milestone.is_estimated else ""
        return f"reached {about}{self._when(milestone)}"

    def _when(self, milestone: "Milestone") -> str:
        if milestone.is_whole_day:
            return milestone.reached_at.astimezone(self.zone or UTC).date().isoformat()
        return self._at(milestone.reached_at)

    def _of_click(self, number: int, line: "ClickLine") -> Iterator[str]:
        yield f"    click {number} {line.what}"
        if line.click.is_estimated:
            yield (
                f"      its time is an estimate: no later than the deal's creation,"
                f" {self._at(line.click.clicked_at)}"
            )

    def _without_entry(self, line: "Line") -> Iterator[str]:
        if line.milestone is None:
            if line.rule:
                yield f"    {_NOT_YET}"
        elif line.order_id is None:
            yield f"    {_NO_RULE}, so nothing is sent of it"
        elif line.explanation is None:
            yield "    not planned yet; the next run plans it"
            if said := self.finality.get(line.destination or ""):
                yield f"    what {line.destination} counts {said}"
        else:
            yield from _because(line)

    def _of_entry(self, line: "Line") -> Iterator[str]:
        entry = line.entry
        assert entry is not None, "there is one"
        value = f", {entry.value}" if entry.value else ""
        if value and entry.values_version:
            value += f" by version {entry.values_version} of the learned values"
        code = f", {entry.code}" if entry.code else ""
        due = f", until {self._at(entry.due_at)}" if entry.due_at else ""
        state = output.painted(entry.state.value.replace("_", " "), entry.state.value)
        what = "" if entry.state.value == _NOT_SENT else f" ({entry.operation})"
        yield f"    {state}{what}{value}{code}{due}"
        yield from _because(line)
        if line.income is not None:
            yield f"    {self._income(line.income)}"
        if entry.may_count_otherwise:
            yield (
                "    An earlier request was never answered: the platform may count it all the same."
            )
        for rule in line.caught_earlier:
            yield f"    It was in time for the rule {rule}, and sent under it."
        if line.sent is not None:
            yield f"    {self._sent(line, line.sent)}"
        yield f"    order ID {line.order_id}"

    def _income(self, income: "Income") -> str:
        from convsync.model.money import Money

        known = income.expected if isinstance(income.expected, Money) else "nothing that is known"
        until = f"until {self._at(income.until)}"
        word = "payment" if income.payments == 1 else "payments"
        if income.came is None:
            return f"no revenue has come yet that counts, {until}; expected {known}"
        if not isinstance(income.came, Money):
            return f"{income.payments} {word} came, and no rate of {income.came.on} is known"
        return f"{income.came} came by {income.payments} {word}, counted {until}; expected {known}"

    def _sent(self, line: "Line", sent: "Sent") -> str:
        account = self.accounts.get(line.destination or "", line.destination)
        when = f" {self._at(sent.envelope.sent_at)}" if sent.envelope else ""
        request_id = sent.envelope.request_id if sent.envelope else None
        request = f", request {request_id}" if request_id else ""
        who = ", ".join(sent.identifiers) or "its order ID alone"
        return f"sent{when} with {who} to {account}, action {line.action_id}{request}"

    def _agreed(self, line: "Line") -> Iterator[str]:
        if line.agreement and line.agreement.definition:
            owner = f" ({line.agreement.owner})" if line.agreement.owner else ""
            yield f"    agreed: {line.agreement.definition}{owner}"
        if line.agreement and line.next_due_at:
            followers = " or ".join(sorted(line.agreement.followed_by))
            yield f"    {followers} should follow by {self._at(line.next_due_at)}"

    def _at(self, at: datetime | None) -> str:
        return output.local_time(at, self.zone)


_ALLOWED = (
    "Nothing, if it is a switchboard or a shared mailbox. If it is one customer's, add it to"
    " [keys] allowed."
)
_NOT_YET = "nothing is sent of it before the CRM says that the deal reached it"
_RETIRED = ", a rule that is no longer in the configuration"
_ESTIMATE = "an estimate: the CRM's history does not say when, its record has no better stamp"


def _joins_nobody(explained: "DealExplanation") -> Iterator[str]:
    """Yield which keys of a deal join it to nothing, and the crowd that it is in."""
    for shared in explained.shared:
        yield (
            f"  {shared.deals:,} deals share an e-mail, phone or ID of it ({shared.name}):"
            " it says nothing of who is behind this one, and finds no click"
        )
        yield f"  → {_ALLOWED}"
    for crowded in explained.crowded:
        yield (
            f"  {crowded.clicks:,} clicks have an e-mail, phone or ID of it ({crowded.name}):"
            " more than a person's, so it finds no click"
        )
        yield f"  → {_ALLOWED}"
    if explained.crowd:
        yield (
            f"  keys join it to {explained.crowd.deals - 1:,} other deals, more than a customer"
            " has: it is taken for a customer's only deal"
        )


def _because(line: "Line") -> Iterator[str]:
    """Yield why a milestone stands where it does, and the fix: first in our words."""
    if line.explanation:
        yield f"    {line.explanation.sentence}"
        yield f"    → {line.explanation.fix}"
    if line.code_meaning and line.entry:
        yield f"    {line.entry.code}: {line.code_meaning.sentence}"
        if line.code_meaning.fix:
            yield f"    → {line.code_meaning.fix}"
