"""What Airflow is told of a folder of companies, and what exit codes become, without Airflow."""

import json
import signal
import sys
from datetime import date, time, timedelta
from pathlib import Path
from threading import Timer
from zoneinfo import ZoneInfo

import pytest

from convsync.airflow import commands
from convsync.airflow.__main__ import main
from convsync.airflow.commands import Process
from convsync.airflow.companies import Company, companies_in
from convsync.airflow.endings import (
    NIGHT,
    PREVIEW,
    UNASKED,
    VERDICT,
    Fate,
    fate_of,
    reason_in,
    run_in,
)
from convsync.airflow.nights import LONGEST_CHUNKS, chunks_of, nights_of, pools_as_json, pools_of
from convsync.errors import OperatorError
from convsync.watch.timetable import Timetable

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "convsync.toml").write_text(text)


def company(
    name: str = "alpha", *projects: str, pace: int | None = None, **timetable: object
) -> Company:
    timetable = timetable or {"at": (time(2),)}
    return Company(
        name=name,
        config=Path("/companies", name, "convsync.toml"),
        timetable=Timetable(zone=BERLIN, **timetable),  # type: ignore[arg-type]
        projects=projects or ("default",),
        requests_per_minute=pace,
    )


# Companies


def test_a_company_is_known_by_its_folder_with_the_time_and_zone_of_its_configuration(
    tmp_path: Path,
) -> None:
    put(tmp_path, "beta", '[company]\ntime_zone = "America/Lima"\n[schedule]\nat = "03:30"\n')
    put(tmp_path, "alpha", '[schedule]\nevery = "15m"\n')
    alpha, beta = companies_in(tmp_path)
    assert (alpha.name, beta.name) == ("alpha", "beta")
    assert alpha.timetable == Timetable(zone=ZoneInfo("UTC"), every=timedelta(minutes=15))
    assert beta.timetable == Timetable(zone=ZoneInfo("America/Lima"), at=(time(3, 30),))


def test_a_destination_gives_the_project_and_the_pace_also_where_it_inherits_them(
    tmp_path: Path,
) -> None:
    put(
        tmp_path,
        "alpha",
        '[templates.shared]\ncloud_project = "ads-1"\nrequests_per_minute = 50\n'
        '[destinations.de]\ninherits = "shared"\n'
        '[destinations.fr]\ninherits = "shared"\nrequests_per_minute = 60\n',
    )
    (alpha,) = companies_in(tmp_path)
    assert alpha.projects == ("ads-1",)
    assert alpha.requests_per_minute == 60


def test_no_secret_is_needed_to_know_when_nights_are(tmp_path: Path) -> None:
    put(
        tmp_path,
        "alpha",
        '[deals.crm]\nkind = "hubspot"\n[schedule]\nat = "04:00"\n[destinations.google]\n'
        'kind = "data_manager"\ncredentials = "refresh_token"\n',
    )
    (alpha,) = companies_in(tmp_path)
    assert alpha.timetable.at == (time(4),)
    assert alpha.requests_per_minute is None


@pytest.mark.parametrize(
    "text",
    ["[schedule", '[schedule]\nat = "25:00"\n', '[company]\ntime_zone = "Mars"\n', "company = 1\n"],
    ids=["no TOML", "no time", "no zone", "no table"],
)
def test_a_company_whose_schedule_cannot_be_read_is_there_at_the_usual_time(
    tmp_path: Path, text: str
) -> None:
    put(tmp_path, "alpha", text)
    put(tmp_path, "beta", '[schedule]\nat = "03:30"\n')
    alpha, beta = companies_in(tmp_path)
    assert alpha.timetable == Timetable(zone=ZoneInfo("UTC"), at=(time(2),))
    assert beta.timetable.at == (time(3, 30),)


def test_a_folder_without_companies_is_an_error_that_says_what_it_must_hold(tmp_path: Path) -> None:
    (tmp_path / "convsync.toml").touch()
    with pytest.raises(OperatorError, match="give each a folder of its own there"):
        companies_in(tmp_path)


