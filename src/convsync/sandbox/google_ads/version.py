"""One version of the API: its messages as raw protobuf, and how it spells its errors.

Everything is looked up in the classes of the version that was called, so a field or a code that
another version has does not exist in this one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.rpc import status_pb2

from convsync.sandbox.google_ads.failures import Failure, Flaw
from convsync.sandbox.messages import Message

# A member of the oneof of error codes, and a code, that no client knows yet.
A_FIELD_OF_TOMORROW = b"\xf8\xff\x07"  # field 16383 as a varint


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The messages of one version."""

    name: str
    upload_request: Message
    upload_response: Message
    adjustment_request: Message
    adjustment_response: Message
    search_request: Message
    search_response: Message
    stream_request: Message
    stream_response: Message
    failure: Message

    @property
    def row(self) -> Message:
        """What a report's row is made of."""
        return self.search_response.DESCRIPTOR.fields_by_name["results"].message_type

    @property
    def failure_key(self) -> str:
        """Where in the trailing metadata a client of this version looks for a failure."""
        return f"google.ads.googleads.{self.name}.errors.googleadsfailure-bin"

    def encoded(self, failure: Failure) -> Message:
        """A `GoogleAdsFailure` that names every flaw."""
        message = self.failure(request_id=failure.request_id)
        for flaw in failure.flaws:
            self._add(message, flaw)
        if failure.retry_after is not None:
            details = message.errors[0].details.quota_error_details
            json_format.ParseDict({"rate_scope": "DEVELOPER", "rate_name": "Requests"}, details)
            details.retry_delay.FromTimedelta(failure.retry_after)
        return message

    def partial_failure(self, flaws: Sequence[Flaw], request_id: str) -> status_pb2.Status:
        """One status with one failure in it, however many rows failed (drt-hub/drt#1152)."""
        failure = Failure(flaws, request_id=request_id)
        status = status_pb2.Status(code=failure.code.value[0], message=failure.message)
        status.details.add().Pack(self.encoded(failure))
        return status

    def _add(self, message: Message, flaw: Flaw) -> None:
        error = message.errors.add(message=flaw.message)
        if flaw.trigger:
            error.trigger.string_value = flaw.trigger
        for name, index in flaw.path:
            element = error.location.field_path_elements.add(field_name=name)
            if index is not None:
                element.index = index
        known = error.error_code.DESCRIPTOR.fields_by_name.get(flaw.family)
        if known is None:
            error.error_code.MergeFromString(A_FIELD_OF_TOMORROW + b"\x01")
        else:
            setattr(error.error_code, flaw.family, _number(known.enum_type, flaw.name))


def is_installed(name: str) -> bool:
    """Whether the installed package has this version, such as `v26`."""
    package = find_spec("google.ads.googleads")
    folders = package.submodule_search_locations if package else None
    return any((Path(folder) / name / "services").is_dir() for folder in folders or ())


@cache
def load(name: str) -> Version:
    """Return a version's messages; the first time takes as long as importing all of it."""
    package = f"google.ads.googleads.{name}"
    uploads = import_module(f"{package}.services.types.conversion_upload_service")
    adjustments = import_module(f"{package}.services.types.conversion_adjustment_upload_service")
    search = import_module(f"{package}.services.types.google_ads_service")
    errors = import_module(f"{package}.errors.types.errors")
    return Version(
        name=name,
        upload_request=_raw(uploads.UploadClickConversionsRequest),
        upload_response=_raw(uploads.UploadClickConversionsResponse),
        adjustment_request=_raw(adjustments.UploadConversionAdjustmentsRequest),
        adjustment_response=_raw(adjustments.UploadConversionAdjustmentsResponse),
        search_request=_raw(search.SearchGoogleAdsRequest),
        search_response=_raw(search.SearchGoogleAdsResponse),
        stream_request=_raw(search.SearchGoogleAdsStreamRequest),
        stream_response=_raw(search.SearchGoogleAdsStreamResponse),
        failure=_raw(errors.GoogleAdsFailure),
    )


def _raw(wrapped: Any) -> Message:
    return type(wrapped.pb(wrapped()))


def _number(enum: Any, name: str) -> int:
    if name.isdecimal():
        return int(name)
    value = enum.values_by_name.get(name)
    if value is None:
        raise ValueError(f"{name} is not one of {', '.join(sorted(enum.values_by_name))}")
    return int(value.number)
