"""Writes docs/messages.md: what convsync says of each typical mistake.

Nothing on the page is written by hand but what the mistakes are called: each is made against the
sandbox and a real database, and what the command then prints is what the page shows. `make
messages` calls this; `tests/cli/test_messages.py` makes them again and compares.
"""

import os
import sys
import tempfile
from pathlib import Path

from convsync.sandbox.server import Sandbox
from tests.cli.mistakes import MISTAKES, Mistake, said_of
from tests.cli.office import Office

PAGE = Path(__file__).parents[1] / "docs" / "messages.md"

_HEAD = """# What convsync says when something is wrong

Each message names what happened, where, and what to do. The page is written by `make messages`,
which makes each of these mistakes against the sandbox and keeps what the command prints; a test
makes them again and compares. What differs each time stands in capitals: TIME, REQUEST, PORT;
CONVSYNC is the folder that config/ and docs/ are in. What a platform's codes mean is in the same
words in `convsync explain` and `convsync errors`.

| what happened | exit | what convsync says |
|---|---|---|
"""


def row_of(mistake: Mistake, said: str) -> str:
    """Return a mistake's line of the page."""
    shown = said.replace("|", "\\\\|").replace("<", "&lt;")
    return f"| {mistake.what} | {mistake.code} | {shown} |"


def main() -> int:
    """Make every mistake, and write the page."""
    for name in [name for name in os.environ if name.startswith("CONVSYNC_")]:
        del os.environ[name]
    rows = []
    with Sandbox() as sandbox:
        for mistake in MISTAKES:
            sandbox.platform.reset()
            sandbox.crms.clear()
            with tempfile.TemporaryDirectory() as folder:
                office = Office(Path(folder), sandbox)
                office.types("db", "upgrade")
                _, said = said_of(office, mistake)
            rows.append(row_of(mistake, said))
    PAGE.write_text(_HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
