"""The Google Ads API: the road of accounts that uploaded by it before 2026-06-15, and of no others.

What shapes this adapter (https://developers.google.com/google-ads/api/docs/conversions):

- `partial_failure` is always set: a request succeeds for some of its rows. Errors come as one
  `GoogleAdsFailure` beside the results; several may sit on one row, and the worst of them decides.
- What is taken is counted at once, so a row that is not refused is confirmed and there is nothing
  to ask for afterwards: `verdict` never has anything to say.
- The same order ID again is refused as already there, which confirms it. A new value and a
  retraction are adjustments, by a service of their own, of what happened in the last 54 days and
  did not begin with a wbraid.
- Error numbers that the installed package does not know are kept as numbers and put off.
- Requests are built as raw protobuf, which is ten times cheaper than the client's own classes, and
  go out through the official service clients without their logging, which would repeat what a
  request held, and without any retry: that is the outbox's.
- Custom variables go out under their numbers, which the configuration names: looking them up by
  name would cost a request a night, and a read that uploads otherwise do without.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any

import grpc
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.click import ClickIdKind
from convsync.model.consent import ConsentStatus
from convsync.model.conversion import Batch, Conversion, Operation
from convsync.model.customer import CustomerType
from convsync.model.outcome import Confirmed, Deferred, Outcome, Rejected, Untried
from convsync.upload.codes import NEXT_DAY, UNKNOWN, Class, Meaning, outcome_as
from convsync.upload.credentials import (
    ADS_SCOPE,
    keep_fresh,
    plaintext_channel,
    raise_if_called_back,
    signed_channel,
    wants_scope,
)
from convsync.upload.destination import UNLIMITED, Quota, Verdict
from convsync.upload.google_ads_codes import (
    ABOUT_THE_CLICK,
    NOT_FOR_A_WBRAID,
    TOO_OLD_TO_CORRECT,
    TRANSIENT,
    VERSION_MEND,
    WAITED_FOR_ONCE,
    meaning_of,
)
from convsync.upload.parts import upload_in_parts

MAX_ROWS = 2_000
MAX_IDENTIFIERS = 5
CORRECTABLE_FOR = timedelta(days=54)
HOST = "googleads.googleapis.com"
VERSION = "v26"

_MOST_JOBS = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The ad accounts of a request, as digits: whose conversions they are, and who signs in.

    `variables` are the numbers of the account's custom variables by name. A developer token has
    been ignored since 2026-09-09 and is passed on only where there is one.
    """

    customer_id: str
    login_customer_id: str | None = None
    linked_customer_id: str | None = None
    developer_token: str | None = field(default=None, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return the metadata that every request carries."""
        named = {
            "login-customer-id": self.login_customer_id,
            "linked-customer-id": self.linked_customer_id,
            "developer-token": self.developer_token,
        }
        return [(name, value) for name, value in named.items() if value]


class Api:
    """The raw messages and the service clients of one version of the API."""

    def __init__(self, version: str = VERSION) -> None:
        package = f"google.ads.googleads.{version}"
        uploads = import_module(f"{package}.services.types.conversion_upload_service")
        adjustments = import_module(
            f"{package}.services.types.conversion_adjustment_upload_service"
        )
        errors = import_module(f"{package}.errors.types.errors")
        adjustment = import_module(f"{package}.enums.types.conversion_adjustment_type")
        consent = import_module(f"{package}.enums.types.consent_status")
        customer = import_module(f"{package}.enums.types.conversion_customer_type")
        self.version = version
        self.UploadRequest = uploads.UploadClickConversionsRequest
        self.AdjustmentsRequest = adjustments.UploadConversionAdjustmentsRequest
        self.raw_upload_request = raw_class(self.UploadRequest)
        self.raw_adjustments_request = raw_class(self.AdjustmentsRequest)
        self.failure = raw_class(errors.GoogleAdsFailure)
        self.failure_key = f"{package}.errors.googleadsfailure-bin"
        kinds = adjustment.ConversionAdjustmentTypeEnum.ConversionAdjustmentType
        self.adjustment_type = {
            Operation.RESTATE: kinds.RESTATEMENT.value,
            Operation.RETRACT: kinds.RETRACTION.value,
        }
        said = consent.ConsentStatusEnum.ConsentStatus
        self.consent = {
            ConsentStatus.GRANTED: said.GRANTED.value,
            ConsentStatus.DENIED: said.DENIED.value,
        }
        types = customer.ConversionCustomerTypeEnum.ConversionCustomerType
        self.customer_type = {  # there is no word for a customer won back
            CustomerType.NEW: types.NEW.value,
            CustomerType.RETURNING: types.RETURNING.value,
        }

    def client(self, service: str, channel: grpc.Channel) -> Any:
        """Return the official client of a service, speaking over a channel."""
        module = "".join(f"_{c.lower()}" if c.isupper() else c for c in service).lstrip("_")
        package = f"google.ads.googleads.{self.version}.services.services.{module}"
        client = getattr(import_module(package), f"{service}Client")
        return client(transport=client.get_transport_class("grpc")(channel=channel))


def raw_class(wrapper: Any) -> Any:
    """Return the protobuf class beneath one of the client's own classes."""
    return type(wrapper.pb(wrapper()))


class GoogleAds:
    """Uploads to one ad account through the official service clients.

    `endpoint` leads elsewhere than to Google: to the sandbox, or a proxy. A plaintext endpoint is
    for the loopback only; settings see to that.
    """

    max_batch = MAX_ROWS

    def __init__(
        self,
        name: str,
        customer: Customer,
        credentials: Credentials | None,
        *,
        version: str = VERSION,
        endpoint: str = HOST,
        is_plaintext: bool = False,
        root_certificates: bytes | None = None,
        proxy: str | None = None,
        timeout: timedelta = timedelta(seconds=120),
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
    ) -> None:
        self.name = name
        self.requests_in_flight = requests_in_flight
        self.upload_quota = upload_quota
        self.status_quota = UNLIMITED  # there is no status to ask for
        self._customer = customer
        self._credentials = credentials or AnonymousCredentials()
        self._timeout_s = timeout.total_seconds()
        self._api = Api(version)
        self._channel = (
            plaintext_channel(endpoint)
            if is_plaintext
            else signed_channel(
                endpoint,
                self._credentials,
                ADS_SCOPE,
                root_certificates=root_certificates,
                proxy=proxy,
            )
        )
        uploads = self._api.client("ConversionUploadService", self._channel)
        adjustments = self._api.client("ConversionAdjustmentUploadService", self._channel)
        self._upload_clicks = uploads.upload_click_conversions
        self._upload_adjustments = adjustments.upload_conversion_adjustments

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch, what is new and what corrects in a request each; see Destination."""
        new, corrections, beyond = sorted_rows(batch, now)
        return upload_in_parts(
            batch,
            [
                (new, partial(self._count, now=now)),
                (corrections, partial(self._correct, now=now)),
                (beyond, partial(_refuse_to_correct, now=now)),
            ],
        )

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Have a batch checked without sending it; see Destination.

        That a made-up click is none of Google's is passed over.
        """
        refused: set[str] = set()
        for conversion in batch.conversions:  # one by one, so that a code of one stops at once
            alone = replace(batch, conversions=[conversion])
            outcomes = self._count(alone, now=now, is_dry_run=True)
            refused |= {outcome.code for outcome in outcomes if isinstance(outcome, Rejected)}
        if codes := sorted(refused - ABOUT_THE_CLICK):
            raise OperatorError(f"{self.name} refused a test row: {', '.join(codes)}.")

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        """Raise OperatorError: here everything is answered at once, and nothing ever awaited.

        Whoever asks has a batch that another platform accepted under this destination's name.
        """
        raise OperatorError(
            f"Batch {batch.number} was accepted, for a later verdict, by another platform that was "
            f"configured as {self.name}. Give the Google Ads API a name of its own, and keep the "
            "other destination's table until its verdicts are in."
        )

    def close(self) -> None:
        """Give back the connection."""
        self._channel.close()

    def _count(self, batch: Batch, *, now: datetime, is_dry_run: bool = False) -> Sequence[Outcome]:
        api = self._api
        request = upload_request_of(batch, self._customer, api)
        request.validate_only = is_dry_run
        return self._answer(self._upload_clicks, api.UploadRequest, request, batch, now)

    def _correct(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        api = self._api
        request = adjustments_request_of(batch, self._customer, api, now)
        return self._answer(self._upload_adjustments, api.AdjustmentsRequest, request, batch, now)

    def _answer(
        self, call: Any, wrapper: Any, request: Any, batch: Batch, now: datetime
    ) -> Sequence[Outcome]:
        """Make the one call; everything before and after it is pure."""
        is_new = keep_fresh(self._credentials, self.name, ADS_SCOPE)
        try:
            response = call(
                request=wrapper.wrap(request),
                retry=None,
                timeout=self._timeout_s,
                metadata=self._customer.headers,
            )
        except exceptions.GoogleAPICallError as error:
            if isinstance(error, exceptions.Unauthorized):
                raise_if_called_back(self._credentials, self.name, is_new=is_new)
            return outcomes_of_refusal(error, self._api, batch, now, destination=self.name)
        raw = type(response).pb(response)
        return outcomes_of(
            raw,
            self._api,
            batch,
            now,
            destination=self.name,
            is_dry_run=request.validate_only,
        )


def sorted_rows(batch: Batch, now: datetime) -> tuple[list[int], list[int], list[int]]:
    """Return the rows to count, the rows to correct, and those that Google would not correct."""
    new: list[int] = []
    corrections: list[int] = []
    beyond: list[int] = []
    for row, conversion in enumerate(batch.conversions):
        if conversion.operation is Operation.COUNT:
            new.append(row)
        elif _beyond_correction(conversion, now):
            beyond.append(row)
        else:
            corrections.append(row)
    return new, corrections, beyond


def _beyond_correction(conversion: Conversion, now: datetime) -> str:
    """Return our code for why Google would not correct a conversion, "" where it would."""
    click = conversion.matched.click
    if click is not None and click.click_id.kind is ClickIdKind.WBRAID:
        return NOT_FOR_A_WBRAID
    return TOO_OLD_TO_CORRECT if now - conversion.event_at > CORRECTABLE_FOR else ""


def _refuse_to_correct(part: Batch, *, now: datetime) -> Sequence[Outcome]:
    return [Rejected(code=_beyond_correction(c, now)) for c in part.conversions]


# What is said


def upload_request_of(batch: Batch, customer: Customer, api: Api) -> Any:
    """Return the raw request that counts a batch, the same for the same batch."""
    request = api.raw_upload_request()
    _set_head(request, batch, customer)
    action = action_name(batch, customer)
    moments = _moments(batch.conversions)
    for conversion, moment in zip(batch.conversions, moments, strict=True):
        row = request.conversions.add()
        row.conversion_action = action
        row.conversion_date_time = moment
        row.order_id = conversion.order_id
        row.conversion_value = float(conversion.value.amount)
        row.currency_code = conversion.value.currency
        if click := conversion.matched.click:
            setattr(row, _FIELD[click.click_id.kind], click.click_id.value)
        if (said := conversion.consent.ad_user_data) is not ConsentStatus.UNSPECIFIED:
            row.consent.ad_user_data = api.consent[said]  # ad_personalization is refused here
        if conversion.identifiers:
            _add_identifiers(row.user_identifiers, conversion)
        if conversion.customer_type and (kind := api.customer_type.get(conversion.customer_type)):
            row.customer_type = kind
        if conversion.variables and not (click and click.click_id.kind in _WITHOUT_VARIABLES):
            _add_variables(row.custom_variables, conversion, customer)
    return request


def adjustments_request_of(batch: Batch, customer: Customer, api: Api, now: datetime) -> Any:
    """Return the raw request that restates and takes back what a batch says, as of `now`.

    Google keeps one restatement for each time of adjustment, so a later one needs a later `now`.
    """
    request = api.raw_adjustments_request()
    _set_head(request, batch, customer)
    action = action_name(batch, customer)
    for conversion in batch.conversions:
        row = request.conversion_adjustments.add()
        row.order_id = conversion.order_id
        row.conversion_action = action
        row.adjustment_date_time = _moment(now)
        row.adjustment_type = api.adjustment_type[conversion.operation]
        if conversion.operation is Operation.RESTATE:
            row.restatement_value.adjusted_value = float(conversion.value.amount)
            row.restatement_value.currency_code = conversion.value.currency
    return request


def action_name(batch: Batch, customer: Customer) -> str:
    """Return the resource name of a batch's conversion action."""
    return f"customers/{customer.customer_id}/conversionActions/{batch.action.action_id}"


def _set_head(request: Any, batch: Batch, customer: Customer) -> None:
    request.customer_id = customer.customer_id
    request.partial_failure = True
    if 0 < batch.number < _MOST_JOBS:
        request.job_id = batch.number  # upload diagnostics are told apart by it


_FIELD = {kind: kind.value for kind in ClickIdKind}
_WITHOUT_VARIABLES = frozenset({ClickIdKind.GBRAID, ClickIdKind.WBRAID})
"""Google takes no custom variables beside a braid, and would refuse the conversion for them."""


def _moment(at: datetime) -> str:
    """Return an instant as Google reads it, the zone included: 2026-03-02 15:00:00+00:00."""
    return at.astimezone(UTC).isoformat(" ", "seconds")


def _moments(conversions: Sequence[Conversion]) -> Iterator[str]:
    """Yield each conversion's time, a second earlier for another deal of the same click.

    To Google what one click led to in one second is one conversion, whatever its order ID; two
    deals of one person closed on the same bare date would be refused as duplicates, both of them.
    """
    taken: set[tuple[str, str]] = set()
    for conversion in conversions:
        at = conversion.event_at
        moment = _moment(at)
        if click := conversion.matched.click:
            while (click.click_id.value, moment) in taken:
                at -= timedelta(seconds=1)
                moment = _moment(at)
            taken.add((click.click_id.value, moment))
        yield moment


def _add_identifiers(rows: Any, conversion: Conversion) -> None:
    who = conversion.identifiers
    for email in who.emails[:MAX_IDENTIFIERS]:
        rows.add().hashed_email = email
    for phone in who.phones[: MAX_IDENTIFIERS - len(rows)]:
        rows.add().hashed_phone_number = phone


def _add_variables(rows: Any, conversion: Conversion, customer: Customer) -> None:
    for name, value in conversion.variables.items():
        if name not in customer.variables:
            raise OperatorError(
                f"The custom variable '{name}' has no number: name it in the destination's "
                "custom_variables, or take it out of the rule."
            )
        row = rows.add()
        number = customer.variables[name]
        row.conversion_custom_variable = (
            f"customers/{customer.customer_id}/conversionCustomVariables/{number}"
        )
        row.value = value


# What is answered


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
        return self.family in TRANSIENT

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
    count = len(batch.conversions)
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
        for row in range(len(batch.conversions))
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
            f"{fault.meaning.mend}"
        )

    def unanswered(self, rows: int) -> TransientError:
        return TransientError(
            f"{self.destination} gave no answer for {rows} of {len(self.batch.conversions)} rows "
            f"of batch {self.batch.number}{self.asked}."
        )

    def transient(
        self, what: str, faults: Sequence[Fault], *, told_nothing: bool
    ) -> TransientError:
        delays = [f.retry_after.total_seconds() for f in faults if f.retry_after is not None]
        return TransientError(
            f"{self.destination} did not take batch {self.batch.number}: {what}{self.asked}.",
            retry_after_s=max(delays, default=None),
            told_nothing=told_nothing,
        )


def _judged(by_row: Sequence[tuple[Fault, ...]], now: datetime, about: _About) -> Sequence[Outcome]:
    """Return an outcome for every row by the worst of its faults.

    What every row is refused for stops the run. Where only some are, they come back untried, so
    that what the others were told is written down first.
    """
    deciding = [max(faults, key=_gravity) if faults else None for faults in by_row]
    found = [fault for fault in deciding if fault is not None]
    stops = [fault for fault in found if fault.meaning.what is Class.STOP]
    if stops and len(stops) == len(deciding):
        raise about.stop(stops[0])
    if len(found) == len(deciding) and all(f.is_transient and f not in stops for f in found):
        is_spent = all(fault.family == "quota_error" for fault in found)
        raise about.transient(found[0].code, found, told_nothing=is_spent)
    return [
        Confirmed() if fault is None else _outcome(fault, conversion, now)
        for fault, conversion in zip(deciding, about.batch.conversions, strict=True)
    ]


def _gravity(fault: Fault) -> tuple[Class, timedelta]:
    return fault.meaning.what, fault.wait


def _outcome(fault: Fault, conversion: Conversion, now: datetime) -> Outcome:
    match fault.meaning.what:
        case Class.STOP:
            return Untried()
        case Class.WAIT if fault.code in WAITED_FOR_ONCE and fault.code == conversion.put_off_for:
            return Rejected(code=fault.code)
        case Class.WAIT:
            until = now + fault.wait
            return Deferred(code=fault.code, until=until, is_unknown=fault.meaning.is_unknown)
        case _:
            return outcome_as(fault.code, fault.meaning, now)


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

    A refused request has counted nothing. Rows that it names are judged, and the others come back
    untried; where it names none, halves of it find out which row is meant.
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
        raise about.transient(what, faults or _asked_to_wait(error), told_nothing=is_spent)
    if isinstance(error, exceptions.Unauthorized | exceptions.Forbidden):
        mend = wants_scope(ADS_SCOPE)
        raise OperatorError(f"{destination} refused batch {batch.number}: {what}. {mend}")
    if isinstance(error, exceptions.MethodNotImplemented):
        raise OperatorError(f"{destination} refused batch {batch.number}: {what}. {VERSION_MEND}")
    if not faults or not isinstance(error, exceptions.BadRequest):
        raise UnexpectedResponseError(
            f"{destination} refused batch {batch.number}: {what}{about.asked}, which it never "
            "should."
        )
    return _refused(faults, batch, now)


def _refused(faults: Sequence[Fault], batch: Batch, now: datetime) -> Sequence[Outcome]:
    count = len(batch.conversions)
    named = {fault.row for fault in faults if fault.row is not None}
    if not named:
        worst = max(faults, key=_gravity)
        is_clear = count == 1 or worst.meaning.what is Class.WAIT
        return [_outcome(worst, c, now) if is_clear else Untried() for c in batch.conversions]
    worst_of = {row: max((f for f in faults if f.row == row), key=_gravity) for row in named}
    return [
        _outcome(worst_of[row], conversion, now) if row in named else Untried()
        for row, conversion in enumerate(batch.conversions)
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
        row = _row_of(error, len(batch.conversions))
        family, value = _code_of(error)
        operation = Operation.COUNT if row is None else batch.conversions[row].operation
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
        Fault(row=None, code="", meaning=NEXT_DAY, retry_after=delay.ToTimedelta())
        for delay in delays
    ]


def _word(error: exceptions.GoogleAPICallError) -> str:
    if error.grpc_status_code is not None:
        return str(error.grpc_status_code.name)
    return type(error).__name__


_STATUS_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _status_name(code: int) -> str:
    return _STATUS_NAMES.get(code, str(code))
