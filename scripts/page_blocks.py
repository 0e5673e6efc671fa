"""The shell commands of a page: its code blocks, by the section they stand in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADING = re.compile(r"^#+ (.+)$")
_FENCE = re.compile(r"^```(\w*) *(\w*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One code block of shell commands, and the word behind its language, if any."""

    text: str
    word: str = ""


def blocks_of(page: str, section: str) -> Iterator[Block]:
    """Yield the `sh` blocks under a heading, up to the next one."""
    heading, lines, open_fence = "", list[str](), None
    for line in page.splitlines():
        if open_fence is None:
            if found := _HEADING.match(line):
                heading = found[1]
            elif found := _FENCE.match(line):
                open_fence, lines = found, []
        elif line == "```":
            if heading == section and open_fence[1] == "sh":
                yield Block("\n".join(lines), open_fence[2])
            open_fence = None
        else:
            lines.append(line)
