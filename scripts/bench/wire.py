"""What the wire alone takes: requests that lie ready, sent by eight threads, and nothing else.

    python -m scripts.bench.wire ADDRESS RESOLVED_CSV

Prints the conversions a second, without the time in which the requests were built, as JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from scripts.bench.floor import BATCH, requests_of

METHOD = "/google.ads.datamanager.v1.IngestionService/IngestEvents"
IN_FLIGHT = 8


def _as_it_is(said: bytes) -> bytes:
    return said


def main() -> None:
    """Send them all."""
    address, path = sys.argv[1:]
    requests = list(requests_of(Path(path)))
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(IN_FLIGHT) as threads:
        ingest = channel.unary_unary(METHOD, _as_it_is, _as_it_is)
        began = time.perf_counter()
        answers = len(list(threads.map(ingest, requests)))
        seconds = time.perf_counter() - began
    print(json.dumps({"per_second": answers * BATCH / seconds}))


if __name__ == "__main__":
    main()
