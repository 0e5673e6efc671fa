"""The Data Manager API, `events:ingest`: the default road for offline conversions.

What shapes this adapter (https://developers.google.com/data-manager/api):

- A request is taken whole or refused whole. Where a refusal names rows, those are rejected and the
  others come back as untried, to go out in the next request; a refusal that names none is split.
- The same `transaction_id` again is an adjustment of the value, never a second conversion, so a
  repeat is harmless; taking back is a value of zero, and the count remains. Where a `retractor` is
  given (the Google Ads API, by order ID), it takes back instead, and the count goes too; but not
  what began with a wbraid, which that API does not adjust.
- Verdicts on rows come half an hour or more later, from `requestStatus:retrieve`, and are read in
  `data_manager_status`.
- A spent quota says how long to wait. Google states no hour for a day's, so that is not waited for.
- Requests are built as raw protobuf, which is ten times cheaper than the client's own classes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from google.ads import datamanager_v1
from google.ads.datamanager_v1.services.ingestion_service.transports import (
    IngestionServiceGrpcTransport,
)
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException, Response

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.click import ClickIdKind
from convsync.model.consent import ConsentStatus
from convsync.model.conversion import Batch, Conversion, Operation
from convsync.model.customer import CustomerType
from convsync.model.outcome import Accepted, Outcome, Rejected, Untried
from convsync.upload.codes import UNKNOWN, Class, outcome_of
from convsync.upload.credentials import (
    DATA_MANAGER_SCOPE,
    keep_fresh,
    plaintext_channel,
    raise_if_called_back,
    sign_in_error,
    signed_channel,
    wants_scope,
)
from convsync.upload.data_manager_codes import REFUSALS
from convsync.upload.data_manager_status import details_in, verdict_of
from convsync.upload.destination import UNLIMITED, Destination, Quota, Verdict
from convsync.upload.parts import upload_in_parts

MAX_EVENTS = 2_000
MAX_IDENTIFIERS = 10
HOST = "datamanager.googleapis.com"

_Request = type(datamanager_v1.IngestEventsRequest.pb(datamanager_v1.IngestEventsRequest()))
_SOURCE = {source.name: source.value for source in datamanager_v1.EventSource}
_CONSENT = {
    ConsentStatus.GRANTED: datamanager_v1.ConsentStatus.CONSENT_GRANTED.value,
    ConsentStatus.DENIED: datamanager_v1.ConsentStatus.CONSENT_DENIED.value,
    ConsentStatus.UNSPECIFIED: datamanager_v1.ConsentStatus.CONSENT_STATUS_UNSPECIFIED.value,
}
_CUSTOMER = {kind: datamanager_v1.CustomerType[kind.name].value for kind in CustomerType}
_HEX = datamanager_v1.Encoding.HEX.value
_GOOGLE_ADS = datamanager_v1.ProductAccount.AccountType.GOOGLE_ADS.value
_ROW = re.compile(r"\bevents\[(\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The ad accounts of a request, as digits: who owns the actions, and who signs in."""

    operating: str
    login: str | None = None
    linked: str | None = None
    event_source: str = "OTHER"


