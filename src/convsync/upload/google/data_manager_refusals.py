"""Why the Data Manager API refused a request, and what that means for each of its rows.

A request is refused whole, though often for single rows. Those are judged by their own reason and
the others come back untried; a refusal that names none is halved until its row stands alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from google.api_core import exceptions
from requests import Response

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.outcome import Outcome, Untried
from convsync.model.statement import Batch
from convsync.upload.codes import UNKNOWN, Class, Meaning, outcome_of, rows_concerned
from convsync.upload.google.credentials import DATA_MANAGER_SCOPE, wants_scope
from convsync.upload.google.data_manager_codes import REFUSALS
from convsync.upload.google.data_manager_status import details_in

_ROW = re.compile(r"\b(?:events|audience_members)\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request was refused, in the vendor's words: the reason, and rows by number.

    `named` holds the gravest reason for every row that the refusal names, `elsewhere` the reasons
    that concern no row but the request itself.
    """

    error: exceptions.GoogleAPICallError
    reason: str
    named: Mapping[int, str]
    elsewhere: frozenset[str]
    request_id: str
    retry_after_s: float | None


def refusal_of(error: exceptions.GoogleAPICallError) -> Refusal:
    """Return what an error of the official client says, whichever transport it came by."""
    details = [_as_mapping(detail) for detail in error.details]
    violations = [v for d in details for v in d.get("field_violations", ())]
    named: dict[int, str] = {}
    elsewhere: set[str] = set()
    reason = next((str(d["reason"]) for d in details if d.get("reason")), "")
    for violation in violations:
        row = _ROW.search(violation["field"])
        code = violation["reason"] or reason or _word(error)
        if row is None:
            elsewhere.add(code)
        elif _is_graver(code, named.get(int(row[1]))):
            named[int(row[1])] = code
    return Refusal(
        error=error,
        reason=reason,
        named=named,
        elsewhere=frozenset(elsewhere),
        request_id=next((str(d["request_id"]) for d in details if d.get("request_id")), ""),
        retry_after_s=delay_in(details),
    )


def _is_graver(code: str, than: str | None) -> bool:
    if than is None:
        return True
    return REFUSALS.get(code, UNKNOWN).what > REFUSALS.get(than, UNKNOWN).what


def _as_mapping(detail: Any) -> Mapping[str, Any]:
    """Return an error detail, which gRPC gives as a message, as a mapping."""
    fields: dict[str, Any] = {}
    for field, value in detail.ListFields():
        if field.name == "field_violations":
            value = [{"field": v.field, "reason": v.reason} for v in value]
        fields[field.name] = value
    return fields


A_DAYS_QUOTA_S = 3600.0
"""When to come back after a day's quota was spent: Google does not say at which hour it ends."""


def delay_in(details: Sequence[Mapping[str, Any]]) -> float | None:
    """Return how many seconds a refusal asks to wait, in gRPC's spelling or JSON's; None: nothing.

    A day's quota is recognised by its name: IngestionServiceWriteRequestsPerDayPerProject, say.
    """
    for detail in details:
        if delay := detail.get("retry_delay") or detail.get("retryDelay"):
            return _seconds_of(delay)
    limits = [(detail.get("metadata") or {}).get("quota_limit", "") for detail in details]
    return A_DAYS_QUOTA_S if any("PerDay" in limit for limit in limits) else None


def _seconds_of(delay: Any) -> float | None:
    if isinstance(delay, str):
        return _seconds(delay.removesuffix("s").partition(".")[0])
    return float(delay.ToTimedelta().total_seconds())


_CREDENTIALS_FIX = wants_scope(DATA_MANAGER_SCOPE)
_TRANSIENT = (
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.GatewayTimeout,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.TooManyRequests,
    exceptions.Unknown,
)


def outcomes_of_refusal(
    refusal: Refusal, batch: Batch, now: datetime, *, destination: str
) -> Sequence[Outcome]:
    """Return an outcome for every row of a refused request, or raise what stops the run."""
    error = refusal.error
    about = f"{destination} refused batch {batch.number}"
    asked = asked_of(refusal)
    raise_if_transient(refusal, f"{destination} did not take batch {batch.number}", now)
    codes = sorted({*refusal.elsewhere, *refusal.named.values(), refusal.reason})
    meanings = {code: REFUSALS[code] for code in codes if code in REFUSALS}
    for code, meaning in meanings.items():
        if meaning.what is Class.STOP:
            raise OperatorError(f"{about}: {code}{asked}. {meaning.fix}")
    is_blocked = any(meaning.what is Class.BLOCKED for meaning in meanings.values())
    if not is_blocked:
        raise_if_not_let_in(refusal, about)
    if not is_blocked and not isinstance(error, exceptions.BadRequest):
        raise UnexpectedResponseError(f"{about}: {_word(error)}{asked}, which should never happen.")
    deciding = _named(refusal, meanings, batch) or _unnamed(refusal, batch)
    return [
        outcome_of(deciding[row], REFUSALS, statement, now) if row in deciding else Untried()
        for row, statement in enumerate(batch.statements)
    ]


