"""docs/commands.md: the exit codes, and each command with its options, as its own help says."""

from collections.abc import Iterator
from typing import Any

from convsync import errors
from convsync.cli import _commands
from scripts.reference.markdown import MADE, code, table

_HEAD = f"""# Every command and exit code

{MADE}

`--help` after a command prints the same. Options before the command apply to all commands: `convsync --log-format json run`.
"""

_OF_A_RUN = {
    0: "All is well; conversions that wait for a date are fine.",
    1: "Rows were rejected, records are newly unreadable, or something is left for the next run.",
}
_ALSO = """\
An unknown option or argument ends with 2 as well. `convsync status --check` uses a monitor's exit codes
instead: 0 well, 1 something needs attention, 2 nights stop or cannot be trusted ([operations.md](operations.md#for-monitors)).
"""


def commands_page() -> str:
    """Return the whole page."""
    program = _commands()
    lines = [_HEAD, *_exit_codes(), "## convsync", "", *_parameters(program)]
    for words, command in commands_of(program, ()):
        lines += [f"## convsync {' '.join(words)}", "", *_help(command), *_parameters(command)]
    return "\n".join(lines)


def commands_of(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command that can be called, in the order of their names, with its words."""
    inner = getattr(command, "commands", {})
    if words and (not inner or command.invoke_without_command):
        yield words, command
    for name in sorted(inner):
        if not inner[name].hidden:
            yield from commands_of(inner[name], (*words, name))


def exit_codes() -> dict[int, list[str]]:
    """Return what each exit code of the commands means, by the errors that end with it."""
    found = {number: [said] for number, said in _OF_A_RUN.items()}
    for error in errors.ConvsyncError.__subclasses__():
        said = (error.__doc__ or "").partition("\n")[0]
        found.setdefault(error.exit_code, []).append(said)
    return dict(sorted(found.items()))


def _exit_codes() -> list[str]:
    rows = [(str(number), " ".join(said)) for number, said in exit_codes().items()]
    return ["## Exit codes", "", *table(("exit code", "means"), rows), _ALSO]


def _help(command: Any) -> Iterator[str]:
    yield from (command.help or "").replace("\b\n", "").strip().splitlines()
    yield ""


def _parameters(command: Any) -> list[str]:
    context = command.make_context("convsync", [], resilient_parsing=True)
    records = [one.get_help_record(context) for one in command.params]
    rows = [(code(name), said) for name, said in filter(None, records)]
    return table(("argument or option", "what it does"), rows) if rows else []