def test_a_company_has_the_folder_of_secrets_that_bears_its_name(tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        put(tmp_path / "companies", name, "")
    (tmp_path / "secrets" / "alpha").mkdir(parents=True)
    alpha, beta = companies_in(tmp_path / "companies", secrets=tmp_path / "secrets")
    assert alpha.secrets == tmp_path / "secrets" / "alpha"
    assert beta.secrets is None


# Nights


def test_companies_with_the_same_times_are_one_dag_and_others_are_another() -> None:
    many = [
        company("alpha", at=(time(2), time(14, 30))),
        company("beta", every=timedelta(minutes=15)),
        company("gamma", at=(time(2), time(14, 30))),
    ]
    twice, often = nights_of(many)
    assert (twice.dag_id, often.dag_id) == (
        "convsync-at-0200-1430-Europe.Berlin",
        "convsync-every-15m",
    )
    assert [one.name for one in twice.companies] == ["alpha", "gamma"]
    assert twice.crons == ["0 2 * * *", "30 14 * * *"]
    assert often.crons == []


@pytest.mark.parametrize(
    ("timetable", "answer", "lock"),
    [
        ({"at": (time(2),)}, 23 * HOUR, 2 * HOUR),
        ({"at": (time(2), time(14))}, 11 * HOUR, 2 * HOUR),
        ({"at": (time(2), time(3))}, HOUR / 2, HOUR),
        ({"every": timedelta(minutes=15)}, timedelta(minutes=15), timedelta(minutes=15)),
    ],
    ids=["daily", "twice", "close together", "often"],
)
def test_nobody_is_waited_for_longer_than_until_the_next_night(
    timetable: dict[str, object], answer: timedelta, lock: timedelta
) -> None:
    (nights,) = nights_of([company(**timetable)])  # type: ignore[arg-type]
    assert nights.answer_within == answer
    assert nights.lock_within == lock


# Pools


@pytest.mark.parametrize(
    ("paces", "slots"),
    [([None], 1), ([300], 1), ([100, 100, 100], 3), ([100, 60], 3), ([60, None], 1), ([1_000], 1)],
)
def test_as_many_run_at_once_as_keep_to_the_minute_of_their_project(
    paces: list[int | None], slots: int
) -> None:
    (pool,) = pools_of([company(f"c{n}", pace=pace) for n, pace in enumerate(paces)])
    assert pool.slots == slots
    assert pool.slots * max(pace or 300 for pace in paces) <= max(300, *(p or 300 for p in paces))


def test_each_project_has_a_pool_and_projects_that_a_company_uses_together_share_one() -> None:
    many = [company("a", "p1"), company("b", "p2"), company("c", "p3"), company("d", "p1", "p3")]
    pools = {pool.name: [one.name for one in pool.companies] for pool in pools_of(many)}
    assert pools == {"convsync-p1-p3": ["a", "c", "d"], "convsync-p2": ["b"]}
    assert [pool.backfill_id for pool in pools_of(many)] == [
        "convsync-backfill-p1-p3",
        "convsync-backfill-p2",
    ]


def test_pools_are_printed_as_airflow_imports_them() -> None:
    listed = json.loads(pools_as_json(pools_of([company("a", "my project", pace=150)])))
    assert listed["convsync-my-project"]["slots"] == 2
    assert listed["convsync-my-project"]["include_deferred"] is False


def test_the_pools_of_a_folder_or_the_reason_for_none_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["convsync.airflow", str(tmp_path)])
    assert main() == 2
    assert "There is no company" in capsys.readouterr().err
    put(tmp_path, "alpha", "")
    assert main() == 0
    assert list(json.loads(capsys.readouterr().out)) == ["convsync-default"]


# Backfills


def test_the_chunks_of_a_backfill_hold_each_day_once() -> None:
    chunks = chunks_of(date(2026, 1, 30), date(2026, 3, 2), 14)
    days = [
        start + timedelta(days=n) for start, end in chunks for n in range((end - start).days + 1)
    ]
    assert days == [date(2026, 1, 30) + timedelta(days=n) for n in range(32)]
    assert chunks[-1] == (date(2026, 2, 27), date(2026, 3, 2))
    assert chunks_of(date(2026, 1, 1), date(2026, 1, 1), 14) == [(date(2026, 1, 1),) * 2]


