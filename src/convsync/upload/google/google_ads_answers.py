"""What the Google Ads API answers: the errors, and an outcome for each row.

Errors come as one `GoogleAdsFailure` beside the results, or in the metadata of a refused request;
several may sit on one row, and the worst of them decides. Error numbers that the installed package
does not know are kept as numbers and put off.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import grpc
from google.api_core import exceptions
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.outcome import Confirmed, Outcome, Untried
from convsync.model.statement import Batch, Operation, Statement
from convsync.upload.codes import UNKNOWN, Class, Meaning, outcome_as, rows_concerned
from convsync.upload.google.credentials import ADS_SCOPE, wants_scope
from convsync.upload.google.google_ads_api import Api
from convsync.upload.google.google_ads_codes import (
    TRANSIENT,
    VERSION_FIX,
    meaning_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One error of a failure: the row it is about (None: the request), its code and what it asks.

    `retry_after` is how long the server says to wait.
    """

    row: int | None
    code: str
    meaning: Meaning
    family: str = ""
    retry_after: timedelta | None = None

    @property
    def is_transient(self) -> bool:
        """True where it says nothing about what was sent, only that it was the wrong moment."""
        is_told_to_wait = self.meaning.what is Class.WAIT and not self.meaning.is_unknown
        return self.family in TRANSIENT and is_told_to_wait

    @property
    def wait(self) -> timedelta:
        """Return how long to wait: as the server says, else as the code means."""
        return self.meaning.wait if self.retry_after is None else self.retry_after


def outcomes_of(
    response: Any,
    api: Api,
    batch: Batch,
    now: datetime,
    *,
    destination: str,
    is_dry_run: bool = False,
) -> Sequence[Outcome]:
    """Return an outcome for every row of an answered request, or raise what stops the run.

    A dry run has no results. Else a row that has neither a result nor an error has no answer, and
    neither has the request: TransientError, for the same again finds out.
    """
    status = response.partial_failure_error
    count = len(batch.statements)
    taken = {row for row, result in enumerate(response.results) if result.ByteSize()}
    about = _About(destination, batch, "")
    if status.code == 0:
        if not is_dry_run and not taken.issuperset(range(count)):
            raise about.unanswered(count - len(taken))
        return [Confirmed()] * count
    failures = [_unpacked(detail, api) for detail in status.details]
    faults = [fault for failure in failures if failure for fault in faults_of(failure, batch)]
    request_id = next((failure.request_id for failure in failures if failure), "")
    if not faults:
        code = f"partial_failure.{_status_name(status.code)}"
        faults = [Fault(row=None, code=code, meaning=UNKNOWN)]
    about = replace(about, request_id=request_id)
    by_row = _by_row(faults, batch, taken)
    silent = [row for row, faults in enumerate(by_row) if not faults and row not in taken]
    if silent and not is_dry_run:
        raise about.unanswered(len(silent))
    return _judged(by_row, now, about)


def _by_row(faults: Sequence[Fault], batch: Batch, taken: set[int]) -> Sequence[tuple[Fault, ...]]:
    """Return the faults of every row; those of no row are every row's that was not taken."""
    everywhere = tuple(fault for fault in faults if fault.row is None)
    named: dict[int, tuple[Fault, ...]] = {}
    for fault in faults:
        if fault.row is not None:
            named[fault.row] = (*named.get(fault.row, ()), fault)
    return [
        named.get(row, ()) if row in named or row in taken else everywhere
        for row in range(len(batch.statements))
    ]


