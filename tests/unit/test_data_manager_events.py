"""Events written as bytes from what the ledger stores: what the client's own classes would send."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from google.ads import datamanager_v1 as client
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from convsync.model.click import ClickId, ClickIdKind
from convsync.model.consent import UNSPECIFIED, Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.identifiers import Identifiers
from convsync.model.money import MOST, Money
from convsync.model.statement import Batch, Operation, OrderId, Statement, order_id_of
from convsync.model.stored_statements import StatementColumns, StoredStatements
from convsync.store.column_types import bytes_of_order_id, microseconds_of, millionths_of
from convsync.store.entry_row import as_statement, extras_of
from convsync.upload.google.data_manager_events import events_of
from convsync.upload.google.data_manager_requests import RequestAccounts, request_of
from convsync.upload.google.takes import CLICK_IDS
from tests.builders import ACTION, GRANTED, SOMEBODY, WON_AT, a_statement, usd

ACCOUNT = RequestAccounts(operating="1234567890", login="2")
DENIED = Consent(ad_user_data=ConsentStatus.GRANTED, ad_personalization=ConsentStatus.DENIED)


def stored(*statements: Statement) -> StoredStatements:
    """Return statements as a batch has them that was read from the ledger."""
    columns = StatementColumns(*zip(*map(_as_stored, statements), strict=True))
    return StoredStatements(columns, partial(as_statement, ACTION))


def _as_stored(one: Statement) -> tuple[Any, ...]:
    click = one.click_id
    return (
        bytes_of_order_id(one.order_id),
        one.operation.value,
        microseconds_of(one.event_at),
        millionths_of(one.value.amount),
        one.value.currency,
        None if click is None else click.kind.value,
        None if click is None else click.value,
        extras_of(one),
    )


def by_the_client(statements: Sequence[Statement]) -> bytes:
    """Return the request as the client's own classes write it."""
    google_ads = client.ProductAccount.AccountType.GOOGLE_ADS
    account = client.Destination(
        operating_account=client.ProductAccount(account_type=google_ads, account_id="1234567890"),
        login_account=client.ProductAccount(account_type=google_ads, account_id="2"),
        product_destination_id=ACTION.action_id,
    )
    request = client.IngestEventsRequest(destinations=[account], events=[*map(_event, statements)])
    if any(one.identifiers for one in statements):
        request.encoding = client.Encoding.HEX
    written: bytes = client.IngestEventsRequest.serialize(request)
    return written


def _event(one: Statement) -> client.Event:
    event = client.Event(
        transaction_id=one.order_id,
        event_timestamp=one.event_at,
        event_source=client.EventSource.OTHER,
        currency=one.value.currency,
        conversion_value=float(one.value.amount),
        custom_variables=[
            client.CustomVariable(variable=name, value=value)
            for name, value in one.variables.items()
        ],
    )
    if one.click_id is not None:
        event.ad_identifiers = client.AdIdentifiers({one.click_id.kind.value: one.click_id.value})
    if one.consent != UNSPECIFIED:
        event.consent = client.Consent(
            ad_user_data=_consent(one.consent.ad_user_data),
            ad_personalization=_consent(one.consent.ad_personalization),
        )
    if one.customer_type:
        kind = client.CustomerType[one.customer_type.name]
        event.user_properties = client.UserProperties(customer_type=kind)
    if who := one.identifiers:
        emails = [client.UserIdentifier(email_address=email) for email in who.emails]
        phones = [client.UserIdentifier(phone_number=phone) for phone in who.phones]
        event.user_data = client.UserData(user_identifiers=emails + phones)
    return event


def _consent(status: ConsentStatus) -> client.ConsentStatus:
    if status is ConsentStatus.UNSPECIFIED:
        return client.ConsentStatus.CONSENT_STATUS_UNSPECIFIED
    return client.ConsentStatus[f"CONSENT_{status.name}"]


def a_click(value: str, kind: ClickIdKind = ClickIdKind.GCLID) -> ClickId:
    return ClickId(kind, value)


def assert_said_as_by_the_client(*statements: Statement) -> None:
    batch = Batch(number=7, action=ACTION, statements=stored(*statements))
    said = request_of(batch, ACCOUNT).SerializeToString()
    assert said == by_the_client(statements)
    in_objects = structs.replace(batch, statements=[*batch.statements])
    assert said == request_of(in_objects, ACCOUNT).SerializeToString()


