"""Types what a page of docs/ says, from an empty folder, and checks what it promises.

The commands are the page's own code blocks, so that page and check cannot drift apart. They run in
a copy of this tree, in one shell that stops at the first command that fails.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.page_blocks import blocks_of

ROOT = Path(__file__).parents[1]
INSTALL = "install"
"""The word behind the fence of the block that makes an environment."""
NEEDED = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src", "config", "docs")
LONGEST_S = 900

Promises = Sequence[tuple[str, str]]
"""What a page promises, and what then stands in the output, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedPage:
    """A page, the section whose commands are typed, where they run, and what they promise.

    `folder` is the folder that the section's first block makes, with `venv` in it.
    """

    page: Path
    section: str
    folder: str
    promises: Promises

    def script(self, *, is_installed: bool) -> str:
        """Return the section's commands as one script, which ends at the first that fails."""
        blocks = [
            block.text
            for block in blocks_of(self.page.read_text("utf-8"), self.section)
            if not (is_installed and block.word == INSTALL)
        ]
        return "\n".join(["set -euo pipefail", *blocks])

    @contextmanager
    def place(self, *, is_installed: bool) -> Iterator[Path]:
        """Copy the tree to a place of its own, where this environment may stand for a new one."""
        with tempfile.TemporaryDirectory(prefix="convsync-typed-") as made:
            place = Path(made)
            for name in NEEDED:
                _copy(ROOT / name, place / name)
            if is_installed:
                (place / self.folder).mkdir()
                (place / self.folder / "venv").symlink_to(sys.prefix)
            yield place

    def missing_in(self, output: str) -> list[str]:
        """Return the promises that the output does not keep, each sought behind the one before."""
        missing, at = [], 0
        for promise, said in self.promises:
            found = output.find(said, at)
            if found < 0:
                missing.append(promise)
            else:
                at = found + len(said)
        return missing

    def typed(self, *, is_installed: bool) -> int:
        """Type the page, say what it did not keep, and return an exit code."""
        with self.place(is_installed=is_installed) as place:
            done = run(self.script(is_installed=is_installed), place)
            print(done.stdout)
            print(done.stderr, file=sys.stderr)
            missing = self.missing_in(done.stdout)
            if done.returncode:
                print(f"A command of the page ended with {done.returncode}.", file=sys.stderr)
            for promise in missing:
                print(f"The page promises, and it was not so: {promise}.", file=sys.stderr)
            if done.returncode or missing:
                _show_logs(place / self.folder)
                return 1
        print(f"{self.page.relative_to(ROOT)}: all {len(self.promises)} promises are kept.")
        return 0


def guarded(script: str) -> str:
    """Return a script of which nothing that it began is left behind."""
    return f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}"


def run(script: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a group of its own, of which nothing is left behind."""
    return subprocess.run(
        ["bash", "-c", guarded(script)],
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


def _show_logs(folder: Path) -> None:
    for log in sorted(folder.rglob("*.log")):
        print(f"--- {log.name}\n{log.read_text('utf-8')}", file=sys.stderr)
