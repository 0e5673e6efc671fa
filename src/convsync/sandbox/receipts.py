"""What a caller may ask about a request it was given an ID for, and when it hears the verdict.

The answer is built as JSON by hand: it carries `recordIndices` (API v1.9, 2026-11-04), which the
published client's messages do not have yet, so a client that reads it as protobuf loses that field.
https://developers.google.com/data-manager/api/devguides/diagnostics
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import grpc

from convsync.sandbox.books import Tally
from convsync.sandbox.messages import Reason
from convsync.sandbox.refusals import RefusedCall, Violation

KEPT_FOR = timedelta(days=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An accepted request and what became of its events at each destination."""

    at: datetime
    tallies: tuple[Tally, ...]


class Receipts:
    """Every accepted request by its ID. A verdict can be heard once processing is over."""

    def __init__(self, *, processing_takes: timedelta) -> None:
        self.processing_takes = processing_takes
        self._receipts: dict[str, Receipt] = {}

    def clear(self) -> None:
        """Forget every request."""
        self._receipts.clear()

    def keep(self, request_id: str, receipt: Receipt) -> None:
        """From now on the request can be asked about."""
        self._receipts[request_id] = receipt

    def status(self, request_id: str, now: datetime) -> dict[str, Any]:
        """The request's status as the API's JSON; a `RefusedCall` if it is unknown or forgotten."""
        receipt = self._receipts.get(request_id)
        if receipt is None:
            raise _refusal(Reason.INVALID_REQUEST_ID, "The request ID is not valid.")
        if now - receipt.at > KEPT_FOR:
            raise _refusal(Reason.REQUEST_TOO_OLD, "Status is kept for about 50 days.")
        is_over = now - receipt.at >= self.processing_takes
        return {
            "requestStatusPerDestination": [
                _verdict(tally) if is_over else _in_the_works(tally) for tally in receipt.tallies
            ]
        }


def _refusal(reason: Reason, description: str) -> RefusedCall:
    return RefusedCall(
        grpc.StatusCode.INVALID_ARGUMENT,
        reason,
        description,
        violations=[Violation(field="request_id", reason=reason, description=description)],
    )


def _in_the_works(tally: Tally) -> dict[str, Any]:
    counts = tally.counts or {"eventsIngestionStatus": {"recordCount": str(tally.record_count)}}
    return {"destination": tally.destination, "requestStatus": "PROCESSING", **counts}


def _verdict(tally: Tally) -> dict[str, Any]:
    status = _in_the_works(tally) | {"requestStatus": _outcome(tally)}
    if tally.refused:
        status["errorInfo"] = {
            "errorCounts": [
                {"reason": reason, "recordCount": str(len(rows)), **_indices(tally, rows)}
                for reason, rows in tally.refused.items()
            ]
        }
    return status


def _indices(tally: Tally, rows: Sequence[int]) -> dict[str, Any]:
    """The records that were refused, which the API names of events alone."""
    return {"recordIndices": list(rows)} if tally.counts is None else {}


def _outcome(tally: Tally) -> str:
    refused = sum(map(len, tally.refused.values()))
    if not refused:
        return "SUCCESS"
    return "FAILED" if refused == tally.record_count else "PARTIAL_SUCCESS"
