"""What can stop a run. The class of an error is what to do next; each carries its exit code.

Messages name identifiers we made, request IDs, files, columns and fields. E-mail, phone, tokens and
response bodies stay out of them.
"""

from collections.abc import Sequence
from typing import ClassVar


class ConvsyncError(Exception):
    """Something stopped, and the message says what, to what, and what to do next."""

    exit_code: ClassVar[int] = 1


class TransientError(ConvsyncError):
    """Timeout, 429, 5xx, quota, a locked database: retried, then left to the next run.

    `surely_not_taken` if the other side cannot have accepted the request; otherwise it may have.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, surely_not_taken: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.surely_not_taken = surely_not_taken


class OperatorError(ConvsyncError):
    """Credentials, allow-list, terms, settings: a person has to fix it."""

    exit_code = 2


class UnsafePlanError(ConvsyncError):
    """The plan is far from usual: a person looks at it, and releases or forces it.

    `heaviest` are the conversions that weigh most in it, each as a line of the preview.
    """

    exit_code = 3

    def __init__(self, message: str, *, heaviest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.heaviest = heaviest


class UnexpectedResponseError(ConvsyncError):
    """An answer has an unexpected form: the run stops and keeps the evidence."""


class StoppedError(ConvsyncError):
    """Somebody has stopped the run: the next one resumes it.

    `is_forced` where it did not come to a safe step by itself: requests may still be in flight.
    """

    def __init__(self, message: str, *, is_forced: bool = False) -> None:
        super().__init__(message)
        self.is_forced = is_forced


class LockedError(ConvsyncError):
    """Another run holds the lock, or has taken it over."""

    exit_code = 4