def asked_of(refusal: Refusal) -> str:
    """Return the vendor's own number of the request in brackets, "" where it gave none."""
    return f" (request {refusal.request_id})" if refusal.request_id else ""


def raise_if_transient(refusal: Refusal, about: str, now: datetime) -> None:
    """Raise TransientError where a later try may succeed; `about` says what was not done."""
    error = refusal.error
    if isinstance(error, _TRANSIENT):
        raise TransientError(
            f"{about}: {_word(error)}{asked_of(refusal)}.{_spent(refusal, now)}",
            retry_after_s=refusal.retry_after_s,
            surely_not_taken=isinstance(error, exceptions.TooManyRequests),
        )


def raise_if_not_let_in(refusal: Refusal, about: str) -> None:
    """Raise OperatorError where the credentials are refused."""
    if isinstance(refusal.error, exceptions.Unauthorized | exceptions.Forbidden):
        word = _word(refusal.error)
        raise OperatorError(f"{about}: {word}{asked_of(refusal)}. {_CREDENTIALS_FIX}")


def _spent(refusal: Refusal, now: datetime) -> str:
    """Return a sentence about the quota and when it is back, where a request was one too many."""
    if not isinstance(refusal.error, exceptions.TooManyRequests):
        return ""
    if refusal.retry_after_s is None:
        return " The quota of the Cloud project is used up."
    back_at = now + timedelta(seconds=refusal.retry_after_s)
    return f" The quota of the Cloud project is used up until {back_at:%Y-%m-%d %H:%M:%S} UTC."


def _named(refusal: Refusal, meanings: Mapping[str, Meaning], batch: Batch) -> Mapping[int, str]:
    """Return the codes of the rows that a refusal names, and of those that share a fate with them.

    Once one row is blocked for the account's terms, say, so are all that carry identifiers: asking
    for each would cost a request for every forty of them.
    """
    deciding: dict[int, str] = {}
    for code, meaning in meanings.items():
        deciding |= dict.fromkeys(rows_concerned(meaning, batch.statements), code)
    for row, code in refusal.named.items():
        if row < len(batch.statements) and _is_graver(code, deciding.get(row)):
            deciding[row] = code
    return deciding


def _unnamed(refusal: Refusal, batch: Batch) -> Mapping[int, str]:
    """Judge a refusal that names no row: alone it is meant; among others, halve and try again."""
    code = next(iter(sorted(refusal.elsewhere)), refusal.reason) or _word(refusal.error)
    meaning = REFUSALS.get(code)
    is_clear = meaning is not None and meaning.what is Class.WAIT
    if is_clear or len(batch.statements) == 1:
        return dict.fromkeys(range(len(batch.statements)), code)
    return {}


def _word(error: exceptions.GoogleAPICallError) -> str:
    if error.grpc_status_code is not None:
        return str(error.grpc_status_code.name)
    return f"HTTP {error.code}" if error.code is not None else type(error).__name__


def response_json(response: Response, destination: str) -> Mapping[str, Any]:
    """Return the body of a status answer; raises as Destination says where there is none."""
    if response.status_code in {408, 429} or response.status_code >= 500:
        asked = _seconds(response.headers.get("Retry-After"))
        raise TransientError(
            f"{destination} gave no status: HTTP {response.status_code}.",
            retry_after_s=delay_in(_details_of(response)) if asked is None else asked,
        )
    if response.status_code in {401, 403}:
        raise OperatorError(
            f"{destination} gave no status: HTTP {response.status_code}. {_CREDENTIALS_FIX}"
        )
    try:
        body = response.json()
    except ValueError as error:
        raise UnexpectedResponseError(
            f"{destination} answered for a status with HTTP {response.status_code} and no JSON."
        ) from error
    if not isinstance(body, Mapping):
        raise UnexpectedResponseError(f"{destination} answered for a status with no JSON object.")
    return body


def _details_of(response: Response) -> Sequence[Mapping[str, Any]]:
    try:
        body = response.json()
    except ValueError:
        return ()
    return details_in(body) if isinstance(body, Mapping) else ()


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
