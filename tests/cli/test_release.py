"""A plan that is refused, and released, as an operator types it."""

import json

import pytest

from tests.cli.office import Office


def night(office: Office, day: int, *options: str) -> tuple[int, str]:
    done = office.night(f"2026-03-0{day}T02:00+01:00", *options)
    return done.code, done.err


@pytest.mark.long
def test_a_refused_plan_says_what_weighs_most_and_is_released_by_its_run(office: Office) -> None:
    office.configure("\n[retry]", "\n[limits]\nsmall = 2\nfactor = 2\n\n[retry]")
    for day in (3, 4, 5):
        office.deal(f"D-{day}", mql_date="")
        assert night(office, day)[0] == 0
    for number in range(6):
        office.deal(f"N-{number}", mql_date="", amount=str(1000 + number))
    code, said = night(office, 6)
    assert code == 3
    assert "6 uploads is 6× the usual 1" in said
    assert "`convsync release 4` sends exactly that plan" in said
    weighs = said.partition("These weigh most:\n")[2].splitlines()
    assert weighs[0].strip() == "+ won N-5 1,005.00 EUR gclid, 10 days before"
    office.write_files()
    released = office.types("release", "4", "--by", "ann", "--as-of", "2026-03-06T09:00+01:00")
    assert released.code == 0, released.err
    assert 1005 in office.values("333")
    listed = office.types("audit", "list", "--event", "plan_released", "--format", "json").out
    assert json.loads(listed)[0]["detail"]["by"] == "ann"
    again = office.types("release", "4", "--as-of", "2026-03-06T09:30+01:00")
    assert (again.code, "Run 4 has no kept plan" in again.err) == (2, True)
