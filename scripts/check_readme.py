"""Holds README.md to the program: every command line in it exists, and it names every command.

Looked at are the code blocks of shell commands and the code spans in the text. Of a `convsync …`
line the command and its options must be known to the command line itself; of a `make …` line the
target to the Makefile. `make readme` calls this.
"""

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from convsync.cli import app

ROOT = Path(__file__).parents[1]
SHELLS = {"", "sh", "bash", "shell", "console"}

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)\s*(\w*)")
_SPAN = re.compile(r"(`+)(.+?)\1")
_TARGET = re.compile(r"^([a-z][a-z0-9_-]*):", re.MULTILINE)
_REDIRECTED = re.compile(r"\s(?:\d?>{1,2}|<{1,2}|&)(?:[\s&].*)?$")
_BETWEEN = re.compile(r"\s(?:&&|\|\||\||;)\s")
_BEFORE = re.compile(r"^(?:\$ )?(?:(?:[A-Z_]+=\S*|time|sudo)\s+)*(?:\S*/)?(?=(?:convsync|make)\b)")


@dataclass(frozen=True, slots=True)
class Quoted:
    """A command line as the page has it, where, and whether in its table of commands."""

    line: int
    words: tuple[str, ...]
    is_in_table: bool

    def __str__(self) -> str:
        return f"line {self.line}: {shlex.join(self.words)}"


def problems_of(page: str, makefile: str) -> list[str]:
    """Return everything in the page that the program or the Makefile does not have, or lacks."""
    quoted = list(commands_in(page))
    targets = set(_TARGET.findall(makefile))
    found = [f"{each}: {problem}" for each in quoted if (problem := _problem(each.words, targets))]
    tabled = {_path_of(each.words) for each in quoted if each.is_in_table}
    missing = sorted(set(all_commands()) - tabled)
    return [*found, *(f"the table of commands lacks: convsync {' '.join(m)}" for m in missing)]


def commands_in(page: str) -> Iterator[Quoted]:
    """Yield every `convsync` and `make` command line of a page."""
    fence: str | None = None
    is_shell = False
    unfinished = ""
    for number, line in enumerate(page.splitlines(), start=1):
        mark = _FENCE.match(line)
        if mark and (fence is None or mark[1].startswith(fence)):
            is_shell = fence is None and mark[2].lower() in SHELLS
            fence = mark[1] if fence is None else None
        elif fence is None:
            is_row = line.lstrip().startswith("|")
            for span in _SPAN.finditer(line):
                yield from _commands(number, span[2].strip(), is_in_table=is_row)
        elif is_shell:
            unfinished += line.rstrip()
            if unfinished.endswith("\\"):
                unfinished = unfinished[:-1] + " "
                continue
            yield from _commands(number, unfinished.strip(), is_in_table=False)
            unfinished = ""


def all_commands() -> Iterator[tuple[str, ...]]:
    """Yield every command there is, as its words."""
    return _leaves(_program(), ())


@cache
def _program() -> Any:
    """Return the command line as Click has it, which takes long to make."""
    return typer.main.get_command(app)


def _leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not hasattr(command, "commands"):
        yield words
        return
    for name, inner in command.commands.items():
        if not inner.hidden:
            yield from _leaves(inner, (*words, name))


def _commands(number: int, line: str, *, is_in_table: bool) -> Iterator[Quoted]:
    for part in _BETWEEN.split(line):
        bare = _BEFORE.sub("", _REDIRECTED.sub("", part.strip()))
        try:
            words = shlex.split(bare, comments=True)
        except ValueError:
            words = bare.split()
        if words and words[0] in {"convsync", "make"}:
            yield Quoted(number, tuple(words), is_in_table)


def _problem(words: tuple[str, ...], targets: set[str]) -> str | None:
    program, *rest = words
    if program == "make":
        unknown = [word for word in rest if not word.startswith("-") and "=" not in word]
        unknown = [word for word in unknown if word not in targets]
        return f"the Makefile has no target {', '.join(unknown)}" if unknown else None
    return _refused(tuple(rest))


@cache
def _refused(words: tuple[str, ...]) -> str | None:
    """Return what the command line has against these words; asking for help runs nothing."""
    said = io.StringIO()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(said):
            _program()([*words, "--help"], prog_name="convsync")
    except SystemExit as end:
        if end.code:
            return said.getvalue().rpartition("Error: ")[2].strip()
    return None


def _path_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that name the command."""
    command = _program()
    path: list[str] = []
    for word in words[1:]:
        inner = getattr(command, "commands", {}).get(word)
        if inner is None:
            break
        command = inner
        path.append(word)
    return tuple(path)


def main() -> int:
    """Check the project's own page; return the exit code."""
    readme = ROOT / "README.md"
    if not readme.is_file():
        print(f"There is no {readme}.")
        return 1
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    problems = problems_of(readme.read_text(encoding="utf-8"), makefile)
    for problem in problems:
        print(f"README.md, {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
