"""`explain`: why a deal was sent, waits, or was not sent."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.report.sentences import left_out, no_deal

if TYPE_CHECKING:
    from convsync.model.ad_click import AdClick
    from convsync.model.consent import Said
    from convsync.report.click_lines import ClickLine
    from convsync.report.deal_words import DealWords, Sentence
    from convsync.report.explanation import DealExplanation, Line
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


def explain(
    deal: DealIds, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Say for each milestone of a deal what state it is in, why, and what to do about it.

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
        words = _words(settings.company.time_zone, accounts, finality)
        for one in found:
            for text in _texts_of(words, one):
                typer.echo(text)
            for place in unreadable.get(one.deal.deal_id, ()):
                typer.echo(f"  {left_out(place)}")
    else:
        rows = [_row(one, line, accounts, finality) for one in found for line in one.lines]
        output.show(rows, _COLUMNS, form)


def _words(
    zone: tzinfo | None, accounts: Mapping[str, str], finality: Mapping[str, str]
) -> "DealWords":
    from convsync.report.deal_words import DealWords

    return DealWords(
        at=lambda at: output.local_time(at, zone),
        day=lambda at: at.astimezone(zone or UTC).date().isoformat(),
        amount=str,
        accounts=accounts,
        finality=finality,
    )


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


def _state_of(line: "Line") -> str:
    """Return where a milestone stands, in the ledger's word or, where it has none, in ours."""
    from convsync.model.ledger import State
    from convsync.report.deal_words import NO_RULE, NOT_PLANNED, NOT_REACHED

    if line.entry is not None:
        return line.entry.state.value
    if line.milestone is None:
        return NOT_REACHED
    if line.order_id is None:
        return NO_RULE
    return NOT_PLANNED if line.applies else State.NOT_SENT.value


def _texts_of(words: "DealWords", explained: "DealExplanation") -> Iterator[str]:
    """Yield what there is to say of a deal, line by line."""
    deal = explained.deal
    gone = f", {deal.gone} in the CRM" if deal.gone else ""
    yield f"{deal.deal_id} ({deal.source}){gone}"
    currency = deal.currency or "(no currency)"
    amount = "none" if deal.amount is None else f"{deal.amount} {currency}"
    yield f"  amount {amount}; consent for ad user data {deal.consent.ad_user_data}"
    for sentence in words.of_deal(explained):
        yield from _indented(sentence, 2)
    for line in explained.lines:
        yield f"  {words.heading_of(line)}"
        for sentence in words.of_line(line):
            yield from _indented(sentence, 4)


def _indented(sentence: "Sentence", by: int) -> Iterator[str]:
    indent, text = " " * (by + 2 * sentence.depth), sentence.text
    if sentence.state:
        state = sentence.state.replace("_", " ")
        text = output.painted(state, sentence.state) + text.removeprefix(state)
    yield f"{indent}{text}"
    if sentence.fix:
        yield f"{indent}→ {sentence.fix}"
