"""The Google Ads API's two upload services as a script: it says what it was told to say.

The sandbox behaves as Google does. This says on order what Google may say one day: several errors
on one row, numbers that nobody knows yet, a quota spent half way, a status without a failure.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from time import sleep
from typing import Any, Self

import grpc

VERSION = "v26"
PACKAGE = f"google.ads.googleads.{VERSION}"

Code = tuple[str, int]
"""An enum of the ErrorCode message, and a number of it."""

REFUSED: Code = ("conversion_upload_error", 3)  # UNPARSEABLE_GCLID
PUT_OFF: Code = ("conversion_upload_error", 44)  # TOO_RECENT_EVENT
IN_USE: Code = ("conversion_upload_error", 15)  # ORDER_ID_ALREADY_IN_USE
NEVER_HEARD_OF: Code = ("conversion_upload_error", 977)
NOT_ALLOWLISTED: Code = ("not_allowlisted_error", 2)
RETRACTED: Code = ("conversion_adjustment_upload_error", 4)
NOT_FOUND: Code = ("conversion_adjustment_upload_error", 5)


def _raw(module: str, name: str) -> Any:
    wrapper = getattr(import_module(f"{PACKAGE}.{module}"), name)
    return type(wrapper.pb(wrapper()))


_UPLOADS = "services.types.conversion_upload_service"
_ADJUSTMENTS = "services.types.conversion_adjustment_upload_service"
UploadRequest = _raw(_UPLOADS, "UploadClickConversionsRequest")
UploadResponse = _raw(_UPLOADS, "UploadClickConversionsResponse")
AdjustmentsRequest = _raw(_ADJUSTMENTS, "UploadConversionAdjustmentsRequest")
AdjustmentsResponse = _raw(_ADJUSTMENTS, "UploadConversionAdjustmentsResponse")
Failure = _raw("errors.types.errors", "GoogleAdsFailure")
FAILURE_KEY = f"{PACKAGE}.errors.googleadsfailure-bin"
RETRACTION = 2


@dataclass(slots=True)
class Counted:
    """A conversion: what it is worth, and the requests that said so."""

    value: float
    times: int = 1
    is_retracted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """How the next request fails; `takes_effect` if it was counted all the same."""

    status: grpc.StatusCode
    takes_effect: bool = False
    code: Code | None = None
    delay: timedelta | None = None


@dataclass(slots=True)
class GoogleAdsVendor:
    """A gRPC server on the loopback, and its books.

    `errors` are given to rows by click ID, `on_every_row` to all of them; `breakdowns` to the next
    requests in turn, None to one that is answered.
    """

    errors: dict[str, Sequence[Code]] = field(default_factory=dict)
    on_every_row: Sequence[Code] = ()
    counted: dict[str, Counted] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    headers: list[dict[str, Any]] = field(default_factory=list)
    breakdowns: list[Breakdown | None] = field(default_factory=list)
    takes_s: float = 0
    address: str = ""
    _running: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        threads = ThreadPoolExecutor(2)
        server = grpc.server(threads)
        server.add_generic_rpc_handlers(
            (
                self._service("Upload", "ClickConversions", UploadRequest, self._upload),
                self._service(
                    "AdjustmentUpload",
                    "ConversionAdjustments",
                    AdjustmentsRequest,
                    self._adjust,
                ),
            )
        )
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        self._running.callback(threads.shutdown)
        self._running.callback(lambda: server.stop(0).wait())
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def forget(self) -> None:
        """Back to empty books and an honest script."""
        self.errors, self.on_every_row, self.takes_s = {}, (), 0
        for pages in (self.counted, self.requests, self.headers, self.breakdowns):
            pages.clear()

    def _service(self, name: str, method: str, request: Any, answer: Callable[[Any], Any]) -> Any:
        handler = grpc.unary_unary_rpc_method_handler(
            lambda message, context: self._answered(message, context, answer),
            request_deserializer=request.FromString,
            response_serializer=lambda response: response.SerializeToString(),
        )
        service = f"{PACKAGE}.services.Conversion{name}Service"
        return grpc.method_handlers_generic_handler(service, {f"Upload{method}": handler})

    def _answered(self, request: Any, context: Any, answer: Callable[[Any], Any]) -> Any:
        self.requests.append(request)
        self.headers.append(dict(context.invocation_metadata()))
        sleep(self.takes_s)
        broken = self.breakdowns.pop(0) if self.breakdowns else None
        if broken is None:
            return answer(request)
        if broken.takes_effect:
            answer(request)
        if broken.code:
            failure = Failure(request_id="req-1")
            _add_error(failure, broken.code, None, broken.delay)
            context.set_trailing_metadata(((FAILURE_KEY, failure.SerializeToString()),))
        return context.abort(broken.status, "Something is wrong.")

    def _upload(self, request: Any) -> Any:
        response, failure = UploadResponse(job_id=request.job_id), Failure(request_id="req-1")
        for row, conversion in enumerate(request.conversions):
            codes = [*self.on_every_row, *self.errors.get(_click_of(conversion), ())]
            if conversion.order_id in self.counted:
                codes.append(IN_USE)
                self.counted[conversion.order_id].times += 1
            result = response.results.add()
            if not codes:
                result.conversion_action = conversion.conversion_action
                if not request.validate_only:
                    self.counted[conversion.order_id] = Counted(conversion.conversion_value)
            for code in codes:
                _add_error(failure, code, ("conversions", row))
        return _with_failure(response, failure)

    def _adjust(self, request: Any) -> Any:
        response, failure = AdjustmentsResponse(), Failure(request_id="req-1")
        for row, adjustment in enumerate(request.conversion_adjustments):
            known = self.counted.get(adjustment.order_id)
            result = response.results.add()
            if known is None or known.is_retracted:
                code = RETRACTED if known else NOT_FOUND
                _add_error(failure, code, ("conversion_adjustments", row))
                continue
            result.order_id = adjustment.order_id
            known.is_retracted = adjustment.adjustment_type == RETRACTION
            known.value = adjustment.restatement_value.adjusted_value
        return _with_failure(response, failure)


def _click_of(conversion: Any) -> str:
    return str(conversion.gclid or conversion.gbraid or conversion.wbraid)


def _add_error(
    failure: Any, code: Code, place: tuple[str, int] | None, delay: timedelta | None = None
) -> None:
    family, number = code
    error = failure.errors.add()
    setattr(error.error_code, family, number)
    if place:
        element = error.location.field_path_elements.add()
        element.field_name, element.index = place
        error.location.field_path_elements.add().field_name = "order_id"
    if delay:
        error.details.quota_error_details.retry_delay.FromTimedelta(delay)


def _with_failure(response: Any, failure: Any) -> Any:
    if failure.errors:
        response.partial_failure_error.code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
        response.partial_failure_error.details.add().Pack(failure)
    return response
