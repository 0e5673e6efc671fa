"""Trouble that was ordered, or that a quota or a stale token makes: what the caller is to hear.

Each API says it in its own words, so what is raised here names no vendor's error. `NoAnswer` is
for the transports: there is nothing to say, and the question is how the line goes dead.
"""

from datetime import timedelta
from typing import Literal

import grpc

Silence = Literal["garbage", "crash", "hang"]


class Trouble(Exception):  # noqa: N818 - the platform's trouble, not our failure
    """A call that failed for no fault of the caller's; `error` is a vendor's code, if set."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        retry_after: timedelta | None = None,
        quota_limit: str = "",
        error: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.quota_limit = quota_limit
        self.error = error


class NoAnswer(Trouble):
    """Nothing sensible comes back: nonsense, a dropped connection, or nothing for `lasting`."""

    def __init__(self, silence: Silence, code: grpc.StatusCode, lasting: timedelta) -> None:
        super().__init__(code, f"No answer: {silence}.")
        self.silence = silence
        self.lasting = lasting
