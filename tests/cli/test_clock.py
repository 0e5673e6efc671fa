"""A wrong clock, at the command line."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.office import NIGHT, Office
from tests.fakes.server_with_a_clock import server_that_says

DAY = timedelta(days=1)


@pytest.mark.long
def test_a_clock_three_days_off_googles_stops_the_run_and_reads_nothing(office: Office) -> None:
    office.deal()
    real = office.sandbox.http_url
    with server_that_says(datetime.now(UTC) - 3 * DAY) as url:
        office.configure(f'rest_endpoint = "{real}"', f'rest_endpoint = "{url}"')
        said = office.night(NIGHT)
        office.configure(f'rest_endpoint = "{url}"', f'rest_endpoint = "{real}"')
    assert said.code == 2
    assert "This machine's clock says" in said.err
    assert url.removeprefix("http://") in said.err
    assert office.sql("SELECT * FROM watermarks") == []
    assert office.night(NIGHT).code == 0
    assert office.values("333") != []


def test_a_present_that_has_not_come_yet_is_refused(office: Office) -> None:
    office.deal()
    office.write_files()
    later = datetime.now(UTC) + 3 * DAY
    for command in ("run", "plan", "retry"):
        said = office.types(command, "--as-of", later.isoformat())
        assert said.code == 2, command
        assert "has not come yet" in said.err
    assert office.sql("SELECT * FROM watermarks") == []