class DataManager:
    """Uploads to one ad account through the official client.

    `endpoint` and `rest_endpoint` lead elsewhere than to Google: to the sandbox, or a proxy. A
    plaintext endpoint is for the loopback only; settings see to that.
    """

    max_batch = MAX_EVENTS

    def __init__(
        self,
        name: str,
        account: Account,
        credentials: Credentials | None,
        *,
        endpoint: str = HOST,
        rest_endpoint: str = f"https://{HOST}",
        is_plaintext: bool = False,
        timeout: timedelta = timedelta(seconds=120),
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
        status_quota: Quota = UNLIMITED,
        retractor: Destination | None = None,
    ) -> None:
        self.name = name
        self.requests_in_flight = requests_in_flight
        self.upload_quota = upload_quota
        self.status_quota = status_quota
        self._account = account
        self._retractor = retractor
        self._rest_endpoint = rest_endpoint
        self._timeout_s = timeout.total_seconds()
        self._credentials = credentials or AnonymousCredentials()
        channel = (
            plaintext_channel(endpoint)
            if is_plaintext
            else signed_channel(endpoint, self._credentials, DATA_MANAGER_SCOPE)
        )
        self._client = datamanager_v1.IngestionServiceClient(
            transport=IngestionServiceGrpcTransport(channel=channel)
        )
        self._session = AuthorizedSession(self._credentials)

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch, in one request but for what a retractor takes back; see Destination."""
        if self._retractor is None:
            return self._send(batch, now=now)
        taken_back = [row for row, c in enumerate(batch.conversions) if _is_taken_back(c)]
        others = [row for row, c in enumerate(batch.conversions) if not _is_taken_back(c)]
        return upload_in_parts(
            batch,
            [
                (taken_back, partial(self._retractor.upload, now=now)),
                (others, partial(self._send, now=now)),
            ],
        )

    def _send(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        response = self._ingest(batch, request_of(batch, self._account), now)
        if not isinstance(response, str):
            return response
        if not response:
            raise TransientError(f"{self.name} took batch {batch.number} under no request ID.")
        return [Accepted(request_id=response)] * len(batch.conversions)

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Have a batch checked without sending it; raises what `upload` would, OperatorError too.

        A dry run finds less than the real one: it lets a purely numeric transaction ID pass.
        """
        request = request_of(batch, self._account)
        request.validate_only = True
        outcomes = self._ingest(batch, request, now)
        if not isinstance(outcomes, str):
            codes = sorted({o.code for o in outcomes if isinstance(o, Rejected)})
            raise OperatorError(f"{self.name} refused a test row: {', '.join(codes)}.")

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        """Ask for the rows' verdicts; see Destination."""
        url = f"{self._rest_endpoint}/v1/requestStatus:retrieve"
        try:
            response = self._session.get(
                url, params={"requestId": request_id}, timeout=self._timeout_s
            )
        except GoogleAuthError as error:
            raise sign_in_error(self.name, DATA_MANAGER_SCOPE, error) from error
        except RequestException as error:
            what = type(error).__name__
            raise TransientError(f"{self.name} gave no status of {request_id}: {what}.") from error
        return verdict_of(response_json(response, self.name), response.status_code, batch, now)

    def close(self) -> None:
        """Give back the connections."""
        self._client.transport.close()
        self._session.close()

    def _ingest(self, batch: Batch, request: Any, now: datetime) -> str | Sequence[Outcome]:
        """Return the request ID, or the outcomes of a refusal."""
        is_new = keep_fresh(self._credentials, self.name, DATA_MANAGER_SCOPE)
        try:
            response = self._client.ingest_events(
                request=datamanager_v1.IngestEventsRequest.wrap(request),
                retry=None,
                timeout=self._timeout_s,
            )
        except GoogleAuthError as error:
            raise sign_in_error(self.name, DATA_MANAGER_SCOPE, error) from error
        except exceptions.GoogleAPICallError as error:
            if isinstance(error, exceptions.Unauthorized):
                raise_if_called_back(self._credentials, self.name, is_new=is_new)
            return outcomes_of_refusal(refusal_of(error), batch, now, destination=self.name)
        return str(response.request_id)


def _is_taken_back(conversion: Conversion) -> bool:
    click = conversion.matched.click
    began_with_a_wbraid = click is not None and click.click_id.kind is ClickIdKind.WBRAID
    return conversion.operation is Operation.RETRACT and not began_with_a_wbraid


def request_of(batch: Batch, account: Account) -> Any:
    """Return the raw protobuf request that says a batch, the same for the same batch."""
    request = _Request()
    destination = request.destinations.add()
    _set_account(destination.operating_account, account.operating)
    if account.login:
        _set_account(destination.login_account, account.login)
    if account.linked:
        _set_account(destination.linked_account, account.linked)
    destination.product_destination_id = batch.action.action_id
    source = _SOURCE[account.event_source]
    for conversion in batch.conversions:
        _add_event(request.events.add(), conversion, source)
    if any(conversion.identifiers for conversion in batch.conversions):
        request.encoding = _HEX
    return request


