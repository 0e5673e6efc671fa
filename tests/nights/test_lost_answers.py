"""What the platform may have heard without an answer: it is told again, or taken back, or neither.

Each test loses the answer to a request that the platform has acted on, and then has the repeat
refused, or the person withdraw their consent. The platform's books have the last word.
"""

import json
from decimal import Decimal

import pytest

from convsync.pipeline import resend
from convsync.running.services import Services
from convsync.sandbox.faults import Call, PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.store import audit_search
from convsync.store.audit_search import Wanted
from tests.nights.company import PAGE_OF, Company
from tests.nights.test_changing_apis import by

NIGHT = [f"2026-03-{day:02}T02:00Z" for day in range(3, 20)]
REFUSED = "PROCESSING_ERROR_REASON_INVALID_GCLID"
TOO_RECENT = "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK"
TRIES = 4
"""How often a request is tried within one night."""
EMAIL = "somebody@example.com"


def won(company: Company, deal_id: str = "D-1", **cells: object) -> None:
    """Let the CRM show a deal, at first as won, with a click and an e-mail."""
    ordinary = {
        "won": "2026-03-02T15:00Z",
        "amount": 100,
        "gclid": f"G-{deal_id}",
        "clicked": "2026-02-20T10:00Z",
        "email": EMAIL,
    }
    company.has(deal_id, **({} if deal_id in company.deals else ordinary) | cells)


def lose_answers(sandbox: Sandbox, tries: int = TRIES, on: Call = "ingest") -> None:
    """Let the platform act on the next requests, and none of its answers arrive."""
    for request in range(1, tries + 1):
        sandbox.platform.faults.add(PlannedFault(on=on, request=request, kind="unavailable_after"))


def refuse(sandbox: Sandbox, code: str = REFUSED) -> None:
    """From now on, refuse the click of the deal."""
    sandbox.platform.verdicts = {"G-D-1": code}


def relent(sandbox: Sandbox) -> None:
    sandbox.platform.verdicts = {}


def sent_in(company: Company, sandbox: Sandbox, night: str) -> int:
    """Work a night, and return how many requests with conversions it made."""
    before = len(sandbox.books.requests)
    company.night(night)
    return len(sandbox.books.requests) - before


def counted_and_refused_when_repeated(company: Company, sandbox: Sandbox) -> None:
    """Have 100 counted unheard in the first night, and its repeat refused by the third."""
    won(company)
    lose_answers(sandbox)
    assert company.night(NIGHT[0]).exit_code == 1
    assert company.value("D-1") == 100.0
    refuse(sandbox)
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    relent(sandbox)
    assert company.entry("D-1").state == "rejected"
    assert company.value("D-1") == 100.0


# Refused when it was repeated


@pytest.mark.long
def test_a_lost_deal_is_taken_back_that_was_counted_unheard_and_refused_when_repeated(
    company: Company, sandbox: Sandbox
) -> None:
    counted_and_refused_when_repeated(company, sandbox)
    company.has("D-1", lost="2026-03-05T12:00Z")
    company.night(NIGHT[3])
    assert company.value("D-1") == 0.0
    company.night(NIGHT[4])
    entry = company.entry("D-1")
    assert (entry.state, entry.operation, entry.told) == ("confirmed", "retract", Decimal(0))
    assert sent_in(company, sandbox, NIGHT[5]) == 0


