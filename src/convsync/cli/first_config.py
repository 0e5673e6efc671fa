"""A first configuration as text: what `init` writes, whatever the deals come from."""

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from convsync.errors import OperatorError

_DEFINITIONS = {
    "mql": ("A contact fits our target group and asked for something.", "marketing"),
    "sql": ("Sales has spoken to them: there is a need and somebody who decides.", "sales"),
    "opportunity": ("An offer is on the table.", "sales"),
    "won": ("The contract is signed.", "sales"),
}


def clicks_kept(output: Path, *, force: bool) -> str:
    """Return the text of a file that `init` has begun with click logs; "" where there is no file.

    Raises OperatorError where the file holds anything else, which would be overwritten, unless it
    is forced.
    """
    if force or not output.exists():
        return ""
    text = output.read_text(encoding="utf-8")
    if clicks_alone(text) is None:
        raise OperatorError(
            f"{output} already exists. Name another file, or overwrite it with --force."
        )
    return text


def clicks_alone(text: str) -> Mapping[str, Any] | None:
    """Return the click logs of a configuration that has nothing else yet, None for any other."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    return tables["clicks"] if tables.keys() == {"clicks"} else None


def write(output: Path, lines: Iterable[str], kept: str) -> None:
    """Write the file: these lines, and below them the click logs that were kept."""
    output.write_text("\n".join([*lines, *([""] * bool(kept)), kept]), encoding="utf-8")


def head(examples: Sequence[str]) -> Iterator[str]:
    """Yield the lines that begin the file, and name where its keys are explained."""
    yield "# Written by `convsync init`. Every line is a proposal: look at it, and correct it."
    yield from (f"# {line}" for line in examples)
    yield ""
    yield "[company]"
    yield 'time_zone = "UTC"   # whose calendar --from and --to mean, e.g. "Europe/Berlin"'
    yield '# country = "DE"    # whose national form phone numbers have'


def agreements(milestones: Sequence[str]) -> Iterator[str]:
    """Yield what marketing and sales agree on, as a start."""
    for name in milestones:
        definition, owner = _DEFINITIONS[name]
        yield ""
        yield f"[milestones.{name}]   # what marketing and sales agree on"
        yield f"definition = {quoted(definition)}"
        yield f"owner = {quoted(owner)}"


def table(place: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a source's table, and those below it, as they stand in the file."""
    yield f"[{place}]"
    for key, value in settings.items():
        if not isinstance(value, Mapping):
            yield f"{key} = {quoted(value)}"
    for name, inner in settings.items():
        if isinstance(inner, Mapping):
            yield ""
            yield f"[{place}.{name}]"
            yield from (f"{key} = {quoted(value)}" for key, value in inner.items())


def rules(
    milestones: Sequence[str], platform: str = "google", *, has_amounts: bool = True
) -> Iterator[str]:
    """Yield a rule for each milestone, and the account at a platform that they count in.

    Raises OperatorError where no platform is called so.
    """
    from convsync.settings.platforms import PLATFORM_TABLES

    if platform not in PLATFORM_TABLES:
        listed = ", ".join(PLATFORM_TABLES)
        raise OperatorError(f"'{platform}' is not an ad platform convsync reports to: {listed}.")
    described = PLATFORM_TABLES[platform]
    for milestone in milestones:
        yield ""
        yield f"[rules.{milestone}]"
        yield f'milestone = "{milestone}"'
        yield f"action_id = {described.first_action}   # {described.action_hint}"
        if milestone == "won" and has_amounts:
            yield 'value = { kind = "amount" }'
        else:
            yield 'value = { kind = "fixed", amount = 1, currency = "EUR" }   # agree on a sum'
    yield ""
    yield f"[destinations.{platform}]"
    yield from described.first_lines


def quoted(value: Any) -> str:
    """Return a value as TOML: JSON's texts, numbers and lists of texts are TOML's too."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {quoted(inner)}" for key, inner in value.items())
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    """Return a key bare where TOML allows that."""
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else json.dumps(key, ensure_ascii=False)
