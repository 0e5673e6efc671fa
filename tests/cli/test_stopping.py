"""Ctrl-C and SIGTERM while a run sends: it stops within seconds, and the next one goes on."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from convsync.sandbox.crm.server import Reply
from convsync.sandbox.faults import PlannedFault
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

SCRIPT = Path(sys.executable).with_name("convsync")
WAITED_FOR_S = 200
"""How long what the stopped commands wait for would take."""
DAYS = ("--from", "2026-02-01", "--to", "2026-03-02")


def stopped(
    office: Office,
    number: int,
    *words: str,
    once: Callable[[Office], object] | None = None,
    then: Callable[[], None] = lambda: None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, send it a signal while a request is on its way, and return how it ended.

    `once` says when instead, `then` what happens right after the signal. It ends long before what
    it waits for would have come; by how much is PATIENCE_S, and not measured here, where the
    machine may be busy with other tests.
    """
    is_time = once or _is_sending
    office.write_files()
    words = (*words, "--as-of", NIGHT, "--config", str(office.config))
    with subprocess.Popen(
        [SCRIPT, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = monotonic() + 60
        while not is_time(office):
            assert monotonic() < until, "it never came so far"
            sleep(0.05)
        process.send_signal(number)
        then()
        out, err = process.communicate(timeout=WAITED_FOR_S / 2)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _is_sending(office: Office) -> object:
    return office.sql("SELECT * FROM ledger WHERE state = 'sending'")


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [pytest.param(("run",), id="run"), pytest.param(("backfill", *DAYS, "--yes"), id="backfill")],
)
def test_a_run_stopped_while_it_waits_for_an_answer_says_what_stands_and_is_gone_on_with(
    office: Office, let_go: Callable[[], None], words: tuple[str, ...]
) -> None:
    office.deal()
    ended = stopped(office, signal.SIGTERM, *words)
    assert ended.returncode == 1
    assert "Stopped by SIGTERM. Done: 2 planned, 0 sent. Unanswered: 1 requests" in ended.stderr
    assert f"To go on: convsync {' '.join(words)}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("FAILED run 1: sent 0")
    ((code, message, lock),) = office.sql("SELECT exit_code, message, lock FROM runs")
    assert (code, lock) == (1, None)
    assert message.startswith("Stopped by SIGTERM")
    let_go()
    office.night(NEXT_NIGHT)
    office.night(THIRD_NIGHT)
    assert office.values("333") == [1000]
    assert office.sql("SELECT * FROM ledger WHERE state = 'sending'") == []


@pytest.mark.long
def test_a_run_that_waits_for_its_crm_stops_at_once(office: Office) -> None:
    crm = office.moves_to("hubspot")
    office.configure("attempts = 1", "attempts = 4")
    limited = Reply(
        status=429, headers={"Retry-After": str(WAITED_FOR_S)}, body={"policyName": "SECONDLY"}
    )
    crm.server.faults = dict.fromkeys(range(4, 99), limited)  # after three that look around
    ended = stopped(
        office,
        signal.SIGTERM,
        "run",
        once=lambda _: len(crm.server.faults) < 95,
    )
    assert ended.returncode == 1
    assert "Stopped by SIGTERM." in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.long
def test_an_answer_that_comes_in_time_is_settled_before_the_run_stops(
    office: Office, let_go: Callable[[], None]
) -> None:
    office.deal()
    ended = stopped(office, signal.SIGINT, "run", then=let_go)
    assert ended.returncode == 1
    assert "Stopped by SIGINT." in ended.stderr
    assert "Unanswered: 0 requests" in ended.stderr
    assert office.sql("SELECT * FROM ledger WHERE state = 'accepted'") != []


def test_a_backfill_is_narrowed_to_a_deal_and_a_rule(office: Office) -> None:
    office.deal("D-1")
    office.deal("D-2")
    office.write_files()
    narrow = ("--deal", "D-2", "--rule", "won", "--source", "crm")
    said = office.types("backfill", *DAYS, *narrow, "--yes", "--as-of", NIGHT, "--format", "json")
    assert said.code == 0
    assert json.loads(said.out)["plan"]["steps"]["new"] == 1
    sent = office.sql(
        "SELECT d.deal_id, l.rule FROM ledger l JOIN deals d ON d.id = l.deal"
        " WHERE l.state = 'accepted'"
    )
    assert sent == [("D-2", "won")]


@pytest.mark.parametrize(("option", "name"), [("--rule", "sold"), ("--source", "erp")])
def test_a_name_that_is_not_configured_is_refused_with_those_that_are(
    office: Office, option: str, name: str
) -> None:
    said = office.types("backfill", *DAYS, option, name, "--yes")
    assert said.code == 2
    assert f"{option} {name}: there is no such name; there are:" in said.err


def test_a_backfill_sees_the_clicks_that_a_run_would_see(office: Office) -> None:
    office.deal("D-1")
    office.deal("D-2", clicked_at="2026-03-02T23:00:00Z", won_date="2026-03-01", mql_date="")
    office.write_files()
    planned = json.loads(office.types("plan", "--as-of", NIGHT, "--format", "json").out)
    words = ("backfill", *DAYS, "--as-of", NIGHT, "--yes", "--format", "json")
    filled = json.loads(office.types(*words).out)
    assert filled["plan"]["steps"] == planned["plan"]["steps"]


def test_a_request_without_an_answer_is_finished_by_the_next_backfill(office: Office) -> None:
    office.deal()
    office.write_files()
    office.sandbox.platform.faults.add(PlannedFault(on="ingest", request=1, kind="crash"))
    first = office.types("backfill", *DAYS, "--yes", "--as-of", NIGHT)
    assert first.code == 1
    assert office.sql("SELECT * FROM ledger WHERE state = 'sending'") != []
    office.types("backfill", *DAYS, "--yes", "--as-of", NEXT_NIGHT)
    assert office.sql("SELECT * FROM ledger WHERE state = 'sending'") == []
    assert office.values("333") == [1000]


def test_a_quota_that_clears_within_the_run_is_no_failure(office: Office) -> None:
    office.deal()
    office.sandbox.platform.faults.add(
        PlannedFault(on="ingest", request=1, kind="resource_exhausted")
    )
    said = office.night(NIGHT)
    assert (said.code, office.values("333")) == (0, [1000])
    assert "RESOURCE_EXHAUSTED" in said.err
