"""What the example configurations say of each key: the comment beside it, or the one above it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config"

_HEADER = re.compile(r"^(?:# )?\[([\w.\"-]+)\]\s*(?:#.*)?$")
_KEY = re.compile(r"^(?:# ?)?\s*\"?([A-Za-z_][\w-]*)\"? = (.*)$")
_GOES_ON = re.compile(r"^#?\s{8,}#\s+(\S.*)$")
_PROSE = re.compile(r"^# (?!-{3})(\S.*)$")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_KIND = re.compile(r"^\"([a-z_]+)\"")
_NAMED = {
    *("deals", "clicks", "collect", "revenue", "rules", "destinations", "audiences", "milestones"),
    "templates",
}


@dataclass(frozen=True, slots=True)
class Remark:
    """What an example says of a key: in which table, of which kind that is, and the words.

    Words that stand above a key may be about more than it, and hold for this kind of table alone.
    """

    place: tuple[str, ...]
    kind: str | None
    key: str
    text: str
    is_above: bool
    file: str


def remarks() -> Iterator[Remark]:
    """Yield what all the examples say, those that explain the most first."""
    first = [CONFIG / name for name in ("csv.toml", "sql.toml", "google_ads.toml")]
    others = [path for path in sorted(CONFIG.glob("*.toml")) if path not in first]
    for path in (*first, *others):
        yield from remarks_in(path.read_text("utf-8").splitlines(), path.name)


def remarks_in(lines: list[str], file: str) -> Iterator[Remark]:
    """Yield what a file says of each key, in its order; "" where it says nothing."""
    place: tuple[str, ...] = ()
    kind, above = None, list[str]()
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            place, kind, above = _place(header[1]), None, []
        elif key := _KEY.match(line):
            if key[1] == "kind" and (said := _KIND.match(key[2])):
                kind = said[1]
            beside = _beside(key[2], lines[number + 1 :])
            text = beside or " ".join(above)
            yield Remark(place, kind, key[1], text, is_above=not beside, file=f"config/{file}")
            above = []
        elif prose := _PROSE.match(line):
            above.append(prose[1])
        else:
            above = []


def _place(header: str) -> tuple[str, ...]:
    """Return a table's name with NAME for what a user calls it."""
    parts = header.replace('"', "").split(".")
    if len(parts) > 1 and parts[0] in _NAMED:
        parts[1] = "NAME"
    return ("destinations", *parts[1:]) if parts[0] == "templates" else tuple(parts)


def _beside(value: str, below: list[str]) -> str:
    """Return the comment behind a value, and on the lines below it where it goes on."""
    bare = _QUOTED.sub(lambda found: "x" * len(found[0]), value)
    at = bare.find("#")
    if at < 0:
        return ""
    words = [value[at + 1 :].strip()]
    for line in below:
        if not (more := _GOES_ON.match(line)):
            break
        words.append(more[1])
    return " ".join(words)
