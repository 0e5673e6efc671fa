"""A word about consent that the config does not map keeps deals from going out until it is."""

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of


@pytest.fixture
def unclear(office: Office) -> Office:
    """An export of which one deal says `nein`, and another a name by mistake."""
    office.deal("D-yes")
    office.deal("D-nein", marketing_consent="nein")
    office.deal("D-name", marketing_consent="Erika Muster")
    return office


def waiting(office: Office) -> set[str]:
    found = office.sql(
        "SELECT deals.deal_id FROM ledger JOIN deals ON deals.id = ledger.deal"
        " WHERE ledger.state = 'held' AND ledger.reason = 'consent_unclear'"
    )
    return {deal_id for (deal_id,) in found}


def test_check_names_the_word_and_shows_no_name(unclear: Office) -> None:
    unclear.write_files()
    said = unclear.types("check", "--as-of", NIGHT, "--format", "csv")
    (found,) = [row for row in rows_of(said.out) if "consent column" in row["detail"]]
    assert "'nein' (1)" in found["detail"]
    assert "2 deals wait" in found["means"]
    assert "[deals.crm.consent]" in found["fix"]
    assert "erika" not in said.out.lower()


def test_check_shows_a_sample_of_each_time_as_it_is_read(office: Office) -> None:
    office.deal()
    office.write_files()
    said = office.types("check", "--as-of", NIGHT, "--format", "csv")
    (times,) = [row for row in rows_of(said.out) if row["check"] == "source crm: times"]
    assert "Created '2026-02-20 10:00:00' is 2026-02-20 09:00:00 UTC" in times["detail"]
    assert "Won date '2026-03-02' is the whole of 2026-03-02" in times["detail"]


def test_check_shows_a_time_of_a_column_of_dates_as_the_day_it_is_read_for(office: Office) -> None:
    office.configure('won = "Won date"', 'won = { column = "Won date", is_date = true }')
    office.deal(won_date="2026-03-02 00:00:00")
    office.write_files()
    said = office.types("check", "--as-of", NIGHT, "--format", "csv")
    (times,) = [row for row in rows_of(said.out) if row["check"] == "source crm: times"]
    assert "Won date '2026-03-02 00:00:00' is the whole of 2026-03-02" in times["detail"]


@pytest.mark.long
@pytest.mark.parametrize("is_complete", [True, False])
def test_deals_with_an_unmapped_consent_word_wait_and_are_sent_once_it_is_mapped(
    unclear: Office, *, is_complete: bool
) -> None:
    if not is_complete:
        unclear.configure("complete = true", "complete = false")
    unclear.night(NIGHT)
    assert len(unclear.values("333")) == 1
    assert waiting(unclear) == {"D-nein", "D-name"}
    unclear.night(NEXT_NIGHT)
    assert len(unclear.values("333")) == 1
    unclear.configure('granted = "yes"', 'granted = ["yes", "nein"]')
    unclear.night(THIRD_NIGHT)
    assert len(unclear.values("333")) == 2, "though nobody touched the deal since"
    assert waiting(unclear) == {"D-name"}


@pytest.mark.long
def test_a_counted_deal_whose_consent_becomes_unclear_stays_as_it_is(office: Office) -> None:
    office.deal()
    office.night(NIGHT)
    office.deal(marketing_consent="nein", last_modified="2026-03-03 18:00:00", amount="2000")
    office.night(NEXT_NIGHT)
    assert office.values("333") == [1000.0]
    office.deal(marketing_consent="no", last_modified="2026-03-04 18:00:00")
    office.night(THIRD_NIGHT)
    assert office.values("333") == [0.0]
