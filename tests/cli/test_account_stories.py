"""What an ad account refuses, night after night, and what the one who looks after it reads.

A story goes as far as the ad platform's books are right again, and the log gives the ledger.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import pytest

from tests.cli.office import CommandResult, Office

pytestmark = pytest.mark.long

NIGHTS = [f"2026-03-{day:02d}T02:00+01:00" for day in range(3, 9)]
LATER = "2026-03-04 12:00:00"


@pytest.fixture(autouse=True)
def the_log_gives_the_ledger(office: Office) -> Iterator[None]:
    yield
    verified = office.types("audit", "verify")
    assert verified.code == 0, verified.out


def ended(said: CommandResult) -> tuple[int, str]:
    """Return the exit code, and the first word of the closing line."""
    return said.code, said.out.splitlines()[-1].split()[0]


def sell_by_mail(office: Office, *deal_ids: str, **cells: str) -> None:
    """Enter deals that were won, and of which only the buyer's e-mail is known."""
    for deal_id in deal_ids:
        office.deal(deal_id, mql_date="", gclid="", e_mail=f"{deal_id}@example.com", **cells)


def sell_by_braid(office: Office, *deal_ids: str) -> None:
    """Enter deals that were won after a click in an app."""
    for deal_id in deal_ids:
        office.deal(deal_id, mql_date="", gclid="", gbraid=f"braid-of-{deal_id}")


# --- what the account's set-up blocks ------------------------------------------------------------


@dataclass(frozen=True)
class SetUp:
    """A fault of the account: how deals run into it, what it is called, and how to fix it."""

    sells: Callable[..., None]
    is_wrong: Callable[[Office], None]
    is_fixed: Callable[[Office], None]
    code: str
    sentence: str
    fix: str


def counting(kind: str) -> Callable[[Office], None]:
    return lambda office: office.has_actions(counting_type=kind)


def account(**changes: bool) -> Callable[[Office], None]:
    return lambda office: office.sandbox.platform.set_account(None, changes)


BRAIDS = SetUp(
    sells=sell_by_braid,
    is_wrong=counting("ONE_PER_CLICK"),
    is_fixed=counting("MANY_PER_CLICK"),
    code="ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID",
    sentence="such an action accepts no gbraid or wbraid",
    fix="Let the action count every conversion",
)
ENHANCED = SetUp(
    sells=sell_by_mail,
    is_wrong=account(enhanced_conversions_for_leads=False),
    is_fixed=account(enhanced_conversions_for_leads=True),
    code="NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
    sentence="nhanced conversions for leads are off in the account.",
    fix="Turn on enhanced conversions for leads",
)
TERMS = SetUp(
    sells=sell_by_mail,
    is_wrong=account(accepted_customer_data_terms=False),
    is_fixed=account(accepted_customer_data_terms=True),
    code="TERMS",
    sentence="data terms are not accepted in the account.",
    fix="accept the customer data terms under Goals",
)


@pytest.mark.parametrize(
    "set_up",
    [
        pytest.param(BRAIDS, id="one per click, with a braid"),
        pytest.param(ENHANCED, id="enhanced conversions off"),
        pytest.param(TERMS, id="terms not accepted"),
    ],
)
def test_rows_that_the_account_blocks_wait_for_it_and_follow_one_that_tries(
    office: Office, set_up: SetUp
) -> None:
    office.sends_by_google_ads()
    set_up.is_wrong(office)
    set_up.sells(office, "D-1", "D-2", "D-3")
    for night in NIGHTS[:2]:
        said = office.night(night)
        assert ended(said) == (1, "LOOK")
        assert "3 conversions of google, action 333, wait for the account's set-up" in said.err
    assert "run 2: blocked 1" in said.out, "one tries; the others wait"
    first, sentence, fix = office.types("status").out.splitlines()[:3]
    assert first.startswith("blocked by the account's set-up: 3 conversions of google, action 333")
    assert set_up.code in first
    assert set_up.sentence in sentence
    assert set_up.fix in fix
    assert set_up.fix in office.types("explain", "D-3").out
    assert office.values("333") == []

    set_up.is_fixed(office)
    fixed = office.night(NIGHTS[2])
    assert ended(fixed) == (0, "OK")
    assert "run 3: confirmed 3" in fixed.out
    assert office.values("333") == [1000] * 3
    assert "blocked" not in office.types("status").out.partition("run_id")[0]
    assert "nothing to send" in office.night(NIGHTS[3]).out


