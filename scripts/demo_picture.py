"""Draws how the demo ends, for README: the account of all deals, one deal, and the log's proof.

    python -m scripts.demo_picture

What stands in the picture is what the commands print in the folder that `make demo` has left, and
nothing else; what is left out of it is marked by an ellipsis. It is drawn by Rich, as an SVG that
loads no font from anywhere.
"""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from scripts.demo import FOLDER
from scripts.serving import CONVSYNC

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "demo.svg"
WIDTH = 112
ACCOUNT_LINES = 14
_FONT = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def main() -> int:
    """Draw the picture; return the exit code."""
    if not (FOLDER / "convsync.db").exists():
        print(f"There is no {FOLDER}: type `make demo` first.", file=sys.stderr)
        return 1
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for words, most in (
        (("status",), ACCOUNT_LINES),
        (("explain", corrected_deal()), None),
        (("audit", "verify"), None),
    ):
        lines = said_by(*words).splitlines()
        left_out = ["…"] if most and len(lines) > most else []
        console.print(f"[bold]$ convsync {' '.join(words)}[/]", highlight=False)
        console.print(Text.from_ansi("\n".join([*lines[:most], *left_out, ""])))
    PICTURE.parent.mkdir(exist_ok=True)
    form = _FONT.sub("", CONSOLE_SVG_FORMAT)
    PICTURE.write_text(console.export_svg(title="make demo", code_format=form, unique_id="demo"))
    return 0


def corrected_deal() -> str:
    """Return a deal whose value was told to the platform twice."""
    events = json.loads(said_by("audit", "list", "--event", "restated", "--format", "json"))
    return str(next(event["deal"] for event in events if event["deal"]))


def said_by(*words: str) -> str:
    """Return what a command prints in the demo's folder."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "CONVSYNC_CONFIG": "convsync.toml"}
    command = [str(CONVSYNC), *words]
    done = subprocess.run(
        command, cwd=FOLDER, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
