"""What Google's sample `upload_offline_conversion.py` does, in a loop over resolved rows.

    PYTHON-OF-ITS-ENVIRONMENT google_sample.py RESOLVED_CSV GRPC_ADDRESS plus|plain THREADS

It looks for no clicks and keeps no ledger. `plus` builds requests of the client's own classes, as
the sample is printed; `plain` of protobuf's, as `use_proto_plus: false` gives them.
"""

import csv
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
from google.ads.googleads.v26.services.services.conversion_upload_service import (
    ConversionUploadServiceClient,
)
from google.ads.googleads.v26.services.services.conversion_upload_service.transports import (
    ConversionUploadServiceGrpcTransport,
)
from google.ads.googleads.v26.services.types import conversion_upload_service as types

BATCH = 2_000
CUSTOMER = "1234567890"
ACTION = f"customers/{CUSTOMER}/conversionActions/333"
_PlainRequest = types.UploadClickConversionsRequest.pb()

Row = dict[str, str]


def plus(rows: list[Row]) -> Any:
    """Build a request of the client's own classes."""
    conversions = []
    for row in rows:
        conversion = types.ClickConversion()
        conversion.gclid = row["gclid"]
        conversion.conversion_action = ACTION
        conversion.conversion_date_time = row["conversion_time"]
        conversion.conversion_value = float(row["revenue"])
        conversion.currency_code = row["currency"]
        conversion.order_id = row["deal_id"]
        conversions.append(conversion)
    return types.UploadClickConversionsRequest(
        customer_id=CUSTOMER, conversions=conversions, partial_failure=True
    )


def plain(rows: list[Row]) -> Any:
    """Build a request of plain protobuf."""
    request = _PlainRequest(customer_id=CUSTOMER, partial_failure=True)
    for row in rows:
        request.conversions.add(
            gclid=row["gclid"],
            conversion_action=ACTION,
            conversion_date_time=row["conversion_time"],
            conversion_value=float(row["revenue"]),
            currency_code=row["currency"],
            order_id=row["deal_id"],
        )
    return types.UploadClickConversionsRequest.wrap(request)


WAYS: dict[str, Callable[[list[Row]], Any]] = {"plus": plus, "plain": plain}


def main() -> None:
    """Upload them all, so many requests at a time. AssertionError unless each was taken."""
    path, address, way, threads = sys.argv[1:]
    build = WAYS[way]
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(int(threads)) as pool:
        transport = ConversionUploadServiceGrpcTransport(channel=channel)
        client = ConversionUploadServiceClient(transport=transport)

        def send(rows: list[Row]) -> None:
            response = client.upload_click_conversions(request=build(rows), retry=None, timeout=60)
            assert len(response.results) == len(rows)

        for _ in pool.map(send, _batches(path)):
            pass


def _batches(path: str) -> Iterator[list[Row]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        while batch := list(islice(rows, BATCH)):
            yield batch


if __name__ == "__main__":
    main()
