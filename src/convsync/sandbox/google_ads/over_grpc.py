"""The Google Ads API over gRPC, on the paths of every version that is installed."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from uuid import uuid4

import grpc

from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.google_ads.adjustments import upload_conversion_adjustments
from convsync.sandbox.google_ads.conversions import upload_click_conversions
from convsync.sandbox.google_ads.failures import Failure
from convsync.sandbox.google_ads.search import search, search_stream
from convsync.sandbox.google_ads.version import Version, is_installed, load
from convsync.sandbox.messages import Message
from convsync.sandbox.over_grpc import authorization, no_answer, serialized
from convsync.sandbox.trouble import NoAnswer, Trouble

_PATH = re.compile(r"/google\.ads\.googleads\.(?P<version>v[0-9]+)\.services\.(?P<method>\w+/\w+)")

Answer = Callable[[AdPlatform, Version, Message, str], Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Method:
    request: Callable[[Version], Message]
    answer: Answer
    is_stream: bool = False


METHODS = {
    "ConversionUploadService/UploadClickConversions": _Method(
        request=attrgetter("upload_request"), answer=upload_click_conversions
    ),
    "ConversionAdjustmentUploadService/UploadConversionAdjustments": _Method(
        request=attrgetter("adjustment_request"), answer=upload_conversion_adjustments
    ),
    "GoogleAdsService/Search": _Method(request=attrgetter("search_request"), answer=search),
    "GoogleAdsService/SearchStream": _Method(
        request=attrgetter("stream_request"), answer=search_stream, is_stream=True
    ),
}


class GoogleAdsHandler(grpc.GenericRpcHandler):  # type: ignore[type-arg] # not at run time
    """Answers for every method it knows, in every version it has; for no other path."""

    def __init__(self, platform: AdPlatform) -> None:
        self._platform = platform

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Message, Message] | None":
        """Find the method called, loading its version if nobody has called that before."""
        called = _PATH.fullmatch(handler_call_details.method)
        method = METHODS.get(called["method"]) if called else None
        if not called or not method or not is_installed(called["version"]):
            return None
        return _handler(self._platform, load(called["version"]), method)


def _handler(
    platform: AdPlatform, version: Version, method: _Method
) -> "grpc.RpcMethodHandler[Message, Message]":
    def answer(request: Message, context: grpc.ServicerContext) -> Message:
        request_id = str(uuid4())
        try:
            platform.tokens.check(authorization(context))
            response = method.answer(platform, version, request, request_id)
        except NoAnswer as silence:
            return no_answer(platform, silence, context)
        except (Failure, Trouble) as no:
            failure = Failure.from_trouble(no) if isinstance(no, Trouble) else no
            failure.request_id = request_id
            _abort(version, failure, context)
        context.set_trailing_metadata((("request-id", request_id),))
        return response

    def stream(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
        parts: Sequence[Message] | bytes = answer(request, context)
        yield from [parts] if isinstance(parts, bytes) else parts

    wanted = {
        "request_deserializer": method.request(version).FromString,
        "response_serializer": serialized,
    }
    if method.is_stream:
        return grpc.unary_stream_rpc_method_handler(stream, **wanted)
    return grpc.unary_unary_rpc_method_handler(answer, **wanted)


def _abort(version: Version, failure: Failure, context: grpc.ServicerContext) -> None:
    metadata: tuple[tuple[str, str | bytes], ...] = (("request-id", failure.request_id),)
    if failure.flaws:
        encoded = version.encoded(failure).SerializeToString()
        metadata = (*metadata, (version.failure_key, encoded))
    context.set_trailing_metadata(metadata)
    context.abort(failure.code, failure.message)
