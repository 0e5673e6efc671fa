"""What the platform says it received in the last week, beside what the ledger says it was sent.

The platform shows seven days. Compared are the six full ones before today, in the account's
calendar, for of today it may not have added up everything yet. The ledger's side counts each
conversion once, by its last request; one corrected twice in a week is two uploads to the platform,
so only what the platform lacks is a difference, and what it refused that the ledger does not know
as refused.

Where a platform may not show a destination's uploads at all (`Received.is_complete`), their absence
proves nothing and is not called a difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from convsync.errors import UnexpectedResponseError
from convsync.model.ledger import State
from convsync.model.period import Period
from convsync.model.rule import ConversionAction, ConversionRule
from convsync.store import batches
from convsync.store.database import Database
from convsync.upload.ad_account import Received, UploadAlert, UploadDay, UploadSummary

DAYS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the ledger says of the conversions whose last request was in a period."""

    total: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One summary of the platform's beside the ledger; `action_id` None: all actions together.

    `received` and `failed` are of the days compared, the rates and alerts the platform's own.
    """

    destination: str
    action_id: str | None
    rules: Sequence[str]
    client: str | None
    status: str | None
    received: int | None
    failed: int | None
    success_rate: float | None
    pending_rate: float | None
    last_upload_on: date | None
    days: Sequence[UploadDay]
    alerts: Sequence[UploadAlert]
    sent: int | None
    refused: int | None
    difference: str | None


def compare_with(
    received: Received,
    destination: str,
    *,
    database: Database,
    rules: Sequence[ConversionRule],
    now: datetime,
) -> list[Comparison]:
    """Hold what an account says it received against the ledger of the same days."""
    zone = _zone(received.time_zone, destination)
    last = now.astimezone(zone).date() - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    with database.reading() as connection:
        by_state = batches.answered_within(connection, Period.of_days(first, last, zone))
    named = [rule for rule in rules if rule.action.destination == destination]
    return compared(
        received,
        _sent(by_state),
        named,
        destination=destination,
        first=first,
        last=last,
    )


def _zone(name: str, destination: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnexpectedResponseError(
            f"{destination}: the account's time zone '{name}' is not known on this machine."
        ) from None


def _sent(by_state: Mapping[tuple[ConversionAction, State], int]) -> dict[ConversionAction, Sent]:
    found: dict[ConversionAction, Sent] = {}
    for (action, state), count in by_state.items():
        before = found.get(action, Sent())
        is_refused = state in {State.REJECTED, State.DEFERRED}
        found[action] = Sent(
            total=before.total + count, refused=before.refused + (count if is_refused else 0)
        )
    return found


def compared(
    received: Received,
    sent: Mapping[ConversionAction, Sent],
    rules: Sequence[ConversionRule],
    *,
    destination: str,
    first: date,
    last: date,
) -> list[Comparison]:
    """Return every summary beside the ledger, and every action of a rule that has none."""
    names: dict[ConversionAction, list[str]] = {}
    for rule in rules:
        names.setdefault(rule.action, []).append(rule.name)
    everything = [*received.ours, *received.others]
    whole = [summary for summary in everything if summary.action_id is None]
    found = [_without_ledger(summary, destination, first, last) for summary in whole]
    for action, rule_names in names.items():
        sums = sent.get(action, Sent())
        ours = [s for s in received.ours if s.action_id == action.action_id]
        others = [s for s in received.others if s.action_id == action.action_id]
        if not ours:
            found.append(_missing(action, rule_names, sums, received))
        for summary in ours:
            row = _without_ledger(summary, destination, first, last)
            found.append(_beside(row, rule_names, sums, received.platform))
        found += [_without_ledger(summary, destination, first, last) for summary in others]
    return found


def _without_ledger(
    summary: UploadSummary, destination: str, first: date, last: date
) -> Comparison:
    days = [day for day in summary.days if first <= day.day_on <= last]
    return Comparison(
        destination=destination,
        action_id=summary.action_id,
        rules=(),
        client=summary.client,
        status=summary.status,
        received=sum(day.total for day in days),
        failed=sum(day.failed for day in days),
        success_rate=summary.success_rate,
        pending_rate=summary.pending_rate,
        last_upload_on=summary.last_upload_on,
        days=summary.days,
        alerts=summary.alerts,
        sent=None,
        refused=None,
        difference=None,
    )


def _missing(
    action: ConversionAction, rules: Sequence[str], sums: Sent, received: Received
) -> Comparison:
    is_lacking = received.is_complete and sums.total
    return Comparison(
        destination=action.destination,
        action_id=action.action_id,
        rules=rules,
        client=None,
        status=None,
        received=None,
        failed=None,
        success_rate=None,
        pending_rate=None,
        last_upload_on=None,
        days=(),
        alerts=(),
        sent=sums.total,
        refused=sums.refused,
        difference=f"{received.platform} shows none of {sums.total:,} sent" if is_lacking else None,
    )


def _beside(row: Comparison, rules: Sequence[str], sums: Sent, platform: str) -> Comparison:
    differences = _differences(row.received or 0, row.failed or 0, sums, platform)
    difference = "; ".join(differences) or None
    return replace(row, rules=rules, sent=sums.total, refused=sums.refused, difference=difference)


def _differences(received: int, failed: int, sums: Sent, platform: str) -> Iterator[str]:
    if received < sums.total:
        yield f"{platform} received {received:,} of {sums.total:,} sent"
    if failed > sums.refused:
        yield f"{platform} refused {failed:,}, the ledger knows of {sums.refused:,}"