@pytest.mark.parametrize(
    ("last", "days", "said"),
    [
        (date(2025, 12, 31), 7, "lies before the first"),
        (date(2026, 1, 2), 0, "give it at least one"),
        (date(2026, 1, 1) + timedelta(days=LONGEST_CHUNKS), 1, "make them longer"),
    ],
)
def test_an_invalid_range_is_refused(last: date, days: int, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        chunks_of(date(2026, 1, 1), last, days)


# Endings


@pytest.mark.parametrize(
    ("fates", "expected"),
    [
        (NIGHT, [Fate.SUCCESS, Fate.RETRY, Fate.FAIL, Fate.ASK, Fate.WAIT]),
        (UNASKED, [Fate.SUCCESS, Fate.RETRY, Fate.FAIL, Fate.FAIL, Fate.WAIT]),
        (PREVIEW, [Fate.SUCCESS, Fate.SUCCESS, Fate.FAIL, Fate.FAIL, Fate.WAIT]),
        (VERDICT, [Fate.SUCCESS, Fate.FAIL, Fate.FAIL]),
    ],
    ids=["night", "unasked", "preview", "verdict"],
)
def test_each_exit_code_decides_the_task_s_end_and_a_killed_one_is_retried(
    fates: dict[int, Fate], expected: list[Fate]
) -> None:
    assert [fate_of(code, fates) for code in range(len(expected))] == expected
    assert fate_of(-signal.SIGKILL, fates) is Fate.RETRY
    assert fate_of(137, fates) is Fate.RETRY


REFUSED = """\
2026-03-03 02:00:04 [info] phase began phase=plan run_id=7
convsync: 1,204 uploads is 9 times the usual 131. `convsync release 7` sends them.
These weigh most:
  + won D-17 1,000.00 EUR
FAILED run 7: head 12:ab""".splitlines()


def test_the_number_of_a_run_is_that_of_its_closing_line() -> None:
    assert run_in(REFUSED) == 7
    assert run_in(["OK run 1: sent 2", "WAITING run 2"]) == 2
    assert run_in(["OK runner 1", "run 3: accepted 2"]) is None


def test_the_reason_is_what_the_command_said_with_the_conversions_that_weigh_most() -> None:
    reason = reason_in(REFUSED)
    assert reason.startswith("1,204 uploads is 9 times the usual 131.")
    assert reason.endswith("+ won D-17 1,000.00 EUR")
    assert reason_in(["OK run 1"]) == ""


# Processes

A_COMMAND = """
import os, sys, time
print(sys.argv[1], os.environ.get("CONVSYNC_SECRETS_DIR"), os.getcwd(), flush=True)
print("warning", file=sys.stderr, flush=True)
if sys.argv[1] == "waits":
    time.sleep(240)
sys.exit(3 if sys.argv[1] == "fails" else 0)
"""


@pytest.fixture
def process(tmp_path: Path) -> Process:
    put(tmp_path / "companies", "alpha", "")
    (tmp_path / "secrets" / "alpha").mkdir(parents=True)
    (alpha,) = companies_in(tmp_path / "companies", secrets=tmp_path / "secrets")
    return Process(alpha, program=(sys.executable, "-c", A_COMMAND))


def test_commands_are_typed_in_turn_until_one_does_not_end_well(
    process: Process, tmp_path: Path
) -> None:
    lines: list[str] = []
    ended = process.run([("works", "1"), ("fails",), ("works", "2")], lines.append)
    assert ended.exit_code == 3
    assert ended.lines[-1] == "warning"
    typed = [line for line in lines if line.startswith("$")]
    config = tmp_path / "companies" / "alpha" / "convsync.toml"
    assert typed == [f"$ convsync {words} --config {config}" for words in ("works 1", "fails")]
    assert f"works {tmp_path}/secrets/alpha {config.parent}" in lines


def test_a_command_that_is_stopped_ends_by_sigterm_long_before_its_time(process: Process) -> None:
    ended = process.run([("waits",)], lambda line: Timer(0.01, process.stop).start())
    assert ended.exit_code == -signal.SIGTERM


def test_each_airflow_task_runs_its_commands() -> None:
    first, last = date(2026, 1, 1), date(2026, 1, 31)
    assert commands.check() == [("db", "upgrade"), ("check",)]
    assert commands.run() == [("run",)]
    assert commands.release(7, by="Ada") == [("release", "7", "--by", "Ada")]
    span = ("--from", "2026-01-01", "--to", "2026-01-31")
    assert commands.preview(first, last) == [("backfill", *span, "--dry-run", "--deals")]
    assert commands.backfill(first, last, by="Ada") == [
        ("backfill", *span, "--yes", "--by", "Ada"),
    ]
    assert "--force" in commands.backfill(first, last, by="Ada", force=True)[0]
