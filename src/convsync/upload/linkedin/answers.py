"""What LinkedIn answers, and what that means for each row of a batch.

A batch is taken whole, with a status for each element, or refused whole, with rows named by their
numbers in a sentence: "indices [0, 3] (0-indexed)" of what is refused for its meaning, "Index: 3,
ERROR :: /path :: why" of what is misshapen. Those rows are judged, and the others go out again.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from convsync.errors import OperatorError, TransientError
from convsync.http import Answer
from convsync.model.outcome import Confirmed, Outcome, Untried
from convsync.model.statement import Batch
from convsync.upload.codes import UNKNOWN, Class, outcome_as, rows_concerned
from convsync.upload.linkedin.conversions_api_codes import (
    METHOD,
    SHAPE,
    TIME_WINDOW,
    meaning_of,
)
from convsync.vendor_words import code_of

_INDICES: Final = re.compile(r"indices\s*\[([0-9,\s]*)\]")
_MISSHAPEN: Final = re.compile(
    r"(?:Index:\s*([0-9]{1,6}),\s*)?ERROR\s*::\s*(/[A-Za-z0-9/_-]{1,100})?"
)
_ELSEWHERE: Final = re.compile(r"/elements/[0-9]+")
_CREATED: Final = 201
_NEXT_MINUTE_S: Final = 60.0
_PASSING: Final = frozenset({408, 425})
_SENTENCES: Final[Mapping[str, str]] = {
    "Conversion time": TIME_WINDOW,
    "Conversion's method": METHOD,
}
"""What a 400 is about, by words of its sentence: LinkedIn gives these no code."""


def outcomes_of(
    answer: Answer, batch: Batch, now: datetime, *, destination: str
) -> Sequence[Outcome]:
    """Return an outcome for every row, or raise as Destination says."""
    about = f"{destination} batch {batch.number}"
    if answer.status < 300:
        return _taken(answer, batch, now, about=about)
    raise_if_passing(answer, about=about)
    code, named = _refusal_of(answer)
    raise_if_it_stops(code, about=about)
    return _refused(code, named, batch, now)


def raise_if_passing(answer: Answer, *, about: str) -> None:
    """Raise TransientError where a later try may succeed."""
    if answer.status == 429:
        raise TransientError(
            f"{about}: LinkedIn has had too many requests.",
            retry_after_s=answer.retry_after_s or _NEXT_MINUTE_S,
            surely_not_taken=True,
        )
    if answer.status >= 500 or answer.status in _PASSING:
        raise TransientError(f"{about}: LinkedIn answered with {answer.status}.")


def raise_if_it_stops(code: str, *, about: str) -> None:
    """Raise OperatorError where nothing gets past a code until a person has fixed the cause."""
    meaning = meaning_of(code)
    if meaning is not None and meaning.what is Class.STOP:
        raise OperatorError(f"{about}: {code}. {meaning.sentence} {meaning.fix}")


def code_in(answer: Answer) -> str:
    """Return LinkedIn's code of a refusal, or the HTTP status where it gives none."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    own = code_of(body.get("serviceErrorCode"))
    if meaning_of(own):
        return own
    named = code_of(body.get("code"))
    return named if meaning_of(named) else str(answer.status)


def _taken(answer: Answer, batch: Batch, now: datetime, *, about: str) -> Sequence[Outcome]:
    """Read the status of each element; what does not answer for every row answers for none."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    elements = body.get("elements")
    if not isinstance(elements, list) or len(elements) != len(batch.statements):
        raise TransientError(f"{about}: LinkedIn did not answer for each of its events.")
    statuses = [one.get("status") if isinstance(one, Mapping) else None for one in elements]
    return [
        Confirmed()
        if status == _CREATED
        else outcome_as(f"element {code_of(status)}".strip(), UNKNOWN, statement, now)
        for status, statement in zip(statuses, batch.statements, strict=True)
    ]


def _refused(code: str, named: Mapping[int, str], batch: Batch, now: datetime) -> Sequence[Outcome]:
    """Judge the rows that a refusal names; where it names none, one that stands alone is meant."""
    meaning = meaning_of(code) or UNKNOWN
    judged = {row: one for row, one in named.items() if row < len(batch.statements)}
    judged |= dict.fromkeys(rows_concerned(meaning, batch.statements), code)
    if not judged and len(batch.statements) == 1:
        judged = {0: code}
    return [
        outcome_as(judged[row], meaning_of(judged[row]) or UNKNOWN, statement, now)
        if row in judged
        else Untried()
        for row, statement in enumerate(batch.statements)
    ]


def _refusal_of(answer: Answer) -> tuple[str, Mapping[int, str]]:
    """Return the code of a refusal, and the codes of the rows that it names."""
    body = answer.body if isinstance(answer.body, Mapping) else {}
    sentence = str(body.get("message") or "")
    if answer.status == 422:
        return SHAPE, _misshapen_in(sentence)
    code = code_in(answer)
    if answer.status == 400:
        code = next((one for words, one in _SENTENCES.items() if words in sentence), code)
    return code, dict.fromkeys(_indices_in(sentence), code)


def _indices_in(sentence: str) -> Sequence[int]:
    listed = _INDICES.findall(sentence)
    return [int(number) for numbers in listed for number in re.findall(r"[0-9]{1,6}", numbers)]


def _misshapen_in(sentence: str) -> Mapping[int, str]:
    """Return the first fault of each row; lines without a number go on about the last one."""
    found: dict[int, str] = {}
    for index, path in _MISSHAPEN.findall(sentence):
        if index:
            found.setdefault(int(index), f"{SHAPE} {_ELSEWHERE.sub('', path)}".strip())
    return found
