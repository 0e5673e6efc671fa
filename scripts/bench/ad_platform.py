"""A platform that takes everything, after a time that it is told: no part of what is measured.

    python -m scripts.bench.ad_platform

Serves the Data Manager API and the Google Ads API as far as an upload needs them, on free ports
that it prints as JSON: gRPC for both, JSON over HTTP for the Google Ads API and for verdicts. It
keeps no books but counts. `GET /counts` has them, with its own CPU seconds; `POST /reset` sets them
to zero and takes `{"request_ms": 200, "row_us": 100}`.

A request's ID says how many rows it had, so that nothing has to be remembered for its verdict.
"""

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
from google.ads import datamanager_v1
from google.ads.googleads.v26.services.types import conversion_upload_service as google_ads

_Events = datamanager_v1.IngestEventsRequest.pb()
_Taken = datamanager_v1.IngestEventsResponse.pb()
_Clicks = google_ads.UploadClickConversionsRequest.pb()
_Results = google_ads.UploadClickConversionsResponse.pb()
_LARGEST = 64 * 1024 * 1024


@dataclass(slots=True)
class Counts:
    """What came in since the last reset."""

    requests: int = 0
    rows: int = 0
    statuses: int = 0
    most_in_flight: int = 0


class Platform:
    """Takes rows, holds each request for as long as it is told, and counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self.counts = Counts()
        self.request_s = self.row_s = 0.0

    def reset(self, request_ms: float = 0, row_us: float = 0) -> None:
        """Set the counts to zero, and the time that a request takes."""
        with self._lock:
            self.counts = Counts()
            self.request_s, self.row_s = request_ms / 1_000, row_us / 1_000_000

    def take(self, rows: int) -> None:
        """Count a request in, and return when its time is up."""
        with self._lock:
            self._in_flight += 1
            self.counts.requests += 1
            self.counts.rows += rows
            self.counts.most_in_flight = max(self.counts.most_in_flight, self._in_flight)
        time.sleep(self.request_s + rows * self.row_s)
        with self._lock:
            self._in_flight -= 1

    def ingest(self, said: bytes, _context: object) -> bytes:
        """Answer `IngestEvents`."""
        rows = len(_Events.FromString(said).events)
        self.take(rows)
        taken: bytes = _Taken(request_id=f"{rows}-{uuid.uuid4().hex}").SerializeToString()
        return taken

    def upload_clicks(self, said: bytes, _context: object) -> bytes:
        """Answer `UploadClickConversions`."""
        rows = len(_Clicks.FromString(said).conversions)
        self.take(rows)
        answer = _Results()
        for _ in range(rows):
            answer.results.add()
        results: bytes = answer.SerializeToString()
        return results


class OverGrpc(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs alone
    """Finds the method by its last name, whatever the version of the API."""

    def __init__(self, platform: Platform) -> None:
        self._methods = {
            "IngestEvents": platform.ingest,
            "UploadClickConversions": platform.upload_clicks,
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return what answers a call, None where nothing does."""
        method = self._methods.get(handler_call_details.method.rpartition("/")[2])
        return None if method is None else grpc.unary_unary_rpc_method_handler(method)


class OverHttp(BaseHTTPRequestHandler):
    """The JSON side of one platform, which `served` sets."""

    protocol_version = "HTTP/1.1"
    platform: Platform

    def do_POST(self) -> None:
        """Take rows, or a reset."""
        said = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path.endswith(":uploadClickConversions"):
            rows = len(said["conversions"])
            self.platform.take(rows)
            self._answer({"results": [{}] * rows})
        else:
            self.platform.reset(**said)
            self._answer({})

    def do_GET(self) -> None:
        """Tell the verdict on a request, or the counts."""
        url = urlsplit(self.path)
        if url.path == "/counts":
            counts = asdict(self.platform.counts)
            self._answer({**counts, "cpu_seconds": time.process_time()})
            return
        (request_id,) = parse_qs(url.query).get("requestId", [""])
        self.platform.counts.statuses += bool(request_id)
        self._answer(_verdict(request_id) if request_id else {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server names it)
        """Say nothing."""

    def _answer(self, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def _verdict(request_id: str) -> object:
    rows = request_id.partition("-")[0]
    return {
        "requestStatusPerDestination": [
            {"requestStatus": "SUCCESS", "eventsIngestionStatus": {"recordCount": rows}}
        ]
    }


def main() -> None:
    """Serve until the process is ended."""
    platform = Platform()
    options = [("grpc.max_receive_message_length", _LARGEST)]
    rpc = grpc.server(ThreadPoolExecutor(64), options=options)
    rpc.add_generic_rpc_handlers((OverGrpc(platform),))
    grpc_port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    OverHttp.platform = platform
    with ThreadingHTTPServer(("127.0.0.1", 0), OverHttp) as http:
        print(
            json.dumps(
                {
                    "grpc": f"127.0.0.1:{grpc_port}",
                    "http": f"http://127.0.0.1:{http.server_port}",
                }
            ),
            flush=True,
        )
        http.serve_forever()


if __name__ == "__main__":
    main()
