"""Asking Google's APIs through Google's own clients, and saying in short what they answered.

A request is a good one with changes; `None` takes a field away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import grpc
import requests
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service.transports import (
    IngestionServiceGrpcTransport,
)
from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.errors import GoogleAdsException
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.protobuf import json_format

from convsync.sandbox.server import Sandbox

ACCOUNT, ACTION = "1234567890", "111"
ACTION_NAME = f"customers/{ACCOUNT}/conversionActions/{ACTION}"
CONVERTED_AT = "2025-12-31 10:00:00+00:00"
HASH = "a" * 64

Changes = Mapping[str, Any]

# --- what is asked -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """`events:ingest`: an event for each of `rows`, which are its changes."""

    rows: Sequence[Changes] = ({},)
    around: Changes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """`UploadClickConversions`: a conversion for each of `rows`, which are its changes."""

    rows: Sequence[Changes] = ({},)
    around: Changes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Adjust:
    """`UploadConversionAdjustments`: a restatement to 250 for each of `rows`, with its changes."""

    rows: Sequence[Changes] = ({},)
    around: Changes = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Status:
    """`requestStatus:retrieve` of the last request, or of the one with this ID."""

    request_id: str | None = None


@dataclass(frozen=True)
class Switch:
    """One of the sandbox's own switches."""

    path: str
    body: Any


Ask = Ingest | Upload | Adjust | Status | Switch

# --- what is answered ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """The request was accepted, and every row of it as far as can be told now."""

    rows: int = 1


@dataclass(frozen=True)
class RowsRefused:
    """The codes said of each row that was refused; `rows` is how many results came back."""

    codes: Mapping[int, Sequence[str]]
    rows: int = 1