def _set_account(target: Any, account_id: str) -> None:
    target.account_type = _GOOGLE_ADS
    target.account_id = account_id


def _add_event(event: Any, conversion: Conversion, source: int) -> None:
    event.transaction_id = conversion.order_id
    event.event_timestamp.FromDatetime(conversion.event_at)
    event.event_source = source
    event.currency = conversion.value.currency
    event.conversion_value = float(conversion.value.amount)
    if click := conversion.matched.click:
        setattr(event.ad_identifiers, _FIELD[click.click_id.kind], click.click_id.value)
    consent = conversion.consent
    if consent.ad_user_data is not ConsentStatus.UNSPECIFIED:
        event.consent.ad_user_data = _CONSENT[consent.ad_user_data]
    if consent.ad_personalization is not ConsentStatus.UNSPECIFIED:
        event.consent.ad_personalization = _CONSENT[consent.ad_personalization]
    if conversion.identifiers:
        _add_identifiers(event.user_data, conversion)
    if conversion.customer_type:
        event.user_properties.customer_type = _CUSTOMER[conversion.customer_type]
    for name, value in conversion.variables.items():
        variable = event.custom_variables.add()
        variable.variable = name
        variable.value = value


_FIELD = {kind: kind.value for kind in ClickIdKind}


def _add_identifiers(user_data: Any, conversion: Conversion) -> None:
    who = conversion.identifiers
    room = MAX_IDENTIFIERS
    for email in who.emails[:room]:
        user_data.user_identifiers.add().email_address = email
    for phone in who.phones[: room - len(user_data.user_identifiers)]:
        user_data.user_identifiers.add().phone_number = phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request was refused, in the vendor's words: the reason, and rows by number.

    `named` holds the gravest reason for every row that the refusal names, `elsewhere` the reasons
    that concern no row but the request itself.
    """

    error: exceptions.GoogleAPICallError
    reason: str
    named: Mapping[int, str]
    elsewhere: frozenset[str]
    request_id: str
    retry_after_s: float | None


def refusal_of(error: exceptions.GoogleAPICallError) -> Refusal:
    """Return what an error of the official client says, whichever transport it came by."""
    details = [_as_mapping(detail) for detail in error.details]
    violations = [v for d in details for v in d.get("field_violations", ())]
    named: dict[int, str] = {}
    elsewhere: set[str] = set()
    reason = next((str(d["reason"]) for d in details if d.get("reason")), "")
    for violation in violations:
        row = _ROW.search(violation["field"])
        code = violation["reason"] or reason or _word(error)
        if row is None:
            elsewhere.add(code)
        elif _is_graver(code, named.get(int(row[1]))):
            named[int(row[1])] = code
    return Refusal(
        error=error,
        reason=reason,
        named=named,
        elsewhere=frozenset(elsewhere),
        request_id=next((str(d["request_id"]) for d in details if d.get("request_id")), ""),
        retry_after_s=delay_in(details),
    )


def _is_graver(code: str, than: str | None) -> bool:
    if than is None:
        return True
    return REFUSALS.get(code, UNKNOWN).what > REFUSALS.get(than, UNKNOWN).what


def _as_mapping(detail: Any) -> Mapping[str, Any]:
    """Return an error detail, which gRPC gives as a message, as a mapping."""
    fields: dict[str, Any] = {}
    for field, value in detail.ListFields():
        if field.name == "field_violations":
            value = [{"field": v.field, "reason": v.reason} for v in value]
        fields[field.name] = value
    return fields


A_DAYS_QUOTA_S = 3600.0
"""When to come back after a day's quota was spent: Google does not say at which hour it ends."""


def delay_in(details: Sequence[Mapping[str, Any]]) -> float | None:
    """Return how many seconds a refusal asks to wait, in gRPC's spelling or JSON's; None: nothing.

    A day's quota is told by its name: IngestionServiceWriteRequestsPerDayPerProject, say.
    """
    for detail in details:
        if delay := detail.get("retry_delay") or detail.get("retryDelay"):
            return _seconds_of(delay)
    limits = [(detail.get("metadata") or {}).get("quota_limit", "") for detail in details]
    return A_DAYS_QUOTA_S if any("PerDay" in limit for limit in limits) else None


