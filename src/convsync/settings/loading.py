"""Reads the configuration once, and reports everything that is wrong with it at once.

The file is overridden by the keyring, if one is named, then by a secrets directory, and all of them
by `CONVSYNC_…` variables, key by key; then what is inherited is filled in. pydantic says what is
wrong within a table, and `contradictions` what is wrong between them.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
    SettingsError,
)

from convsync.errors import OperatorError
from convsync.process.guides import located
from convsync.settings import source_tables, tables
from convsync.settings.audience_checks import audience_mistakes
from convsync.settings.contradictions import contradictions_in
from convsync.settings.inheritance import INHERITS, Resolved, resolve
from convsync.settings.kept_secrets import KEYRING, SECRETS_DIR, Keyring, nested
from convsync.settings.tables import PREFIX, Settings, Written
from convsync.settings.value_checks import value_mistakes
from convsync.settings.values import merged
from convsync.settings.watch_tables import AlertsTable


def load_settings(path: Path) -> Settings:
    """Return the configuration in `path`, or raise OperatorError with every mistake there is."""
    resolved = resolve(merged(_written(path), _from_outside()))
    mistakes = [*_misnamed_variables(), *resolved.mistakes]
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({**resolved.config, "folder": path.resolve().parent})
    except ValidationError as error:
        mistakes += [_mistake(detail, resolved) for detail in error.errors(include_url=False)]
    mistakes += contradictions_in(resolved.config)
    if settings is not None:
        mistakes += [*audience_mistakes(settings), *value_mistakes(settings)]
    if mistakes or settings is None:
        listed = "\n".join(f"  - {mistake}" for mistake in dict.fromkeys(mistakes))
        raise OperatorError(f"{path} has {len(set(mistakes))} mistake(s):\n{listed}")
    return settings


def written_tables(path: Path) -> Mapping[str, Any]:
    """Return the tables of a config as they are written, set from outside as usual, unchecked.

    Where there is no file yet, they are what is set from outside. Raises OperatorError for a file
    that cannot be read.
    """
    written = _written(path) if path.exists() else {}
    return resolve(merged(written, _from_outside())).config


def alerts_from_outside() -> AlertsTable:
    """Return who hears of a configuration that cannot be read: what is set outside of it.

    Nobody does where that cannot be read either.
    """
    try:
        return AlertsTable.model_validate(_from_outside().get("alerts", {}))
    except (OperatorError, ValidationError):
        return AlertsTable()


_TWICE = re.compile(r"Cannot (?:declare|overwrite).*\(at line (\d+)")


def _written(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise OperatorError(
            f"There is no config file {path}. Copy one from {located('config')}, or name yours"
            " with --config."
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
                f"{path}, line {twice[1]}: {key} appears twice; give each its own name."
            ) from None
        raise OperatorError(f"{path} is not TOML: {error}. Correct it there.") from None


def _from_outside() -> dict[str, Any]:
    """Return what the environment and the secrets directory set; variables win over secrets."""
    try:
        variables = EnvSettingsSource(Written)()
        folder = os.environ.get(SECRETS_DIR)
        secrets = {} if folder is None else _secrets(Path(folder))
        if service := os.environ.get(KEYRING):
            secrets = merged(nested(Keyring(service).read()), secrets)
    except SettingsError as error:
        raise OperatorError(f"A {PREFIX}… variable cannot be read: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"A file in {SECRETS_DIR} cannot be read ({type(error).__name__}); it must be UTF-8 "
            "text that this user may read."
        ) from None
    return merged(secrets, variables)


def _misnamed_variables() -> list[str]:
    """Return the variables and secret files that set nothing, because their table is misspelt."""
    folder = os.environ.get(SECRETS_DIR)
    secrets = [file.name for file in Path(folder).iterdir()] if folder else []
    known = sorted(set(Written.model_fields) - {"folder"})
    found = []
    for name in sorted({*os.environ, *secrets}):
        table, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and nested and table.lower() not in known:
            close = get_close_matches(table.lower(), known, n=1)
            fix = f"Did you mean {PREFIX}{close[0].upper()}__…?" if close else "It sets nothing."
            found.append(f"{name}: there is no table {table.lower()}. {fix}")
    return found


def _secrets(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise OperatorError(
            f"{SECRETS_DIR} names {folder}, which is not a folder. Make it, or name another."
        )
    named = SecretsSettingsSource(Written, secrets_dir=folder)
    source = NestedSecretsSettingsSource(
        named, secrets_nested_delimiter="__", secrets_prefix=PREFIX
    )
    return source()


def _kinds(union: Any) -> list[str]:
    """Return the kinds of table a place may hold, by their tags."""
    members, _ = get_args(union)
    return [get_args(member.model_fields["kind"].annotation)[0] for member in get_args(members)]


_TAGGED = {
    ("deals", 2): _kinds(source_tables.DealSource),
    ("clicks", 2): _kinds(source_tables.ClickSource),
    ("rules", 3): _kinds(tables.Value),
    ("destinations", 2): _kinds(tables.Destination),
}
"""Where pydantic puts the kind of a table into a place, by its first part and length; the kinds."""
_TAGS = {kind for kinds in _TAGGED.values() for kind in kinds}


def _mistake(detail: ErrorDetails, resolved: Resolved) -> str:
    """Return one of pydantic's findings as a place and a fix."""
    place = resolved.where_written(_place(detail["loc"]))
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
        case "unfit_secret":
            variable = f"CONVSYNC_{_place(detail['loc']).replace('.', '__').upper()}"
            return f"{place}: {detail['msg']} ({variable}, or the secret of that name)."
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
    keys = _keys_at(location[:-1]) | ({INHERITS} if location[0] == "destinations" else set())
    known = sorted(keys)
    close = get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f" Did you mean {close[0]}?"
    return f" Known here: {', '.join(known)}." if known else ""


def _keys_at(location: tuple[int | str, ...]) -> set[str]:
    """Return the keys that a place in the file may have."""
    models: list[Any] = [Written]
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