@pytest.mark.parametrize(
    "set_up",
    [pytest.param(ENHANCED, id="enhanced conversions off"), pytest.param(TERMS, id="no terms")],
)
def test_by_the_data_manager_api_the_rest_follow_a_night_after_the_one_that_tries(
    office: Office, set_up: SetUp
) -> None:
    set_up.is_wrong(office)
    set_up.sells(office, "D-1", "D-2", "D-3")
    office.deal("D-4", mql_date="")  # it has a click, and needs no set-up
    assert ended(office.night(NIGHTS[0])) == (1, "LOOK")
    assert office.values("333") == [1000]

    set_up.is_fixed(office)
    tried = office.night(NIGHTS[1])
    assert ended(tried) == (1, "LOOK"), "its verdict is not there yet"
    assert "2 conversions of google, action 333, wait for the account's set-up" in tried.err
    assert ended(office.night(NIGHTS[2])) == (0, "OK")
    assert office.values("333") == [1000] * 4


def test_by_the_data_manager_api_a_verdict_blocks_rows_too(office: Office) -> None:
    BRAIDS.is_wrong(office)
    sell_by_braid(office, "D-1", "D-2", "D-3")
    assert ended(office.night(NIGHTS[0])) == (0, "OK"), "the verdicts come later"
    judged = office.night(NIGHTS[1])
    assert ended(judged) == (1, "LOOK")
    assert f"wait for the account's set-up: PROCESSING_ERROR_REASON_{BRAIDS.code}" in judged.err
    assert BRAIDS.fix in office.types("status").out
    assert office.values("333") == []

    BRAIDS.is_fixed(office)
    assert ended(office.night(NIGHTS[2])) == (1, "LOOK"), "one tries, and has no verdict yet"
    assert ended(office.night(NIGHTS[3])) == (0, "OK")
    assert office.values("333") == [1000] * 3


# --- what the platform does not know -------------------------------------------------------------


@pytest.mark.parametrize("road", ["data manager", "google ads"])
def test_a_person_who_clicked_on_no_ad_is_ordinary(office: Office, road: str) -> None:
    if road == "google ads":
        office.sends_by_google_ads()
    stranger = sha256(b"d-1@example.com").hexdigest()
    office.sandbox.platform.verdicts = {stranger: "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"}
    sell_by_mail(office, "D-1", "D-2")
    assert [ended(office.night(night)) for night in NIGHTS[:3]] == [(0, "OK")] * 3
    assert office.values("333") == [1000]

    account = json.loads(office.types("status", "--format", "json").out)["account"]
    assert account["sent"] == {"confirmed": 1}
    assert account["not_sent"] == {"unmatched": 1}
    assert "1  unmatched" in office.types("status").out
    said = office.types("explain", "D-1").out
    assert "unmatched (count), 1,000.00 EUR" in said
    assert "Google knows no click of this person" in said
    assert "→ Nothing for single deals: they did not come from an ad." in said


# --- two deals of one click ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "shifted"),
    [
        pytest.param("2026-03-02", False, id="on one bare date"),
        pytest.param("2026-03-02 15:00:00", True, id="in one second"),
    ],
)
def test_two_deals_of_one_click_are_both_counted_though_a_night_apart(
    office: Office, won: str, *, shifted: bool
) -> None:
    office.sends_by_google_ads()
    office.deal("D-1", mql_date="", gclid="shared", won_date=won)
    assert ended(office.night(NIGHTS[0])) == (0, "OK")
    office.deal("D-2", mql_date="", gclid="shared", won_date=won, amount="500", last_modified=LATER)
    said = office.night(NIGHTS[2])
    assert ended(said) == (0, "OK")
    assert "confirmed 1" in said.out
    assert " · 500.00 EUR · " in said.out.splitlines()[-1]

    first, second = office.counted("333").values()
    assert (first["value"], second["value"]) == (1000, 500)
    assert first["event_timestamp"] != second["event_timestamp"]
    assert {one["event_timestamp"][:10] for one in (first, second)} == {"2026-03-02"}
    events = office.types("audit", "show", "D-2", "--format", "csv").out
    assert (",shifted,D-2," in events) is shifted
    assert "confirmed (count), 500.00 EUR" in office.types("explain", "D-2").out


