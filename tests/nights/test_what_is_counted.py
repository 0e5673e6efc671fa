"""Nights through the whole pipeline: what the platform counts, asked of its own books."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from google.api_core import exceptions

from convsync.errors import OperatorError, UnsafePlanError
from convsync.model.ledger import Side
from convsync.model.outcome import Outcome
from convsync.model.period import Period
from convsync.model.statement import Batch
from convsync.pipeline import backfill, plan, plan_backfill, run
from convsync.plan import Step
from convsync.running.services import NoProgress, Report, Services
from convsync.sandbox.admin import set_actions
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from convsync.upload.google.data_manager_refusals import outcomes_of_refusal, refusal_of
from tests.nights.company import (
    ACCOUNT,
    PAGE_OF,
    Company,
    SmallBatches,
    instant,
    small_batches,
)

CLICKED = "2026-02-20T10:00Z"
WON = "2026-03-02T15:00Z"
NIGHT = [f"2026-03-{day:02}T02:00Z" for day in range(3, 29)]


def requests_to(sandbox: Sandbox) -> int:
    return len(sandbox.books.requests)


def won(company: Company, deal_id: str = "D-1", **cells: object) -> None:
    """Let the CRM show a deal, at first as won and worth 100 EUR, with a click of its own."""
    ordinary = {"won": WON, "amount": 100, "gclid": f"G-{deal_id}", "clicked": CLICKED}
    company.has(deal_id, **({} if deal_id in company.deals else ordinary) | cells)


def test_the_first_night_counts_what_was_won_at_its_amount_and_time(company: Company) -> None:
    won(company)
    report = company.night(NIGHT[0])
    counted = company.counted("D-1")
    assert counted is not None
    assert (counted.value, counted.currency) == (100.0, "EUR")
    assert counted.event.ad_identifiers.gclid == "G-D-1"
    assert counted.event.event_timestamp.ToDatetime(tzinfo=instant(WON).tzinfo) == instant(WON)
    assert report.exit_code == 0
    assert company.sums() == {(Side.SENT, "accepted"): 1}


def test_a_quiet_night_sends_nothing(company: Company, sandbox: Sandbox) -> None:
    won(company)
    company.night(NIGHT[0])
    sent = requests_to(sandbox)
    for night in NIGHT[1:4]:
        report = company.night(night)
        assert report.exit_code == 0
    assert requests_to(sandbox) == sent
    assert company.sums() == {(Side.SENT, "confirmed"): 1}


def test_a_changed_amount_is_restated_under_the_same_transaction_id(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    won(company, amount=250)
    company.night(NIGHT[1])
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.value == 250.0
    assert len(sandbox.books.counted[PAGE_OF["won"]]) == 1
    assert counted.sent == 2


TAKEN_BACK: dict[str, tuple[dict[str, str], str]] = {
    "lost after it was won": ({"lost": "2026-03-03T12:00Z"}, "deal_lost"),
    "reopened": ({"won": ""}, "milestone_withdrawn"),
    "marked as deleted": ({"deleted": "yes"}, "deal_deleted"),
    "consent withdrawn": ({"consent": "no"}, "consent_denied"),
}


@pytest.mark.parametrize(("change", "reason"), TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_a_conversion_that_no_longer_holds_is_set_to_zero_once(
    company: Company, sandbox: Sandbox, change: dict[str, str], reason: str
) -> None:
    won(company)
    company.night(NIGHT[0])
    company.has("D-1", **change)
    company.night(NIGHT[1])
    assert company.value("D-1") == 0.0
    assert company.entry("D-1").reason == reason
    sent = requests_to(sandbox)
    company.night(NIGHT[2])
    company.night(NIGHT[3])
    assert requests_to(sandbox) == sent
    assert company.sums() == {(Side.SENT, "taken_back"): 1}


def test_a_deal_missing_from_a_complete_export_is_taken_back(company: Company) -> None:
    won(company, "D-1")
    won(company, "D-2")
    company.night(NIGHT[0])
    del company.deals["D-1"]
    company.night(NIGHT[1])
    assert (company.value("D-1"), company.value("D-2")) == (0.0, 100.0)


def test_a_deal_missing_from_an_export_of_changes_stays(company: Company) -> None:
    company.configure(("complete = true", "complete = false"))
    won(company, "D-1", modified="2026-03-02T16:00Z")
    company.night(NIGHT[0])
    del company.deals["D-1"]
    company.night(NIGHT[1])
    assert company.value("D-1") == 100.0


@pytest.mark.parametrize(("change", "_reason"), TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_a_conversion_that_holds_again_counts_again(
    company: Company, change: dict[str, str], _reason: str
) -> None:
    won(company)
    company.night(NIGHT[0])
    before = dict(company.deals["D-1"])
    company.has("D-1", **change)
    company.night(NIGHT[1])
    company.deals["D-1"] = before | {"amount": 70}
    company.night(NIGHT[2])
    assert company.value("D-1") == 70.0
    company.night(NIGHT[3])
    assert company.entry("D-1").told == 70


def test_a_deal_that_comes_back_into_a_complete_export_counts_again(company: Company) -> None:
    won(company, "D-1")
    won(company, "D-2")
    company.night(NIGHT[0])
    gone = company.deals.pop("D-1")
    company.night(NIGHT[1])
    company.deals["D-1"] = gone
    company.night(NIGHT[2])
    assert company.value("D-1") == 100.0


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({"amount": "a hundred"}, id="a cell that cannot be read"),
        pytest.param({"won": "soon"}, id="a date that cannot be read"),
    ],
)
def test_a_row_that_cannot_be_read_takes_nothing_back(
    company: Company, line: dict[str, str]
) -> None:
    won(company, "D-1")
    won(company, "D-2")
    company.night(NIGHT[0])
    won(company, "D-1", **line)
    report = company.night(NIGHT[1])
    assert report.quarantined == 1
    company.night(NIGHT[2])
    assert company.value("D-1") == 100.0


def test_a_row_that_cannot_even_be_told_apart_lets_nothing_seem_gone(company: Company) -> None:
    won(company, "D-1")
    won(company, "D-2")
    company.night(NIGHT[0])
    unreadable = company.deals.pop("D-1") | {"id": ""}
    company.deals["?"] = unreadable
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    assert company.value("D-1") == 100.0


def test_taking_back_after_consent_was_withdrawn_names_nobody(
    company: Company, sandbox: Sandbox
) -> None:
    won(company, email="somebody@example.com", gclid="", clicked="")
    company.night(NIGHT[0])
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.event.user_data.user_identifiers
    sandbox.books.clear()
    company.has("D-1", consent="no")
    company.night(NIGHT[1])
    assert not any(
        counted.event.HasField("user_data")
        for counted in sandbox.books.counted[PAGE_OF["won"]].values()
    )


def test_consent_withdrawn_is_told_with_a_click_and_without_hashes(
    company: Company, sandbox: Sandbox
) -> None:
    won(company, email="somebody@example.com")
    company.night(NIGHT[0])
    sandbox.books.clear()
    company.has("D-1", consent="no")
    company.night(NIGHT[1])
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.value == 0.0
    assert not counted.event.HasField("user_data")


def test_without_consent_nobody_is_named_and_nothing_goes_out_for_them(company: Company) -> None:
    won(company, "granted", email="a@example.com", gclid="", clicked="")
    won(company, "unsaid", email="b@example.com", gclid="", clicked="", consent="")
    won(company, "denied", email="c@example.com", gclid="", clicked="", consent="no")
    won(company, "denied with a click", consent="no")
    company.night(NIGHT[0])
    assert company.value("granted") == 100.0
    assert [company.counted(name) for name in ("unsaid", "denied", "denied with a click")] == [
        None
    ] * 3


def test_whether_a_customer_is_new_is_told_in_the_words_of_the_config(company: Company) -> None:
    company.configure(
        ('ad_user_data = "consent",', 'ad_user_data = "consent", customer_type = "customer",'),
        more='[deals.crm.customer_type]\nnew = "logo"\nreturning = ["upsell", "renewal"]\n',
    )
    words = {"Logo": 1, "renewal": 2, "partner": 0, "": 0}  # the numbers are Google's
    for number, word in enumerate(words):
        won(company, f"D-{number}", customer=word)
    company.night(NIGHT[0])
    for number, said in enumerate(words.values()):
        counted = company.counted(f"D-{number}")
        assert counted is not None
        assert counted.event.user_properties.customer_type == said


def test_a_click_that_arrives_late_makes_a_waiting_deal_count(company: Company) -> None:
    won(company, gclid="", clicked="", visitor="V-1")
    company.night(NIGHT[0])
    assert company.entry("D-1").reason == "waiting_for_click"
    company.clicked("LATE", CLICKED, visitor="V-1", logged="2026-03-03T12:00Z")
    company.night(NIGHT[1])
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.event.ad_identifiers.gclid == "LATE"


def test_a_click_too_recent_is_held_until_the_platform_knows_it(company: Company) -> None:
    won(company, won="2026-03-03T01:00Z", clicked="2026-03-03T00:00Z")
    company.night(NIGHT[0])
    assert company.counted("D-1") is None
    held = company.entry("D-1")
    assert (held.state, held.reason) == ("held", "click_too_recent")
    assert held.due_at == instant("2026-03-03T06:00Z")
    company.night("2026-03-03T05:59Z")
    assert company.counted("D-1") is None
    company.night("2026-03-03T06:00Z")
    assert company.value("D-1") == 100.0


def test_a_deal_without_a_click_becomes_final_after_the_lookback(company: Company) -> None:
    won(company, gclid="", clicked="")
    company.night(NIGHT[0])
    assert company.sums() == {(Side.WAITING, "waiting_for_click"): 1}
    company.night("2026-05-31T15:00Z")
    assert company.sums() == {(Side.NOT_SENT, "no_click"): 1}


def test_a_bare_date_is_never_sent_in_the_future(company: Company) -> None:
    won(company, won="2026-03-03", clicked="2026-03-01T10:00Z")
    company.night("2026-03-03T12:00Z")
    counted = company.counted("D-1")
    assert counted is not None
    sent_at = counted.event.event_timestamp.seconds
    assert instant("2026-03-03T00:00Z").timestamp() <= sent_at
    assert sent_at <= instant("2026-03-03T12:00Z").timestamp()


def test_a_date_to_come_waits_for_its_day(company: Company) -> None:
    won(company, won="2026-03-05", clicked="2026-03-01T10:00Z")
    company.night(NIGHT[0])
    assert company.entry("D-1").reason == "milestone_in_future"
    company.night("2026-03-05T02:00Z")
    assert company.value("D-1") == 100.0


def test_a_better_click_that_comes_later_changes_nothing_once_sent(
    company: Company, sandbox: Sandbox
) -> None:
    won(company, visitor="V-1")
    company.night(NIGHT[0])
    sent = requests_to(sandbox)
    company.clicked("BETTER", "2026-03-01T10:00Z", visitor="V-1", logged="2026-03-03T12:00Z")
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    assert requests_to(sandbox) == sent
    assert company.entry("D-1").click == "G-D-1"


def test_a_click_that_the_crm_forgot_once_sent_is_still_the_one_a_new_value_is_told_for(
    company: Company,
) -> None:
    won(company)
    company.night(NIGHT[0])
    won(company, gclid="", clicked="", amount=250)
    company.night(NIGHT[1])
    assert company.value("D-1") == 250.0
    assert company.entry("D-1").click == "G-D-1"


# Verdicts


def test_a_refused_row_ends_the_run_with_1_and_is_not_sent_again(
    company: Company, sandbox: Sandbox
) -> None:
    sandbox.platform.verdicts = {"G-D-1": "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"}
    won(company)
    assert company.night(NIGHT[0]).exit_code == 0
    assert company.night(NIGHT[1]).exit_code == 1
    entry = company.entry("D-1")
    assert (entry.state, entry.code) == ("rejected", "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND")
    sent = requests_to(sandbox)
    assert company.night(NIGHT[2]).exit_code == 0
    assert requests_to(sandbox) == sent
    assert company.sums() == {(Side.NOT_SENT, "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"): 1}


def test_a_refused_row_is_sent_again_when_its_value_changes(
    company: Company, sandbox: Sandbox
) -> None:
    sandbox.platform.verdicts = {"G-D-1": "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"}
    won(company)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    sandbox.platform.verdicts = {}
    won(company, amount=101)
    company.night(NIGHT[2])
    assert company.value("D-1") == 101.0


def test_an_unknown_code_is_reported_to_a_person(company: Company, sandbox: Sandbox) -> None:
    sandbox.platform.verdicts = {"G-D-1": "PROCESSING_ERROR_REASON_MERCURY_RETROGRADE"}
    won(company)
    company.night(NIGHT[0])
    report = company.night(NIGHT[1])
    assert report.exit_code == 1
    (problem,) = report.problems
    assert "PROCESSING_ERROR_REASON_MERCURY_RETROGRADE" in problem


WAITING_VERDICTS = [
    pytest.param("PROCESSING_ERROR_REASON_TOO_RECENT_CLICK", "2026-03-04T08:00Z", id="known"),
    pytest.param("PROCESSING_ERROR_REASON_MERCURY_RETROGRADE", "2026-03-05T02:00Z", id="unknown"),
]


@pytest.mark.parametrize(("code", "due"), WAITING_VERDICTS)
def test_a_deferred_row_keeps_its_code_and_goes_out_again_when_due(
    company: Company, sandbox: Sandbox, code: str, due: str
) -> None:
    sandbox.platform.verdicts = {"G-D-1": code}
    won(company)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    entry = company.entry("D-1")
    assert (entry.state, entry.code, entry.due_at) == ("deferred", code, instant(due))
    assert company.sums() == {(Side.WAITING, "deferred"): 1}
    sandbox.platform.verdicts = {}
    company.night("2026-03-04T03:00Z")
    assert company.counted("D-1") is None
    company.night(due)
    assert company.value("D-1") == 100.0


@pytest.mark.long
def test_a_deal_edited_while_deferred_still_goes_out_when_due(
    company: Company, sandbox: Sandbox
) -> None:
    sandbox.platform.verdicts = {"G-D-1": "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK"}
    won(company)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    sandbox.platform.verdicts = {}
    won(company, visitor="V-9")
    company.night("2026-03-04T03:00Z")
    assert company.counted("D-1") is None
    company.night(NIGHT[2])
    assert company.value("D-1") == 100.0


@pytest.mark.long
def test_a_deal_edited_while_its_correction_is_deferred_is_still_corrected_when_due(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    won(company, amount=120)
    sandbox.platform.verdicts = {"G-D-1": "PROCESSING_ERROR_REASON_INTERNAL_ERROR"}
    company.night(NIGHT[1])
    company.night(NIGHT[2])
    sandbox.platform.verdicts = {}
    won(company, visitor="V-9")
    company.night("2026-03-05T03:00Z")
    company.night(NIGHT[3])
    assert company.value("D-1") == 120.0


def test_a_deal_that_changes_while_its_verdict_is_pending_waits_and_is_restated(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    won(company, amount=300)
    company.night("2026-03-03T02:10Z")
    assert company.value("D-1") == 100.0
    company.night(NIGHT[1])
    assert company.value("D-1") == 300.0
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.sent == 2


def test_a_click_that_came_while_another_was_judged_is_tried_when_that_is_refused(
    company: Company, sandbox: Sandbox
) -> None:
    sandbox.platform.verdicts = {"G-D-1": "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"}
    won(company, visitor="V-1")
    company.night(NIGHT[0])
    won(company, gclid="RIGHT")
    company.night("2026-03-03T02:10Z")
    company.night(NIGHT[1])
    counted = company.counted("D-1")
    assert counted is not None
    assert counted.event.ad_identifiers.gclid == "RIGHT"


# Everything else a person does


def test_changed_rules_make_every_deal_be_looked_at_again(company: Company) -> None:
    won(company, mql="2026-02-21T10:00Z")
    company.night(NIGHT[0])
    company.configure(
        ('milestone = "won"', 'milestone = "won"\nvalue = { kind = "amount", share = 0.5 }')
    )
    company.night(NIGHT[1])
    assert company.value("D-1") == 50.0
    assert company.value("D-1", "mql") == 20.0


def test_a_rule_that_is_added_accounts_for_milestones_withdrawn_before_it(company: Company) -> None:
    extra = '[rules.early]\nmilestone = "mql"\naction_id = 333\n'
    won(company, mql="2026-02-21T10:00Z")
    company.night(NIGHT[0])
    won(company, mql="")
    company.night(NIGHT[1])
    company.configure(more=extra)
    company.night(NIGHT[2])
    company.sums()


def test_a_milestone_whose_date_is_corrected_stays_in_the_account_of_its_period(
    company: Company,
) -> None:
    won(company)
    company.night(NIGHT[0])
    company.night(NIGHT[1])
    won(company, won="2026-02-27T15:00Z")
    company.night(NIGHT[2])
    february = Period(since=instant("2026-02-01"), until=instant("2026-03-01"))
    march = Period(since=instant("2026-03-01"), until=instant("2026-04-01"))
    assert company.sums(february) == {(Side.SENT, "confirmed"): 1}
    assert company.sums(march) == {}


MARCH_1 = Period(since=instant("2026-03-01"), until=instant("2026-03-02"))


def two_days(company: Company) -> None:
    won(company, "D-1", won="2026-03-01T12:00Z", mql="2026-02-22T12:00Z")
    won(company, "D-2", won="2026-03-02T12:00Z")


def test_a_backfill_sends_its_range_and_leaves_the_rest_to_the_night(company: Company) -> None:
    two_days(company)
    company.export()
    report = company.at(NIGHT[0], lambda services: backfill(services, MARCH_1))
    assert report is not None
    assert report.sums.is_balanced
    assert company.value("D-1") == 100.0
    assert company.counted("D-1", "mql") is None
    assert company.counted("D-2") is None
    company.night("2026-03-03T03:00Z")
    assert company.value("D-1", "mql") == 20.0
    assert company.value("D-2") == 100.0


def test_a_backfill_and_a_night_twice_send_nothing_twice(
    company: Company, sandbox: Sandbox
) -> None:
    two_days(company)
    company.export()
    for _ in range(2):
        company.at(NIGHT[0], lambda services: backfill(services, MARCH_1))
        company.night(NIGHT[0])
    assert sandbox.books.totals()["most_often_sent"] == 1
    assert sandbox.books.totals()["conversions_counted"] == 3


def test_a_milestone_withdrawn_after_a_backfill_left_it_is_accounted_for(company: Company) -> None:
    two_days(company)
    company.export()
    company.at(NIGHT[0], lambda services: backfill(services, MARCH_1))
    won(company, "D-1", mql="")
    company.night(NIGHT[1])
    company.sums()


@pytest.mark.long
def test_a_backfill_that_is_not_approved_writes_and_sends_nothing(
    company: Company, sandbox: Sandbox
) -> None:
    two_days(company)
    company.export()
    before = company.query("SELECT count(*) FROM runs")[0][0]
    answer = company.at(
        NIGHT[0], lambda services: backfill(services, MARCH_1, approve=lambda report: False)
    )
    assert answer is None
    assert company.query("SELECT count(*) FROM runs")[0][0] == before
    assert requests_to(sandbox) == 0


def test_an_approved_backfill_goes_out(company: Company) -> None:
    two_days(company)
    company.export()
    seen = []

    def approve(report: object) -> bool:
        seen.append(report)
        return True

    company.at(NIGHT[0], lambda services: backfill(services, MARCH_1, approve=approve))
    assert company.value("D-1") == 100.0
    assert len(seen) == 1


def test_a_plan_that_changed_since_it_was_approved_sends_nothing(
    company: Company, sandbox: Sandbox
) -> None:
    two_days(company)
    company.export()

    def approve(_: object) -> bool:
        won(company, "D-1", amount=999)
        company.export()
        return True

    with pytest.raises(UnsafePlanError, match="changed between the preview and the start"):
        company.at(NIGHT[0], lambda services: backfill(services, MARCH_1, approve=approve))
    assert requests_to(sandbox) == 0


@pytest.mark.parametrize(
    "preview", [plan, lambda services: plan_backfill(services, MARCH_1)], ids=["plan", "backfill"]
)
def test_a_preview_says_what_would_go_out_and_writes_nothing(
    company: Company, sandbox: Sandbox, preview: Callable[[Services], Report]
) -> None:
    two_days(company)
    company.export()
    before = [path.read_bytes() for path in company.folder.glob("ledger.db")]
    report = company.at(NIGHT[0], preview)
    assert report.plan.steps[Step.NEW] >= 1
    assert requests_to(sandbox) == 0
    assert company.query("SELECT count(*) FROM runs")[0][0] == 0
    assert [path.read_bytes() for path in company.folder.glob("ledger.db")] == before


@pytest.mark.parametrize(
    "preview", [plan, lambda services: plan_backfill(services, MARCH_1)], ids=["plan", "backfill"]
)
def test_a_night_that_begins_while_a_preview_reads_does_not_wait_for_it(
    company: Company, preview: Callable[[Services], Report]
) -> None:
    two_days(company)
    company.export()
    nights: list[Report] = []

    class Meanwhile(NoProgress):
        def advance(self, stage: str, count: int) -> None:
            if not nights:
                nights.append(company.at(NIGHT[0], run))

    report = company.at(NIGHT[0], lambda services: preview(replace(services, progress=Meanwhile())))
    assert report.plan.steps[Step.NEW] >= 1
    assert (nights[0].exit_code, nights[0].uploaded.sent) == (0, 3)


def usual_nights(company: Company) -> None:
    company.configure(more="\n[limits]\nsmall = 3\nfactor = 2\n")
    for number, night in enumerate(NIGHT[:3]):
        won(company, f"D-{number}")
        company.night(night)


@pytest.mark.long
def test_an_unsafe_plan_sends_nothing_until_it_is_forced(
    company: Company, sandbox: Sandbox
) -> None:
    usual_nights(company)
    sent = requests_to(sandbox)
    for number in range(10):
        won(company, f"N-{number}")
    for _ in range(2):
        with pytest.raises(UnsafePlanError, match="10 uploads is 10× the usual 1"):
            company.night(NIGHT[3])
        assert requests_to(sandbox) == sent
    assert sum(n for (side, _), n in company.sums().items() if side is Side.WAITING) == 10
    company.night(NIGHT[3], force=True)
    assert company.value("N-9") == 100.0


def test_many_retractions_at_once_are_unsafe(company: Company) -> None:
    company.configure(more="\n[limits]\nsmall_retraction = 1\n")
    for number in range(10):
        won(company, f"D-{number}")
    company.night(NIGHT[0])
    for deal_id in list(company.deals)[:5]:
        del company.deals[deal_id]
    with pytest.raises(UnsafePlanError, match="5 of 10 counted conversions would be taken back"):
        company.night(NIGHT[1])
    assert company.value("D-0") == 100.0


# The platform in trouble


@pytest.mark.long
def test_a_platform_that_goes_away_is_finished_by_the_next_run_and_counted_once(
    company: Company, sandbox: Sandbox
) -> None:
    company.through = small_batches(2)
    for number in range(7):
        won(company, f"D-{number}")
    for request in (2, 3, 4, 5):
        sandbox.platform.faults.add(
            PlannedFault(on="ingest", request=request, kind="unavailable_after")
        )
    report = company.night(NIGHT[0])
    assert report.exit_code == 1
    assert "It is sent again by the next run" in report.problems[0]
    report = company.night("2026-03-03T03:00Z")
    assert report.exit_code == 0
    assert {company.value(f"D-{number}") for number in range(7)} == {100.0}
    assert len(sandbox.books.counted[PAGE_OF["won"]]) == 7
    assert company.night(NIGHT[1]).exit_code == 0
    assert company.sums() == {(Side.SENT, "confirmed"): 7}


def test_the_next_try_waits_as_long_as_the_platform_asks(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    for request in (1, 2):
        sandbox.platform.faults.add(
            PlannedFault(on="ingest", request=request, kind="resource_exhausted")
        )
    report = company.night(NIGHT[0])
    assert report.exit_code == 0
    assert company.value("D-1") == 100.0
    assert company.slept == [30.0, 30.0]


def test_named_bad_rows_are_cut_out_and_good_ones_do_not_suffer(
    company: Company, sandbox: Sandbox
) -> None:
    for number in range(5):
        day = "1999-12-31" if number in {1, 3} else "2000-01-02"  # too early, for the platform
        won(company, f"D-{number}", won=f"{day}T10:00Z", clicked="1999-12-30T10:00Z")
    report = company.night("2000-01-03T02:00Z")
    assert report.exit_code == 1
    assert [company.value(f"D-{number}") for number in range(5)] == [100, None, 100, None, 100]
    assert company.entry("D-1").code == "EVENT_TIME_INVALID"
    assert requests_to(sandbox) == 2
    assert company.night("2000-01-04T02:00Z").exit_code == 0
    assert requests_to(sandbox) == 2


@pytest.mark.long
def test_a_status_that_makes_no_sense_is_reported_and_holds_up_nothing_else(
    company: Company, sandbox: Sandbox
) -> None:
    won(company)
    company.night(NIGHT[0])
    sandbox.platform.faults.add(PlannedFault(on="status", request=1, kind="garbage"))
    won(company, "D-2")
    report = company.night(NIGHT[1])
    assert report.exit_code == 1
    assert "no JSON. The next run asks again." in report.problems[0]
    assert company.value("D-2") == 100.0
    assert company.entry("D-1").state == "accepted"
    assert company.night(NIGHT[2]).exit_code == 0
    assert company.entry("D-1").state == "confirmed"


def test_a_days_quota_that_is_spent_holds_the_rest_until_the_next_run_instead_of_trying_again(
    company: Company, sandbox: Sandbox
) -> None:
    company.through = small_batches(1)
    sandbox.platform.quota.set(per_minute=None, per_day=3)
    for number in range(10):
        won(company, f"D-{number}")
    report = company.night(NIGHT[0])
    assert report.exit_code == 1
    assert company.slept == []
    assert requests_to(sandbox) == 4  # the one that was turned away among them
    assert company.sums() == {(Side.SENT, "accepted"): 3, (Side.WAITING, "planned"): 7}
    sandbox.platform.quota.set(per_minute=None, per_day=None)
    assert company.night(NIGHT[1]).exit_code == 0
    assert {company.value(f"D-{number}") for number in range(10)} == {100.0}
    assert sandbox.books.totals()["most_often_sent"] == 1


class TightLipped(SmallBatches):
    """A platform that refuses a whole request for one click, and does not say which."""

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        clicks = [statement.click_id for statement in batch.statements]
        if not any(click and click.value == "G-bad" for click in clicks):
            return self.inner.upload(batch, now=now)
        refusal = refusal_of(exceptions.InvalidArgument("There was a problem with the request."))
        return outcomes_of_refusal(refusal, batch, now, destination=self.name)


def test_a_refusal_that_names_no_row_is_halved_down_to_the_one_that_is_meant(
    company: Company, sandbox: Sandbox
) -> None:
    company.through = lambda destination: TightLipped(destination, 2_000)
    for number in range(20):
        won(company, f"D-{number}")
    won(company, "bad")
    for number in range(20, 40):
        won(company, f"D-{number}")
    report = company.night(NIGHT[0])
    assert report.exit_code == 1
    assert {company.value(f"D-{number}") for number in range(40)} == {100.0}
    assert company.entry("bad").state == "rejected"
    assert requests_to(sandbox) < 12
    assert sandbox.books.totals()["most_often_sent"] == 1


@pytest.mark.long
def test_of_rows_blocked_for_an_action_one_is_tried_a_night_until_it_exists(
    company: Company, sandbox: Sandbox
) -> None:
    exists = [{"account": ACCOUNT, "id": action} for action in ("111", "222")]
    set_actions(sandbox.platform, exists)
    company.configure(("action_id = 222", "action_id = 999"))
    won(company, "D-1")
    won(company, "D-2")
    blocked = {(Side.WAITING, "blocked:INVALID_CONVERSION_ACTION_ID"): 2}
    for night, tried in zip(NIGHT[:2], [2, 1], strict=True):
        assert company.night(night).uploaded.sent == tried
        assert company.sums() == blocked
    set_actions(sandbox.platform, [*exists, {"account": ACCOUNT, "id": "999"}])
    for night in NIGHT[2:4]:  # the verdict on the one that is tried is the proof
        company.night(night)
    assert {account for account, _ in company.sums()} == {Side.SENT}
    assert [c.value for c in sandbox.books.counted[f"{ACCOUNT}/999"].values()] == [100.0, 100.0]


def test_an_action_that_does_not_exist_blocks_its_rows_until_it_is_corrected(
    company: Company, sandbox: Sandbox
) -> None:
    exists = [{"account": ACCOUNT, "id": action} for action in ("111", "222")]
    set_actions(sandbox.platform, exists)
    company.configure(("action_id = 222", "action_id = 999"))
    won(company, "D-1")
    won(company, "D-2")
    for _ in range(2):
        company.night(NIGHT[0])
        blocked = (Side.WAITING, "blocked:INVALID_CONVERSION_ACTION_ID")
        assert company.sums() == {blocked: 2}
    company.configure()
    company.night(NIGHT[1])
    assert (company.value("D-1"), company.value("D-2")) == (100.0, 100.0)


def test_a_source_that_cannot_be_read_stops_nothing_else(company: Company) -> None:
    company.has("D-1", won=WON, amount=100, visitor="V-1")
    company.clicked("G-1", CLICKED, visitor="V-1")
    company.export()
    (company.folder / "deals.csv").unlink()
    with pytest.raises(OperatorError, match=r"deals\.csv"):
        company.at(NIGHT[0], run)
    company.night(NIGHT[1])
    assert company.value("D-1") == 100.0


def test_every_night_leaves_an_account_that_balances_and_an_audit_log_that_verifies(
    company: Company,
) -> None:
    won(company, "D-1", mql="2026-02-21T10:00Z")
    won(company, "D-2", amount="", mql="2026-02-21T10:00Z")
    won(company, "D-3", gclid="", clicked="")
    won(company, "D-4", consent="no")
    for night in NIGHT[:3]:
        report = company.night(night)
        assert report.sums.is_balanced
        assert report.sums.extracted == 6
        assert company.audit_is_sound()
