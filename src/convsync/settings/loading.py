"""Reads the configuration once, and reports everything that is wrong with it at once.

The file is overridden by a secrets directory, and both by `CONVSYNC_…` variables, key by key.
pydantic says what is wrong within a table; what contradicts across tables is found in the merged
text, so that the one does not hide the other.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
    SettingsError,
)

from convsync.errors import OperatorError
from convsync.model.deal import KNOWN_MILESTONES, LOST
from convsync.settings import tables
from convsync.settings.crm_tables import ALWAYS_THERE
from convsync.settings.tables import PREFIX, VALUE_ZERO, Settings
from convsync.settings.values import is_loopback

SECRETS_DIR = "CONVSYNC_SECRETS_DIR"


def load_settings(path: Path) -> Settings:
    """Return the configuration in `path`, or raise OperatorError with every mistake there is."""
    written = _written(path)
    merged = _merged(written, _from_outside())
    mistakes = _misnamed_variables()
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({**merged, "folder": path.resolve().parent})
    except ValidationError as error:
        mistakes += [_mistake(detail) for detail in error.errors(include_url=False)]
    mistakes += _contradictions(merged)
    if mistakes or settings is None:
        listed = "\n".join(f"  - {mistake}" for mistake in dict.fromkeys(mistakes))
        raise OperatorError(f"{path} has {len(set(mistakes))} mistake(s):\n{listed}")
    return settings


_TWICE = re.compile(r"Cannot (?:declare|overwrite).*\(at line (\d+)")


def _written(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise OperatorError(
            f"There is no config file {path}. Copy one from config/, or name yours with --config."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read: {error}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if twice := _TWICE.search(str(error)):
            line = text.splitlines()[int(twice[1]) - 1]
            key = line.partition("=")[0].strip()  # its value may be a secret
            raise OperatorError(
                f"{path}, line {twice[1]}: {key} is there twice; give each its own name."
            ) from None
        raise OperatorError(f"{path} is not TOML: {error}.") from None


def _from_outside() -> dict[str, Any]:
    """Return what the environment and the secrets directory set; variables win over secrets."""
    try:
        variables = EnvSettingsSource(Settings)()
        folder = os.environ.get(SECRETS_DIR)
        secrets = {} if folder is None else _secrets(Path(folder))
    except SettingsError as error:
        raise OperatorError(f"A {PREFIX}… variable cannot be read: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"A file in {SECRETS_DIR} cannot be read ({type(error).__name__}); it must be UTF-8 "
            "text that this user may read."
        ) from None
    return _merged(secrets, variables)


def _misnamed_variables() -> list[str]:
    """Return the variables and secret files that set nothing, because their table is misspelt."""
    folder = os.environ.get(SECRETS_DIR)
    secrets = [file.name for file in Path(folder).iterdir()] if folder else []
    known = sorted(set(Settings.model_fields) - {"folder"})
    found = []
    for name in sorted({*os.environ, *secrets}):
        table, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and nested and table.lower() not in known:
            close = get_close_matches(table.lower(), known, n=1)
            mend = f"Did you mean {PREFIX}{close[0].upper()}__…?" if close else "It sets nothing."
            found.append(f"{name}: there is no table {table.lower()}. {mend}")
    return found


def _secrets(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise OperatorError(f"{SECRETS_DIR} names {folder}, which is not a folder.")
    named = SecretsSettingsSource(Settings, secrets_dir=folder)
    nested = NestedSecretsSettingsSource(
        named, secrets_nested_delimiter="__", secrets_prefix=PREFIX
    )
    return nested()


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _merged(under, value) if both and under is not None else value
    return merged


def _kinds(union: Any) -> list[str]:
    """Return the kinds of table a place may hold, by their tags."""
    members, _ = get_args(union)
    return [get_args(member.model_fields["kind"].annotation)[0] for member in get_args(members)]


_TAGGED = {
    ("deals", 2): _kinds(tables.DealSource),
    ("clicks", 2): _kinds(tables.ClickSource),
    ("rules", 3): _kinds(tables.Value),
    ("destinations", 2): _kinds(tables.Destination),
}
"""Where pydantic puts the kind of a table into a place, by its first part and length; the kinds."""
_TAGS = {kind for kinds in _TAGGED.values() for kind in kinds}


def _mistake(detail: ErrorDetails) -> str:
    """Return one of pydantic's findings as a place and a mend."""
    place = _place(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return f"{place}: unknown key.{_did_you_mean(detail['loc'])}"
        case "missing":
            return f"{place}: is missing."
        case "union_tag_not_found" | "union_tag_invalid":
            kinds = ", ".join(_TAGGED[str(detail["loc"][0]), len(detail["loc"])])
            return f"{place}.kind: must be one of {kinds}."
        case "string_pattern_mismatch":
            return f"{place}: names are lower case, with digits, - and _, up to 40 characters."
        case "value_error":
            return f"{place}: {detail['ctx']['error']}."
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{place}: must be a table, [{place}]."
        case _:
            return f"{place}: {detail['msg'][0].lower()}{detail['msg'][1:]}."


def _place(location: tuple[int | str, ...]) -> str:
    """Return a place as the file spells it, without what pydantic adds to it."""
    first = str(location[0]) if location else ""
    return ".".join(
        str(part)
        for at, part in enumerate(location)
        if part != "[key]" and not ((first, at) in _TAGGED and part in _TAGS)
    )


def _did_you_mean(location: tuple[int | str, ...]) -> str:
    known = sorted(_keys_at(location[:-1]))
    close = get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f" Did you mean {close[0]}?"
    return f" Known here: {', '.join(known)}." if known else ""


def _keys_at(location: tuple[int | str, ...]) -> set[str]:
    """Return the keys that a place in the file may have."""
    models: list[Any] = [Settings]
    for part in location:
        models = [inner for model in models for inner in _inside(model, str(part))]
    return {
        key
        for model in models
        if isinstance(model, type) and issubclass(model, BaseModel)
        for key in model.model_fields
        if key != "folder"
    }


def _inside(model: Any, part: str) -> Iterator[Any]:
    """Yield the models under one part of a place: a field's, or a table's by any name."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if part in model.model_fields:
            yield from _models_of(model.model_fields[part].annotation)
        elif part in _TAGS:
            yield model
    elif isinstance(model, tuple):
        yield from model


def _models_of(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        yield tuple(_models_of(arguments[1]))
        return
    for argument in arguments:
        yield from _models_of(argument)


def _contradictions(merged: Mapping[str, Any]) -> list[str]:
    """Return what is wrong between the tables, whether or not each is right in itself."""
    destinations = _names(merged, "destinations")
    rules = merged.get("rules")
    found: list[str] = []
    for name, rule in rules.items() if isinstance(rules, Mapping) else ():
        if isinstance(rule, Mapping):
            found += _rule_contradictions(f"rules.{name}", rule, merged, destinations)
    for kind in ("deals", "clicks"):
        twice = _names(merged, kind) & _names(merged, "clicks" if kind == "deals" else "deals")
        found += [
            f"{kind}.{name}: deals and clicks may not share a name." for name in sorted(twice)
        ]
    for name in sorted(destinations):
        found += _destination_contradictions(name, merged["destinations"][name])
        found += _retraction_contradictions(name, merged["destinations"])
        found += _reading_contradictions(name, merged["destinations"])
    return found


def _rule_contradictions(
    place: str, rule: Mapping[str, Any], merged: Mapping[str, Any], destinations: set[str]
) -> Iterator[str]:
    milestone, known = rule.get("milestone"), _milestones(merged)
    if milestone is not None and milestone not in known:
        listed = ", ".join(sorted(known))
        yield f"{place}.milestone: no deal source has '{milestone}'; there are: {listed}."
    if milestone == LOST and _is_true(rule.get("undone_by_loss")):
        yield f"{place}.undone_by_loss: a loss cannot undo itself, and nothing would be sent."
    destination = rule.get("destination")
    if destination is None and len(destinations) > 1:
        listed = ", ".join(sorted(destinations))
        yield f"{place}.destination: is missing; there are several: {listed}."
    if destination is not None and destination not in destinations:
        listed = ", ".join(sorted(destinations))
        yield f"{place}.destination: there is no destination '{destination}'; there are: {listed}."
    variable, road = rule.get("days_to_close_variable"), _table(merged, destination, destinations)
    if variable is not None and road.get("kind") == "google_ads":
        numbers = road.get("custom_variables")
        if not (isinstance(numbers, Mapping) and variable in numbers):
            yield (
                f"{place}.days_to_close_variable: the Google Ads API needs the number of "
                f"'{variable}'; write it into the destination's custom_variables."
            )
    value = rule.get("value")
    if isinstance(value, Mapping) and value.get("kind") == "table":
        segments = _segments(merged)
        if value.get("segment") not in segments:
            listed = ", ".join(sorted(segments)) or "none"
            yield f"{place}.value.segment: no deal source maps it; segments there are: {listed}."


def _table(
    merged: Mapping[str, Any], destination: Any, destinations: set[str]
) -> Mapping[str, Any]:
    """Return a rule's destination: the one it names, or the only one; else nothing."""
    name = next(iter(destinations)) if destination is None and len(destinations) == 1 else None
    table = merged["destinations"].get(destination or name) if destinations else None
    return table if isinstance(table, Mapping) else {}


def _retraction_contradictions(name: str, destinations: Mapping[str, Any]) -> Iterator[str]:
    table = destinations[name]
    other = table.get("retract_with", VALUE_ZERO) if isinstance(table, Mapping) else VALUE_ZERO
    if other == VALUE_ZERO or not isinstance(other, str):
        return
    roads = _google_ads_roads(destinations)
    if other not in roads:
        listed = ", ".join([VALUE_ZERO, *roads])
        yield f"destinations.{name}.retract_with: must be one of {listed}."


def _reading_contradictions(name: str, destinations: Mapping[str, Any]) -> Iterator[str]:
    table = destinations[name]
    other = table.get("read_with") if isinstance(table, Mapping) else None
    roads = _google_ads_roads(destinations)
    if isinstance(other, str) and other not in roads:
        listed = ", ".join(roads) or "there is none; add one"
        yield (
            f"destinations.{name}.read_with: must name a destination of kind google_ads: {listed}."
        )


def _google_ads_roads(destinations: Mapping[str, Any]) -> list[str]:
    return sorted(
        key
        for key, table in destinations.items()
        if isinstance(table, Mapping) and table.get("kind") == "google_ads"
    )


_REFRESH = ("client_id", "client_secret", "refresh_token")


def _destination_contradictions(name: str, table: Any) -> Iterator[str]:
    if not isinstance(table, Mapping):
        return
    place = f"destinations.{name}"
    is_local = is_loopback(f"//{table.get('endpoint', '')}")
    has_rest = table.get("kind") != "google_ads"
    rest = str(table.get("rest_endpoint", "https://")) if has_rest else "http://localhost"
    if table.get("credentials") == "refresh_token":
        yield from (f"{place}.{key}: is missing." for key in _REFRESH if not table.get(key))
    if table.get("credentials") == "google_ads" and has_rest:
        yield f'{place}.credentials: "google_ads" is for a destination of that kind.'
    if _is_true(table.get("plaintext")) and not is_local:
        yield f"{place}.plaintext: only an endpoint on this machine may be plaintext."
    if not rest.lower().startswith("https://") and not is_loopback(rest):
        yield f"{place}.rest_endpoint: only one on this machine may do without https://."
    if table.get("credentials") == "none" and not (is_local and is_loopback(rest)):
        yield (
            f'{place}.credentials: "none" is for the sandbox, with endpoint and rest_endpoint on '
            "this machine."
        )


def _is_true(value: Any) -> bool:
    """Read a yes as pydantic does, which takes `yes`, `on` and `1` from a variable too."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False


def _names(merged: Mapping[str, Any], key: str) -> set[str]:
    table = merged.get(key)
    return set(table) if isinstance(table, Mapping) else set()


def _mapped(merged: Mapping[str, Any], key: str) -> set[str]:
    sources = merged.get("deals")
    tables = sources.values() if isinstance(sources, Mapping) else ()
    inner = (table.get(key) for table in tables if isinstance(table, Mapping))
    return {name for table in inner if isinstance(table, Mapping) for name in table}


def _milestones(merged: Mapping[str, Any]) -> set[str]:
    return _mapped(merged, "milestones") or set(KNOWN_MILESTONES)


def _segments(merged: Mapping[str, Any]) -> set[str]:
    """Return the segments that are mapped, and those every CRM's deals have."""
    sources = merged.get("deals")
    listed = sources.values() if isinstance(sources, Mapping) else ()
    kinds = {table.get("kind") for table in listed if isinstance(table, Mapping)}
    return _mapped(merged, "segments") | (set() if kinds <= {"csv", "sql"} else ALWAYS_THERE)
