"""One sandbox for a file of tests, and what gRPC reads from the environment once in a process."""

import os
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service.transports import (
    IngestionServiceGrpcTransport,
)
from google.auth.credentials import AnonymousCredentials

from convsync.sandbox.certificate import this_process_certificate
from convsync.sandbox.server import Sandbox

# Assigned, not defaulted: some machines preset it.
os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(this_process_certificate().path)
os.environ["NO_PROXY"] = "localhost,127.0.0.1"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox, request: pytest.FixtureRequest) -> Sandbox:
    """The sandbox as if just begun, at the instant that the file calls NOW."""
    running.platform.reset()
    running.platform.clock.set(request.module.NOW)
    return running


@pytest.fixture(scope="module")
def data_manager_clients(running: Sandbox) -> Iterator[dict[str, Any]]:
    channel = grpc.insecure_channel(running.grpc_address)
    clients = {
        "grpc": dm.IngestionServiceClient(transport=IngestionServiceGrpcTransport(channel=channel)),
        "rest": dm.IngestionServiceClient(
            credentials=AnonymousCredentials(),
            transport="rest",
            client_options={"api_endpoint": running.http_url},
        ),
    }
    yield clients
    for client in clients.values():
        client.transport.close()


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, data_manager_clients: dict[str, Any]) -> Any:
    """Google's own client of the Data Manager API, over gRPC and over REST."""
    return data_manager_clients[request.param]
