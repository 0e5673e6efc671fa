"""The commands by their names, each imported when it is typed.

To import all of them took a third of what `convsync --version` takes, and in vain: a process runs
one. `--help` lists all, and so imports all.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

MODULES: Mapping[str, str] = {
    "init": "init",
    "run": "runs",
    "plan": "runs",
    "backfill": "runs",
    "retry": "runs",
    "release": "runs",
    "forget": "forget",
    "explain": "explain",
    "find": "find",
    "customer": "customer",
    "errors": "errors",
    "deals": "deals",
    "status": "status",
    "check": "check",
    "digest": "digest",
    "schedule": "schedule",
    "serve": "serve",
    "mcp": "mcp",
    "alerts": "alerts",
    "audiences": "audiences",
    "audit": "audit",
    "tell": "tell",
    "sandbox": "sandbox",
    "auth": "auth",
    "clicks": "clicks",
    "collect": "collect",
    "costs": "costs",
    "runs": "past_runs",
    "keys": "keys",
    "quarantine": "quarantine",
    "report": "report",
    "values": "values",
    "note": "notes",
    "users": "users",
    "db": "db",
}
"""The module of each command: a family of commands is its `app`, one alone a function."""


class Imported(Mapping[str, Any]):
    """The commands, each made when it is first looked up."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a command; KeyError where there is none of that name."""
        if name not in self._made:
            self._made[name] = _made(name, MODULES[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in the order in which help lists them."""
        return iter(MODULES)

    def __len__(self) -> int:
        """Return how many commands there are."""
        return len(MODULES)


class Families(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Imported()  # type: ignore[assignment]  # none is added or removed


def _made(name: str, module: str) -> Any:
    """Return a command as typer makes it within a group."""
    found = import_module(f"convsync.cli.{module}")
    group = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    family = getattr(found, "app", None)
    if isinstance(family, typer.Typer):
        group.add_typer(family, name=name)
    else:
        group.command(name)(getattr(found, name))
    command = typer.main.get_group(group).commands[name]
    _leave_types_out(command)
    return command


def _leave_types_out(command: Any) -> None:
    """Let help name each argument as its metavar does, without the type of Python behind it."""
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None  # typer has no setting for it
    for inner in getattr(command, "commands", {}).values():
        _leave_types_out(inner)