def test_a_deal_is_taken_back_though_its_answer_was_lost_and_its_repeat_refused_in_one_night(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    lose_answers(sandbox, tries=1)
    company.on_step = lambda step: refuse(sandbox) if step.startswith("waiting") else None
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    assert (company.entry("D-1").state, company.value("D-1")) == ("rejected", 100.0)
    relent(sandbox)
    company.has("D-1", lost="2026-03-04T12:00Z")
    company.night(NIGHT[2])
    assert company.value("D-1") == 0.0


def test_a_deal_is_taken_back_though_its_repeat_was_deferred(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    lose_answers(sandbox)
    company.night(NIGHT[0])
    refuse(sandbox, TOO_RECENT)
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    assert (company.entry("D-1").state, company.value("D-1")) == ("deferred", 100.0)
    relent(sandbox)
    company.has("D-1", lost="2026-03-05T12:00Z")
    company.night(NIGHT[3])
    assert company.value("D-1") == 0.0


def test_what_was_refused_at_once_is_not_taken_back(company: Company, sandbox: Sandbox) -> None:
    won(company)
    refuse(sandbox)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    company.has("D-1", lost="2026-03-04T12:00Z")
    assert sent_in(company, sandbox, NIGHT[2]) == 0
    assert company.entry("D-1").state == "not_sent"


@pytest.mark.long
def test_a_restatement_received_but_refused_when_repeated_is_restated_to_the_confirmed_value(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    won(company, amount=250)
    lose_answers(sandbox)
    company.night(NIGHT[1])
    assert company.value("D-1") == 250.0
    refuse(sandbox)
    company.night(NIGHT[2])
    company.night(NIGHT[3])
    relent(sandbox)
    assert (company.entry("D-1").state, company.entry("D-1").told) == ("rejected", Decimal(100))
    won(company, amount=100)
    company.night(NIGHT[4])
    assert company.value("D-1") == 100.0


def test_the_audit_log_says_what_was_repeated_and_that_it_may_be_counted(
    company: Company, sandbox: Sandbox
) -> None:
    by(company, "ads")
    won(company)
    lose_answers(sandbox, on="google_ads_upload")
    company.night(NIGHT[0])
    refuse(sandbox, "EXPIRED_EVENT")
    company.night(NIGHT[1])
    with company.database.reading() as connection:
        told = {row.event: row.detail for row in audit_search.every(connection, Wanted())}
    assert "resent" in told
    assert json.loads(told["rejected"])["may_be_counted"] is True


def test_through_the_google_ads_api_a_conversion_known_with_another_value_is_restated(
    company: Company, sandbox: Sandbox
) -> None:
    by(company, "ads")
    won(company)
    lose_answers(sandbox, on="google_ads_upload")
    company.night(NIGHT[0])
    assert company.value("D-1") == 100.0
    refuse(sandbox, "EXPIRED_EVENT")
    company.night(NIGHT[1])
    assert company.entry("D-1").state == "rejected"
    relent(sandbox)
    won(company, amount=250)
    company.night(NIGHT[2])
    entry = company.entry("D-1")
    assert (entry.state, entry.code) == ("confirmed", "ORDER_ID_ALREADY_IN_USE")
    company.night(NIGHT[3])
    assert company.value("D-1") == 250.0
    assert sent_in(company, sandbox, NIGHT[4]) == 0


def test_a_repeat_that_is_known_already_needs_no_restating(
    company: Company, sandbox: Sandbox
) -> None:
    by(company, "ads")
    won(company)
    lose_answers(sandbox, on="google_ads_upload")
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    entry = company.entry("D-1")
    assert (entry.state, entry.code) == ("confirmed", "ORDER_ID_ALREADY_IN_USE")
    assert sent_in(company, sandbox, NIGHT[2]) == 0


def test_what_a_spent_quota_turned_away_goes_back_into_the_plan(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    for request in range(1, 4 * TRIES):
        fault = PlannedFault(on="ingest", request=request, kind="resource_exhausted", seconds=1)
        sandbox.platform.faults.add(fault)
    company.night(NIGHT[0])
    assert company.entry("D-1").state == "planned"
    sandbox.platform.faults.clear()
    company.has("D-1", lost="2026-03-03T12:00Z")
    company.night(NIGHT[1])
    assert company.entry("D-1").state == "not_sent"
    assert company.value("D-1") is None


# Consent withdrawn in between


def hashes_sent(sandbox: Sandbox) -> bool:
    """Return whether anything in the books names a person."""
    return any(
        counted.event.HasField("user_data")
        for counted in sandbox.books.counted[PAGE_OF["won"]].values()
    )


def test_a_request_that_was_heard_is_taken_back_without_its_hashes_after_consent_was_withdrawn(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    won(company, "D-2", email="another@example.com")
    lose_answers(sandbox)
    company.night(NIGHT[0])
    sandbox.books.clear()  # so that the books show only what is said from now on
    company.has("D-1", consent="no")
    company.night(NIGHT[1])
    counted, other = company.counted("D-1"), company.counted("D-2")
    assert counted is not None
    assert other is not None
    assert counted.value == 0.0
    assert not counted.event.HasField("user_data")
    assert not counted.event.HasField("consent")
    assert (other.value, other.event.HasField("user_data")) == (100.0, True)
    company.night(NIGHT[2])
    assert company.entry("D-1").told == 0
    assert company.entry("D-2").told == 100
    assert company.audit_is_sound()
    company.sums()


def test_a_batch_of_which_nothing_may_be_repeated_is_closed(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    lose_answers(sandbox)
    company.night(NIGHT[0])
    company.has("D-1", consent="no")
    company.night(NIGHT[1])
    assert company.value("D-1") == 0.0
    assert not company.query("SELECT id FROM batches WHERE state = 'sending'")


def test_who_no_longer_says_yes_is_named_no_more_and_still_counted_by_their_click(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    lose_answers(sandbox)
    company.night(NIGHT[0])
    sandbox.books.clear()
    company.has("D-1", consent="")
    company.night(NIGHT[1])
    assert company.value("D-1") == 100.0
    assert not hashes_sent(sandbox)


def test_who_was_known_by_an_address_alone_and_no_longer_says_yes_is_not_repeated(
    company: Company, sandbox: Sandbox
) -> None:
    won(company, gclid="", clicked="")
    lose_answers(sandbox)
    company.night(NIGHT[0])
    company.has("D-1", consent="")
    assert sent_in(company, sandbox, NIGHT[1]) == 0
    entry = company.entry("D-1")
    assert (entry.state, entry.reason) == ("held", "waiting_for_click")
    company.sums()
    company.has("D-1", lost="2026-03-04T12:00Z")  # it may have been counted, and only the address
    company.night(NIGHT[2])  # would name it: it cannot be taken back, and is shown as that
    entry = company.entry("D-1")
    assert (entry.state, entry.reason) == ("not_sent", "platform_cannot")
    assert company.unsure() == {("D-1", "won")}


def test_what_was_put_off_says_nothing_of_a_person_who_no_longer_says_yes(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    won(company, amount=120)
    refuse(sandbox, TOO_RECENT)
    company.night(NIGHT[1])
    company.night("2026-03-05T02:00Z")
    assert company.entry("D-1").state == "deferred"
    relent(sandbox)
    sandbox.books.clear()
    company.has("D-1", consent="")
    company.night("2026-03-06T02:00Z")
    assert company.value("D-1") == 120.0
    assert not hashes_sent(sandbox)


def test_a_deferred_retraction_names_nothing_of_a_person_who_refused_since(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    company.has("D-1", lost="2026-03-03T12:00Z")
    refuse(sandbox, TOO_RECENT)
    company.night(NIGHT[1])
    company.night("2026-03-05T02:00Z")
    assert (company.entry("D-1").state, company.entry("D-1").operation) == ("deferred", "retract")
    relent(sandbox)
    sandbox.books.clear()
    company.has("D-1", consent="no")
    company.night("2026-03-06T02:00Z")
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.value == 0.0
    assert not counted.event.HasField("user_data")
    assert not counted.event.HasField("consent")


def test_a_retry_repeats_nothing_of_a_deal_it_has_not_looked_at(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    lose_answers(sandbox)
    company.night(NIGHT[0])
    sandbox.books.clear()
    company.has("D-1", consent="no")
    with company.database.transaction("read, and stopped before it was planned") as connection:
        connection.exec_driver_sql("UPDATE deals SET ad_user_data = 'denied', reconcile_at = 0")

    def retry(services: Services) -> None:
        resend(services)

    company.at(NIGHT[1], retry)
    assert company.value("D-1") == 0.0
    assert not hashes_sent(sandbox)


# What it says of the person has changed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"consent": ""}, {"consent": "yes"}, id="consent was given"),
        pytest.param({"email": "some@example.com"}, {"email": EMAIL}, id="the address was fixed"),
    ],
)
def test_what_was_refused_goes_out_again_when_it_says_something_else_of_the_person(
    company: Company, sandbox: Sandbox, before: dict[str, str], after: dict[str, str]
) -> None:
    won(company, **before)
    refuse(sandbox)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    assert company.entry("D-1").state == "rejected"
    relent(sandbox)
    company.has("D-1", **after)
    company.night(NIGHT[2])
    assert company.value("D-1") == 100.0
