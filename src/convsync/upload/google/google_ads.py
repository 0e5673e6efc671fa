"""The Google Ads API: only for accounts that used it for uploads before 2026-06-15.

What shapes this adapter (https://developers.google.com/google-ads/api/docs/conversions):

- `partial_failure` is always set: a request succeeds for some of its rows (`google_ads_answers`).
- What is taken is counted at once, so a row that is not refused is confirmed and there is nothing
  to ask for afterwards: `verdict` never has anything to say.
- The same order ID again is refused as already there, which confirms it. A new value and a
  retraction are adjustments, by a service of their own (`takes`).
- Requests go out through the official service clients without their logging, which would repeat
  what a request held, and without any retry: that is the outbox's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from msgspec import structs

from convsync.model.outcome import Outcome
from convsync.model.statement import Batch, Operation
from convsync.upload.codes import of_another_platform, refusals_among, refused_test_row
from convsync.upload.destination import UNLIMITED, Quota, Verdict
from convsync.upload.google.credentials import (
    ADS_SCOPE,
    keep_fresh,
    plaintext_channel,
    raise_if_called_back,
    signed_channel,
)
from convsync.upload.google.google_ads_answers import outcomes_of, outcomes_of_refusal
from convsync.upload.google.google_ads_api import HOST, VERSION, Api, Customer
from convsync.upload.google.google_ads_codes import ABOUT_THE_CLICK, explain_code
from convsync.upload.google.google_ads_requests import adjustments_request_of, upload_request_of
from convsync.upload.google.takes import GOOGLE_ADS
from convsync.upload.parts import foreseen, logged, upload_in_parts

MAX_ROWS = 2_000


class GoogleAds:
    """Uploads to one ad account through the official service clients.

    `endpoint` leads elsewhere than to Google: to the sandbox, or a proxy. A plaintext endpoint is
    for the loopback only; settings see to that.
    """

    max_batch = MAX_ROWS
    takes = GOOGLE_ADS

    def __init__(
        self,
        name: str,
        customer: Customer,
        credentials: Credentials | None,
        *,
        version: str = VERSION,
        endpoint: str = HOST,
        is_plaintext: bool = False,
        root_certificates: bytes | None = None,
        proxy: str | None = None,
        timeout: timedelta = timedelta(seconds=120),
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
    ) -> None:
        self.name = name
        self.requests_in_flight = requests_in_flight
        self.upload_quota = upload_quota
        self.status_quota = UNLIMITED  # there is no status to ask for
        self._customer = customer
        self._credentials = credentials or AnonymousCredentials()
        self._timeout_s = timeout.total_seconds()
        self._api = Api(version)
        self._channel = (
            plaintext_channel(endpoint)
            if is_plaintext
            else signed_channel(
                endpoint,
                self._credentials,
                ADS_SCOPE,
                root_certificates=root_certificates,
                proxy=proxy,
            )
        )
        uploads = self._api.client("ConversionUploadService", self._channel)
        adjustments = self._api.client("ConversionAdjustmentUploadService", self._channel)
        self._upload_clicks = uploads.upload_click_conversions
        self._upload_adjustments = adjustments.upload_conversion_adjustments

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch, what is new and what corrects in a request each; see Destination."""
        refused, refusals = foreseen(batch, self.takes, now)
        new, corrections = sorted_rows(batch, refused)
        return upload_in_parts(
            batch,
            [
                (new, partial(self._count, now=now)),
                (corrections, partial(self._correct, now=now)),
                (refused, refusals),
            ],
        )

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Have a batch checked without sending it; see Destination.

        That a made-up click is none of Google's is passed over.
        """
        refused: set[str] = set()
        for statement in batch.statements:  # one by one, so that a code of one stops at once
            alone = structs.replace(batch, statements=[statement])
            outcomes = self._count(alone, now=now, is_dry_run=True)
            refused |= refusals_among(outcomes)
        if codes := sorted(refused - ABOUT_THE_CLICK):
            raise refused_test_row(self.name, codes, explain_code)

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        """Raise OperatorError: here everything is answered at once, and nothing ever awaited."""
        raise of_another_platform(batch, self.name, renamed="the Google Ads API")

    def close(self) -> None:
        """Give back the connection."""
        self._channel.close()

    def _count(self, batch: Batch, *, now: datetime, is_dry_run: bool = False) -> Sequence[Outcome]:
        api = self._api
        request = upload_request_of(batch, self._customer, api)
        request.validate_only = is_dry_run
        outcomes = self._answer(self._upload_clicks, api.UploadRequest, request, batch, now)
        return outcomes if is_dry_run else logged(batch, outcomes)

    def _correct(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        api = self._api
        request = adjustments_request_of(batch, self._customer, api, now)
        call, wrapper = self._upload_adjustments, api.AdjustmentsRequest
        return logged(batch, self._answer(call, wrapper, request, batch, now))

    def _answer(
        self, call: Any, wrapper: Any, request: Any, batch: Batch, now: datetime
    ) -> Sequence[Outcome]:
        """Make the one call; everything before and after it is pure."""
        is_new = keep_fresh(self._credentials, self.name, ADS_SCOPE)
        try:
            response = call(
                request=wrapper.wrap(request),
                retry=None,
                timeout=self._timeout_s,
                metadata=self._customer.headers,
            )
        except exceptions.GoogleAPICallError as error:
            if isinstance(error, exceptions.Unauthorized):
                raise_if_called_back(self._credentials, self.name, is_new=is_new)
            return outcomes_of_refusal(error, self._api, batch, now, destination=self.name)
        raw = type(response).pb(response)
        return outcomes_of(
            raw,
            self._api,
            batch,
            now,
            destination=self.name,
            is_dry_run=request.validate_only,
        )


def sorted_rows(batch: Batch, refused: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the rows to count and the rows to correct, of those that are not refused anyway."""
    beyond = frozenset(refused)
    new: list[int] = []
    corrections: list[int] = []
    for row, statement in enumerate(batch.statements):
        if row not in beyond:
            (new if statement.operation is Operation.COUNT else corrections).append(row)
    return new, corrections
