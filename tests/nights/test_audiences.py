"""Audiences night by night: each list holds those who meet its condition, and nobody else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from convsync import pipeline
from convsync.errors import OperatorError, StoppedError
from convsync.privacy.forgetting import Whom
from convsync.running import restore
from convsync.running.services import Services
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.server import Sandbox
from tests.nights.audiences import keep_audiences, mail_of, on_list
from tests.nights.company import Company

FIRST = datetime(2026, 3, 3, 2, tzinfo=UTC)


def night(number: int) -> datetime:
    return FIRST + timedelta(days=number)


@pytest.fixture
def keeping(company: Company) -> Company:
    keep_audiences(company)
    return company


def lose(company: Company, name: str, **cells: str) -> None:
    company.has(name, mql="2026-02-01", lost="2026-03-02", email=f"{name}@example.com", **cells)


def test_a_lead_that_misses_sql_is_back_with_marketing_the_same_night(
    company: Company, sandbox: Sandbox
) -> None:
    company.deals_from = company.deals_from.replace(
        'milestones = { mql = "mql", won = "won", lost = "lost" }',
        'milestones = { mql = "mql", sql = "created", won = "won", lost = "lost" }\n'
        'segments = { region = "customer" }',
    )
    keep_audiences(
        company,
        '[audiences.nurture-north]\nstate = "lost"\nnot_reached = "sql"\nwhen = { region = "N" }\n'
        '[audiences.nurture-south]\nstate = "lost"\nnot_reached = "sql"\nwhen = { region = "S" }\n',
    )
    company.has("lead", mql="2026-03-01", email="lead@example.com", customer="N")
    company.has("handed-over", mql="2026-03-01", created="2026-03-02", customer="N",
                email="handed-over@example.com")  # fmt: skip
    company.night(night(0))
    assert on_list(sandbox, "nurture-north") == set()
    company.has("lead", lost="2026-03-03")
    company.has("handed-over", lost="2026-03-03")
    company.night(night(1))
    assert on_list(sandbox, "nurture-north") == {mail_of("lead")}
    assert on_list(sandbox, "nurture-south") == set()


def test_nobody_is_listed_without_both_consents_or_an_identifier(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "agreed")
    lose(keeping, "silent", consent="")
    lose(keeping, "refusing", consent="no")
    keeping.has("nameless", lost="2026-03-02")
    keeping.night(night(0))
    assert on_list(sandbox, "lost") == {mail_of("agreed")}


@pytest.mark.long
def test_whoever_withdraws_is_off_the_list_the_same_night(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    lose(keeping, "withdraws")
    keeping.night(night(0))
    assert on_list(sandbox, "lost") == {mail_of("stays"), mail_of("withdraws")}
    keeping.has("withdraws", consent="no")
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == {mail_of("stays")}
    assert mail_of("withdraws") in _kept(keeping), "until it is confirmed, the hash is needed"
    keeping.night(night(2))
    assert mail_of("withdraws") not in _kept(keeping)


@pytest.mark.long
def test_a_forgotten_person_is_off_the_list_after_the_next_night(
    keeping: Company, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_PRIVACY__KEY", "0123456789abcdef0123")
    lose(keeping, "stays")
    lose(keeping, "gone")
    keeping.night(night(0))
    whom = Whom(deal_ids=frozenset({"gone"}))
    keeping.at(night(0), lambda services: pipeline.forget(services, whom))
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == {mail_of("stays")}
    keeping.night(night(2))
    assert _kept(keeping) == {mail_of("stays")}


@pytest.mark.long
def test_a_changed_address_is_taken_off_with_the_one_it_was_added_with(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "moves")
    keeping.night(night(0))
    keeping.has("moves", email="moved@example.com")
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == {mail_of("moved")}


def test_whoever_buys_is_left_out_of_the_lost(keeping: Company, sandbox: Sandbox) -> None:
    lose(keeping, "first-try")
    keeping.night(night(0))
    keeping.has("second-try", won="2026-03-03", amount=100, email="first-try@example.com")
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == set()
    assert on_list(sandbox, "customers") == {mail_of("first-try")}


@pytest.mark.long
def test_a_deal_is_stuck_once_its_days_are_over_and_no_longer_when_it_moves(
    keeping: Company, sandbox: Sandbox
) -> None:
    keeping.has("slow", mql="2026-01-04", email="slow@example.com")
    keeping.night(night(1))
    assert on_list(sandbox, "stuck") == set()
    keeping.night(night(3))
    assert on_list(sandbox, "stuck") == {mail_of("slow")}
    keeping.has("slow", won="2026-03-06", amount=100)
    keeping.night(night(4))
    assert on_list(sandbox, "stuck") == set()


@pytest.mark.long
def test_members_are_renewed_at_half_their_membership_and_never_lapse(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    days = [0, 1, 29, 31, 32, 59, 61, 62, 91]
    for day in days:
        keeping.night(night(day))
        assert on_list(sandbox, "lost") == {mail_of("stays")}, day
    ingests = [one for one in sandbox.books.requests if one.call == "members_ingest"]
    assert len(ingests) == 4, "once, and again after 31, 62 and 91 days"


@pytest.mark.long
def test_after_a_lost_answer_members_are_planned_again_without_those_who_withdrew(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    lose(keeping, "withdraws")
    sandbox.platform.faults.add(
        PlannedFault(on="members_ingest", request=1, kind=("unavailable_after",) * 4)
    )
    report = keeping.night(night(0))
    assert report.exit_code == 1
    assert "The next run resumes it." in " ".join(report.problems)
    keeping.has("withdraws", consent="no")
    assert keeping.night(night(1)).exit_code == 0
    assert on_list(sandbox, "lost") == {mail_of("stays")}


def test_a_list_whose_making_was_not_answered_is_found_again(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    after_it_was_made = PlannedFault(on="user_lists", request=2, kind=("unavailable_after",) * 1)
    sandbox.platform.faults.add(after_it_was_made)
    keeping.night(night(0))
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == {mail_of("stays")}
    names = [one["display_name"] for one in _lists(sandbox)]
    assert names == ["convsync lost"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ({"customer_match_terms_signed": False}, "TERMS_AND_CONDITIONS_NOT_SIGNED"),
        ({"eu_political_declaration": False}, "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED"),
    ],
)
def test_an_account_that_is_not_ready_stops_additions_and_no_removal(
    keeping: Company, sandbox: Sandbox, flags: dict[str, bool], code: str
) -> None:
    lose(keeping, "withdraws")
    keeping.night(night(0))
    sandbox.platform.set_account(None, flags)
    keeping.has("withdraws", consent="no")
    lose(keeping, "new")
    with pytest.raises(OperatorError, match=code):
        keeping.night(night(1))
    assert on_list(sandbox, "lost") == set()
    sandbox.platform.set_account(None, dict.fromkeys(flags, True))
    keeping.night(night(2))
    assert on_list(sandbox, "lost") == {mail_of("new")}


@pytest.mark.long
def test_an_audience_that_leaves_the_configuration_empties_its_list(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    keeping.night(night(0))
    keep_audiences(keeping, '[audiences.customers]\nstate = "won"\n')
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == set()


@pytest.mark.long
def test_a_list_follows_its_audience_when_that_is_named_or_timed_anew(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    keeping.night(night(0))
    keep_audiences(
        keeping,
        '[audiences.lost]\nstate = "lost"\ndisplay_name = "Lost for now"\nmembership_days = 30\n',
    )
    keeping.night(night(1))
    (made,) = _lists(sandbox)
    assert (made["display_name"], made["membership_days"]) == ("Lost for now", 30)


def test_a_list_that_another_ledger_made_is_not_taken_over(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    keeping.night(night(0))
    for table in ("audience_members", "audience_batches", "audience_lists"):
        with keeping.database.transaction("lose") as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
    with pytest.raises(OperatorError, match="DISPLAY_NAME_ALREADY_USED"):
        keeping.night(night(1))


@pytest.mark.long
def test_verdicts_about_consent_are_said_and_change_nothing_else(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    lose(keeping, "doubted")
    reason = "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT"
    sandbox.platform.verdicts = {mail_of("doubted"): reason}
    keeping.night(night(0))
    said = " ".join(keeping.night(night(1)).problems)
    assert f"audience lost: 1 of 2 members were not taken: {reason}" in said
    assert keeping.night(night(2)).problems == []


def test_an_internal_error_is_repaired_by_the_next_night(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "unlucky")
    sandbox.platform.verdicts = {mail_of("unlucky"): "PROCESSING_ERROR_REASON_INTERNAL_ERROR"}
    keeping.night(night(0))
    sandbox.platform.verdicts = {}
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == {mail_of("unlucky")}


@pytest.mark.long
def test_hashes_are_kept_as_long_as_an_audience_needs_them(
    keeping: Company, sandbox: Sandbox
) -> None:
    keep_audiences(
        keeping,
        '[audiences.cold]\nstate = "lost"\nsince_days = 200\n'
        '[audiences.customers]\nstate = "won"\n',
    )
    lose(keeping, "cold", modified="2026-03-02")
    keeping.has("buyer", won="2026-03-02", modified="2026-03-02", amount=100,
                email="buyer@example.com")  # fmt: skip
    for day in (0, 99, 150, 199, 201, 260):
        keeping.night(night(day))
        assert on_list(sandbox, "customers") == {mail_of("buyer")}, day
    assert on_list(sandbox, "cold") == {mail_of("cold")}


def test_a_quiet_night_sends_nothing(keeping: Company, sandbox: Sandbox) -> None:
    lose(keeping, "stays")
    keeping.night(night(0))
    before = len(sandbox.books.requests)
    keeping.night(night(1))
    assert len(sandbox.books.requests) == before


def _kept(company: Company) -> set[str]:
    """Return all hashes that the ledger of audiences holds."""
    rows = company.query("SELECT identifier FROM audience_members")
    return {bytes(row["identifier"]).hex() for row in rows}


def _lists(sandbox: Sandbox) -> list[dict[str, object]]:
    return list(sandbox.platform.user_lists.as_json(sandbox.platform.clock.now()).values())


@pytest.mark.long
def test_after_a_restored_backup_each_list_is_emptied_and_filled_again(
    keeping: Company, sandbox: Sandbox, ledger_in_a_file: None
) -> None:
    lose(keeping, "stays")
    keeping.night(night(0))
    keeping.close_ledger()
    backup = (keeping.folder / "ledger.db").read_bytes()
    lose(keeping, "added-since")
    keeping.night(night(1))
    assert mail_of("added-since") in on_list(sandbox, "lost")
    keeping.close_ledger()
    (keeping.folder / "ledger.db").write_bytes(backup)
    del keeping.deals["added-since"]
    restore.accept(keeping.database, keeping.folder / "convsync.audit-head", now=night(2))
    keeping.night(night(2))
    assert on_list(sandbox, "lost") == {mail_of("stays")}


@pytest.mark.long
def test_a_night_that_is_asked_to_stop_goes_on_with_its_lists_later(
    keeping: Company, sandbox: Sandbox
) -> None:
    lose(keeping, "stays")
    keeping.has("buyer", won="2026-03-02", amount=100, email="buyer@example.com")
    keeping.export()

    def until_one_is_answered(services: Services) -> None:
        def on_step(step: str) -> None:
            if step.startswith("audience request") and step.endswith("answered"):
                services.stop.ask("somebody")

        pipeline.run(replace(services, on_step=on_step))

    with pytest.raises(StoppedError):
        keeping.at(night(0), until_one_is_answered)
    assert len([one for one in sandbox.books.requests if one.call == "members_ingest"]) == 1
    keeping.night(night(1))
    assert on_list(sandbox, "lost") == {mail_of("stays")}
    assert on_list(sandbox, "customers") == {mail_of("buyer")}
