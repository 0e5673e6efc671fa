"""`schedule` as a process: it runs what is due, shows figures, and ends quietly."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest
import requests

from convsync.watch.facts import Facts
from convsync.watch.serving import Server
from tests.cli.office import Office

SCHEDULE = (sys.executable, "-m", "convsync", "schedule", "--every", "24h")


@contextmanager
def scheduled(office: Office, *options: str) -> Iterator[subprocess.Popen[str]]:
    office.write_files()
    words = [*SCHEDULE, *options, "--config", str(office.config)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(what: Callable[[], object]) -> None:
    until = monotonic() + 60
    while not what():
        assert monotonic() < until, "it never came so far"
        sleep(0.05)


@pytest.mark.long
def test_the_first_night_begins_at_once_and_sigterm_ends_the_wait_quietly(office: Office) -> None:
    with scheduled(office, "--metrics-port", "0") as process:
        assert process.stderr is not None
        found = re.search(r"figures: (http://127\.0\.0\.1:\d+)/metrics", process.stderr.readline())
        assert found
        wait_for(lambda: office.sql("SELECT * FROM runs WHERE finished_at IS NOT NULL"))
        figures = requests.get(f"{found[1]}/metrics", timeout=60).text
        assert "\nconvsync_last_run_completed 1.0\n" in figures
        assert requests.get(f"{found[1]}/healthz", timeout=60).ok
        process.send_signal(signal.SIGTERM)
        err = process.stderr.read()  # what was read ahead with the first line as well
        out = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert out.splitlines()[-1].startswith("OK run 1: ")
    assert "Traceback" not in err
    assert "nights are every 1440 minutes: the first run begins now, the next one is due" in err


@pytest.mark.long
def test_the_weekly_digest_goes_out_after_the_first_night(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = office.sandbox.http_url.replace("http://", "json://")
    monkeypatch.setenv("CONVSYNC_ALERTS__URLS", f"{address}/webhook")
    office.configure("\n[retry]", '\n[digest]\nat = "00:00"\n\n[retry]')
    with scheduled(office) as process:
        wait_for(lambda: office.sandbox.platform.on_call.alerts)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    (told,) = office.sandbox.platform.on_call.alerts
    assert told["title"].endswith(" 0 sold")


@pytest.mark.long
@pytest.mark.usefixtures("let_go")  # which nobody calls: no answer comes
def test_a_run_that_is_under_way_stops_safely_with_its_schedule(office: Office) -> None:
    office.deal(clicked_at=_ago(20), mql_date=_ago(10), won_date=_ago(3), created=_ago(10))
    with scheduled(office) as process:
        wait_for(lambda: office.sql("SELECT * FROM ledger WHERE state = 'sending'"))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Stopped by SIGTERM. Done: 2 planned" in err
    ((lock, message),) = office.sql("SELECT lock, message FROM runs")
    assert (lock, message[:10]) == (None, "Stopped by")


def _ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), 'Set [schedule] at = "02:00" or every = "15m"'),
        (("--every", "15"), "'15' is not a time such as 15m"),
        (("--at", "25:00"), "'25:00' is not a time of day"),
        (("--at", "02:00", "--every", "15m"), "exclude one another"),
        (("--every", "15m", "--metrics-port", "0", "--metrics-host", "0.0.0.0"), "METRICS__TOKEN"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(
    office: Office, words: tuple[str, ...], said: str
) -> None:
    answer = office.types("schedule", *words)
    assert answer.code == 2
    assert said in answer.err


def test_figures_ask_for_the_token_where_there_is_one() -> None:
    server = Server(
        lambda: (Facts(at=datetime.now(UTC)), []), host="127.0.0.1", port=0, token="t0ken"
    )
    try:
        url = f"http://127.0.0.1:{server.port}/metrics"
        assert requests.get(url, timeout=60).status_code == 401
        wrong = {"Authorization": "Bearer t0kem"}
        assert requests.get(url, headers=wrong, timeout=60).status_code == 401
        right = {"Authorization": "Bearer t0ken"}
        assert "convsync_build_info" in requests.get(url, headers=right, timeout=60).text
    finally:
        server.stop()
