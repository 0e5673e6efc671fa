"""What is wrong with a request or with a row of it, as `GoogleAdsFailure` says it.

A code is written as the member of the vendor's oneof and the name in its enum, such as
`conversion_upload_error.EXPIRED_EVENT`; a number in place of the name, or a member nobody has
heard of, stands for what a newer server may send.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import grpc

from convsync.sandbox.trouble import Trouble

Path = Sequence[tuple[str, int | None]]

STATUS_OF = {
    "authentication_error": grpc.StatusCode.UNAUTHENTICATED,
    "authorization_error": grpc.StatusCode.PERMISSION_DENIED,
    "not_allowlisted_error": grpc.StatusCode.PERMISSION_DENIED,
    "quota_error": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "internal_error": grpc.StatusCode.INTERNAL,
}
CODE_OF_TROUBLE = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: "quota_error.RESOURCE_EXHAUSTED",
    grpc.StatusCode.INTERNAL: "internal_error.INTERNAL_ERROR",
    grpc.StatusCode.UNAUTHENTICATED: "authentication_error.OAUTH_TOKEN_EXPIRED",
    grpc.StatusCode.PERMISSION_DENIED: "authorization_error.USER_PERMISSION_DENIED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong, and where: a path of field names, some with an index."""

    code: str
    path: Path = ()
    trigger: str = ""

    @property
    def family(self) -> str:
        """The member of the oneof, such as `conversion_upload_error`."""
        return self.code.partition(".")[0]

    @property
    def name(self) -> str:
        """The name in that member's enum, or a number."""
        return self.code.partition(".")[2]

    @property
    def message(self) -> str:
        """A sentence of a kind; the vendor's are longer, and change."""
        return f"{self.name.replace('_', ' ').capitalize()}."


class Failure(Exception):  # noqa: N818 - Google's answer, not our failure
    """The platform's no to a whole request."""

    def __init__(
        self,
        flaws: Sequence[Flaw],
        *,
        request_id: str = "",
        code: grpc.StatusCode | None = None,
        message: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.flaws = flaws
        self.request_id = request_id or str(uuid4())
        self.code = code or _status_of(flaws)
        self.message = message or _message_of(flaws)
        self.retry_after = retry_after

    @classmethod
    def of(cls, code: str, *path: tuple[str, int | None]) -> "Failure":
        """The refusal of a request for one flaw."""
        return cls([Flaw(code=code, path=path)])

    @classmethod
    def from_trouble(cls, trouble: Trouble) -> "Failure":
        """The refusal of a request that nothing is wrong with.

        A server that is not there has no failure to send.
        """
        if trouble.error:
            return cls([Flaw(code=trouble.error)])
        code = CODE_OF_TROUBLE.get(trouble.code)
        return cls(
            [Flaw(code=code)] if code else [],
            code=trouble.code,
            message=trouble.message,
            retry_after=trouble.retry_after,
        )


def _status_of(flaws: Sequence[Flaw]) -> grpc.StatusCode:
    return STATUS_OF.get(flaws[0].family, grpc.StatusCode.INVALID_ARGUMENT)


def _message_of(flaws: Sequence[Flaw]) -> str:
    first = flaws[0]
    where = "".join(
        f".{name}" if index is None else f".{name}[{index}]" for name, index in first.path
    )
    text = first.message + (f", at {where[1:]}" if where else "")
    return text if len(flaws) == 1 else f"Multiple errors in ‘details’. First error: {text}"
