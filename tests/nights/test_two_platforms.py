"""Nights of a company that reports to Google and to Microsoft Advertising.

A deal with a click of each counts on both. What one platform refuses, lacks or answers to nobody
changes nothing at the other. The books of both have the last word.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from convsync import pipeline
from convsync.errors import OperatorError
from convsync.privacy.forgetting import Whom
from convsync.report.closing import Closing
from convsync.sandbox.faults import PlannedFault
from convsync.sandbox.microsoft.account import SandboxGoal
from convsync.sandbox.microsoft.books import BookedConversion
from convsync.sandbox.microsoft.room import ADJUSTMENTS, CONVERSIONS, MicrosoftRoom
from convsync.sandbox.server import Sandbox
from tests.nights.company import Company

pytestmark = pytest.mark.long

NIGHT = [f"2026-03-{day:02}T02:00Z" for day in range(3, 20)]
PAGE = "1234567/Sale"
_MICROSOFT = """
[rules.sale]
milestone = "won"
action_id = "Sale"
destination = "microsoft"

[destinations.microsoft]
kind = "microsoft"
account_id = 1234567
customer_id = 89
client_id = "an-app"
refresh_token = "sandbox"
developer_token = "sandbox"
enhanced_conversions = true
requests_in_flight = 1
url = "HTTP"
login_url = "HTTP"
"""


def msclkid(deal_id: str) -> str:
    return f"{int(deal_id.removeprefix('D-')):032x}"


def to_microsoft(company: Company, sandbox: Sandbox) -> MicrosoftRoom:
    """Give a company a rule for each platform, and Microsoft's account its goal."""
    room = sandbox.platform.rooms["microsoft"]
    assert isinstance(room, MicrosoftRoom)
    room.state.goals = {"Sale": SandboxGoal(name="Sale", id="7", window_minutes=90 * 24 * 60)}
    company.configure(
        ("action_id = 111\n", 'action_id = 111\ndestination = "google"\n'),
        ("action_id = 222\n", 'action_id = 222\ndestination = "google"\n'),
        more=_MICROSOFT,
    )
    return room


@pytest.fixture
def room(company: Company, sandbox: Sandbox) -> MicrosoftRoom:
    return to_microsoft(company, sandbox)


@pytest.fixture
def both(company: Company, room: MicrosoftRoom) -> Company:
    """The company, with a rule for each platform."""
    assert room.state.goals
    return company


def won(company: Company, deal_id: str = "D-1", **cells: Any) -> None:
    """Let the CRM show a sale with a click of each network."""
    usual = {
        "won": "2026-03-02T15:00:00Z",
        "amount": 100,
        "gclid": f"G-{deal_id}",
        "msclkid": msclkid(deal_id),
        "clicked": "2026-02-20T10:00Z",
    }
    company.has(deal_id, **({} if deal_id in company.deals else usual) | cells)


def failing_night(company: Company, at: str) -> None:
    """Let a night pass that one platform spoils: it ends with a code, or with its refusal."""
    try:
        code = company.night(at).exit_code
    except OperatorError as refusal:
        code = refusal.exit_code
    assert code != 0


def booked(room: MicrosoftRoom) -> list[BookedConversion]:
    return [*room.books.counted[PAGE].values()]


def test_one_sale_counts_on_both_and_is_corrected_on_both(
    both: Company, room: MicrosoftRoom
) -> None:
    won(both)
    both.night(NIGHT[0])
    (at_microsoft,) = booked(room)
    assert (both.value("D-1"), at_microsoft.value) == (100.0, 100.0)
    won(both, amount=70)
    both.night(NIGHT[1])
    assert (both.value("D-1"), at_microsoft.value) == (70.0, 70.0)
    both.has("D-1", lost="2026-03-05T08:00Z")
    both.night(NIGHT[3])
    assert both.value("D-1") == 0.0
    assert (at_microsoft.value, at_microsoft.count) == (0.0, 0)
    assert at_microsoft.first["MicrosoftClickId"] == msclkid("D-1")
    assert both.audit_is_sound()


def test_a_click_counts_only_for_its_own_network(both: Company, room: MicrosoftRoom) -> None:
    won(both, "D-1", msclkid="")
    won(both, "D-2", gclid="")
    both.night(NIGHT[0])
    (only,) = booked(room)
    assert only.first["MicrosoftClickId"] == msclkid("D-2")
    assert both.value("D-1") == 100.0
    assert both.value("D-2") is None
    assert both.entry("D-1", "sale").reason == "waiting_for_click"


def test_a_deal_that_is_won_again_is_counted_again_at_another_second(
    both: Company, room: MicrosoftRoom
) -> None:
    won(both)
    both.night(NIGHT[0])
    both.has("D-1", lost="2026-03-03T12:00Z")
    both.night(NIGHT[1])
    both.has("D-1", lost="")
    both.night(NIGHT[2])
    first, again = booked(room)
    assert (first.count, again.count, again.value) == (0, 1, 100.0)
    assert again.first["ConversionTime"] == "2026-03-02T15:00:01Z"
    both.has("D-1", amount=40)
    both.night(NIGHT[3])
    assert (again.value, both.entry("D-1", "sale").told) == (40.0, Decimal(40))
    assert both.audit_is_sound()