def _seconds_of(delay: Any) -> float | None:
    if isinstance(delay, str):
        return _seconds(delay.removesuffix("s").partition(".")[0])
    return float(delay.ToTimedelta().total_seconds())


_CREDENTIALS_MEND = wants_scope(DATA_MANAGER_SCOPE)
_TRANSIENT = (
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.GatewayTimeout,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.TooManyRequests,
    exceptions.Unknown,
)


def outcomes_of_refusal(
    refusal: Refusal, batch: Batch, now: datetime, *, destination: str
) -> Sequence[Outcome]:
    """Return an outcome for every row of a refused request, or raise what stops the run."""
    error, count = refusal.error, len(batch.conversions)
    about = f"{destination} refused batch {batch.number}"
    asked = f" (request {refusal.request_id})" if refusal.request_id else ""
    if isinstance(error, _TRANSIENT):
        raise TransientError(
            f"{destination} did not take batch {batch.number}: {_word(error)}{asked}.",
            retry_after_s=refusal.retry_after_s,
            told_nothing=isinstance(error, exceptions.TooManyRequests),
        )
    for code in sorted({*refusal.elsewhere, *refusal.named.values(), refusal.reason}):
        meaning = REFUSALS.get(code)
        if meaning is not None and meaning.what is Class.STOP:
            raise OperatorError(f"{about}: {code}{asked}. {meaning.mend}")
    if isinstance(error, exceptions.Unauthorized | exceptions.Forbidden):
        raise OperatorError(f"{about}: {_word(error)}{asked}. {_CREDENTIALS_MEND}")
    named = {row: code for row, code in refusal.named.items() if row < count}
    if not isinstance(error, exceptions.BadRequest):
        raise UnexpectedResponseError(f"{about}: {_word(error)}{asked}, which it never should.")
    if named:
        return [
            outcome_of(named[row], REFUSALS, now) if row in named else Untried()
            for row in range(count)
        ]
    return _unnamed(refusal, batch, now, about + asked)


def _unnamed(refusal: Refusal, batch: Batch, now: datetime, about: str) -> Sequence[Outcome]:
    """Judge a refusal that names no row: alone it is meant; among others, halve and try again."""
    code = next(iter(sorted(refusal.elsewhere)), refusal.reason) or _word(refusal.error)
    meaning = REFUSALS.get(code)
    if meaning is not None and meaning.what is Class.WAIT:
        return [outcome_of(code, REFUSALS, now)] * len(batch.conversions)
    if len(batch.conversions) == 1:
        return [outcome_of(code, REFUSALS, now)]
    return [Untried()] * len(batch.conversions)


def _word(error: exceptions.GoogleAPICallError) -> str:
    if error.grpc_status_code is not None:
        return str(error.grpc_status_code.name)
    return f"HTTP {error.code}" if error.code is not None else type(error).__name__


def response_json(response: Response, destination: str) -> Mapping[str, Any]:
    """Return the body of a status answer; raises as Destination says where there is none."""
    if response.status_code in {408, 429} or response.status_code >= 500:
        asked = _seconds(response.headers.get("Retry-After"))
        raise TransientError(
            f"{destination} gave no status: HTTP {response.status_code}.",
            retry_after_s=delay_in(_details_of(response)) if asked is None else asked,
        )
    if response.status_code in {401, 403}:
        raise OperatorError(
            f"{destination} gave no status: HTTP {response.status_code}. {_CREDENTIALS_MEND}"
        )
    try:
        body = response.json()
    except ValueError as error:
        raise UnexpectedResponseError(
            f"{destination} answered for a status with HTTP {response.status_code} and no JSON."
        ) from error
    if not isinstance(body, Mapping):
        raise UnexpectedResponseError(f"{destination} answered for a status with no JSON object.")
    return body


def _details_of(response: Response) -> Sequence[Mapping[str, Any]]:
    try:
        body = response.json()
    except ValueError:
        return ()
    return details_in(body) if isinstance(body, Mapping) else ()


def _seconds(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
