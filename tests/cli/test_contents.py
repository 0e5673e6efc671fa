"""An export whose column is suddenly empty, at the command line."""

from tests.cli.office import NEXT_NIGHT, NIGHT, Office


def test_a_column_that_is_suddenly_empty_is_said_and_ends_the_run_with_look(office: Office) -> None:
    for number in range(6):
        office.deal(f"D-{number}")
    assert office.night(NIGHT).code == 0
    for number in range(6):
        office.deal(f"D-{number}", gclid="", last_modified="2026-03-03 18:00:00")
    said = office.night(NEXT_NIGHT)
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith("LOOK run ")
    assert (
        "source 'crm': the click ID is missing in all 6 deals that were read, and was" in said.err
    )


def test_a_click_log_that_suddenly_cannot_be_read_is_said_and_ends_the_run_with_look(
    office: Office,
) -> None:
    def logs(first: int, clicked_at: str) -> None:
        for number in range(first, first + 6):
            office.clicks[f"{number}"] = {"Clicked at": clicked_at, "GCLID": f"click-{number}"}

    office.deal()
    logs(0, "2026-03-01T08:00:00Z")
    assert office.night(NIGHT).code == 0
    logs(6, "last Tuesday")
    said = office.night(NEXT_NIGHT)
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith("LOOK run ")
    assert "source 'site': 100% of 6 records cannot be read, and 0% could not before" in said.err
