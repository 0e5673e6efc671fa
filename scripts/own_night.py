"""Types what docs/operations.md says, from an empty folder, and checks what it promises.

    python -m scripts.own_night [--installed]

The commands are the page's own code blocks, so page and check cannot drift apart. They run in a
copy of this tree, in one shell that stops at the first command that fails. With `--installed` the
page's first block is left out, and this environment stands in for the one it would make.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.page_blocks import blocks_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "operations.md"
SECTION = "In ten minutes, against the sandbox"
INSTALL = "install"
"""The word behind the fence of the block that makes an environment."""
NEEDED = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src", "config", "docs")
LONGEST_S = 900

PROMISED = (
    ("the first night begins at once, and wants a look", "LOOK run 1: sent 1"),
    ("the webhook hears of it", "1 unreadable record of source crm."),
    ("the text file has the figure", 'convsync_unreadable_records{source="crm"} 1.0'),
    ("/metrics has another", "convsync_last_run_rows_sent 1.0"),
    ("a monitor sees a warning", "WARNING 1 unreadable record of source crm"),
    ("the next run is well", "OK run 2: sent 1"),
    ("the webhook hears that it is over", "Resolved: 1 unreadable record of source crm."),
    ("the monitor sees that all is well", "\nOK run 2, 0 min ago, sent 1 |"),
    ("the dead man's switch heard both", '"what":"/start"'),
)
"""What the page promises, and what then stands in the output, in this order."""


def main() -> int:
    """Run the page; return the exit code."""
    is_installed = "--installed" in sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="convsync-own-night-") as folder:
        place = Path(folder)
        for name in NEEDED:
            _copy(ROOT / name, place / name)
        if is_installed:
            (place / "night").mkdir()
            (place / "night" / "venv").symlink_to(sys.prefix)
        done = _typed(script_of(PAGE.read_text("utf-8"), is_installed=is_installed), place)
        print(done.stdout)
        print(done.stderr, file=sys.stderr)
        missing = missing_in(done.stdout)
        if done.returncode:
            print(f"A command of the page ended with {done.returncode}.", file=sys.stderr)
        for promise in missing:
            print(f"The page promises, and it was not so: {promise}.", file=sys.stderr)
        if done.returncode or missing:
            _show_logs(place / "night")
            return 1
    print(f"docs/operations.md: all {len(PROMISED)} promises are kept.")
    return 0


def script_of(page: str, *, is_installed: bool) -> str:
    """Return the section's commands as one script, which ends at the first that fails."""
    blocks = [
        block.text
        for block in blocks_of(page, SECTION)
        if not (is_installed and block.word == INSTALL)
    ]
    return "\n".join(["set -euo pipefail", *blocks])


def missing_in(output: str) -> list[str]:
    """Return the promises that the output does not keep, each looked for behind the one before."""
    missing, at = [], 0
    for promise, said in PROMISED:
        found = output.find(said, at)
        if found < 0:
            missing.append(promise)
        else:
            at = found + len(said)
    return missing


def _typed(script: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a group of its own, of which nothing is left behind."""
    guarded = f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"
    return subprocess.run(
        ["bash", "-c", guarded],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, target, ignore=leave)
    else:
        shutil.copy(source, target)


def _show_logs(night: Path) -> None:
    for log in sorted(night.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text('utf-8')}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
