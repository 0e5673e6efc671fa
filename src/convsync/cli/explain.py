"""`explain`: why a deal was sent, waits, or was not sent."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption

if TYPE_CHECKING:
    from convsync.report.explanation import DealExplanation, Line

DealId = Annotated[str, typer.Argument(metavar="DEAL", help="The deal's ID in the CRM.")]
_COLUMNS = (
    "source",
    "deal_id",
    "order_id",
    "rule",
    "milestone",
    "reached_at",
    "next_due_at",
    "state",
    "operation",
    "value",
    "currency",
    "reason",
    "code",
    "due_at",
    "why",
    "fix",
    "code_means",
    "code_fix",
)


def explain(
    deal: DealId, config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE
) -> None:
    """Say for each milestone of a deal where it stands, why, and what to do about it."""
    from convsync import wiring
    from convsync.errors import OperatorError
    from convsync.report import explanation

    settings = options.load(config)
    with options.ledger(settings) as database:
        rules, agreements = wiring.rules_of(settings), wiring.agreements_of(settings)
        found = explanation.explain(database, rules, deal, agreements)
        unreadable = explanation.unreadable(database, deal)
    meaning_of = partial(wiring.explain_code, settings)
    found = [explanation.with_codes(explained, meaning_of) for explained in found]
    if not found:
        why = "; ".join(unreadable) or "IDs are compared to the letter"
        raise OperatorError(f"No deal {deal} has been read. {why}.")
    if form is Format.TABLE:
        for explained in found:
            _show(explained)
        for place in unreadable:
            typer.echo(f"  Its latest record could not be read, and is left out: {place}")
    else:
        rows = [_row(explained, line) for explained in found for line in explained.lines]
        output.show(rows, _COLUMNS, form)


def _row(explained: "DealExplanation", line: "Line") -> dict[str, Any]:
    entry, why = line.entry, line.explanation
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
        "state": entry.state.value if entry else "not planned yet",
        "operation": entry.operation.value if entry else None,
        "value": str(entry.value.amount) if entry and entry.value else None,
        "currency": entry.value.currency if entry and entry.value else None,
        "reason": entry.reason.value if entry and entry.reason else None,
        "code": entry.code if entry else None,
        "due_at": entry.due_at if entry else None,
        "why": why.sentence if why else None,
        "fix": why.fix if why else None,
        "code_means": line.code_meaning.sentence if line.code_meaning else None,
        "code_fix": line.code_meaning.fix if line.code_meaning else None,
        "may_be_counted": bool(entry and entry.may_count_otherwise),
        "caught_earlier": list(line.caught_earlier),
    }


def _show(explained: "DealExplanation") -> None:
    deal = explained.deal
    gone = f", {deal.gone} in the CRM" if deal.gone else ""
    typer.echo(f"{deal.deal_id} ({deal.source}){gone}")
    amount = "none" if deal.amount is None else f"{deal.amount} {deal.currency or '(no currency)'}"
    typer.echo(f"  amount {amount}; consent for ad user data {deal.consent.ad_user_data}")
    for candidate in explained.candidates:
        click = candidate.click
        at = output.text_of(click.clicked_at) or "at an unknown time"
        typer.echo(
            f"  click {click.click_id.kind} {click.click_id.value} {at}"
            f", found by {candidate.basis.name.lower()}"
        )
    if not explained.candidates:
        typer.echo("  no click is known")
    for line in explained.lines:
        for text in _texts_of(line):
            typer.echo(text)
    if not explained.lines:
        typer.echo("  it has reached no milestone that a rule counts")


def _texts_of(line: "Line") -> Iterator[str]:
    reached = line.milestone.reached_at if line.milestone else None
    is_estimated = line.milestone is not None and line.milestone.is_estimated
    about = "about " if is_estimated else ""
    when = f"reached {about}{output.text_of(reached)}" if reached else "no longer reached"
    retired = ", a rule that is no longer in the configuration" if line.is_retired else ""
    yield f"  {line.milestone_name} ({line.rule}{retired}): {when}"
    if is_estimated:
        yield "    an estimate: the CRM's history does not say when, its record has no better stamp"
    yield from _agreed(line)
    entry = line.entry
    if entry is None:
        yield "    not planned yet; the next run plans it"
        return
    value = f", {entry.value}" if entry.value else ""
    code = f", {entry.code}" if entry.code else ""
    due = f", until {output.text_of(entry.due_at)}" if entry.due_at else ""
    yield f"    {entry.state.value.replace('_', ' ')} ({entry.operation}){value}{code}{due}"
    if line.explanation:
        yield f"    {line.explanation.sentence}"
        yield f"    → {line.explanation.fix}"
    if line.code_meaning:
        yield f"    {entry.code}: {line.code_meaning.sentence}"
        if line.code_meaning.fix:
            yield f"    → {line.code_meaning.fix}"
    if entry.may_count_otherwise:
        yield "    An earlier request was never answered: the platform may count it all the same."
    for rule in line.caught_earlier:
        yield f"    It was in time for the rule {rule}, and sent under it."
    yield f"    order ID {line.order_id}"


def _agreed(line: "Line") -> Iterator[str]:
    if line.agreement and line.agreement.definition:
        owner = f" ({line.agreement.owner})" if line.agreement.owner else ""
        yield f"    agreed: {line.agreement.definition}{owner}"
    if line.agreement and line.next_due_at:
        followers = " or ".join(sorted(line.agreement.followed_by))
        yield f"    {followers} should follow by {output.text_of(line.next_due_at)}"
