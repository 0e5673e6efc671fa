"""drt-core's destination for Google Ads, over resolved rows: its upload alone.

    PYTHON-OF-ITS-ENVIRONMENT drt_upload.py RESOLVED_CSV HTTP_ADDRESS

It looks for no clicks and keeps no ledger. Its own rate limit is set so high that it never waits.
"""

import csv
import os
import sys
from itertools import islice
from pathlib import Path

os.environ.update(DO_NOT_TRACK="1", BENCH_TOKEN="none")  # before it is imported

from drt.config.models import (  # type: ignore[import-not-found]
    GoogleAdsDestinationConfig,
    SyncOptions,
)
from drt.destinations import google_ads  # type: ignore[import-not-found]

BATCH = 2_000
CUSTOMER, ACTION = "1234567890", "333"


def main() -> None:
    """Upload them all. AssertionError unless each was taken."""
    path, google_ads._BASE_URL = sys.argv[1:]
    destination = google_ads.GoogleAdsDestination()
    config = GoogleAdsDestinationConfig(
        type="google_ads",
        customer_id=CUSTOMER,
        conversion_action=f"customers/{CUSTOMER}/conversionActions/{ACTION}",
        gclid_field="gclid",
        conversion_time_field="conversion_time",
        conversion_value_field="revenue",
        currency_code="EUR",
        native_idempotency_key="{{ row.deal_id }}",
        auth={"type": "bearer", "token_env": "BENCH_TOKEN"},
    )
    options = SyncOptions(batch_size=BATCH, rate_limit={"requests_per_second": 1_000_000})
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        while batch := list(islice(rows, BATCH)):
            result = destination.load(batch, config, options)
            assert result.success == len(batch), result.errors[:1]


if __name__ == "__main__":
    main()