@dataclass(frozen=True)
class Refused:
    """The whole request was refused: the gRPC status, and what is wrong with which field."""

    status: str
    reasons: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Failed:
    """The call failed for no fault of its own, which no client tells as a GoogleAdsException.

    What is known of it stands in the trailing metadata: a code, and how long to wait.
    """

    status: str
    code: str = ""
    wait_s: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The status of a request, and the rows that were refused, by reason."""

    status: str
    refused: Mapping[str, Sequence[int]] = field(default_factory=dict)


Answer = Taken | RowsRefused | Refused | Failed | Verdict


def an_event(name: str, changes: Changes) -> Changes:
    return _without_nothing(
        {
            "transaction_id": name,
            "event_timestamp": "2025-12-31T10:00:00Z",
            "event_source": "OTHER",
            "ad_identifiers": {"gclid": f"click-of-{name}"},
            "currency": "EUR",
            "conversion_value": 100.0,
            **changes,
        }
    )


def a_conversion(name: str, changes: Changes) -> Changes:
    return _without_nothing(
        {
            "gclid": f"click-of-{name}",
            "conversion_action": ACTION_NAME,
            "conversion_date_time": CONVERTED_AT,
            "conversion_value": 100.0,
            "currency_code": "EUR",
            "order_id": name,
            **changes,
        }
    )


def an_adjustment(name: str, changes: Changes) -> Changes:
    return _without_nothing(
        {
            "order_id": name,
            "conversion_action": ACTION_NAME,
            "adjustment_type": "RESTATEMENT",
            "adjustment_date_time": "2026-01-01 01:00:00+00:00",
            "restatement_value": {"adjusted_value": 250.0, "currency_code": "EUR"},
            **changes,
        }
    )


def _without_nothing(changes: Changes) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value is not None}


# --- asking --------------------------------------------------------------------------------------


class Google:
    """Google's clients, pointed at the sandbox."""

    def __init__(self, sandbox: Sandbox, version: str = "v26") -> None:
        self._sandbox = sandbox
        self._version = version
        self._last_request = ""

    def ask(self, what: Ask) -> Answer:
        match what:
            case Ingest():
                return self._ingest(what)
            case Upload():
                return self._upload(
                    "UploadClickConversions",
                    {
                        "conversions": [
                            a_conversion(f"cs-{row}", changes)
                            for row, changes in enumerate(what.rows)
                        ],
                        **what.around,
                    },
                )
            case Adjust():
                return self._upload(
                    "UploadConversionAdjustments",
                    {
                        "conversion_adjustments": [
                            an_adjustment(f"cs-{row}", changes)
                            for row, changes in enumerate(what.rows)
                        ],
                        **what.around,
                    },
                )
            case Status():
                return self._status(what)
            case Switch():
                self.post(what.path, what.body)
                return Taken()

    def post(self, path: str, body: Any) -> None:
        answer = requests.post(self._sandbox.http_url + path, json=body, timeout=60)
        assert answer.ok, answer.text

    def at(self, now: datetime) -> None:
        self.post("/clock", {"now": now.isoformat()})

    def close(self) -> None:
        self._data_manager.transport.close()

    @cached_property
    def ads(self) -> Any:
        return GoogleAdsClient(
            credentials=AnonymousCredentials(),
            endpoint=self._sandbox.google_ads_address,
            use_proto_plus=False,
            version=self._version,
        )

    @cached_property
    def _data_manager(self) -> Any:
        channel = grpc.insecure_channel(self._sandbox.grpc_address)
        transport = IngestionServiceGrpcTransport(channel=channel)
        return dm.IngestionServiceClient(transport=transport)

    @cached_property
    def _services(self) -> Mapping[str, Any]:
        conversions = self.ads.get_service("ConversionUploadService")
        adjustments = self.ads.get_service("ConversionAdjustmentUploadService")
        return {
            "UploadClickConversions": conversions.upload_click_conversions,
            "UploadConversionAdjustments": adjustments.upload_conversion_adjustments,
        }

    # The Data Manager API

    def _ingest(self, what: Ingest) -> Answer:
        account = {"account_type": "GOOGLE_ADS", "account_id": ACCOUNT}
        body = {
            "destinations": [{"operating_account": account, "product_destination_id": ACTION}],
            "encoding": "HEX",
            "events": [an_event(f"cs-{row}", changes) for row, changes in enumerate(what.rows)],
            **what.around,
        }
        message = dm.IngestEventsRequest.pb(dm.IngestEventsRequest())
        request = json_format.ParseDict(_without_nothing(body), message)
        try:
            response = self._data_manager.ingest_events(request, retry=None, timeout=60)
        except exceptions.GoogleAPICallError as error:
            return _refused_by_data_manager(error)
        self._last_request = response.request_id
        return Taken(len(what.rows))

    def _status(self, what: Status) -> Answer:
        """By hand: the published client drops the indices of the rows that were refused."""
        asked = self._last_request if what.request_id is None else what.request_id
        url = f"{self._sandbox.http_url}/v1/requestStatus:retrieve"
        answer = requests.get(url, params={"requestId": asked}, timeout=60)
        if not answer.ok:
            error = answer.json()["error"]
            return Refused(error["status"], _reasons(error["details"]))
        (status,) = answer.json()["requestStatusPerDestination"]
        counts = status.get("errorInfo", {}).get("errorCounts", ())
        return Verdict(
            status["requestStatus"],
            {
                count["reason"].removeprefix("PROCESSING_ERROR_REASON_"): count["recordIndices"]
                for count in counts
            },
        )

    # The Google Ads API

    def _upload(self, method: str, body: Changes) -> Answer:
        request = self.ads.get_type(f"{method}Request")
        whole = {"customer_id": ACCOUNT, "partial_failure": True, **body}
        json_format.ParseDict(whole, request)
        try:
            response = self._services[method](request=request, timeout=60)
        except GoogleAdsException as error:
            return Refused(
                error.error.code().name,
                [(_where(flaw), _code(flaw)) for flaw in _raw(error.failure).errors],
            )
        except exceptions.GoogleAPICallError as error:
            return self._failed(error)
        codes = self._partial_failure(response.partial_failure_error)
        rows = len(response.results)
        for row, result in enumerate(response.results):
            assert result.ByteSize() == 0 if row in codes else result.ByteSize() > 0
        return RowsRefused(codes, rows) if codes else Taken(rows)

    def _failed(self, error: exceptions.GoogleAPICallError) -> Failed:
        assert error.grpc_status_code is not None
        trailing = dict(error.errors[0].trailing_metadata() or ())
        key = f"google.ads.googleads.{self._version}.errors.googleadsfailure-bin"
        failure = type(self.ads.get_type("GoogleAdsFailure")).FromString(trailing.get(key, b""))
        for flaw in failure.errors:
            quota = flaw.details.quota_error_details
            wait = quota.retry_delay.ToTimedelta() if quota.HasField("retry_delay") else None
            return Failed(
                error.grpc_status_code.name, _code(flaw), wait.total_seconds() if wait else None
            )
        return Failed(error.grpc_status_code.name)

    def _partial_failure(self, status: Any) -> dict[int, list[str]]:
        codes: dict[int, list[str]] = {}
        if not status.code:
            return codes
        (detail,) = status.details  # however many rows failed
        failure = type(self.ads.get_type("GoogleAdsFailure")).FromString(detail.value)
        for flaw in failure.errors:
            row = flaw.location.field_path_elements[0]
            assert row.field_name in ("conversions", "conversion_adjustments")
            codes.setdefault(row.index, []).append(_code(flaw))
        return codes


def _raw(failure: Any) -> Any:
    """An exception's failure is wrapped, whatever the client was told about wrapping."""
    return type(failure).pb(failure)


def _code(flaw: Any) -> str:
    family = flaw.error_code.WhichOneof("error_code")
    enum = flaw.error_code.DESCRIPTOR.fields_by_name[family].enum_type
    return str(enum.values_by_number[getattr(flaw.error_code, family)].name)


def _where(flaw: Any) -> str:
    return ".".join(
        f"{step.field_name}[{step.index}]" if step.HasField("index") else step.field_name
        for step in flaw.location.field_path_elements
    )


def _refused_by_data_manager(error: exceptions.GoogleAPICallError) -> Refused:
    details = [
        {"@type": detail.DESCRIPTOR.full_name, **json_format.MessageToDict(detail)}
        for detail in error.details
    ]
    assert error.grpc_status_code is not None
    return Refused(error.grpc_status_code.name, _reasons(details))


def _reasons(details: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    named = {detail["@type"].rpartition(".")[2]: detail for detail in details}
    violations = named.get("BadRequest", {}).get("fieldViolations", ())
    if violations:
        return [(violation["field"], violation["reason"]) for violation in violations]
    info = named["ErrorInfo"]
    return [(info.get("metadata", {}).get("quota_limit", ""), info["reason"])]