def is_written_as_bytes(*statements: Statement) -> bool:
    """True where a batch's events are not filled in field by field."""
    said = stored(*statements)
    return events_of(said, lambda one: client.Event.pb(_event(one))) is not None


PLAIN = a_statement()


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(PLAIN, id="a click, a value, a consent"),
        *(
            pytest.param(a_statement(click_id=a_click("x" * 70, kind)), id=kind.value)
            for kind in sorted(CLICK_IDS)
        ),
        pytest.param(a_statement(click_id=a_click("é%b%%s")), id="a click ID of odd characters"),
        pytest.param(
            a_statement(click_id=a_click("x" * 37)), id="a length that is a per cent sign"
        ),
        pytest.param(a_statement(click_id=a_click("x" * 300)), id="a length of two bytes"),
        pytest.param(a_statement(consent=UNSPECIFIED), id="no consent"),
        pytest.param(a_statement(consent=DENIED), id="two consents"),
        pytest.param(a_statement(customer_type=CustomerType.NEW), id="a customer type"),
        pytest.param(a_statement(value=usd(0)), id="nothing"),
        pytest.param(a_statement(value=Money(amount=MOST, currency="VND")), id="the most"),
        pytest.param(a_statement(value=usd(0), operation=Operation.RETRACT), id="a retraction"),
        pytest.param(a_statement(event_at=WON_AT.replace(microsecond=123_456)), id="microseconds"),
        pytest.param(a_statement(event_at=datetime(2100, 1, 1, tzinfo=UTC)), id="a late time"),
        pytest.param(a_statement(event_at=datetime(1970, 1, 2, tzinfo=UTC)), id="an early time"),
    ],
)
def test_an_event_is_written_as_the_client_writes_it(statement: Statement) -> None:
    assert is_written_as_bytes(statement, PLAIN)
    assert_said_as_by_the_client(statement, PLAIN, statement)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(a_statement(identifiers=SOMEBODY), id="a person"),
        pytest.param(a_statement(identifiers=SOMEBODY, click_id=None), id="a person without click"),
        pytest.param(a_statement(variables={"days": "12"}), id="a variable"),
    ],
)
def test_an_event_unlike_the_others_is_filled_in_among_them(statement: Statement) -> None:
    assert is_written_as_bytes(PLAIN, statement, PLAIN)
    assert_said_as_by_the_client(PLAIN, statement, PLAIN, statement)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            a_statement(event_at=datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)), id="before 1970"
        ),
        pytest.param(a_statement(OrderId("written by hand")), id="an order ID of another make"),
    ],
)
def test_events_that_cannot_be_written_as_bytes_are_filled_in_one_by_one(
    statement: Statement,
) -> None:
    assert not is_written_as_bytes(PLAIN, statement)
    assert_said_as_by_the_client(PLAIN, statement)


def test_a_batch_in_which_everybody_is_named_is_filled_in() -> None:
    everybody = [
        a_statement(identifiers=Identifiers(emails=(f"{number:064x}",))) for number in range(100)
    ]
    assert not is_written_as_bytes(*everybody)
    assert_said_as_by_the_client(*everybody)


_STATEMENTS = st.builds(
    a_statement,
    st.text(min_size=1).map(lambda deal: order_id_of("crm", deal, "won")),
    event_at=st.timedeltas(timedelta(days=1), timedelta(days=80_000)).map(
        lambda since: datetime(1970, 1, 1, tzinfo=UTC) + since
    ),
    value=st.builds(
        Money,
        amount=st.integers(0, int(MOST) * 10**6).map(lambda one: Decimal(one).scaleb(-6)),
        currency=st.sampled_from(["EUR", "USD"]),
    ),
    click_id=st.builds(
        ClickId,
        st.sampled_from(sorted(CLICK_IDS)),
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    ),
    consent=st.sampled_from([UNSPECIFIED, GRANTED, DENIED]),
)


@given(st.lists(_STATEMENTS, min_size=1, max_size=20))
def test_a_request_from_stored_rows_is_the_clients_own_byte_for_byte(
    statements: list[Statement],
) -> None:
    assert_said_as_by_the_client(*statements)


def test_a_statement_is_made_where_it_is_looked_at() -> None:
    one, other = PLAIN, a_statement(event_at=WON_AT + timedelta(days=1))
    said = stored(one, other)
    assert (len(said), said[1], said[-2], said[:1]) == (2, other, one, [one])
    assert [*said] == [one, other]
    assert said[0] is said[0], "all were made when all were looked at"
