"""What it costs to build and serialise 2,000 rows for each Google API.

    python -m scripts.bench.payloads ROUNDS

Beside each stands the same request by the client's own proto-plus classes. The best of several
rounds counts: a busy machine makes things slower, never faster. Prints CPU milliseconds as JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from google.ads import datamanager_v1 as dm
from google.ads.googleads.v26.common.types import consent, offline_user_data
from google.ads.googleads.v26.enums.types import consent_status
from google.ads.googleads.v26.services.types import conversion_upload_service as ads

from convsync.model.click import ClickId, ClickIdKind
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.identifiers import Identifiers, hashed
from convsync.model.money import Money
from convsync.model.rule import ConversionAction
from convsync.model.statement import Batch, Operation, Statement, order_id_of
from convsync.upload.google.data_manager_requests import RequestAccounts, request_of
from convsync.upload.google.google_ads_api import Api, Customer
from convsync.upload.google.google_ads_requests import upload_request_of

ROWS = 2_000
ACTION = ConversionAction(destination="google", action_id="333")
WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
CUSTOMER = Customer(customer_id="1234567890")
API = Api()


def main() -> None:
    """Measure both roads, by our way and by the client's own classes."""
    rounds = int(sys.argv[1])
    batch = a_batch()
    ways = {
        "data-manager": (data_manager, data_manager_by_proto_plus),
        "google-ads": (google_ads, google_ads_by_proto_plus),
    }
    took = {road: [best_of(rounds, way, batch) for way in both] for road, both in ways.items()}
    print(json.dumps(took))


def best_of(rounds: int, build: Callable[[Batch], bytes], batch: Batch) -> float:
    """Return the fewest CPU milliseconds of several rounds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        build(batch)
        times.append(time.process_time() - began)
    return min(times) * 1000


def a_batch() -> Batch:
    """Return a full batch as a nightly run reserves it: a gclid, an e-mail and consent each."""
    return Batch(number=1, action=ACTION, statements=[a_statement(n) for n in range(ROWS)])


def a_statement(number: int) -> Statement:
    """Return one of many statements."""
    return Statement(
        order_id=order_id_of("crm", str(number), "won"),
        action=ACTION,
        operation=Operation.COUNT,
        event_at=WON_AT + timedelta(seconds=number),
        value=Money(amount=Decimal(number), currency="EUR"),
        click_id=ClickId(ClickIdKind.GCLID, f"Cj0KCQjw{number:080}"),
        identifiers=Identifiers(emails=(hashed(f"{number}@example.com"),)),
        consent=Consent(ad_user_data=ConsentStatus.GRANTED),
    )


def data_manager(batch: Batch) -> bytes:
    """Build as the adapter does."""
    said: bytes = request_of(batch, RequestAccounts(operating="1234567890")).SerializeToString()
    return said


def google_ads(batch: Batch) -> bytes:
    """Build as the adapter does."""
    said: bytes = upload_request_of(batch, CUSTOMER, API).SerializeToString()
    return said


def data_manager_by_proto_plus(batch: Batch) -> bytes:
    """Build the same request of the client's own classes."""
    account = dm.ProductAccount(
        account_type=dm.ProductAccount.AccountType.GOOGLE_ADS, account_id="1234567890"
    )
    request = dm.IngestEventsRequest(
        destinations=[
            dm.Destination(operating_account=account, product_destination_id=ACTION.action_id)
        ],
        events=[_event(statement) for statement in batch.statements],
        encoding=dm.Encoding.HEX,
    )
    said: bytes = dm.IngestEventsRequest.serialize(request)
    return said


def _event(statement: Statement) -> object:
    return dm.Event(
        transaction_id=statement.order_id,
        event_timestamp=statement.event_at,
        event_source=dm.EventSource.OTHER,
        currency=statement.value.currency,
        conversion_value=float(statement.value.amount),
        ad_identifiers=dm.AdIdentifiers(gclid=_gclid(statement)),
        consent=dm.Consent(ad_user_data=dm.ConsentStatus.CONSENT_GRANTED),
        user_data=dm.UserData(
            user_identifiers=[
                dm.UserIdentifier(email_address=email) for email in statement.identifiers.emails
            ]
        ),
    )


def google_ads_by_proto_plus(batch: Batch) -> bytes:
    """Build the same request of the client's own classes."""
    request = ads.UploadClickConversionsRequest(
        customer_id=CUSTOMER.customer_id,
        conversions=[_click_conversion(statement) for statement in batch.statements],
        partial_failure=True,
        job_id=batch.number,
    )
    said: bytes = ads.UploadClickConversionsRequest.serialize(request)
    return said


def _click_conversion(statement: Statement) -> object:
    return ads.ClickConversion(
        gclid=_gclid(statement),
        conversion_action=f"customers/1234567890/conversionActions/{ACTION.action_id}",
        conversion_date_time=statement.event_at.isoformat(" ", "seconds"),
        conversion_value=float(statement.value.amount),
        currency_code=statement.value.currency,
        order_id=statement.order_id,
        consent=consent.Consent(
            ad_user_data=consent_status.ConsentStatusEnum.ConsentStatus.GRANTED
        ),
        user_identifiers=[
            offline_user_data.UserIdentifier(hashed_email=email)
            for email in statement.identifiers.emails
        ],
    )


def _gclid(statement: Statement) -> str:
    return statement.click_id.value if statement.click_id else ""


if __name__ == "__main__":
    main()
