from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from convsync.collect.reports import RefusedReportError, report_in
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.collected import Report
from convsync.model.consent import ConsentStatus
from convsync.model.identifiers import hashed
from convsync.model.key import Key, KeyKind
from tests.collect.browser_reports import ANNA, DAY, GCLID, a_report, body_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONSENT = {"age": 0, "source": "site", "ad_storage": "granted", "ad_user_data": "granted"}


def read(report: dict[str, Any]) -> Report:
    return report_in(body_of(report), site="website", country="DE", received_at=NOW)


def landing(**values: str) -> list[dict[str, Any]]:
    return [{"age": 0, "values": values}]


def test_a_click_happened_as_long_before_the_report_was_received_as_before_it_was_sent() -> None:
    (sighting,) = read(a_report()).sightings
    assert sighting.click_ids == (ClickId(ClickIdKind.GCLID, GCLID),)
    assert sighting.seen_at == NOW - timedelta(days=5)
    assert Key(KeyKind.VISITOR, "0" * 31 + "7") in sighting.keys
    assert Key(KeyKind.EMAIL, ANNA) in sighting.keys


def test_consent_is_kept_with_its_time_and_source() -> None:
    report = read(a_report())
    assert report.ad_storage is ConsentStatus.GRANTED
    assert report.consent.ad_personalization is ConsentStatus.DENIED
    assert (report.consented_at, report.consent_source) == (NOW - timedelta(days=5), "update")


def test_what_nobody_was_asked_is_unspecified() -> None:
    report = read(a_report(consent=CONSENT))
    assert report.consent.ad_personalization is ConsentStatus.UNSPECIFIED


def test_a_visit_with_utm_parameters_alone_has_no_click() -> None:
    report = read(a_report(landings=landing(utm_source="newsletter")))
    assert list(report.sightings) == []
    assert report.landings[0].campaign == {"utm_source": "newsletter"}


def test_hashes_of_an_empty_field_are_nobody() -> None:
    report = read(a_report(identifiers=[["email", hashed("")], ["phone", ANNA]]))
    assert (report.identifiers.emails, report.identifiers.phones) == ((), (ANNA,))


REFUSED = {
    "an e-mail in the clear": {"identifiers": [["email", "anna@example.com"]]},
    "a phone in the clear": {"identifiers": [["phone", "+4930123456"]]},
    "half a hash": {"identifiers": [["email", "a" * 40]]},
    "an e-mail as a click ID": {"landings": landing(gclid="anna@example.com")},
    "an encoded e-mail as a click ID": {"landings": landing(gclid="anna%40example.com")},
    "a phone as a click ID": {"landings": landing(gclid="+49 151 12345678")},
    "a name as a click ID": {"landings": landing(gclid="Anna Smith")},
    "an unknown parameter": {"landings": landing(email="x")},
    "an unknown field": {"password": "x"},
    "more landings than the snippet keeps": {"landings": landing(gclid=GCLID) * 51},
    "an endless click ID": {"landings": landing(gclid="a" * 513)},
    "a visitor who has a name": {"visitor": "anna"},
    "clicks without consent": {"consent": CONSENT | {"ad_storage": "denied"}},
    "clicks before anybody was asked": {"consent": {"age": 0, "source": "default"}},
    "hashes without consent": {"consent": CONSENT | {"ad_user_data": "denied"}},
    "a consent of other words": {"consent": CONSENT | {"ad_storage": "yes"}},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_report_is_refused_and_its_contents_are_not_shown(
    change: dict[str, Any],
) -> None:
    with pytest.raises(RefusedReportError) as refused:
        read(a_report(**change))
    for secret in ("anna", "Anna", "12345678", "password"):
        assert secret not in str(refused.value)


NO_CLICKS = {
    "a line break in a click ID": landing(gclid="abc\ndef"),
    "a NUL in a campaign": landing(utm_term="a\x00b"),
    "a spreadsheet's number": landing(gclid="1.23E+12"),
    "a word for nothing": landing(gclid="undefined"),
    "a placeholder": landing(gclid="{gclid}"),
    "a click ID of another network": landing(gclid="gclid=a&fbclid=b"),
    "an e-mail in a campaign": landing(utm_term="anna@example.com"),
    "a phone in a campaign": landing(utm_term="0151 12345678"),
    "a click of last year": [{"age": 200 * DAY, "values": {"gclid": "last-year"}}],
}


@pytest.mark.parametrize("bad", NO_CLICKS.values(), ids=NO_CLICKS.keys())
def test_a_value_that_is_not_a_click_is_left_out_and_the_rest_of_the_report_is_kept(
    bad: list[dict[str, Any]],
) -> None:
    report = read(a_report(landings=[*bad, *landing(gclid=GCLID)]))
    assert [seen.click_ids[0].value for seen in report.sightings] == [GCLID]
    assert not any(one.campaign for one in report.landings)
    assert report.identifiers.emails == (ANNA,)


def test_a_click_from_before_a_clock_was_set_back_counts_as_one_of_now() -> None:
    (sighting,) = read(a_report(landings=[{"age": -DAY, "values": {"gclid": GCLID}}])).sightings
    assert sighting.seen_at == NOW


def test_consent_of_years_ago_is_consent() -> None:
    report = read(a_report(consent=CONSENT | {"age": 3 * 365 * DAY}))
    assert report.consented_at == NOW - timedelta(days=3 * 365)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b'"x"', b"null"])
def test_a_body_that_is_not_a_report_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedReportError):
        report_in(body, site="website", country=None, received_at=NOW)


def test_a_withdrawal_carries_nothing_but_the_consent() -> None:
    withdrawn = a_report(consent=CONSENT | {"ad_storage": "denied", "ad_user_data": "denied"})
    for name in ("landings", "form", "identifiers"):
        del withdrawn[name]
    report = read(withdrawn)
    assert report.ad_storage is ConsentStatus.DENIED
    assert not report.landings
    assert report.form is None


def test_a_form_is_known_by_a_label() -> None:
    assert read(a_report(form='<b>Contact us "now"</b>' + "x" * 90)).form == (
        "_b_Contact_us__now___b_" + "x" * 57
    )


def test_a_click_id_of_115_characters_arrives_whole() -> None:
    long = "EAIaIQobChMI" + "x" * 103
    (sighting,) = read(a_report(landings=landing(gclid=long))).sightings
    assert sighting.click_ids == (ClickId(ClickIdKind.GCLID, long),)