def test_deals_of_one_click_and_second_are_kept_apart_before_they_are_sent(
    both: Company, room: MicrosoftRoom
) -> None:
    for number in range(1, 24):
        won(both, f"D-{number}", msclkid=msclkid("D-1"), gclid="")
    both.night(NIGHT[0])
    won(both, "D-24", msclkid=msclkid("D-1"), gclid="")
    both.night(NIGHT[1])
    assert [one.count for one in booked(room)] == [1] * 24
    assert len({one.first["ConversionTime"] for one in booked(room)}) == 24


def test_a_time_that_the_crm_moves_after_a_lost_answer_makes_no_second_conversion(
    both: Company, room: MicrosoftRoom, sandbox: Sandbox
) -> None:
    won(both)
    for request in range(1, 5):
        sandbox.platform.faults.add(
            PlannedFault(on=CONVERSIONS, request=request, kind="unavailable_after")
        )
    assert both.night(NIGHT[0]).exit_code == 1
    won(both, won="2026-03-02T11:00:00Z")
    both.night(NIGHT[1])
    (only,) = booked(room)
    assert (only.count, both.entry("D-1", "sale").state) == (1, "confirmed")


def test_an_adjustment_waits_until_the_conversion_can_be_adjusted(
    both: Company, room: MicrosoftRoom
) -> None:
    won(both)
    both.night("2026-03-03T02:00Z")
    won(both, amount=70)
    both.night("2026-03-03T04:00Z")
    (at_microsoft,) = booked(room)
    assert at_microsoft.value == 100.0
    both.night("2026-03-03T09:00Z")
    assert at_microsoft.value == 70.0


@pytest.mark.parametrize("kind", ["unavailable_before", "resource_exhausted", "refused"])
def test_one_platform_that_is_down_costs_the_other_nothing(
    both: Company, room: MicrosoftRoom, sandbox: Sandbox, kind: str
) -> None:
    for call in (CONVERSIONS, ADJUSTMENTS):
        sandbox.platform.faults.add(PlannedFault(on=call, every=1, kind=kind))
    won(both)
    failing_night(both, NIGHT[0])
    assert both.value("D-1") == 100.0
    won(both, "D-2")
    failing_night(both, NIGHT[1])
    assert both.value("D-2") == 100.0
    assert booked(room) == []
    sandbox.platform.faults.clear()
    both.night(NIGHT[2])
    assert [one.value for one in booked(room)] == [100.0, 100.0]
    assert both.audit_is_sound()


@pytest.mark.parametrize("kind", ["unavailable_before", "refused"])
def test_an_outage_of_google_does_not_affect_the_other_platform(
    both: Company, room: MicrosoftRoom, sandbox: Sandbox, kind: str
) -> None:
    sandbox.platform.faults.add(PlannedFault(on="ingest", every=1, kind=kind))
    won(both)
    failing_night(both, NIGHT[0])
    assert [one.value for one in booked(room)] == [100.0]
    assert both.value("D-1") is None


def test_a_goal_that_is_missing_blocks_its_own_rows_alone(
    both: Company, room: MicrosoftRoom
) -> None:
    goals, room.state.goals = room.state.goals, {"Other": SandboxGoal(name="Other")}
    won(both)
    both.night(NIGHT[0])
    assert both.value("D-1") == 100.0
    assert both.entry("D-1", "sale").code == "OfflineConversionNameInvalid"
    room.state.goals = goals
    both.night(NIGHT[1])
    assert [one.value for one in booked(room)] == [100.0]


def test_a_run_ends_with_a_line_for_each_platform(
    both: Company, room: MicrosoftRoom, sandbox: Sandbox
) -> None:
    endings: list[Closing] = []

    def night(at: str) -> None:
        both.export()
        both.at(at, lambda services: pipeline.run(replace(services, on_close=endings.append)))

    won(both)
    night(NIGHT[0])
    sandbox.platform.faults.add(PlannedFault(on=CONVERSIONS, every=1, kind="refused"))
    won(both, "D-2")
    with pytest.raises(OperatorError, match="UserIsNotAuthorized"):
        night(NIGHT[1])
    first, second = (ending.platforms for ending in endings)
    assert first == {"google": "accepted 1", "microsoft": "confirmed 1"}
    assert second["google"] == "accepted 1, confirmed 1"
    assert second["microsoft"].endswith("stopped: its set-up has to be fixed")


def test_a_click_of_microsofts_goes_the_whole_road_from_the_log_to_being_forgotten(
    both: Company, room: MicrosoftRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_PRIVACY__KEY", "a-secret-of-sixteen-or-more")
    text = (both.folder / "convsync.toml").read_text()
    columns = 'logged_at = "logged", gclid = "gclid"'
    assert columns in text
    (both.folder / "convsync.toml").write_text(
        text.replace(columns, 'logged_at = "logged", msclkid = "gclid"')
    )
    both.clicked(msclkid("D-1"), "2026-02-20T10:00:00Z", visitor="v-1")
    won(both, gclid="", msclkid="", clicked="", visitor="v-1")
    both.night(NIGHT[0])
    assert [one.first["MicrosoftClickId"] for one in booked(room)] == [msclkid("D-1")]
    assert both.entry("D-1").reason == "waiting_for_click"
    whom = Whom(deal_ids=frozenset({"D-1"}))
    forgotten = both.at(NIGHT[1], lambda services: pipeline.forget(services, whom))
    assert (forgotten.deals, forgotten.clicks) == (1, 1)
    kept = b"".join(path.read_bytes() for path in both.folder.glob("ledger.db*"))
    assert msclkid("D-1").encode() not in kept
