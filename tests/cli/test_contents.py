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
