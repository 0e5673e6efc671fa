"""Which of several statements about the use of a person's data holds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.model.consent import (
    FORGOTTEN,
    UNSPECIFIED,
    Consent,
    ConsentStatus,
    Purpose,
    Said,
    consent_with,
)

DENIED, GRANTED = ConsentStatus.DENIED, ConsentStatus.GRANTED
OPEN, UNCLEAR = ConsentStatus.UNSPECIFIED, ConsentStatus.UNCLEAR
MAY_1 = datetime(2026, 5, 1, tzinfo=UTC)
MAY_2, MAY_3 = MAY_1 + timedelta(days=1), MAY_1 + timedelta(days=2)
EMAIL, PHONE = b"e-mail", b"phone"


def said(
    status: ConsentStatus,
    at: datetime | None,
    purpose: Purpose = Purpose.AD_USER_DATA,
    source: str = "website",
) -> Said:
    return Said(purpose=purpose, status=status, said_at=at, source=source)


def outcome(own: ConsentStatus, own_at: datetime | None, **others: Sequence[Said]) -> ConsentStatus:
    by_key = {name.encode(): statements for name, statements in others.items()}
    return consent_with(Consent(ad_user_data=own), own_at, by_key).ad_user_data


@pytest.mark.parametrize(
    ("own", "own_at", "elsewhere", "expected"),
    [
        pytest.param(GRANTED, MAY_1, [said(DENIED, MAY_2)], DENIED, id="a later refusal"),
        pytest.param(GRANTED, MAY_3, [said(DENIED, MAY_2)], GRANTED, id="an earlier refusal"),
        pytest.param(GRANTED, MAY_2, [said(DENIED, MAY_2)], DENIED, id="a refusal at once"),
        pytest.param(DENIED, MAY_2, [said(GRANTED, MAY_2)], DENIED, id="a consent at once"),
        pytest.param(DENIED, MAY_1, [said(GRANTED, MAY_2)], GRANTED, id="a later consent"),
        pytest.param(GRANTED, None, [said(DENIED, MAY_1)], DENIED, id="own consent undated"),
        pytest.param(DENIED, None, [said(GRANTED, MAY_3)], DENIED, id="own refusal undated"),
        pytest.param(GRANTED, MAY_3, [said(DENIED, None)], DENIED, id="another's refusal undated"),
        pytest.param(OPEN, None, [said(GRANTED, MAY_1)], GRANTED, id="said on the site alone"),
        pytest.param(OPEN, None, [said(DENIED, MAY_1)], DENIED, id="refused on the site alone"),
        pytest.param(UNCLEAR, None, [said(GRANTED, MAY_1)], UNCLEAR, id="an unmapped word stays"),
        pytest.param(UNCLEAR, None, [said(DENIED, MAY_1)], DENIED, id="but yields to a refusal"),
        pytest.param(
            GRANTED,
            MAY_1,
            [said(DENIED, MAY_2, Purpose.AD_STORAGE)],
            DENIED,
            id="storage refused is all refused",
        ),
        pytest.param(
            OPEN,
            None,
            [said(GRANTED, MAY_2, Purpose.AD_STORAGE)],
            OPEN,
            id="storage granted grants nothing else",
        ),
        pytest.param(
            GRANTED,
            MAY_1,
            [said(DENIED, MAY_2, Purpose.AD_PERSONALIZATION)],
            GRANTED,
            id="another use",
        ),
    ],
)
def test_the_later_statement_holds_and_a_refusal_where_that_is_open(
    own: ConsentStatus, own_at: datetime | None, elsewhere: list[Said], expected: ConsentStatus
) -> None:
    assert outcome(own, own_at, email=elsewhere) is expected


def test_of_several_keys_one_refusal_is_enough() -> None:
    refused, given_later = [said(DENIED, MAY_1)], [said(GRANTED, MAY_3)]
    assert outcome(OPEN, None, visitor=refused, email=given_later) is DENIED
    assert outcome(OPEN, None, email=[*refused, *given_later]) is GRANTED, "of one key the later"


def test_personalization_is_decided_by_itself() -> None:
    refused = {EMAIL: [said(DENIED, MAY_2, Purpose.AD_PERSONALIZATION)]}
    own = Consent(ad_user_data=GRANTED, ad_personalization=GRANTED)
    found = consent_with(own, MAY_1, refused)
    assert (found.ad_user_data, found.ad_personalization) == (GRANTED, DENIED)


def test_somebody_who_was_forgotten_stays_so() -> None:
    assert consent_with(FORGOTTEN, None, {EMAIL: [said(GRANTED, MAY_1)]}) == FORGOTTEN


def test_where_nothing_was_said_the_deal_s_own_record_decides() -> None:
    assert consent_with(UNSPECIFIED, None, {}) is UNSPECIFIED


TIMES = st.one_of(st.none(), st.sampled_from([MAY_1, MAY_2, MAY_3]))
STATEMENTS = st.builds(said, st.sampled_from([GRANTED, DENIED]), TIMES, st.sampled_from([*Purpose]))


@given(st.lists(st.tuples(st.sampled_from([EMAIL, PHONE]), STATEMENTS)), st.randoms())
def test_the_order_in_which_statements_arrive_changes_nothing(
    arrived: list[tuple[bytes, Said]], shuffling: object
) -> None:
    own = Consent(ad_user_data=GRANTED)
    expected = consent_with(own, MAY_2, _by_key(arrived))
    again = arrived[:]
    shuffling.shuffle(again)  # type: ignore[attr-defined]
    assert consent_with(own, MAY_2, _by_key(again)) == expected


@given(st.lists(st.tuples(st.sampled_from([EMAIL, PHONE]), STATEMENTS)), TIMES)
def test_a_refusal_that_is_the_last_word_always_holds(
    before: list[tuple[bytes, Said]], own_at: datetime | None
) -> None:
    latest = said(DENIED, MAY_3 + timedelta(days=1))
    found = consent_with(Consent(ad_user_data=GRANTED), own_at, _by_key([*before, (PHONE, latest)]))
    assert found.is_denied


def _by_key(statements: list[tuple[bytes, Said]]) -> dict[bytes, list[Said]]:
    found: dict[bytes, list[Said]] = {}
    for key, one in statements:
        found.setdefault(key, []).append(one)
    return found
