"""What happens to a company over several nights, and what the one who looks after it reads.

A story goes as far as the ad platform's books are right again, and the log gives the ledger.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from convsync.sandbox.crm.book import Deal
from convsync.sandbox.faults import PlannedFault
from tests.cli.office import CommandResult, Office
from tests.fakes.server_with_a_clock import server_that_says

pytestmark = pytest.mark.long

NIGHTS = [f"2026-03-{day:02d}T02:00+01:00" for day in range(3, 9)]
WON_AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
WINTER = ("backfill", "--from", "2026-02-01", "--to", "2026-03-02", "--yes", "--as-of")
NOTHING = "nothing to send"


@pytest.fixture(autouse=True)
def the_log_gives_the_ledger(office: Office) -> Iterator[None]:
    yield
    verified = office.types("audit", "verify")
    assert verified.code == 0, verified.out


def sell(office: Office, *deal_ids: str, **cells: str) -> None:
    """Enter deals that were won for 1,000 EUR after a click, and count for nothing else."""
    for deal_id in deal_ids:
        office.deal(deal_id, mql_date="", **cells)


def hide(office: Office, *deal_ids: str) -> dict[str, dict[str, str]]:
    """Leave deals out of the export; return their rows."""
    return {deal_id: office.deals.pop(deal_id) for deal_id in deal_ids}


def ended(said: CommandResult) -> tuple[int, str]:
    """Return the exit code, and the first word of the closing line."""
    return said.code, said.out.splitlines()[-1].split()[0]


def story_of(office: Office, deal_id: str) -> list[str]:
    """Return the kinds of a deal's events, as `audit show` lists them."""
    table = office.types("audit", "show", deal_id, "--format", "csv").out
    return [line.split(",")[3] for line in table.splitlines()[1:]]


# --- deals that cannot be seen -------------------------------------------------------------------


def test_rights_that_shrink_and_return_leave_every_deal_counted_as_before(office: Office) -> None:
    sell(office, "D-1", "D-2", "D-3", "D-4")
    assert ended(office.night(NIGHTS[0])) == (0, "OK")

    hidden = hide(office, "D-1", "D-2")
    half = office.night(NIGHTS[1])
    assert ended(half) == (0, "OK")
    assert "2  The deal is no longer in the CRM, or can no longer be seen there" in half.out
    assert office.values("333") == [0, 0, 1000, 1000]
    said = office.types("explain", "D-1").out
    assert "the credentials lost the right to see it, or an export failed" in said
    assert "→ Nothing if it was deleted. Otherwise grant the right again" in said

    hidden |= hide(office, "D-3", "D-4")
    all_of_them = office.night(NIGHTS[2])
    assert ended(all_of_them) == (3, "FAILED")
    assert "2 of 2 deals are gone at once. Nothing was marked or sent." in all_of_them.err
    assert office.values("333") == [0, 0, 1000, 1000]

    office.deals |= hidden
    assert ended(office.night(NIGHTS[3])) == (0, "OK")
    assert office.values("333") == [1000] * 4
    assert {"deal_gone", "deal_returned"} <= set(story_of(office, "D-1"))
    assert not {"deal_gone", "deal_returned"} & set(story_of(office, "D-3"))
    assert "sent 0, confirmed 2" in office.night(NIGHTS[4]).out


