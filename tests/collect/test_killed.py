"""The collector is killed under load: every report that was answered 202 is in the database."""

import json
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
import requests
from typer.testing import CliRunner

from convsync.cli import app
from convsync.errors import OperatorError
from scripts.bench.collecting import KEY, ORIGIN, collecting, set_up
from tests.collect.browser_reports import a_report, body_of

SENDERS, BEFORE_IT_DIES = 4, 150


def accepted_until(url: str, is_over: Event, enough: Event, accepted: set[str]) -> None:
    """Report until the collector is gone; note each report it answered with 202."""
    with requests.Session() as session:
        while not is_over.is_set():
            report = a_report()
            headers = {"Origin": ORIGIN}
            try:
                answer = session.post(
                    f"{url}/sites/{KEY}/reports", body_of(report), headers=headers, timeout=60
                )
            except requests.RequestException:
                return
            assert answer.status_code == 202
            accepted.add(report["id"])
            if len(accepted) >= BEFORE_IT_DIES:
                enough.set()


@pytest.mark.long
def test_nothing_that_was_answered_202_is_lost_when_the_collector_is_killed(
    tmp_path: Path,
) -> None:
    accepted: set[str] = set()
    is_over, enough = Event(), Event()
    with collecting(tmp_path) as (process, url), ThreadPoolExecutor(SENDERS) as pool:
        sending = [
            pool.submit(accepted_until, url, is_over, enough, accepted) for _ in range(SENDERS)
        ]
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        is_over.set()
        for one in sending:
            one.result()
    with closing(sqlite3.connect(tmp_path / "convsync.db")) as database:
        kept = {bytes(number).hex() for (number,) in database.execute("SELECT id FROM collected")}
    assert len(accepted) >= BEFORE_IT_DIES
    assert accepted <= kept


def test_the_collector_does_not_listen_to_a_network_in_the_clear(tmp_path: Path) -> None:
    command = ["collect", "--host", "0.0.0.0", "--port", "0", "--config", str(set_up(tmp_path))]
    with pytest.raises(OperatorError, match="--certificate and --certificate-key, or --proxy"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_the_script_of_a_site_is_printed_with_its_address(tmp_path: Path) -> None:
    command = ["collect", "snippet", "website", "--config", str(set_up(tmp_path))]
    printed = CliRunner().invoke(app, command, catch_exceptions=False)
    assert json.dumps(f"https://collect.example.com/sites/{KEY}/reports") in printed.output
