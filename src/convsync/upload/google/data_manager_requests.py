"""Requests to the Data Manager API: a batch as a raw request, the same for the same batch.

Requests are built as raw protobuf, which is ten times cheaper than the client's own classes; what
comes straight from the ledger is written as bytes, which is cheaper still (`data_manager_events`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.ads import datamanager_v1

from convsync.model.consent import Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.statement import Batch, Statement
from convsync.model.stored_statements import StoredStatements
from convsync.upload.google.data_manager_events import events_of
from convsync.upload.google.takes import CLICK_IDS

MAX_IDENTIFIERS = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
_Request = type(datamanager_v1.IngestEventsRequest.pb(datamanager_v1.IngestEventsRequest()))
_Event = type(datamanager_v1.Event.pb(datamanager_v1.Event()))
_SOURCE = {source.name: source.value for source in datamanager_v1.EventSource}
_CONSENT = {
    ConsentStatus.GRANTED: datamanager_v1.ConsentStatus.CONSENT_GRANTED.value,
    ConsentStatus.DENIED: datamanager_v1.ConsentStatus.CONSENT_DENIED.value,
    ConsentStatus.UNSPECIFIED: datamanager_v1.ConsentStatus.CONSENT_STATUS_UNSPECIFIED.value,
}
_CUSTOMER = {kind: datamanager_v1.CustomerType[kind.name].value for kind in CustomerType}
_HEX = datamanager_v1.Encoding.HEX.value
_GOOGLE_ADS = datamanager_v1.ProductAccount.AccountType.GOOGLE_ADS.value


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccounts:
    """The ad accounts of a request, as digits: who owns the actions, and who signs in."""

    operating: str
    login: str | None = None
    linked: str | None = None
    event_source: str = "OTHER"


def request_of(batch: Batch, account: RequestAccounts) -> Any:
    """Return the raw protobuf request that carries a batch, the same for the same batch."""
    request = _Request()
    add_destination(request, account, batch.action.action_id)
    said, common = batch.statements, _CommonEvents(_SOURCE[account.event_source])
    if isinstance(said, StoredStatements) and (events := events_of(said, common.event_of)):
        request.MergeFromString(events)
    else:
        for statement in said:
            common.add(request.events.add(), statement)
    if common.have_identifiers:
        request.encoding = _HEX
    return request


class _CommonEvents:
    """Makes events; what those of one currency and consent have alike is made once.

    They `have_identifiers` once one of them has.
    """

    def __init__(self, source: int) -> None:
        self._source = source
        self._alike: dict[tuple[str, Consent], Any] = {}
        self.have_identifiers = False

    def event_of(self, statement: Statement) -> Any:
        """Return the event of a statement."""
        event = _Event()
        self.add(event, statement)
        return event

    def add(self, event: Any, statement: Statement) -> None:
        """Fill an empty event in."""
        key = statement.value.currency, statement.consent
        if (common := self._alike.get(key)) is None:
            common = self._alike[key] = _common_event(*key, self._source)
        event.MergeFrom(common)
        _add_own(event, statement)
        if statement.identifiers:
            self.have_identifiers = True


def add_destination(request: Any, account: RequestAccounts, product_destination_id: str) -> None:
    """Say in a request which action or list of which account it is for, and who signs in."""
    destination = request.destinations.add()
    _set_account(destination.operating_account, account.operating)
    if account.login:
        _set_account(destination.login_account, account.login)
    if account.linked:
        _set_account(destination.linked_account, account.linked)
    destination.product_destination_id = product_destination_id


def _set_account(target: Any, account_id: str) -> None:
    target.account_type = _GOOGLE_ADS
    target.account_id = account_id


def _common_event(currency: str, consent: Consent, source: int) -> Any:
    """Return what the events of statements with this currency and consent have alike."""
    event = _Event()
    event.event_source = source
    event.currency = currency
    if consent.ad_user_data is not ConsentStatus.UNSPECIFIED:
        event.consent.ad_user_data = _CONSENT[consent.ad_user_data]
    if consent.ad_personalization is not ConsentStatus.UNSPECIFIED:
        event.consent.ad_personalization = _CONSENT[consent.ad_personalization]
    return event


def _add_own(event: Any, statement: Statement) -> None:
    event.transaction_id = statement.order_id
    seconds, rest = divmod(statement.event_at - _EPOCH, _SECOND)  # FromDatetime is slow
    event.event_timestamp.seconds = seconds
    if rest:
        event.event_timestamp.nanos = rest // _MICROSECOND * 1_000
    event.conversion_value = float(statement.value.amount)
    if click_id := statement.click_id:
        setattr(event.ad_identifiers, _FIELD[click_id.kind], click_id.value)
    if statement.identifiers:
        _add_identifiers(event.user_data, statement)
    if statement.customer_type:
        event.user_properties.customer_type = _CUSTOMER[statement.customer_type]
    for name, value in statement.variables.items():
        variable = event.custom_variables.add()
        variable.variable = name
        variable.value = value


_FIELD = {kind: kind.value for kind in CLICK_IDS}


def _add_identifiers(user_data: Any, statement: Statement) -> None:
    who = statement.identifiers
    room = MAX_IDENTIFIERS
    for email in who.emails[:room]:
        user_data.user_identifiers.add().email_address = email
    for phone in who.phones[: room - len(user_data.user_identifiers)]:
        user_data.user_identifiers.add().phone_number = phone
