"""What Microsoft answers, and what that means for each row of a batch.

A request is taken for some of its rows: those that are not listed in `PartialErrors` are taken, and
are what is told. Each error names its row by `Index`; one row may have several, in any order. A
request that is refused whole says so in one of two shapes (`AdApiFaultDetail`, `ApiFaultDetail`).

The fields of an error are read whether it has a `Type` or not: Microsoft's own client drops all of
one that has none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.http import Answer
from convsync.model.outcome import Blocked, Confirmed, Outcome, Rejected
from convsync.model.statement import Batch
from convsync.model.takes import Takes
from convsync.upload.codes import UNKNOWN, Class, Meaning, outcome_as, rows_concerned
from convsync.upload.microsoft.error_numbers import NUMBERS
from convsync.upload.microsoft.offline_conversion_codes import (
    CALL_RATE_EXCEEDED,
    MEANINGS,
    OUTCOME_UNKNOWN,
)
from convsync.vendor_words import name_of

_A_MINUTE_S: Final = 60.0
"""The window that calls are counted in slides for a minute."""
_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LISTS: Final = ("Errors", "BatchErrors", "OperationErrors")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """An error of Microsoft's: its code by name, and the row it is about, None for all."""

    code: str
    row: int | None

    @property
    def meaning(self) -> Meaning:
        """Return what it means; one that stands nowhere is kept, and tried again the next day."""
        return MEANINGS.get(self.code, UNKNOWN)


def outcomes_of(
    answer: Answer, batch: Batch, takes: Takes, now: datetime, *, about: str
) -> Sequence[Outcome]:
    """Return an outcome for every row, or raise as Destination says.

    What would stop a run, said of a row, blocks that row: the others were taken.
    """
    raise_if_refused(answer, about=about)
    errors = partial_errors_in(answer, about=about)
    outcomes: list[Outcome] = [Confirmed()] * len(batch.statements)
    gravest: dict[int, RowError] = {}
    for error in errors:
        if error.row is None or not 0 <= error.row < len(outcomes):
            raise UnexpectedResponseError(
                f"{about}: {error.code} names no row of the request{_tracked(answer)}."
            )
        others = rows_concerned(error.meaning, batch.statements)
        for row in {error.row, *others}:
            known = gravest.get(row)
            if known is None or known.meaning.gravity < error.meaning.gravity:
                gravest[row] = error
    for row, error in gravest.items():
        statement = batch.statements[row]
        if error.code in OUTCOME_UNKNOWN and not takes.repeats.knows(statement):
            outcomes[row] = Rejected(code=error.code)
        elif error.meaning.what is Class.STOP:
            outcomes[row] = Blocked(code=error.code)
        else:
            outcomes[row] = outcome_as(error.code, error.meaning, statement, now)
    return outcomes


def raise_if_refused(answer: Answer, *, about: str) -> None:
    """Raise what a request that was refused whole means; return where it was taken."""
    code = code_of(answer)
    if code == CALL_RATE_EXCEEDED or answer.status == 429:
        raise TransientError(
            f"{about}: Microsoft received too many calls{_tracked(answer)}.",
            retry_after_s=answer.retry_after_s or _A_MINUTE_S,
            surely_not_taken=True,
        )
    if code is None:
        if answer.status >= 400 or not isinstance(answer.body, Mapping | None):
            raise TransientError(
                f"{about} was answered with {answer.status} and no content that Microsoft "
                "documents."
            )
        return
    meaning = MEANINGS.get(code)
    if meaning is not None and meaning.what in {Class.STOP, Class.BLOCKED}:
        raise _stopped(code, meaning, answer, about=about)
    if answer.status >= 500 or code in OUTCOME_UNKNOWN:
        raise TransientError(f"{about}: Microsoft failed with {code}{_tracked(answer)}.")
    raise UnexpectedResponseError(f"{about} was refused with {code}{_tracked(answer)}.")


def code_of(answer: Answer) -> str | None:
    """Return the code for which a request was refused whole, None where it was not."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    errors = [_error(one) for key in _LISTS for one in _listed(body.get(key))]
    return errors[0].code if errors else None


def partial_errors_in(answer: Answer, *, about: str) -> list[RowError]:
    """Return the errors about single rows; UnexpectedResponseError where they cannot be read."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    written = body.get("PartialErrors", ())
    if written is not None and not isinstance(written, Sequence):
        raise UnexpectedResponseError(f"{about}: PartialErrors is not a list{_tracked(answer)}.")
    return [_error(one) for one in _listed(written)]


def _listed(written: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the errors of a list; a null in it is a row without one."""
    for one in written or ():
        if isinstance(one, Mapping):
            yield one


def _error(written: Mapping[str, Any]) -> RowError:
    name, number, row = written.get("ErrorCode"), written.get("Code"), written.get("Index")
    known = NUMBERS.get(number) if isinstance(number, int) and (number or not name) else None
    named = name_of(name) if isinstance(name, str) else ""
    code = named if named in MEANINGS else known or named or f"{number}"
    return RowError(code=code, row=row if isinstance(row, int) else None)


def _stopped(code: str, meaning: Meaning, answer: Answer, *, about: str) -> OperatorError:
    return OperatorError(f"{about}: {code}{_tracked(answer)}. {meaning.sentence} {meaning.fix}")


def _tracked(answer: Answer) -> str:
    """Return the ID that Microsoft's support asks for, as a part of a sentence."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    found = str(body.get("TrackingId") or answer.headers.get("TrackingId") or "")
    return f", tracking ID {found}" if _GUID.fullmatch(found) else ""
