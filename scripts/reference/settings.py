"""docs/settings.md: each key of the configuration, what it takes, its default, and what it does.

Keys, types and defaults are those of the tables in `convsync.settings`, and the words those of the
examples in config/, of which a test holds that they leave no key out.
"""

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from convsync.settings import Settings
from scripts.reference.examples import Remark, remarks
from scripts.reference.markdown import MADE, code, table
from scripts.reference.words import WORDS

_HEAD = f"""# Every setting

{MADE} The descriptions come from the
examples in `config/`, which you can copy from: `config/csv.toml` has most of them.

The configuration is one TOML file, `convsync.toml` unless `--config` or `CONVSYNC_CONFIG` says otherwise. Relative paths start from its
folder. Any value can be overridden by a variable named after its place, `CONVSYNC_STORE__URL` for `url` in `[store]`, or by a file of
that name in the folder that `CONVSYNC_SECRETS_DIR` names. Anything marked *secret* belongs there and never into the file. NAME stands
for a name that you choose. `convsync check` reports all mistakes at once, each with its place and the fix.

Easily missed:

- `when = {{ brand = "Alpha", country = ["DE", "AT"] }}` lets a rule count only deals with these segments, so that one CRM
  can feed several ad accounts. Fifty accounts of a manager take two lines each: `inherits = "manager"` fills in the rest
  from `[templates.manager]` (`config/accounts.toml`).
- Two rules that would count a deal twice, or two sources that read the same deals, are refused, unless
  `counts_beside` or `reads_beside` says that it is intended.
- `CONVSYNC_AUDIT__KEY` (a secret of at least 16 characters) keys the audit log's digests ([audit-log.md](audit-log.md)).
- `[limits] unreadable` and `clock_minutes` say how many new unreadable records, and how wrong a clock, a run tolerates.
"""

_WITHOUT_KEYS_OF_THEIR_OWN = """## [moved]

Renamed rules and sources: `"rules.won" = "rules.sale"`, `"sources.hubspot" = "sources.crm"`. Their names are part of every order ID; what was sent under
an old name continues under the new one instead of being counted again.

## [templates.NAME]

What several destinations share: any of their keys. Nothing is sent to a template itself. A destination uses it with `inherits = "NAME"`, which can also
name another destination (`config/accounts.toml`).
"""

_TYPES: dict[Any, str] = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Decimal: "number",
    Path: "path",
    SecretStr: "secret",
    ZoneInfo: "time zone",
    time: "time of day",
    date: "day",
}
_BOUNDS = (("ge", "from"), ("gt", "above"), ("le", "up to"), ("lt", "below"))


def settings_page() -> str:
    """Return the whole page."""
    said = list(remarks())
    lines = [_HEAD]
    for model, places in tables().items():
        lines += _section(model, places, said)
    return "\n".join([*lines, _WITHOUT_KEYS_OF_THEIR_OWN])


def tables() -> dict[type[BaseModel], list[tuple[str, ...]]]:
    """Return each table that may be written, with the places where it may stand."""
    found: dict[type[BaseModel], list[tuple[str, ...]]] = {}
    for model, place in _tables_in(Settings, ()):
        places = found.setdefault(model, [])
        if place not in places:
            places.append(place)
    return found


def _tables_in(
    model: type[BaseModel], place: tuple[str, ...]
) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    """Yield the tables within a table, each before those within it."""
    for name, field in model.model_fields.items():
        for inner, path in _models(field.annotation, (*place, name)):
            yield inner, path
            yield from _tables_in(inner, path)


def _models(
    annotation: Any, place: tuple[str, ...]
) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, place
    elif get_origin(annotation) is dict:
        yield from _models(get_args(annotation)[1], (*place, "NAME"))
    elif get_origin(annotation) is not None:
        for inner in get_args(annotation):
            yield from _models(inner, place)


def _section(
    model: type[BaseModel], places: list[tuple[str, ...]], said: list[Remark]
) -> Iterator[str]:
    kind = _kind(model)
    first, *others = places
    rows = [
        (code(name), _takes(field.annotation, field.metadata), _default(field), text)
        for name, field in model.model_fields.items()
        for text in [_said_of(name, places, kind, said)]
    ]
    yield from (f"## {_title(first, kind)}", "")
    yield from (*(model.__doc__ or "").strip().replace("\n    ", "\n").splitlines(), "")
    if others:
        yield from (f"The same in {', '.join(code(_title(one, kind)) for one in others)}.", "")
    yield from table(("key", "takes", "default", "what it does"), rows)


def _title(place: tuple[str, ...], kind: str | None) -> str:
    return f"[{'.'.join(place)}]" + (f', kind = "{kind}"' if kind else "")


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return str(get_args(field.annotation)[0]) if field else None


def _said_of(name: str, places: list[tuple[str, ...]], kind: str | None, said: list[Remark]) -> str:
    """Return what the examples say of a key: of this kind of table first, else of any there."""
    there = [one for one in said if one.key == name and one.place in places]
    of_kind = [one for one in there if one.kind == kind]
    beside = [one for one in there if not one.is_above]
    text = next((one.text for one in (*of_kind, *beside) if one.text), "")
    own = WORDS.get(f"{places[0][-1]}.{name}") or WORDS.get(name, "")
    variable = f"CONVSYNC_{'__'.join((*places[0], name))}"
    elsewhere = [f"see `{one.file}`" for one in (*there, *said) if one.key == name]
    return text or own or next(iter(elsewhere), f"as the variable `{variable.upper()}`")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default == "" or isinstance(default, BaseModel):
        return ""
    if isinstance(default, SecretStr):
        return code(default.get_secret_value())
    return "" if default in ((), {}) else code(_written(default))


def _written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return _written(value.value)
        case tuple():
            return f"[{', '.join(_written(one) for one in value)}]"
        case str() | Path():
            return f'"{value}"'
        case time():
            return f'"{value:%H:%M}"'
        case _:
            return str(value)


def _takes(annotation: Any, metadata: Any) -> str:
    """Return in words what a key takes."""
    return _kind_of(annotation) + _bounds([*metadata, *_metadata_in(annotation)])


def _kind_of(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _TYPES:
        return _TYPES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(code(_written(one)) for one in annotation)
    if origin is Literal:
        return " or ".join(code(_written(one)) for one in inner)
    if origin is Annotated:
        return _kind_of(inner[0])
    if origin is tuple:
        return f"list of {_kind_of(inner[0])}" if inner[1:] == (...,) else "text"
    if origin is dict:
        return f"table: name to {_kind_of(inner[1])}"
    if inner:
        return " or ".join(dict.fromkeys(_kind_of(one) for one in inner if one is not type(None)))
    return "text"


def _metadata_in(annotation: Any) -> Iterator[Any]:
    for inner in get_args(annotation):
        yield from getattr(inner, "__metadata__", ())


def _bounds(metadata: list[Any]) -> str:
    constraints = [*metadata, *(c for one in metadata for c in getattr(one, "metadata", ()))]
    found = [
        f"{word} {getattr(one, name):,}"
        for name, word in _BOUNDS
        for one in constraints
        if getattr(one, name, None) is not None
    ]
    return f", {' '.join(dict.fromkeys(found))}" if found else ""
