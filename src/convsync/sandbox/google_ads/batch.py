"""An upload of many rows: what both uploads have in common, whatever their rows are.

The request is refused whole for what is wrong outside its rows. Rows fail one by one, under
`partial_failure`; without it one bad row fails them all.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import grpc

from convsync.model.money import CURRENCIES
from convsync.sandbox.account import TOO_RECENT, Action, SandboxAccount
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.books import BookedRequest, Job, Refused
from convsync.sandbox.faults import Call
from convsync.sandbox.google_ads.failures import Failure, Flaw
from convsync.sandbox.google_ads.version import Version
from convsync.sandbox.messages import Message
from convsync.sandbox.trouble import Trouble

MOST_ROWS = 2_000
MOST_IDENTIFIERS = 5
JOB_IDS = range(1, 2**31)
GENERATED_JOB_IDS = range(2**31, 2**63)

REQUIRED = "field_error.REQUIRED"
MUST_BE_UNSET = "field_error.VALUE_MUST_BE_UNSET"
MALFORMED_NAME = "request_error.RESOURCE_NAME_MALFORMED"
WRONG_TIME = "date_error.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"
UNSUPPORTED_CURRENCY = "currency_code_error.UNSUPPORTED"

_CUSTOMER_ID = re.compile(r"[0-9]+")
_ACTION_NAME = re.compile(r"customers/[0-9]+/conversionActions/([0-9]+)")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}")
_HASH = re.compile(r"[0-9a-f]{64}")
_FIELD = re.compile(r"([a-z_]+)(?:\[([0-9]+)\])?")

Found = Iterator[tuple[str, str]]  # a code, and the row's field it is about


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRow:
    """One row, and what is known before anything is judged.

    `action` is the conversion action it names, if that exists; `page` is where the books keep it.
    """

    index: int
    message: Message
    action: Action | None
    page: str
    account: SandboxAccount
    now: datetime
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedRows:
    """A request with its rows."""

    platform: AdPlatform
    customer_id: str
    account: SandboxAccount
    request_id: str
    now: datetime
    rows: Sequence[UploadRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What makes one upload differ from the other.

    `judge` finds what is wrong with rows, `enter` lets a good one take effect, `result` is the
    answer about it.
    """

    call: Call
    rows: str
    family: str
    too_many: str
    response: Callable[[Version], Message]
    judge: Callable[[UploadedRows], Iterator[tuple[UploadRow, str, str]]]
    enter: Callable[[UploadedRows, Sequence[UploadRow]], None]
    result: Callable[[Message, Message], None]
    only_allowlisted: bool = False

    def __call__(
        self, platform: AdPlatform, version: Version, request: Message, request_id: str
    ) -> Message:
        """Answer a request, and note down how it ended."""
        now, result, is_counted = platform.clock.now(), grpc.StatusCode.OK, False
        try:
            with platform.faults.around(self.call):
                response = self._answer(platform, version, request, request_id, now)
                is_counted = not request.validate_only
        except (Failure, Trouble) as no:
            result = no.code
            raise
        finally:
            platform.books.note(
                BookedRequest(
                    at=now,
                    request_id=request_id,
                    events=len(getattr(request, self.rows)),
                    is_dry_run=request.validate_only,
                    result=result.name,
                    counted=is_counted,
                    call=self.call,
                )
            )
        return response

    def _answer(
        self,
        platform: AdPlatform,
        version: Version,
        request: Message,
        request_id: str,
        now: datetime,
    ) -> Message:
        account = account_of(platform, request.customer_id)
        self._check(request)
        job_id = request.job_id if request.HasField("job_id") else _a_job_id()
        response = self.response(version)(job_id=job_id)
        with platform.books.for_one_at_a_time():
            batch = UploadedRows(
                platform=platform,
                customer_id=request.customer_id,
                account=account,
                request_id=request_id,
                now=now,
                rows=self._rows(platform, account, request, now),
            )
            self._find_flaws(batch)
            flaws = [flaw for row in batch.rows for flaw in row.flaws]
            if flaws and not request.partial_failure:
                raise Failure(flaws, request_id=request_id)
            if not request.validate_only:
                self._take_effect(batch, job_id)
        if flaws:
            status = version.partial_failure(flaws, request_id)
            response.partial_failure_error.CopyFrom(status)
        if not request.validate_only:
            for row in batch.rows:
                result = response.results.add()
                if not row.flaws:
                    self.result(row.message, result)
        return response

    def _check(self, request: Message) -> None:
        count = len(getattr(request, self.rows))
        if not count:
            raise Failure.of("request_error.REQUIRED_FIELD_MISSING", (self.rows, None))
        if count > MOST_ROWS:
            raise Failure.of(f"{self.family}.{self.too_many}", (self.rows, None))
        if request.HasField("job_id") and request.job_id not in JOB_IDS:
            raise Failure.of(f"{self.family}.INVALID_JOB_ID", ("job_id", None))

    def _rows(
        self, platform: AdPlatform, account: SandboxAccount, request: Message, now: datetime
    ) -> list[UploadRow]:
        owners = {request.customer_id, account.google_ads_conversion_customer}
        rows = []
        for index, message in enumerate(getattr(request, self.rows)):
            named = _ACTION_NAME.fullmatch(message.conversion_action)
            action_id = named[1] if named else ""
            action = platform.actions.get(action_id)
            if named and not platform.actions:
                action = Action(account=request.customer_id, id=action_id)
            if platform.actions and action and action.account not in owners:
                action = None
            page = (
                f"{action.account}/{action_id}"
                if action and platform.actions
                else platform.books.page_of(request.customer_id, action_id)
            )
            rows.append(
                UploadRow(
                    index=index, message=message, action=action, page=page, account=account, now=now
                )
            )
        return rows

    def _find_flaws(self, batch: UploadedRows) -> None:
        if self.only_allowlisted and not batch.account.allowlisted:
            code = "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
            for row in batch.rows:
                row.flaws.append(Flaw(code=code, path=[(self.rows, row.index)]))
            return
        for row, code, name in self.judge(batch):
            path = [(self.rows, row.index), *_path_of(name)]
            row.flaws.append(Flaw(code=code, path=path))

    def _take_effect(self, batch: UploadedRows, job_id: int) -> None:
        job = Job(at=batch.now, customer=batch.customer_id, id=job_id)
        for row in batch.rows:
            action = row.page.rpartition("/")[2]
            if row.flaws:
                job.failed[action, row.flaws[0].code] += 1
                batch.platform.books.refuse(_refused(batch, row))
            else:
                job.succeeded[action] += 1
        self.enter(batch, [row for row in batch.rows if not row.flaws])
        batch.platform.books.jobs.append(job)


