"""What Meta answers, and what that means for each row of a batch.

An answer is about a request as a whole. It was taken where Meta says that it received as many
events as were sent, and nothing else; any other number leaves all of them unknown. A refusal names
no event: one that stands alone is meant; of several none is judged, so that the batch is halved.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from convsync.errors import OperatorError, TransientError
from convsync.http import Answer
from convsync.model.outcome import Confirmed, Outcome, Untried
from convsync.model.statement import Batch
from convsync.upload.codes import UNKNOWN, Class, outcome_as
from convsync.upload.meta.conversions_api_codes import PASSING, THROTTLED, meaning_of
from convsync.vendor_words import name_of

_USAGE: Final = "x-business-use-case-usage"
_USES: Final = TypeAdapter(dict[str, list[dict[str, Any]]])
_MINUTE_S: Final = 60.0
_NO_CODE: Final = 10**9


def outcomes_of(
    answer: Answer, batch: Batch, now: datetime, *, destination: str
) -> Sequence[Outcome]:
    """Return an outcome for every row, or raise as Destination says."""
    about = f"{destination} batch {batch.number}"
    body = answer.body if isinstance(answer.body, Mapping) else {}
    if isinstance(body.get("error"), Mapping):
        return _refused(code_in(body), answer, batch, now, about=about)
    received, messages = body.get("events_received"), body.get("messages")
    if answer.status >= 400 or type(received) is not int:
        raise TransientError(
            f"{about} was answered with {answer.status} and nothing that Meta documents."
        )
    if received != len(batch.statements) or messages:
        raise TransientError(
            f"{about}: Meta received {received} of {len(batch.statements)} events, and does not "
            "say which."
        )
    return [Confirmed()] * len(batch.statements)


def code_in(body: Mapping[str, Any]) -> str:
    """Return the code of a refusal, with its subcode where there is one: `100/2804003`."""
    error = body["error"]
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    return f"{code}/{subcode}" if subcode else code


def raise_if_it_stops(code: str, answer: Answer, *, about: str) -> None:
    """Raise what a refusal means for whoever asked, unless it is about the events."""
    error = answer.body["error"]
    asked = _traced(error)
    head = code.partition("/")[0]
    if head in THROTTLED:
        raise TransientError(
            f"{about}: Meta has had too many calls ({code}{asked}).",
            retry_after_s=_regained_after_s(answer),
            surely_not_taken=True,
        )
    if head in PASSING or error.get("is_transient") is True or not code:
        raise TransientError(f"{about}: Meta answered with {code or answer.status}{asked}.")
    meaning = meaning_of(code)
    if meaning is not None and meaning.what is Class.STOP:
        raise OperatorError(f"{about}: {code}{asked}. {meaning.sentence} {meaning.fix}")


def _refused(
    code: str, answer: Answer, batch: Batch, now: datetime, *, about: str
) -> Sequence[Outcome]:
    raise_if_it_stops(code, answer, about=about)
    if len(batch.statements) > 1:
        return [Untried()] * len(batch.statements)
    return [outcome_as(code, meaning_of(code) or UNKNOWN, batch.statements[0], now)]


def _number(value: Any) -> str:
    is_one = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_one and 0 <= value < _NO_CODE else ""


def _traced(error: Mapping[str, Any]) -> str:
    trace = name_of(error.get("fbtrace_id"))
    return f", trace {trace}" if trace else ""


def _regained_after_s(answer: Answer) -> float | None:
    """Return how long Meta says that it takes no calls, where it does; its header has minutes."""
    try:
        uses = _USES.validate_json(answer.headers.get(_USAGE, ""))
    except ValidationError:
        return answer.retry_after_s
    asked = [use.get("estimated_time_to_regain_access") for one in uses.values() for use in one]
    minutes = [time for time in asked if isinstance(time, int | float) and math.isfinite(time)]
    longest = max(minutes, default=0)
    return longest * _MINUTE_S if longest else answer.retry_after_s
