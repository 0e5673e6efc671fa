"""APIs over gRPC, on the paths the official clients call: one port in the clear, one with TLS.

A connection that is to break cannot be broken from inside a gRPC server; the caller is told what
its own end would have told it.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
from google.protobuf import json_format
from grpc_status import rpc_status

from convsync.sandbox import audience_members, data_manager, messages
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.certificate import Certificate
from convsync.sandbox.faults import LONGEST_WAIT
from convsync.sandbox.messages import (
    IngestEventsRequest,
    Message,
    RetrieveRequestStatusRequest,
    RetrieveRequestStatusResponse,
)
from convsync.sandbox.refusals import RefusedCall
from convsync.sandbox.trouble import NoAnswer, Trouble

SERVICE = "google.ads.datamanager.v1.IngestionService"
USER_LISTS = "google.ads.datamanager.v1.UserListService"
THREADS = 8
GRACE = 1.0
LARGEST_MESSAGE = 64 * 1024 * 1024
OPTIONS = (
    # Without this two sandboxes could share one port, each hearing some of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
)

GARBAGE = b"\xff<html>502 Bad Gateway</html>"
HANG_UP = "Socket closed"

Method = Callable[[AdPlatform, Message], Message]
MEMBERS: Mapping[str, tuple[Method, Message]] = {
    "IngestAudienceMembers": (audience_members.ingest, messages.IngestAudienceMembersRequest),
    "RemoveAudienceMembers": (audience_members.remove, messages.RemoveAudienceMembersRequest),
    "RemoveAllAudienceMembers": (
        audience_members.remove_all,
        messages.RemoveAllAudienceMembersRequest,
    ),
}
LISTS: Mapping[str, tuple[Method, Message]] = {
    "CreateUserList": (audience_members.create_list, messages.CreateUserListRequest),
    "UpdateUserList": (audience_members.update_list, messages.UpdateUserListRequest),
    "DeleteUserList": (audience_members.delete_list, messages.DeleteUserListRequest),
    "GetUserList": (audience_members.get_list, messages.GetUserListRequest),
    "ListUserLists": (audience_members.list_lists, messages.ListUserListsRequest),
}


class GrpcListener:
    """Answers on two ports from construction until `stop`."""

    def __init__(
        self,
        apis: "Sequence[grpc.GenericRpcHandler[Message, Message]]",
        host: str,
        port: int,
        tls_port: int,
        certificate: Certificate,
    ) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sandbox-grpc")
        self._server = grpc.server(self._threads, options=OPTIONS)
        self._server.add_generic_rpc_handlers(apis)
        self.port = self._server.add_insecure_port(f"{host}:{port}")
        self.tls_port = self._server.add_secure_port(
            f"{host}:{tls_port}",
            grpc.ssl_server_credentials([(certificate.key, certificate.certificate)]),
        )
        self._server.start()

    def stop(self) -> None:
        """Let calls finish for a moment, then hang up; nothing is left running."""
        self._server.stop(GRACE).wait()
        self._threads.shutdown()


def authorization(context: grpc.ServicerContext) -> str:
    """The header with the caller's token, or nothing."""
    metadata = dict(context.invocation_metadata())
    return str(metadata.get("authorization", ""))


def serialized(response: Message) -> bytes:
    """A message as bytes; bytes, such as `GARBAGE`, as they are."""
    return response if isinstance(response, bytes) else bytes(response.SerializeToString())


def no_answer(platform: AdPlatform, silence: NoAnswer, context: grpc.ServicerContext) -> bytes:
    """Send nonsense, or abort the call as its broken or endless connection would."""
    if silence.silence != "garbage":
        if silence.silence == "hang":
            platform.faults.wait(min(silence.lasting, _patience_of(context)))
        context.abort(silence.code, HANG_UP)
    return GARBAGE


def _patience_of(context: grpc.ServicerContext) -> timedelta:
    left = context.time_remaining()
    return LONGEST_WAIT if left is None else timedelta(seconds=min(left, LONGEST_WAIT.seconds))


def data_manager_api(platform: AdPlatform) -> "grpc.GenericRpcHandler[Message, Message]":
    """Answer for the Data Manager API."""
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "IngestEvents": _handler(platform, data_manager.ingest, IngestEventsRequest),
            "RetrieveRequestStatus": _handler(
                platform, _retrieve_status, RetrieveRequestStatusRequest
            ),
            **{name: _handler(platform, *method) for name, method in MEMBERS.items()},
        },
    )


def user_lists_api(platform: AdPlatform) -> "grpc.GenericRpcHandler[Message, Message]":
    """Answer for the part of the Data Manager API that is about lists of people."""
    return grpc.method_handlers_generic_handler(
        USER_LISTS, {name: _handler(platform, *method) for name, method in LISTS.items()}
    )


def _handler(
    platform: AdPlatform, method: Method, request_type: Message
) -> "grpc.RpcMethodHandler[Message, Message]":
    def answer(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            platform.tokens.check(authorization(context))
            return method(platform, request)
        except NoAnswer as silence:
            return no_answer(platform, silence, context)
        except (RefusedCall, Trouble) as no:
            refusal = RefusedCall.from_trouble(no) if isinstance(no, Trouble) else no
            context.abort_with_status(rpc_status.to_status(refusal.as_grpc()))

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request_type.FromString, response_serializer=serialized
    )


def _retrieve_status(platform: AdPlatform, request: Message) -> Message:
    # What the published messages do not have is lost here, as it is in the published client.
    return json_format.ParseDict(
        data_manager.retrieve_status(platform, request.request_id),
        RetrieveRequestStatusResponse(),
        ignore_unknown_fields=True,
    )
