"""What the platform says it received in the last week, beside what the ledger says it was sent.

The platform shows seven days. Compared are the six full ones before today, in the account's
calendar, for of today it may not have added up everything yet. The ledger's side counts each
conversion once, by its last request; one corrected twice in a week is two uploads to the platform,
so only what the platform lacks is a difference, and what it refused that the ledger does not know
as refused.

Whether uploads by the Data Manager API are shown in these summaries at all could not be confirmed:
they name three clients, and the Data Manager is none of them. Its absence proves nothing
there, and is not called a difference; `requestStatus` is what the ledger goes by.
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
from convsync.upload.google.account import AccountReader, UploadAlert, UploadDay, UploadSummary

DAYS = 6
OUR_CLIENT = "GOOGLE_ADS_API"
NAMED_CLIENTS = frozenset({OUR_CLIENT, "GOOGLE_ADS_WEB_CLIENT", "ADS_DATA_CONNECTOR"})
UNCONFIRMED = (
    "Whether Google shows uploads by the Data Manager API in its upload diagnostics is not "
    "documented; that they are missing there proves nothing."
)


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
    reader: AccountReader,
    destination: str,
    *,
    database: Database,
    rules: Sequence[ConversionRule],
    is_shown: bool,
    now: datetime,
) -> list[Comparison]:
    """Ask an account for its summaries, and the ledger for the same days.

    `is_shown` says whether the uploads of this destination are known to be in the summaries.
    """
    zone = _zone(reader.account().time_zone, destination)
    last = now.astimezone(zone).date() - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    with database.reading() as connection:
        by_state = batches.answered_within(connection, Period.of_days(first, last, zone))
    named = [rule for rule in rules if rule.action.destination == destination]
    return compared(
        reader.upload_summaries(),
        _sent(by_state),
        named,
        destination=destination,
        first=first,
        last=last,
        is_shown=is_shown,
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
    summaries: Sequence[UploadSummary],
    sent: Mapping[ConversionAction, Sent],
    rules: Sequence[ConversionRule],
    *,
    destination: str,
    first: date,
    last: date,
    is_shown: bool,
) -> list[Comparison]:
    """Return every summary beside the ledger, and every action of a rule that has none."""
    names: dict[ConversionAction, list[str]] = {}
    for rule in rules:
        names.setdefault(rule.action, []).append(rule.name)
    ours = {action.action_id: action for action in names}
    found = [_without_ledger(s, destination, first, last) for s in summaries if s.action_id is None]
    for action_id, action in ours.items():
        of_action = [summary for summary in summaries if summary.action_id == action_id]
        told = sent.get(action, Sent())
        if not any(_is_ours(summary, is_shown=is_shown) for summary in of_action):
            found.append(_missing(action, names[action], told, is_shown=is_shown))
        for summary in of_action:
            row = _without_ledger(summary, destination, first, last)
            found.append(
                _beside(row, names[action], told) if _is_ours(summary, is_shown=is_shown) else row
            )
    return found


def _is_ours(summary: UploadSummary, *, is_shown: bool) -> bool:
    """True where the ledger's conversions are among a summary's.

    Were the Data Manager's shown one day, it would be under a name of their own.
    """
    return summary.client == OUR_CLIENT if is_shown else summary.client not in NAMED_CLIENTS


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
    action: ConversionAction, rules: Sequence[str], told: Sent, *, is_shown: bool
) -> Comparison:
    is_lacking = is_shown and told.total
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
        sent=told.total,
        refused=told.refused,
        difference=f"Google shows none of {told.total:,} sent" if is_lacking else None,
    )


def _beside(row: Comparison, rules: Sequence[str], told: Sent) -> Comparison:
    difference = "; ".join(_differences(row.received or 0, row.failed or 0, told)) or None
    return replace(row, rules=rules, sent=told.total, refused=told.refused, difference=difference)


def _differences(received: int, failed: int, told: Sent) -> Iterator[str]:
    if received < told.total:
        yield f"Google received {received:,} of {told.total:,} sent"
    if failed > told.refused:
        yield f"Google refused {failed:,}, the ledger knows of {told.refused:,}"