@dataclass(frozen=True, slots=True)
class _About:
    """What a message says it is about."""

    destination: str
    batch: Batch
    request_id: str

    @property
    def asked(self) -> str:
        return f" (request {self.request_id})" if self.request_id else ""

    def stop(self, fault: Fault) -> OperatorError:
        return OperatorError(
            f"{self.destination} refused batch {self.batch.number}: {fault.code}{self.asked}. "
            f"{fault.meaning.fix}"
        )

    def unanswered(self, rows: int) -> TransientError:
        return TransientError(
            f"{self.destination} gave no answer for {rows} of {len(self.batch.statements)} rows "
            f"of batch {self.batch.number}{self.asked}."
        )

    def transient(
        self, what: str, faults: Sequence[Fault], *, surely_not_taken: bool
    ) -> TransientError:
        delays = [f.retry_after.total_seconds() for f in faults if f.retry_after is not None]
        return TransientError(
            f"{self.destination} did not take batch {self.batch.number}: {what}{self.asked}.",
            retry_after_s=max(delays, default=None),
            surely_not_taken=surely_not_taken,
        )


def _judged(by_row: Sequence[tuple[Fault, ...]], now: datetime, about: _About) -> Sequence[Outcome]:
    """Return an outcome for every row by the worst of its faults.

    What every row is refused for stops the run, and the wrong moment for all of them is waited out.
    Where only some are refused so, they come back untried, so that the others' outcomes are written
    down first: a request of their own then has the answer for all.
    """
    deciding = [max(faults, key=_gravity) if faults else None for faults in by_row]
    found = [fault for fault in deciding if fault is not None]
    stops = [fault for fault in found if fault.meaning.what is Class.STOP]
    if stops and len(stops) == len(deciding):
        raise about.stop(stops[0])
    if len(found) == len(deciding) and all(fault.is_transient for fault in found):
        is_spent = all(fault.family == "quota_error" for fault in found)
        raise about.transient(found[0].code, found, surely_not_taken=is_spent)
    return [
        Confirmed() if fault is None else _outcome(fault, statement, now)
        for fault, statement in zip(deciding, about.batch.statements, strict=True)
    ]


def _gravity(fault: Fault) -> tuple[Class, timedelta, bool]:
    return fault.meaning.what, fault.wait, fault.meaning.is_by_our_key


def _outcome(fault: Fault, statement: Statement, now: datetime) -> Outcome:
    if fault.meaning.what is Class.STOP or fault.is_transient:
        return Untried()
    return outcome_as(fault.code, replace(fault.meaning, wait=fault.wait), statement, now)


_REFUSED_FOR_NOW = (
    exceptions.TooManyRequests,
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.GatewayTimeout,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.Unknown,
)


def outcomes_of_refusal(
    error: exceptions.GoogleAPICallError,
    api: Api,
    batch: Batch,
    now: datetime,
    *,
    destination: str,
) -> Sequence[Outcome]:
    """Return an outcome for every row of a refused request, or raise what stops the run.

    A refused request has counted nothing. Rows that it names are judged, with those that share the
    fate of a blocked one, and the others come back untried; where it names none, halves of it find
    out which row is meant.
    """
    failure = failure_in(error, api)
    faults = [] if failure is None else list(faults_of(failure, batch))
    about = _About(destination, batch, "" if failure is None else failure.request_id)
    what = next((fault.code for fault in faults), _word(error))
    for fault in faults:
        if fault.meaning.what is Class.STOP:
            raise about.stop(fault)
    if isinstance(error, _REFUSED_FOR_NOW) or any(fault.is_transient for fault in faults):
        is_spent = isinstance(error, exceptions.TooManyRequests)
        raise about.transient(what, faults or _asked_to_wait(error), surely_not_taken=is_spent)
    if any(fault.meaning.what is Class.BLOCKED for fault in faults):
        return _refused(faults, batch, now)
    if isinstance(error, exceptions.Unauthorized | exceptions.Forbidden):
        fix = wants_scope(ADS_SCOPE)
        raise OperatorError(f"{destination} refused batch {batch.number}: {what}. {fix}")
    if isinstance(error, exceptions.MethodNotImplemented):
        raise OperatorError(f"{destination} refused batch {batch.number}: {what}. {VERSION_FIX}")
    if not faults or not isinstance(error, exceptions.BadRequest):
        raise UnexpectedResponseError(
            f"{destination} refused batch {batch.number}: {what}{about.asked}, which it never "
            "should."
        )
    return _refused(faults, batch, now)


