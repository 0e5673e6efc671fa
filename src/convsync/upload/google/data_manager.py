"""The Data Manager API, `events:ingest`: the default way to send offline conversions.

What shapes this adapter (https://developers.google.com/data-manager/api):

- A request is taken whole or refused whole. Where a refusal names rows, those are rejected and the
  others come back as untried, to go out in the next request (`data_manager_refusals`).
- The same `transaction_id` again is an adjustment of the value, never a second conversion, so a
  repeat is harmless; taking back is a value of zero, and the count remains. Where a `retractor` is
  given (the Google Ads API, by order ID), it takes back instead, and the count goes too; what it
  does not take (a wbraid's, or older than 54 days) is restated at zero all the same.
- Verdicts on rows come half an hour or more later, from `requestStatus:retrieve`, and are read in
  `data_manager_status`.
- A spent quota says how long to wait. Google states no hour for a day's, so that is not waited for.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from google.ads import datamanager_v1
from google.ads.datamanager_v1.services.ingestion_service.transports import (
    IngestionServiceGrpcTransport,
)
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from convsync.clock import system_clock
from convsync.errors import TransientError
from convsync.model.outcome import Accepted, Outcome
from convsync.model.statement import Batch, Operation, Statement
from convsync.model.stored_statements import StoredStatements
from convsync.upload.codes import refusals_among, refused_test_row
from convsync.upload.destination import UNLIMITED, Destination, Quota, Verdict
from convsync.upload.google.credentials import (
    DATA_MANAGER_SCOPE,
    keep_fresh,
    plaintext_channel,
    raise_if_called_back,
    sign_in_error,
    signed_channel,
)
from convsync.upload.google.data_manager_codes import explain_code
from convsync.upload.google.data_manager_refusals import (
    outcomes_of_refusal,
    refusal_of,
    response_json,
)
from convsync.upload.google.data_manager_requests import RequestAccounts, request_of
from convsync.upload.google.data_manager_status import verdict_of
from convsync.upload.google.server_clock import note_time
from convsync.upload.google.takes import data_manager
from convsync.upload.google.user_lists import UserLists
from convsync.upload.parts import foreseen, logged, upload_in_parts

MAX_EVENTS = 2_000
HOST = "datamanager.googleapis.com"


class DataManager:
    """Uploads to one ad account through the official client.

    `endpoint` and `rest_endpoint` lead elsewhere than to Google: to the sandbox, or a proxy. A
    plaintext endpoint is for the loopback only; settings see to that.
    """

    max_batch = MAX_EVENTS

    def __init__(
        self,
        name: str,
        account: RequestAccounts,
        credentials: Credentials | None,
        *,
        endpoint: str = HOST,
        rest_endpoint: str = f"https://{HOST}",
        is_plaintext: bool = False,
        timeout: timedelta = timedelta(seconds=120),
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
        status_quota: Quota = UNLIMITED,
        retractor: Destination | None = None,
    ) -> None:
        self.name = name
        self.requests_in_flight = requests_in_flight
        self.upload_quota = upload_quota
        self.status_quota = status_quota
        self._account = account
        self._retractor = retractor
        self.takes = data_manager(has_retractor=retractor is not None)
        self._rest_endpoint = rest_endpoint
        self._timeout_s = timeout.total_seconds()
        self._credentials = credentials or AnonymousCredentials()
        self._channel = (
            plaintext_channel(endpoint)
            if is_plaintext
            else signed_channel(endpoint, self._credentials, DATA_MANAGER_SCOPE)
        )
        self._client = datamanager_v1.IngestionServiceClient(
            transport=IngestionServiceGrpcTransport(channel=self._channel)
        )
        self._session = AuthorizedSession(self._credentials)

    @cached_property
    def member_lists(self) -> UserLists:
        """The account's lists of people, over the same connections."""
        return UserLists(
            self.name,
            self._account,
            self._credentials,
            channel=self._channel,
            session=self._session,
            rest_endpoint=self._rest_endpoint,
            timeout=timedelta(seconds=self._timeout_s),
            upload_quota=self.upload_quota,
            status_quota=self.status_quota,
        )

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch, in one request but for what a retractor takes back; see Destination."""
        refused, refusals = foreseen(batch, self.takes, now)
        retracted, others = self._parted(batch, frozenset(refused), now)
        return upload_in_parts(
            batch,
            [
                (retracted, partial(self._retract, now=now)),
                (others, partial(self._send, now=now)),
                (refused, refusals),
            ],
        )

    def _parted(
        self, batch: Batch, refused: frozenset[int], now: datetime
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Return the rows that the retractor takes back, and those that go this way."""
        if not refused and not self._may_retract(batch.statements):
            return [], range(len(batch.statements))
        retracted: list[int] = []
        others: list[int] = []
        for row, statement in enumerate(batch.statements):
            if row not in refused:
                (retracted if self._is_retracted(statement, now) else others).append(row)
        return retracted, others

    def _may_retract(self, said: Sequence[Statement]) -> bool:
        """False where it is plain that nothing goes by the other road."""
        if self._retractor is None:
            return False
        return (
            not isinstance(said, StoredStatements) or Operation.RETRACT in said.columns.operations
        )

    def _is_retracted(self, statement: Statement, now: datetime) -> bool:
        """True where the other road takes a conversion back; else it is restated at zero."""
        if self._retractor is None or statement.operation is not Operation.RETRACT:
            return False
        return self._retractor.takes.refusal_of(statement, now) is None

    def _retract(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        assert self._retractor is not None, "else nothing is retracted"
        return self._retractor.upload(batch, now=now)

    def _send(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        response = self._ingest(batch, request_of(batch, self._account), now)
        if not isinstance(response, str):
            return logged(batch, response)
        if not response:
            raise TransientError(f"{self.name} accepted batch {batch.number} without a request ID.")
        return [Accepted(request_id=response)] * len(batch.statements)

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Have a batch checked without sending it; raises what `upload` would, OperatorError too.

        A dry run finds less than the real one: it lets a purely numeric transaction ID pass.
        """
        request = request_of(batch, self._account)
        request.validate_only = True
        outcomes = self._ingest(batch, request, now)
        if not isinstance(outcomes, str):
            raise refused_test_row(self.name, sorted(refusals_among(outcomes)), explain_code)

    def verdict(self, batch: Batch, request_id: str, *, now: datetime) -> Verdict:
        """Ask for the rows' verdicts; see Destination."""
        url = f"{self._rest_endpoint}/v1/requestStatus:retrieve"
        sent_at = system_clock()
        try:
            response = self._session.get(
                url, params={"requestId": request_id}, timeout=self._timeout_s
            )
        except GoogleAuthError as error:
            raise sign_in_error(self.name, DATA_MANAGER_SCOPE, error) from error
        except RequestException as error:
            what = type(error).__name__
            raise TransientError(
                f"{self.name} returned no status for {request_id}: {what}."
            ) from error
        note_time(response, sent_at)
        verdict = verdict_of(response_json(response, self.name), response.status_code, batch, now)
        return logged(batch, verdict) if isinstance(verdict, Sequence) else verdict

    def close(self) -> None:
        """Give back the connections."""
        self._client.transport.close()
        self._session.close()

    def _ingest(self, batch: Batch, request: Any, now: datetime) -> str | Sequence[Outcome]:
        """Return the request ID, or the outcomes of a refusal."""
        is_new = keep_fresh(self._credentials, self.name, DATA_MANAGER_SCOPE)
        try:
            response = self._client.ingest_events(
                request=datamanager_v1.IngestEventsRequest.wrap(request),
                retry=None,
                timeout=self._timeout_s,
            )
        except GoogleAuthError as error:
            raise sign_in_error(self.name, DATA_MANAGER_SCOPE, error) from error
        except exceptions.GoogleAPICallError as error:
            if isinstance(error, exceptions.Unauthorized):
                raise_if_called_back(self._credentials, self.name, is_new=is_new)
            return outcomes_of_refusal(refusal_of(error), batch, now, destination=self.name)
        return str(response.request_id)
