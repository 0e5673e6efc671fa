"""What a command logs: on stderr, each line with its run, for people or for machines."""

import json
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from convsync.sandbox.faults import PlannedFault
from tests.cli.office import NEXT_NIGHT, NIGHT, CommandResult, Office


def night(office: Office, at: str = NIGHT, *options: str) -> CommandResult:
    office.sandbox.platform.clock.set(datetime.fromisoformat(at))
    office.write_files()
    return office.types("--log-format", "json", *options, "run", "--as-of", at)


def logged(said: CommandResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.err.splitlines()]


def test_every_phase_of_a_run_is_logged_with_its_counts_and_the_runs_number(office: Office) -> None:
    office.deal()
    said = night(office)
    lines = [line for line in logged(said) if "phase" in line or "exit_code" in line]
    assert [line["event"] for line in lines] == [
        "confirm: done",
        "read: done",
        "recover: done",
        "send: done",
        "sweep: done",
        "run ends",
    ]
    assert {line["run"] for line in lines} == {1}
    by_event = {line["event"]: line for line in lines}
    assert (by_event["read: done"]["deals"], by_event["read: done"]["clicks"]) == (1, 1)
    assert by_event["send: done"]["sent"] == 2
    assert (by_event["run ends"]["exit_code"], by_event["run ends"]["accepted"]) == (0, 2)
    assert "extracted 2" in said.out


def test_a_refused_row_is_logged_with_its_code(office: Office) -> None:
    office.deal()
    reason = "PROCESSING_ERROR_REASON_INVALID_GCLID"
    office.sandbox.platform.verdicts = {"click-of-D-1": reason}
    night(office)
    refused = [line for line in logged(night(office, NEXT_NIGHT)) if line.get("code") == reason]
    assert {(line["event"], line["level"], line["run"]) for line in refused} == {
        ("rows rejected", "warning", 2)
    }


@pytest.mark.long
def test_a_try_again_is_logged_with_its_wait(office: Office) -> None:
    office.configure("attempts = 1", "attempts = 2\nfirst_wait_s = 0.01")
    office.deal()
    fault = PlannedFault(on="ingest", request=1, kind="unavailable_before")
    office.sandbox.platform.faults.add(fault)
    said = night(office)
    (again,) = [line for line in logged(said) if line["event"] == "trying again"]
    assert (said.code, again["run"], again["attempt"]) == (0, 1, 1)
    assert again["wait_s"] >= 0
    assert again["because"]


def test_the_error_that_stops_a_run_is_logged_and_stderr_has_nothing_else(office: Office) -> None:
    (office.folder / "deals.csv").unlink()
    said = office.types("--log-format", "json", "run", "--as-of", NIGHT)
    lines = logged(said)
    assert said.code == 2
    (stopped,) = [line for line in lines if line["event"] == "run stopped"]
    assert (stopped["level"], stopped["run"], stopped["exit_code"]) == ("error", 1, 2)
    assert lines[-1]["event"].startswith("convsync: ")


def test_the_environment_may_ask_for_json(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_LOG_FORMAT", "json")
    assert logged(office.night())


def test_people_read_text_and_what_is_printed_stays_the_same(office: Office) -> None:
    office.deal()
    said = office.night(NIGHT, "--format", "json")
    assert "read: done" in said.err
    assert "run=1" in said.err
    assert "phase begins" not in said.err
    assert json.loads(said.out)["run"] == 1


def test_verbose_logs_the_beginning_of_phases_too(office: Office) -> None:
    assert "read: begins" not in {line["event"] for line in logged(night(office))}
    assert "read: begins" in {line["event"] for line in logged(night(office, NIGHT, "-v"))}


def test_help_does_without_structlog() -> None:
    code = (
        "import sys; sys.argv = ['convsync', 'run', '--help']\n"
        "from convsync.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print('structlog' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
