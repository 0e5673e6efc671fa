"""HubSpot's answers: batches, what is missing from them, errors, and stamps; pure functions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from convsync.sandbox.crm.server import Reply

_CORRELATION: Final = "019cd9fe-d093-7d4f-99bc-45975fdcf7c6"


def batch(results: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Reply:
    """Return a batch as it is answered: 207 where something of it went wrong."""
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if not errors:
        return Reply(body=body)
    return Reply(status=207, body=body | {"numErrors": len(errors), "errors": errors})


def missing(ids: Sequence[str]) -> dict[str, Any]:
    """Return the error of a batch for records that are not there."""
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "Could not get some objects, they may be deleted or not exist.",
        "context": {"ids": list(ids)},
    }


def error(status: int, message: str, category: str, **more: Any) -> Reply:
    """Return a refusal."""
    return Reply(
        status=status,
        body={
            "status": "error",
            "message": message,
            "correlationId": _CORRELATION,
            "category": category,
            **more,
        },
    )


def stamp(at: datetime) -> str:
    """Return an instant as HubSpot writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