@pytest.mark.parametrize(
    ("vendor", "half"),
    [
        pytest.param("odoo", [0, 0, 100, 100], id="a CRM that keeps no trace of deleted deals"),
        pytest.param("hubspot", [100] * 4, id="a CRM that lists deleted deals"),
    ],
)
def test_a_crm_that_shows_less_for_some_nights_ends_with_every_deal_counted(
    office: Office, vendor: str, half: list[float]
) -> None:
    """What was not deleted is taken back only where nothing tells it from what was."""
    crm = office.moves_to(vendor)
    known = [crm.server.record_id("deal", number) for number in range(1, 5)]
    for deal_id in known:
        crm.book.put(
            Deal(
                deal_id=deal_id,
                created_at=WON_AT - timedelta(days=10),
                modified_at=WON_AT,
                entered=(("mql", WON_AT - timedelta(days=10)), ("won", WON_AT)),
                amount=Decimal(100),
                currency="EUR",
                fields={"gclid": f"click-of-{deal_id}"},
            )
        )
    assert ended(office.night(NIGHTS[0])) == (0, "OK")
    for deal_id in known[:2]:
        crm.book.hide(deal_id)
    assert ended(office.night(NIGHTS[1])) == (0, "OK")
    assert office.values("333") == half

    for deal_id in known[2:]:
        crm.book.hide(deal_id)
    nothing = office.night(NIGHTS[2])
    if vendor == "odoo":
        assert ended(nothing) == (3, "FAILED")
        assert "2 of 2 deals are gone at once. Nothing was marked or sent." in nothing.err
    assert office.values("333") == half

    for deal_id in known:
        crm.book.show(deal_id)
    assert ended(office.night(NIGHTS[3])) == (0, "OK")
    assert office.values("333") == [100] * 4


def test_a_complete_export_that_is_empty_once_takes_nothing_back(office: Office) -> None:
    sell(office, "D-1", "D-2")
    office.night(NIGHTS[0])

    rows = hide(office, "D-1", "D-2")
    said = office.night(NIGHTS[1])
    assert ended(said) == (3, "FAILED")
    assert "source 'crm': 2 of 2 deals are gone at once" in said.err
    assert "an export failed" in said.err
    assert "--force continues" in said.err
    assert "2 of 2 deals are gone at once" in office.types("status").out
    assert office.values("333") == [1000, 1000]

    office.deals |= rows
    sell(office, "D-3", last_modified="2026-03-04 12:00:00")
    assert ended(office.night(NIGHTS[2])) == (0, "OK")
    assert office.values("333") == [1000] * 3
    assert [one["sent"] for one in office.counted("333").values()] == [1, 1, 1]


# --- a clock that is wrong -----------------------------------------------------------------------


def test_a_clock_that_jumps_three_days_ahead_and_back_loses_no_deal(office: Office) -> None:
    """Once a server contradicts it; once none does, and what was read is put right afterwards."""
    office.cut("complete = true", "blank_words")  # what did not change is not read again
    sell(office, "D-1")
    assert ended(office.night(NIGHTS[0])) == (0, "OK")

    real = f'rest_endpoint = "{office.sandbox.http_url}"'
    with server_that_says(datetime.now(UTC) - timedelta(days=3)) as url:
        office.configure(real, f'rest_endpoint = "{url}"')
        contradicted = office.night(NIGHTS[1])
        office.configure(f'rest_endpoint = "{url}"', real)
    assert ended(contradicted) == (2, "FAILED")
    assert "This machine's clock says" in contradicted.err
    assert "Nothing was read beyond what had been, and nothing was sent." in contradicted.err

    assert ended(office.night(NIGHTS[4])) == (0, "OK"), "three days ahead, and nobody notices"
    sell(office, "D-2", last_modified="2026-03-03 18:00:00")  # in the days that were read ahead
    back = office.night(NIGHTS[1])
    assert ended(back) == (1, "LOOK")
    assert (
        "source 'crm' had been read beyond the present, by run 3: the clock was wrong" in back.err
    )
    assert office.values("333") == [1000, 1000]
    assert ended(office.night(NIGHTS[2])) == (0, "OK")
    assert [one["sent"] for one in office.counted("333").values()] == [1, 1]


# --- names that change ---------------------------------------------------------------------------


def rename_rule(office: Office) -> None:
    office.configure("[rules.won]", "[rules.signed]")


def rename_source(office: Office) -> None:
    office.configure("[deals.crm", "[deals.sales")


