"""`status --check`: one line and an exit code, as monitors read them."""

import pytest

from tests.cli.office import NIGHT, Office

CHECK = ("status", "--check", "--max-age", "26h", "--as-of")


def test_before_the_first_night_it_is_critical(office: Office) -> None:
    said = office.types(*CHECK, NIGHT)
    assert (said.code, said.out) == (
        2,
        "CRITICAL no run has finished yet | findings=0\n",
    )


def test_a_good_night_is_ok_for_as_long_as_it_is_young(office: Office) -> None:
    office.deal()
    office.night(NIGHT)
    said = office.types(*CHECK, "2026-03-03T05:00+01:00")
    assert (said.code, said.out) == (
        0,
        "OK run 1, 3 h ago, sent 2 | age=10800s;;93600 sent=2 findings=0\n",
    )
    said = office.types(*CHECK, "2026-03-04T05:00+01:00")
    assert said.code == 2
    assert said.out.startswith("CRITICAL no run has finished for 27 h, 26 h allowed; ")


def test_what_should_be_looked_at_is_a_warning(office: Office) -> None:
    office.deal("D-2", amount="a lot")
    office.night(NIGHT)
    said = office.types(*CHECK, NIGHT)
    assert said.code == 1
    assert said.out.startswith("WARNING 1 unreadable record of source crm | age=0s;;93600 ")


def test_a_night_that_was_refused_is_critical_on_one_line(office: Office) -> None:
    office.deal()
    office.night(NIGHT)
    office.deals.clear()
    office.night("2026-03-04T02:00+01:00")
    said = office.types(*CHECK, "2026-03-04T02:00+01:00")
    assert said.code == 2
    assert said.out.startswith("CRITICAL Run 2 did not finish: ")
    assert said.out.count("\n") == said.out.count(" | ") == 1


@pytest.mark.parametrize("text", ["26", "h", "-3h", "1w", "1e999h"])
def test_an_age_that_is_no_time_is_refused(office: Office, text: str) -> None:
    said = office.types("status", "--check", "--max-age", text)
    assert said.code == 2
    assert f"--max-age {text} is not a time such as 26h" in said.err
