"""The verdict on an accepted request, as `requestStatus:retrieve` gives it, in JSON.

The published client's messages (0.9.4) lack the row numbers (API v1.9), so the answer is read as it
comes. No more is made of it than it says:

- A row that an error names has that error's outcome.
- Where errors of a request that succeeded in part are only counted, no row is known to be meant:
  all are confirmed, with the count as their code, so that the ledger does not claim to know more.
- A request that failed as a whole has counted nothing. Where several reasons are only counted, its
  rows wait if one of the reasons does: those it was about get through when sent again.
- A status that is no longer kept (after about fifty days) leaves its rows confirmed, under that
  code. An answer that makes no sense, or is about another request's records, settles nothing.

https://developers.google.com/data-manager/api/devguides/diagnostics
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from convsync.errors import UnexpectedResponseError
from convsync.model.outcome import Confirmed
from convsync.model.statement import Batch
from convsync.upload.codes import UNKNOWN, Class, Meaning, counted, outcome_as, outcomes_as
from convsync.upload.destination import StillProcessing, Unknown, Verdict
from convsync.upload.google.data_manager_codes import NO_LONGER_KEPT, PROCESSING

_FAILED = frozenset({"FAILED", "FAILURE"})  # the enum's spelling, and that of Google's pages
_SUCCEEDED = frozenset({"SUCCESS", "PARTIAL_SUCCESS"})
_COUNTED = counted("")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """One reason, how many records it is about, and which of them it names."""

    code: str
    records: int
    rows: Sequence[int]

    def unnamed_of(self, count: int) -> int:
        return max(self.records, len(self.rows)) - len(self.named_of(count))

    def named_of(self, count: int) -> list[int]:
        return [row for row in self.rows if 0 <= row < count]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """The status of a request at its one destination; `records` is None where it is not given."""

    word: str
    records: int | None
    errors: Sequence[_Error]


def verdict_of(body: Mapping[str, Any], http_status: int, batch: Batch, now: datetime) -> Verdict:
    """Return the verdict that a status answer holds for a batch.

    Raises UnexpectedResponseError where it holds none that makes sense.
    """
    if http_status != 200:
        return _no_status(body, batch)
    status = _status_in(body, batch)
    if status is None or status.word == "PROCESSING":
        return StillProcessing()
    count = len(batch.statements)
    if status.word not in _FAILED | _SUCCEEDED:
        raise UnexpectedResponseError(f"The status of batch {batch.number} is {status.word}.")
    if status.records is not None and status.records != count:
        raise UnexpectedResponseError(
            f"The status of batch {batch.number} is about {status.records} records, not {count}."
        )
    others = _of_the_unnamed(status, count)
    outcomes = outcomes_as(*others, batch.statements, now)
    for error in sorted(status.errors, key=lambda error: _meaning(error).gravity):
        for row in error.named_of(count):
            outcomes[row] = outcome_as(error.code, _meaning(error), batch.statements[row], now)
    return outcomes


def _meaning(error: _Error) -> Meaning:
    return PROCESSING.get(error.code, UNKNOWN)


def _of_the_unnamed(status: _Status, count: int) -> tuple[str, Meaning]:
    """Return the code of every row that no error names, and what it means."""
    errors = [error for error in status.errors if error.unnamed_of(count)]
    shares = "; ".join(f"{error.unnamed_of(count)} of {count}: {error.code}" for error in errors)
    if status.word in _SUCCEEDED:
        return shares, _COUNTED
    if not errors:
        return status.word, UNKNOWN
    meanings = [_meaning(error) for error in errors]
    waiting = [meaning for meaning in meanings if meaning.what is Class.WAIT]
    meaning = max(waiting, key=lambda meaning: meaning.wait, default=None)
    meaning = meaning or min(meanings, key=lambda meaning: meaning.what)
    return errors[0].code if len(errors) == 1 else shares, meaning


def _status_in(body: Mapping[str, Any], batch: Batch) -> _Status | None:
    """Return what an answer says, None where it says nothing yet."""
    try:
        parts = body.get("requestStatusPerDestination")
        if not parts:
            return None
        (part,) = parts
        records = (part.get("eventsIngestionStatus") or {}).get("recordCount")
        return _Status(
            word=str(part["requestStatus"]),
            records=None if records is None else int(records),
            errors=[
                _Error(
                    code=str(error["reason"]),
                    records=int(error.get("recordCount") or 0),
                    rows=[int(row) for row in error.get("recordIndices") or ()],
                )
                for error in (part.get("errorInfo") or {}).get("errorCounts") or ()
            ],
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnexpectedResponseError(
            f"The status of batch {batch.number} has an unexpected form ({type(error).__name__})."
        ) from error


def _no_status(body: Mapping[str, Any], batch: Batch) -> Verdict:
    reasons = set(reasons_in(body))
    if NO_LONGER_KEPT in reasons:
        return [Confirmed(code=NO_LONGER_KEPT)] * len(batch.statements)
    if reasons & {"INVALID_REQUEST_ID", "NOT_FOUND"}:
        return Unknown()
    why = ", ".join(sorted(reasons)) or "no reason given"
    raise UnexpectedResponseError(f"The status of batch {batch.number} was refused: {why}.")


def details_in(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the typed details of an error answer, whatever else it may be."""
    error = body.get("error")
    details = error.get("details") if isinstance(error, Mapping) else None
    return [d for d in details if isinstance(d, Mapping)] if isinstance(details, list) else []


def reasons_in(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield every reason that an error answer gives."""
    for detail in details_in(body):
        if reason := detail.get("reason"):
            yield str(reason)
        violations: Iterable[Any] = detail.get("fieldViolations") or ()
        yield from (
            str(v["reason"]) for v in violations if isinstance(v, Mapping) and "reason" in v
        )
