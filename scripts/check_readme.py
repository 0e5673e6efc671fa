"""Holds README.md and docs/ to the program: every command line in them exists, and every link.

Looked at are the code blocks of shell commands and the code spans in the text. Of a `convsync …`
line the command and its options must be known to the command line itself; of a `make …` line the
target to the Makefile. A relative link must lead to a file. The pages that are written from the
code must be what it says, and each page has its place in the contents of the docs site. `make
readme` calls this.
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
if str(ROOT) not in sys.path:  # called as a file, by `make readme`
    sys.path.insert(0, str(ROOT))

from scripts.docs_site import missing_in_contents  # noqa: E402
from scripts.reference import stale_pages  # noqa: E402

SHELLS = {"", "sh", "bash", "shell", "console"}

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)\s*(\w*)")
_SPAN = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_INDENTED = re.compile(r"^ {4}(\S.*)$")
_TARGET = re.compile(r"^([a-z][a-z0-9_-]*):", re.MULTILINE)
_REDIRECTED = re.compile(r"\s(?:\d?>{1,2}|<{1,2}|&)(?:[\s&].*)?$")
_BETWEEN = re.compile(r"\s(?:&&|\|\||\||;)\s")
_BEFORE = re.compile(r"^(?:\$ )?(?:(?:[A-Z_]+=\S*|time|sudo)\s+)*(?:\S*/)?(?=(?:convsync|make)\b)")


@dataclass(frozen=True, slots=True)
class Quoted:
    """A command line as the page has it, and where."""

    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"line {self.line}: {shlex.join(self.words)}"


def problems_of(page: str, makefile: str) -> list[str]:
    """Return every command line of the page that the program or the Makefile does not have."""
    targets = set(_TARGET.findall(makefile))
    return [
        f"{each}: {problem}"
        for each in commands_in(page)
        if (problem := _problem(each.words, targets))
    ]


def dead_links_of(page: str, folder: Path) -> list[str]:
    """Return the relative links of a page in that folder which lead to no file."""
    links = {link.partition("#")[0] for link in _LINK.findall(page)}
    relative = sorted(link for link in links if link and not link.startswith(("http", "mailto:")))
    return [
        f"the link to {link} leads nowhere" for link in relative if not (folder / link).exists()
    ]


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
            if indented := _INDENTED.match(line):
                yield from _commands(number, indented[1])
            for span in _SPAN.finditer(line):
                yield from _commands(number, span[2].strip())
        elif is_shell:
            unfinished += line.rstrip()
            if unfinished.endswith("\\"):
                unfinished = unfinished[:-1] + " "
                continue
            yield from _commands(number, unfinished.strip())
            unfinished = ""


@cache
def _program() -> Any:
    """Return the command line as Click has it, which takes long to make."""
    return typer.main.get_command(app)


def _commands(number: int, line: str) -> Iterator[Quoted]:
    for part in _BETWEEN.split(line):
        bare = _BEFORE.sub("", _REDIRECTED.sub("", part.strip()))
        try:
            words = shlex.split(bare, comments=True)
        except ValueError:
            words = bare.split()
        if words and words[0] in {"convsync", "make"}:
            yield Quoted(number, tuple(word for word in words if word != "…"))


def _problem(words: tuple[str, ...], targets: set[str]) -> str | None:
    program, *rest = words
    if program == "make":
        unknown = [word for word in rest if not word.startswith("-") and "=" not in word]
        unknown = [word for word in unknown if word not in targets]
        return f"the Makefile has no target {', '.join(unknown)}" if unknown else None
    return _refused(tuple(rest))


@cache
def _refused(words: tuple[str, ...]) -> str | None:
    """Return what the command line has against these words; asking for help runs nothing.

    The question stands behind the command's name: at the end it would be the value of an option
    that a page names without one, and the command would run.
    """
    said = io.StringIO()
    at = _place_to_ask(words)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(said):
            _program()([*words[:at], "--help", *words[at:]], prog_name="convsync")
    except SystemExit as end:
        problem = said.getvalue().rpartition("Error: ")[2].strip()
        if end.code and "requires an argument" not in problem:
            return problem
    return None


def _place_to_ask(words: tuple[str, ...]) -> int:
    """Return how many words name the command; all of them where one of these is no command."""
    command, end = _program(), 0
    for number, word in enumerate(words, start=1):
        inner = getattr(command, "commands", {})
        if word in inner:
            command, end = inner[word], number
    is_family = hasattr(command, "commands")
    is_unknown = is_family and end < len(words) and not words[end].startswith("-")
    return len(words) if is_unknown else end


def main() -> int:
    """Check the project's own pages; return the exit code."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    problems = [*missing_in_contents(), *stale_pages()]
    for path in (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))):
        page = path.read_text(encoding="utf-8")
        found = [*problems_of(page, makefile), *dead_links_of(page, path.parent)]
        problems += [f"{path.relative_to(ROOT)}, {problem}" for problem in found]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