def _refused(faults: Sequence[Fault], batch: Batch, now: datetime) -> Sequence[Outcome]:
    statements = batch.statements
    deciding: dict[int, Fault] = {}
    for fault in sorted(faults, key=_gravity):  # the gravest last, so that it stays
        named = () if fault.row is None else (fault.row,)
        rows = (*named, *rows_concerned(fault.meaning, statements))
        deciding |= dict.fromkeys(rows, fault)
    if not deciding:
        worst = max(faults, key=_gravity)
        if len(statements) == 1 or worst.meaning.what is Class.WAIT:
            deciding = dict.fromkeys(range(len(statements)), worst)
    return [
        _outcome(deciding[row], statement, now) if row in deciding else Untried()
        for row, statement in enumerate(statements)
    ]


def failure_in(error: exceptions.GoogleAPICallError, api: Api) -> Any | None:
    """Return the failure that came with an error, as trailing metadata; None where none did."""
    for cause in error.errors:
        metadata: Mapping[str, bytes] = dict(getattr(cause, "trailing_metadata", tuple)() or ())
        if api.failure_key in metadata:
            return _decoded(metadata[api.failure_key], api)
    return None


def faults_of(failure: Any, batch: Batch) -> Iterator[Fault]:
    """Yield the errors of a failure, each with the row it is about."""
    for error in failure.errors:
        row = _row_of(error, len(batch.statements))
        family, value = _code_of(error)
        operation = Operation.COUNT if row is None else batch.statements[row].operation
        code, meaning = meaning_of(family, value, operation)
        if unpublished := error.details.unpublished_error_code:
            code = f"{code}.{unpublished}"
        quota = error.details.quota_error_details
        yield Fault(
            row=row,
            code=code,
            meaning=meaning,
            family=family,
            retry_after=quota.retry_delay.ToTimedelta() if quota.HasField("retry_delay") else None,
        )


def _row_of(error: Any, count: int) -> int | None:
    """Return the first index of an error's path; a path may go on into lists within the row."""
    for element in error.location.field_path_elements:
        if element.HasField("index"):
            return int(element.index) if element.index < count else None
    return None


def _code_of(error: Any) -> tuple[str, str]:
    """Return the enum of an error's code, and its value's name, or number where it has none."""
    code = error.error_code
    family = code.WhichOneof("error_code")
    if family is None:
        unknown = UnknownFieldSet(code)
        return ("error_code", "0") if not unknown else _unknown_code(unknown[0])
    number = getattr(code, family)
    spelling = code.DESCRIPTOR.fields_by_name[family].enum_type.values_by_number.get(number)
    return family, str(number) if spelling is None else spelling.name


def _unknown_code(unknown: Any) -> tuple[str, str]:
    return f"error_code_{unknown.field_number}", str(unknown.data)


def _unpacked(detail: Any, api: Api) -> Any | None:
    is_failure = detail.type_url.endswith(".GoogleAdsFailure")
    return _decoded(detail.value, api) if is_failure else None


def _decoded(value: bytes, api: Api) -> Any | None:
    try:
        return api.failure.FromString(value)
    except DecodeError:
        return None


def _asked_to_wait(error: exceptions.GoogleAPICallError) -> Sequence[Fault]:
    """Return what a refusal without a failure says about when to come back, if anything."""
    delays = [detail.retry_delay for detail in error.details if hasattr(detail, "retry_delay")]
    return [
        Fault(row=None, code="", meaning=UNKNOWN, retry_after=delay.ToTimedelta())
        for delay in delays
    ]


def _word(error: exceptions.GoogleAPICallError) -> str:
    if error.grpc_status_code is not None:
        return str(error.grpc_status_code.name)
    return type(error).__name__


_STATUS_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _status_name(code: int) -> str:
    return _STATUS_NAMES.get(code, str(code))