def account_of(platform: AdPlatform, customer_id: str) -> SandboxAccount:
    """Return the customer's settings; a `Failure` if there is no such customer."""
    if not _CUSTOMER_ID.fullmatch(customer_id):
        raise Failure.of("request_error.INVALID_CUSTOMER_ID", ("customer_id", None))
    account = platform.account(customer_id)
    if account is None:
        raise Failure.of("authorization_error.USER_PERMISSION_DENIED")
    return account


def moment(text: str) -> datetime | None:
    """An instant as the API spells it, `2026-01-01 09:00:00+01:00`; `None` if it is not one."""
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def flaws_of_action(row: UploadRow, family: str, types: Sequence[str]) -> Found:
    """The action exists, is old enough and of a type that this upload is for."""
    name = row.message.conversion_action
    if not name:
        yield REQUIRED, "conversion_action"
    elif not _ACTION_NAME.fullmatch(name):
        yield MALFORMED_NAME, "conversion_action"
    elif row.action is None or row.action.status != "ENABLED":
        yield f"{family}.NO_CONVERSION_ACTION_FOUND", "conversion_action"
    elif row.action.type not in types:
        yield f"{family}.INVALID_CONVERSION_ACTION_TYPE", "conversion_action"
    elif row.action.created_at and row.now - row.action.created_at < TOO_RECENT:
        yield f"{family}.TOO_RECENT_CONVERSION_ACTION", "conversion_action"


def flaws_of_identifiers(row: UploadRow, family: str) -> Found:
    """At most five hashed addresses or numbers, of a customer who may send them."""
    identifiers = row.message.user_identifiers
    if identifiers and not row.account.accepted_customer_data_terms:
        yield f"{family}.CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS", "user_identifiers"
    if len(identifiers) > MOST_IDENTIFIERS:
        yield "collection_size_error.TOO_MANY", "user_identifiers"
    for index, identifier in enumerate(identifiers):
        kind = identifier.WhichOneof("identifier")
        if kind not in ("hashed_email", "hashed_phone_number"):
            yield f"{family}.UNSUPPORTED_USER_IDENTIFIER", f"user_identifiers[{index}]"
        elif not _HASH.fullmatch(getattr(identifier, kind)):
            yield f"{family}.INVALID_USER_IDENTIFIER", f"user_identifiers[{index}].{kind}"


def flaws_of_order_id(row: UploadRow, family: str) -> Found:
    """An order ID is nobody's e-mail address."""
    if "@" in row.message.order_id:
        yield f"{family}.ORDER_ID_CONTAINS_PII", "order_id"


def is_currency(code: str) -> bool:
    """Whether it is one of ISO 4217."""
    return code in CURRENCIES


def repeated(keys: Sequence[Any]) -> set[Any]:
    """Those there is more than one of, apart from nothing."""
    return {key for key, times in Counter(keys).items() if times > 1 and key}


def _refused(batch: UploadedRows, row: UploadRow) -> Refused:
    return Refused(
        at=batch.now,
        request_id=batch.request_id,
        row=row.index,
        destination=row.page,
        transaction_id=row.message.order_id,
        reason=row.flaws[0].code,
    )


def _path_of(name: str) -> Iterator[tuple[str, int | None]]:
    for part in _FIELD.finditer(name):
        yield part[1], int(part[2]) if part[2] else None


def _a_job_id() -> int:
    # Half of a UUID is any 64 bits; what is too high or too low is moved into the range.
    return GENERATED_JOB_IDS[uuid4().int % len(GENERATED_JOB_IDS)]
