"""The words that fill in a finding about a column: its numbers, its name, where it is mapped."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from convsync.extract.looks import Role
from convsync.extract.mapping import CONTACT, DEAL, LEAD
from convsync.profile.facts import ColumnProfile, Profile, Seen, Sign
from convsync.profile.signs import NO_VALUES
from convsync.profile.spellings import alike, cased_shape

_MOST_LISTED: Final = 10
_MOST_PASTED: Final = 3
_READING: Final = {
    Role.EMAIL: ("an address has one @ and a host; several are parted by value_separator", ""),
    Role.PHONE: (
        "a number without + is one of the country: say which, or map the column that does",
        '[{source}]\ncountry = "…"   # such as DE',
    ),
}
_OF_CRMS: Final = frozenset({DEAL, CONTACT, LEAD, ""})
"""Where a CRM's fields are mapped."""


def words_for(profile: Profile, column: ColumnProfile, sign: Sign | None) -> Mapping[str, str]:
    """Return the words for a finding about a column, of the cells that show a sign."""
    of = column.column
    seen = column.signs.get(sign) if sign else None
    reading, line = _READING.get(of.role, ("", ""))
    return {
        "what": f"the {of.place or DEAL} field" if of.place in _OF_CRMS else "column",
        "field": "field" if of.place in _OF_CRMS else "column",
        "name": f"'{of.name}'",
        "name_": of.name.replace("\\", "\\\\").replace('"', '\\"'),
        "role": of.role.value,
        "key": of.key,
        "source": profile.table,
        "table": f"{profile.table}.{of.place}" if of.place else profile.table,
        "records": f"{profile.records:,}",
        "filled": f"{column.filled:,}",
        "count": f"{seen.count:,}" if seen else "0",
        "example": _example(column, seen),
        "longest": str(max(column.lengths, default=0)),
        "most_alike": f"{column.most_alike:,}",
        "hours": " or ".join(f"{hour:02}:00" for hour in _usual_hours(column)),
        "reading": reading,
        "reading_line": line.format(source=profile.table),
        **_of_amounts(column),
        **_of_words(column),
    }


def _example(column: ColumnProfile, seen: Seen | None) -> str:
    return f"{seen.example} ({seen.place})" if seen else column.example


def _usual_hours(column: ColumnProfile) -> Sequence[int]:
    few = sum(column.hours.values()) / 20
    return sorted(hour for hour, count in column.hours.items() if count > few)


def _of_amounts(column: ColumnProfile) -> dict[str, str]:
    if column.largest is None or not column.median:
        return {"times": "", "above": ""}
    times = column.largest / column.median
    return {"times": f"{times:,.0f}", "above": f"{int(column.median * 100)}"}


def _of_words(column: ColumnProfile) -> dict[str, str]:
    """Return the words of a column, masked where they may say something of a person."""
    listed = sorted(column.words.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"'{word}' ({count:,})" for word, count in listed[:_MOST_LISTED]]
    more = [f"{len(listed) - _MOST_LISTED} more words"] if len(listed) > _MOST_LISTED else []
    spellings = [" and ".join(map(cased_shape, group)) for group in alike(column.words)]
    return {
        "words": ", ".join(shown) + "".join(f" and {one}" for one in more),
        "quoted": _quoted(word for word, _ in listed[:_MOST_PASTED]),
        "nothings": _quoted(word for word, _ in listed if word.casefold() in NO_VALUES),
        "spellings": ", ".join(spellings[:_MOST_LISTED]),
    }


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(json.dumps(word, ensure_ascii=False) for word in words)