@pytest.mark.parametrize(
    ("rename", "before", "now"),
    [
        pytest.param(rename_rule, "rules.won", "rules.signed", id="a rule"),
        pytest.param(rename_source, "sources.crm", "sources.sales", id="a source"),
    ],
)
@pytest.mark.parametrize("command", ["run", "backfill"])
def test_what_was_renamed_is_refused_until_moved_says_so_and_is_not_counted_twice(
    office: Office, rename: Callable[[Office], None], before: str, now: str, command: str
) -> None:
    sell(office, "D-1", "D-2")
    office.deal("D-3", gclid="", mql_date="")  # it waits for a click, under the old name
    office.night(NIGHTS[0])
    office.night(NIGHTS[1])
    counted = office.counted("333")

    rename(office)
    refused = office.night(NIGHTS[2]) if command == "run" else office.types(*WINTER, NIGHTS[2])
    assert ended(refused) == (3, "FAILED")
    assert f'write under [moved]: "{before}" = "{now}"' in refused.err
    preview = office.types("plan", "--as-of", NIGHTS[2])
    assert f"retired  {before.replace('s.', ' ')}: 2 conversions still count" in preview.out
    assert "[moved]" in preview.err

    office.moved(before, now)
    said = office.night(NIGHTS[2])
    assert said.code == 0
    assert NOTHING in said.out
    assert office.counted("333") == counted, "the same order IDs, each told once"

    sell(office, "D-1", amount="1200", last_modified="2026-03-05 12:00:00")
    assert office.night(NIGHTS[3]).code == 0
    assert office.values("333") == [1000, 1200]
    assert set(office.counted("333")) == set(counted)


def test_conversions_of_a_removed_rule_are_shown_and_can_still_be_taken_back(
    office: Office,
) -> None:
    sell(office, "D-1", "D-2", "D-3", "D-4")
    office.night(NIGHTS[0])
    office.night(NIGHTS[1])

    office.cut("[rules.won]", "# --- Where it is sent")
    removed = office.night(NIGHTS[2])
    assert removed.code == 0
    assert NOTHING in removed.out
    assert "retired rule won: 4 conversions still count, 4,000.00 EUR" in office.types("status").out

    later = "2026-03-05 12:00:00"
    sell(office, "D-1", marketing_consent="no", last_modified=later)
    sell(office, "D-2", lost_date="2026-03-05", last_modified=later)
    hide(office, "D-3")
    said = office.night(NIGHTS[3])
    assert said.code == 0
    for reason in (
        "The person refused that their data is used for advertising.",
        "The deal was lost after it had been won.",
        "The deal is no longer in the CRM",
    ):
        assert f"1  {reason}" in said.out
    assert office.values("333") == [0, 0, 0, 1000]

    assert ended(office.night(NIGHTS[4])) == (0, "OK")
    assert "retired rule won: 1 conversions still count, 1,000.00 EUR" in office.types("status").out
    for deal_id in ("D-1", "D-2", "D-3"):
        shown = office.types("explain", deal_id).out
        assert "won, a rule that is no longer in the configuration" in shown
        assert "confirmed (retract), 0.00 EUR" in shown
        assert '""step"": ""retracted""' in (
            office.types("audit", "show", deal_id, "--format", "csv").out
        )


# --- a past that is filled in --------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["unavailable_before", "unavailable_after"])
def test_a_backfill_reads_the_click_log_and_finishes_one_that_was_interrupted(
    office: Office, answer: str
) -> None:
    """Whether the platform had counted before the answer was lost, or had not."""
    sell(office, "D-1", "D-2")
    for row in office.deals.values():
        row["GCLID"] = ""
    for deal_id, click in office.clicks.items():
        click["Deal ID"] = deal_id
    office.write_files()
    office.sandbox.platform.clock.set(datetime.fromisoformat(NIGHTS[0]))
    office.sandbox.platform.faults.add(PlannedFault(on="ingest", request=1, kind=answer))

    interrupted = office.types(*WINTER, NIGHTS[0])
    assert ended(interrupted) == (1, "LOOK")
    assert "It is sent again by the next run." in interrupted.err
    assert "unanswered batches: 1; the next run sends them again" in office.types("status").out

    finished = office.types(*WINTER, NIGHTS[0])
    assert ended(finished) == (0, "OK")
    assert office.values("333") == [1000, 1000]
    clicks = {one["ad_identifiers"]["gclid"] for one in office.counted("333").values()}
    assert clicks == {"click-of-D-1", "click-of-D-2"}
    assert NOTHING in office.types(*WINTER, NIGHTS[1]).out
    assert ended(office.night(NIGHTS[1])) == (0, "OK")
    assert office.values("333") == [1000, 1000]
