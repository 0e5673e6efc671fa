"""The last line of stdout says how a run ended."""

import json
import re

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, CommandResult, Office

LINE = r"(OK|WAITING|LOOK|FAILED) run \d+: sent [\d,]+.* head (\d+:[0-9a-f]{64})"


def last_line(said: CommandResult) -> str:
    return said.out.splitlines()[-1]


def head_of(office: Office) -> str:
    """Return the log's head as the database holds it."""
    ((number, digest),) = office.sql(
        "SELECT number, digest FROM audit_events ORDER BY number DESC LIMIT 1"
    )
    return f"{number}:{digest.hex()}"


def test_a_good_night_says_so_with_what_it_told_and_the_head_of_the_log(office: Office) -> None:
    office.deal()
    line = last_line(office.night(NIGHT))
    assert (found := re.fullmatch(LINE, line))
    assert found[1] == "OK"
    assert found[2] == head_of(office)
    assert "sent 2" in line
    assert "EUR" in line


def test_a_night_with_something_to_wait_for_is_waiting(office: Office) -> None:
    office.deal(clicked_at="2026-03-02T23:00:00Z", mql_date="", won_date="2026-03-03 00:30:00")
    assert last_line(office.night(NIGHT)).startswith("WAITING run 1: sent 0")


def test_a_night_with_a_record_that_cannot_be_read_wants_a_look(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="a lot")
    said = office.night(NIGHT)
    assert (said.code, last_line(said)[:4]) == (1, "LOOK")
    assert "unreadable 1" in last_line(said)


def test_a_night_that_was_refused_has_failed(office: Office) -> None:
    office.deal()
    office.deal("D-2")
    office.night(NIGHT)
    office.deals.clear()
    said = office.night(NEXT_NIGHT)
    assert said.code == 3
    assert (found := re.fullmatch(LINE, last_line(said)))
    assert found[1] == "FAILED"
    assert found[2] == head_of(office)
    assert last_line(office.night(THIRD_NIGHT, "--force")).startswith("LOOK"), "it is empty still"


@pytest.mark.parametrize("command", ["run", "retry"])
def test_json_has_the_same(office: Office, command: str) -> None:
    office.deal()
    office.night(NIGHT)
    said = office.types(command, "--as-of", NEXT_NIGHT, "--format", "json")
    closing = json.loads(said.out)["closing"]
    assert closing["ending"] == "OK"
    assert closing["run"] == 2
    assert closing["head"] == head_of(office)


def test_a_preview_has_no_end(office: Office) -> None:
    office.deal()
    office.write_files()
    assert "head" not in office.types("plan", "--as-of", NIGHT).out
    assert (
        json.loads(office.types("plan", "--as-of", NIGHT, "--format", "json").out)["closing"]
        is None
    )
