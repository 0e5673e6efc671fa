"""What config/deploy/ has for timers and containers, as far as a machine without them can tell.

The CronJobs are held to the parts of Kubernetes' schema that they use: a key that is not there is a
mistake, as is a container that could do more than it must.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from convsync.settings import Settings
from scripts.check_readme import problems_of

DEPLOY = Path(__file__).parents[2] / "config" / "deploy"
HADOLINT = Path(sys.executable).with_name("hadolint")
COMPOSE_SCHEMA = Path(sys.executable).with_name("check-jsonschema")
UNITS = sorted(path.name for path in DEPLOY.glob("*.service"))
TIMERS = sorted(path.name for path in DEPLOY.glob("*.timer"))


def command(line: str) -> str:
    """Return a command line as a page would quote it, to be held to the program."""
    return f"```sh\n{line}\n```\n"


def unknown_in(*lines: str) -> list[str]:
    """Return what the program does not have of these command lines."""
    found = problems_of("".join(map(command, lines)), "")
    return [line for line in found if not line.startswith("the table")]


# --- systemd --------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in (*UNITS, *TIMERS):
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/convsync/bin/convsync", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in (*UNITS, *TIMERS))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", TIMERS)
def test_systemd_knows_when_that_is(name: str) -> None:
    (when,) = re.findall(r"^OnCalendar=(.+)$", (DEPLOY / name).read_text(), re.M)
    subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, check=True)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_types_what_the_program_knows_and_has_its_timer(name: str) -> None:
    (line,) = re.findall(r"^ExecStart=/opt/convsync/bin/(.+)$", (DEPLOY / name).read_text(), re.M)
    assert unknown_in(line) == []
    assert name.replace(".service", ".timer") in TIMERS


@pytest.mark.parametrize("name", TIMERS)
def test_a_missed_night_runs_when_the_machine_is_on_again(name: str) -> None:
    assert "\nPersistent=true\n" in (DEPLOY / name).read_text()


# --- cron -----------------------------------------------------------------------------------------


def test_the_crontab_types_what_the_program_knows_when_no_clock_changes() -> None:
    jobs = [line for line in (DEPLOY / "crontab").read_text().splitlines() if line[0].isdigit()]
    assert len(jobs) == 2
    for job in jobs:
        minute, hour, *days, program = job.split(maxsplit=5)
        assert days == ["*", "*", "*"]
        assert 0 <= int(minute) < 60
        assert int(hour) not in range(1, 4)
        words = program.partition(" >>")[0].removeprefix("/opt/convsync/bin/")
        assert unknown_in(words) == []


# --- Kubernetes -----------------------------------------------------------------------------------

OF_CRONJOB = {
    "schedule",
    "timeZone",
    "concurrencyPolicy",
    "startingDeadlineSeconds",
    "successfulJobsHistoryLimit",
    "failedJobsHistoryLimit",
    "jobTemplate",
}
OF_JOB = {"backoffLimit", "podFailurePolicy", "template"}
OF_POD = {
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "automountServiceAccountToken",
    "securityContext",
    "initContainers",
    "containers",
    "volumes",
}
OF_CONTAINER = {"name", "image", "args", "env", "securityContext", "resources", "volumeMounts"}
OF_VOLUME = {"name", "configMap", "secret", "emptyDir"}


def cronjobs() -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / "cronjob.yaml").read_text()))


@pytest.fixture(params=cronjobs(), ids=lambda job: job["metadata"]["name"])
def cronjob(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_cronjob_has_the_keys_of_its_kind_and_no_others(cronjob: Any) -> None:
    assert (cronjob["apiVersion"], cronjob["kind"]) == ("batch/v1", "CronJob")
    assert set(cronjob) == {"apiVersion", "kind", "metadata", "spec"}
    spec = cronjob["spec"]
    assert {"schedule", "timeZone", "jobTemplate"} <= set(spec) <= OF_CRONJOB
    assert re.fullmatch(r"\d+ \d+ \* \* \*", spec["schedule"])
    assert spec["concurrencyPolicy"] == "Forbid"
    job = spec["jobTemplate"]["spec"]
    assert {"backoffLimit", "template"} <= set(job) <= OF_JOB
    pod = job["template"]["spec"]
    assert set(pod) <= OF_POD
    assert pod["restartPolicy"] == "Never"
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        assert set(container) == OF_CONTAINER
        assert unknown_in(shlex.join(["convsync", *container["args"]])) == []
    for volume in pod["volumes"]:
        assert len(set(volume) & OF_VOLUME) == len(volume) == 2


def test_a_pod_may_do_no_more_than_it_must(cronjob: Any) -> None:
    pod = cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        for mount in container["volumeMounts"]:
            assert mount["name"] in volumes
            assert mount.get("readOnly") or mount["mountPath"] == "/tmp"


def test_a_run_that_says_how_it_ended_is_not_repeated() -> None:
    policy = cronjobs()[0]["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    codes = next(rule["onExitCodes"] for rule in policy if rule["action"] == "FailJob")
    assert codes == {"containerName": "convsync", "operator": "In", "values": [1, 2, 3, 4]}


# --- Docker ---------------------------------------------------------------------------------------


def dockerfile() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with what stands behind them, in their order."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


@pytest.mark.skipif(not HADOLINT.is_file(), reason="hadolint has no package for this machine")
def test_hadolint_has_nothing_to_say() -> None:
    linted = subprocess.run(
        [HADOLINT, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_image_is_small_runs_without_root_and_says_whether_it_is_well() -> None:
    instructions = dockerfile()
    bases = [rest for word, rest in instructions if word == "FROM"]
    assert len(bases) == 2, "what builds it is left behind"
    assert all("-slim" in base and ":" in base for base in bases)
    (user,) = [rest for word, rest in instructions if word == "USER"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "a number, which Kubernetes can check"
    words = [word for word, _ in instructions]
    assert "HEALTHCHECK" in words
    assert "ADD" not in words
    assert all("--no-cache-dir" in rest for word, rest in instructions if " pip install" in rest)


def test_the_image_copies_existing_files_and_runs_existing_commands() -> None:
    instructions = dockerfile()
    for word, rest in instructions:
        if word == "COPY" and "--from" not in rest:
            *sources, _ = rest.split()
            assert all((DEPLOY.parents[1] / source).exists() for source in sources)
    (entry,) = [yaml.safe_load(rest) for word, rest in instructions if word == "ENTRYPOINT"]
    (words,) = [yaml.safe_load(rest) for word, rest in instructions if word == "CMD"]
    assert unknown_in(shlex.join([*entry, *words])) == []


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.long
def test_the_compose_file_is_one_by_the_schema_of_the_specification(tmp_path: Path) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert of_compose_schema(tmp_path, text) == 0
    assert of_compose_schema(tmp_path, text.replace("read_only:", "readonly:")) == 1


def of_compose_schema(folder: Path, text: str) -> int:
    """Return how `check-jsonschema`, which brings the schema along, ends for such a file."""
    file = folder / "compose.yaml"
    file.write_text(text)
    command = [str(COMPOSE_SCHEMA), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_compose_names_only_what_it_defines_and_types_what_the_program_knows() -> None:
    file = compose()
    for name, service in file["services"].items():
        assert set(service["secrets"]) <= set(file["secrets"])
        assert set(service.get("depends_on", ())) <= set(file["services"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in file["volumes"]
        if name != "postgres":
            assert unknown_in(shlex.join(["convsync", *service["command"]])) == []


@pytest.mark.parametrize("name", ["upgrade", "convsync"])
def test_compose_keeps_its_containers_small(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_same_variables_stand_in_every_file() -> None:
    """One that is misspelt would set nothing: each must be one that the settings know."""
    known = set(Settings.model_fields)
    for path in DEPLOY.iterdir():
        for table in re.findall(r"CONVSYNC_([A-Z]+)__", path.read_text()):
            assert table.lower() in known, (path.name, table)