# --- what can no longer be corrected -------------------------------------------------------------


def uncorrectable(office: Office) -> dict[str, dict[str, str]]:
    """Return what `status --uncorrectable` lists, by deal."""
    rows = json.loads(office.types("status", "--uncorrectable", "--format", "json").out)
    return {row["deal_id"]: row for row in rows}


def test_the_value_of_a_person_who_withdrew_consent_stays_where_nothing_else_finds_it(
    office: Office,
) -> None:
    sell_by_mail(office, "D-1", "D-2")
    office.night(NIGHTS[0])
    office.night(NIGHTS[1])
    asked = len(office.sandbox.books.requests)
    sell_by_mail(office, "D-1", marketing_consent="no", last_modified=LATER)
    said = office.night(NIGHTS[2])
    assert ended(said) == (0, "OK")
    assert "platform cannot          1" in said.out
    assert "what it counts already stays as it is" in said.out
    assert len(office.sandbox.books.requests) == asked, "it is known, and not tried"
    assert office.values("333") == [1000, 1000]

    assert ended(office.night(NIGHTS[3])) == (0, "OK")
    assert "1 conversions count that should not, or not so" in office.types("status").out
    (row,) = uncorrectable(office).values()
    assert (row["deal_id"], row["code"]) == ("D-1", "NO_IDENTIFIERS_LEFT")
    assert row["fix"].startswith("Nothing where consent was withdrawn")
    assert "Its value stays as it was counted." in office.types("explain", "D-1").out

    sell_by_mail(office, "D-1", last_modified="2026-03-06 12:00:00")
    assert office.night(NIGHTS[4]).code == 0
    assert uncorrectable(office) == {}, "consent was given again, and the value is right"
    assert office.values("333") == [1000, 1000]


def test_corrections_that_come_too_late_or_of_a_wbraid_are_known_and_stay_visible(
    office: Office,
) -> None:
    office.sends_by_google_ads()
    office.deal("D-1", mql_date="", gclid="", wbraid="wb-1")
    office.deal("D-2", mql_date="")
    office.night(NIGHTS[0])
    asked = len(office.sandbox.books.requests)
    for deal_id, cells in {"D-1": {"gclid": "", "wbraid": "wb-1"}, "D-2": {}}.items():
        lost = {"lost_date": "2026-05-04", "last_modified": "2026-05-04 12:00:00"}
        office.deal(deal_id, mql_date="", **cells, **lost)
    for night in ("2026-05-05T02:00+02:00", "2026-05-06T02:00+02:00"):
        assert ended(office.night(night)) == (0, "OK")
    assert len(office.sandbox.books.requests) == asked
    assert office.values("333") == [1000, 1000]
    assert {deal_id: row["code"] for deal_id, row in uncorrectable(office).items()} == {
        "D-1": "CLICK_CANNOT_BE_CORRECTED",
        "D-2": "TOO_OLD_TO_CORRECT",
    }
    assert "2 conversions count that should not, or not so" in office.types("status").out


@pytest.mark.parametrize(
    "family", ["internal_error.TRANSIENT_ERROR", "quota_error.RESOURCE_EXHAUSTED"]
)
def test_a_row_that_came_at_the_wrong_moment_is_sent_again_in_a_request_of_its_own(
    office: Office, family: str
) -> None:
    office.sends_by_google_ads()
    office.deal("D-1", mql_date="")
    office.deal("D-2", mql_date="")
    office.sandbox.platform.verdicts = {"click-of-D-1": family}
    assert office.night(NIGHTS[0]).code == 1
    assert [one.events for one in office.sandbox.books.requests][:2] == [2, 1]
    assert len(office.counted("333")) == 1
    office.sandbox.platform.verdicts = {}
    assert office.night(NIGHTS[1]).code == 0
    assert len(office.counted("333")) == 2
