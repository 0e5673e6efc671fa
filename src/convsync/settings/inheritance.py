"""`inherits`: a destination that says only how it differs from another table.

An agency with fifty accounts under one manager writes the manager once, under [templates.NAME], and
two lines for each account. Templates stand apart from destinations: a template is never sent to and
need not be complete, while a destination may be inherited from and is complete all the same. What
is inherited is filled in before anything is checked; the rest of convsync never sees it.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from convsync.settings.values import merged

INHERITS = "inherits"


class Resolved(Struct, frozen=True):
    """A configuration with nothing left to inherit.

    `origins` says for each key of a destination in which other table it was written; `mistakes`
    what could not be resolved.
    """

    config: Mapping[str, Any]
    origins: Mapping[tuple[str, str], str]
    mistakes: list[str]

    def where_written(self, place: str) -> str:
        """Return the place in the file of a key that a destination may have inherited."""
        table, _, rest = place.partition(".")
        name, _, key = rest.partition(".")
        origin = self.origins.get((name, key.partition(".")[0]))
        return f"{origin}.{key}" if table == "destinations" and origin else place


def resolve(written: Mapping[str, Any]) -> Resolved:
    """Return a configuration whose destinations hold what they inherit, without the templates."""
    templates, destinations = _tables(written, "templates"), _tables(written, "destinations")
    known = {f"templates.{name}": table for name, table in templates.items()}
    known |= {f"destinations.{name}": table for name, table in destinations.items()}
    mistakes = _misplaced(written.get("templates", {}), destinations)
    lines = {name: _ancestry(f"destinations.{name}", known, mistakes) for name in destinations}
    used = {place for line in lines.values() for place in line}
    mistakes += [
        f"templates.{name}: no destination inherits from it; remove it."
        for name in templates
        if f"templates.{name}" not in used
    ]
    config = {key: value for key, value in written.items() if key != "templates"}
    if lines:
        filled = {name: _filled(line, known) for name, line in lines.items()}
        config["destinations"] = {**written["destinations"], **filled}
    return Resolved(config, _origins(lines, known), list(dict.fromkeys(mistakes)))


def _tables(written: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    tables = written.get(key)
    listed = tables.items() if isinstance(tables, Mapping) else ()
    return {name: table for name, table in listed if isinstance(table, Mapping)}


def _misplaced(templates: Any, destinations: Mapping[str, Any]) -> list[str]:
    if not isinstance(templates, Mapping):
        return ["templates: must be a table, [templates.NAME]."]
    mistakes = []
    for name, table in templates.items():
        if not isinstance(table, Mapping):
            mistakes.append(f"templates.{name}: must be a table, [templates.{name}].")
        elif name in destinations:
            mistakes.append(f"templates.{name}: a destination has this name; give each its own.")
    return mistakes


def _ancestry(place: str, known: Mapping[str, Mapping[str, Any]], mistakes: list[str]) -> list[str]:
    """Return a table and those it inherits from, the nearest first; note what is wrong."""
    line = [place]
    while (wanted := known[line[-1]].get(INHERITS)) is not None:
        places = [f"templates.{wanted}", f"destinations.{wanted}"]
        found = next((name for name in places if name in known), None)
        if found is None:
            listed = ", ".join(sorted(name.partition(".")[2] for name in known)) or "none"
            mistakes.append(
                f"{line[-1]}.{INHERITS}: there is no template or destination '{wanted}'; "
                f"there are: {listed}."
            )
            break
        if found in line:
            circle = sorted(line[line.index(found) :])
            mistakes.append(f"{circle[0]}.{INHERITS}: inherits from itself ({', '.join(circle)}).")
            break
        line.append(found)
    return line


def _filled(line: list[str], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for place in reversed(line):
        whole = merged(whole, known[place])
    whole.pop(INHERITS, None)
    return whole


def _origins(
    lines: Mapping[str, list[str]], known: Mapping[str, Mapping[str, Any]]
) -> dict[tuple[str, str], str]:
    """Return where each key of a destination was written, if not in its own table."""
    return {
        (name, key): place
        for name, line in lines.items()
        for place in reversed(line[1:])
        for key in known[place]
        if key not in known[line[0]]
    }
