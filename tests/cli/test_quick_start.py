"""docs/quick-start.md, typed by a script that knows nothing else."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest

from scripts.page_blocks import blocks_of
from scripts.quick_start import QUICK_START
from scripts.typed_page import guarded
from tests.cli.page import Visitor

pytestmark = pytest.mark.long

TEXT = QUICK_START.page.read_text("utf-8")
PASSWORD = re.findall(r"echo '(.+)' \| convsync users add ann", TEXT)
LOOKED = "--- looked at the page"
STARTED = re.compile(r"WAITING run 1: sent (\d+), confirmed 0, rejected 0")
CONFIRMED = re.compile(r"WAITING run 2: sent \d+, confirmed (\d+), rejected 0")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def script_that_waits(http: int, page: int) -> str:
    """The script on ports of its own, which waits for a line before it stops what it began."""
    script = QUICK_START.script(is_installed=True)
    (stop,) = [block.text for block in blocks_of(TEXT, QUICK_START.section) if block.word == "stop"]
    script = script.replace(stop, f"echo '{LOOKED}'\nread -r _\n{stop}")
    ports = f"--http-port {http} --grpc-port {free_port()}"
    script = script.replace("convsync sandbox --demo", f"convsync sandbox --demo {ports}")
    script = script.replace("convsync serve", f"convsync serve --port {page}")
    script = script.replace(":8470", f":{http}").replace(":8490", f":{page}")
    return f"export CONVSYNC_SANDBOX_URL=http://127.0.0.1:{http}\n{script}"


@contextmanager
def typing(script: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Type a script in a session of its own, of which nothing is left."""
    command = ["bash", "-c", guarded(script)]
    with subprocess.Popen(
        command,
        cwd=place,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        text=True,
        start_new_session=True,
    ) as typed:
        try:
            yield typed
        finally:
            if typed.poll() is None:
                os.killpg(typed.pid, signal.SIGKILL)


def said_until(mark: str, typed: subprocess.Popen[str]) -> str:
    """What a script says up to a line with that mark, which must come."""
    assert typed.stdout is not None
    said = ""
    for line in typed.stdout:
        said += line
        if mark in line:
            return said
    raise AssertionError(said[-2000:])


def test_the_quick_start_leads_to_confirmed_conversions_a_scheduled_run_and_the_page() -> None:
    http, page = free_port(), free_port()
    with (
        QUICK_START.place(is_installed=True) as place,
        typing(script_that_waits(http, page), place) as typed,
    ):
        said = said_until(LOOKED, typed)
        visitor = Visitor(f"http://127.0.0.1:{page}")
        visitor.opens("/")
        shown = visitor.signs_in("ann", *PASSWORD)
        typed.communicate("\n", timeout=120)
        assert typed.returncode == 0
    assert QUICK_START.missing_in(said) == []
    (sent,), (confirmed,) = set(STARTED.findall(said)), set(CONFIRMED.findall(said))
    assert int(confirmed) == int(sent) > 0
    assert visitor.status == 200
    assert "Last night" in shown


def test_every_block_of_the_section_is_typed_in_its_order() -> None:
    shown = TEXT.partition(f"## {QUICK_START.section}\n")[2].partition("\n## ")[0].split("```")
    script = QUICK_START.script(is_installed=False)
    typed = [line for line in script.splitlines()[1:] if line]
    assert typed == [line for block in shown[1::2] for line in block.splitlines()[1:] if line]
