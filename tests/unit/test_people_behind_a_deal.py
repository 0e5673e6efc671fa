"""What several records behind one deal say together of consent, and whose keys a refusal holds."""

from datetime import UTC, datetime, timedelta

import pytest

from convsync.extract.record_reader import Evidence, together
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.identifiers import NO_IDENTIFIERS
from convsync.model.key import Key, KeyKind

DENIED, GRANTED = ConsentStatus.DENIED, ConsentStatus.GRANTED
MAY_1 = datetime(2026, 5, 1, tzinfo=UTC)
MAY_2 = MAY_1 + timedelta(days=1)


def record(name: str, status: ConsentStatus, at: datetime | None = None) -> Evidence:
    keys = (Key(KeyKind.CRM, name),)
    return Evidence((), keys, NO_IDENTIFIERS, Consent(ad_user_data=status), at)


def test_a_refusal_is_one_contact_s_and_stops_the_whole_deal() -> None:
    found = together([record("ann", GRANTED), record("bob", DENIED)])
    assert found.consent.ad_user_data is DENIED
    assert found.refused == (Key(KeyKind.CRM, "bob"),)


def test_a_record_alone_speaks_for_all_its_keys() -> None:
    assert together([record("ann", DENIED)]).refused is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param((DENIED, MAY_1), (DENIED, MAY_2), MAY_2, id="the last of two refusals"),
        pytest.param((GRANTED, MAY_1), (GRANTED, MAY_2), MAY_1, id="the first of two consents"),
        pytest.param((DENIED, MAY_1), (GRANTED, MAY_2), MAY_1, id="that of the strictest"),
        pytest.param((DENIED, MAY_1), (DENIED, None), None, id="none, where one has none"),
    ],
)
def test_the_time_of_a_deals_consent_is_the_careful_one(
    first: tuple[ConsentStatus, datetime | None],
    second: tuple[ConsentStatus, datetime | None],
    expected: datetime | None,
) -> None:
    found = together([record("ann", *first), record("bob", *second)])
    assert found.consented_at == expected
