"""A request refused, in the shape Google gives it on either transport.

Google's error model is one `google.rpc.Status` with typed details; gRPC carries it in the trailing
metadata, REST as JSON. https://developers.google.com/data-manager/api/devguides/concepts/understand-errors
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from convsync.sandbox.messages import Message, Reason
from convsync.sandbox.trouble import Trouble

DOMAIN = "datamanager.googleapis.com"

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
}

REASON_OF_TROUBLE = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL: Reason.INTERNAL_ERROR,
    grpc.StatusCode.PERMISSION_DENIED: Reason.PERMISSION_DENIED,
}

# A gRPC client turns away an answer with more than 8 KiB of metadata, so there a long list of
# violations has to end early. REST has no such limit.
ROOM_IN_METADATA = 6 * 1024
OVERHEAD_OF_A_VIOLATION = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is wrong with one field; `row` is the event's index, or -1 if no event is to blame."""

    field: str
    reason: Reason
    description: str
    row: int = -1

    @property
    def size(self) -> int:
        """Roughly the bytes it takes on the wire."""
        return (
            len(self.field)
            + len(self.reason.name)
            + len(self.description)
            + OVERHEAD_OF_A_VIOLATION
        )


class RefusedCall(Exception):  # noqa: N818 - Google's answer, not our failure
    """The platform's no: nothing of the request was taken, unless the answer itself got lost."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: Reason,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = violations
        self.metadata = metadata or {}
        self.retry_after = retry_after
        self.request_id = str(uuid4())

    @classmethod
    def of(cls, violations: Sequence[Violation]) -> "RefusedCall":
        """The refusal of a request for everything found wrong with it, row by row."""
        return cls(
            grpc.StatusCode.INVALID_ARGUMENT,
            Reason.INVALID_ARGUMENT,
            "There was a problem with the request.",
            violations=sorted(violations, key=lambda violation: violation.row),
        )

    @classmethod
    def from_trouble(cls, trouble: Trouble) -> "RefusedCall":
        """The refusal of a request that nothing is wrong with."""
        usual = REASON_OF_TROUBLE.get(trouble.code, Reason.ERROR_REASON_UNSPECIFIED)
        return cls(
            trouble.code,
            Reason[trouble.error] if trouble.error else usual,
            trouble.message,
            metadata={"quota_limit": trouble.quota_limit} if trouble.quota_limit else None,
            retry_after=trouble.retry_after,
        )

    def as_grpc(self) -> Message:
        """The `google.rpc.Status` for a gRPC answer, naming as many violations as it can carry."""
        sizes = accumulate(violation.size for violation in self.violations)
        fitting = sum(size <= ROOM_IN_METADATA for size in sizes)
        return self._status(self.violations[:fitting])

    def as_json(self) -> dict[str, Any]:
        """The body of a REST answer, naming every violation."""
        details = json_format.MessageToDict(self._status(self.violations))["details"]
        return {
            "error": {
                "code": HTTP_STATUS[self.code],
                "message": self.message,
                "status": self.code.name,
                "details": details,
            }
        }

    def _status(self, violations: Sequence[Violation]) -> Message:
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in self._details(violations):
            status.details.add().Pack(detail)
        return status

    def _details(self, violations: Sequence[Violation]) -> Iterator[Message]:
        yield error_details_pb2.ErrorInfo(
            reason=self.reason.name, domain=DOMAIN, metadata=self.metadata
        )
        yield error_details_pb2.RequestInfo(request_id=self.request_id)
        if violations:
            yield error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field,
                        description=violation.description,
                        reason=violation.reason.name,
                    )
                    for violation in violations
                ]
            )
        if self.retry_after:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromTimedelta(self.retry_after)
            yield retry
