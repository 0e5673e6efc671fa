"""The Data Manager API over gRPC, in the clear, on the path the official client calls."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import json_format
from grpc_status import rpc_status

from convsync.sandbox import data_manager
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.messages import (
    IngestEventsRequest,
    Message,
    RetrieveRequestStatusRequest,
    RetrieveRequestStatusResponse,
)
from convsync.sandbox.refusals import Refusal

SERVICE = "google.ads.datamanager.v1.IngestionService"
THREADS = 8
GRACE = 1.0
# Without this two sandboxes could share one port, each hearing some of the calls.
OPTIONS = (("grpc.so_reuseport", 0),)

Method = Callable[[AdPlatform, Message], Message]


class GrpcListener:
    """Answers on one port from construction until `stop`."""

    def __init__(self, platform: AdPlatform, host: str, port: int) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sandbox-grpc")
        self._server = grpc.server(self._threads, options=OPTIONS)
        self._server.add_generic_rpc_handlers((_handlers(platform),))
        self.port = self._server.add_insecure_port(f"{host}:{port}")
        self._server.start()

    def stop(self) -> None:
        """Let calls finish for a moment, then hang up; nothing is left running."""
        self._server.stop(GRACE).wait()
        self._threads.shutdown()


def _handlers(platform: AdPlatform) -> "grpc.GenericRpcHandler[Message, Message]":
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "IngestEvents": _handler(platform, data_manager.ingest, IngestEventsRequest),
            "RetrieveRequestStatus": _handler(
                platform, _retrieve_status, RetrieveRequestStatusRequest
            ),
        },
    )


def _handler(
    platform: AdPlatform, method: Method, request_type: Message
) -> "grpc.RpcMethodHandler[Message, Message]":
    def answer(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            return method(platform, request)
        except Refusal as refusal:
            context.abort_with_status(rpc_status.to_status(refusal.as_grpc()))

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request_type.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _retrieve_status(platform: AdPlatform, request: Message) -> Message:
    # What the published messages do not have is lost here, as it is in the published client.
    return json_format.ParseDict(
        data_manager.retrieve_status(platform, request.request_id),
        RetrieveRequestStatusResponse(),
        ignore_unknown_fields=True,
    )
