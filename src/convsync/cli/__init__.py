"""The command line: a file per family of commands, and one place where errors become exit codes.

A command's module is imported when the command is typed (`families`), and what it needs when it is
called, so that `--version` and `run --help` are quick.
"""

import os
import shlex
import sys
from functools import cache
from typing import Annotated, Any

import typer

from convsync import __version__, log
from convsync.cli import output, streams
from convsync.cli.collector import spare_the_collector
from convsync.cli.families import Families
from convsync.errors import ConvsyncError, StoppedError, UnsafePlanError
from convsync.log import LogFormat
from convsync.process import tracing

app = typer.Typer(
    name="convsync",
    cls=Families,
    help="Reports which ad clicks became qualified leads and sales, and accounts for every deal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # which takes `[milestones]` in a help text for a style, and drops it
    context_settings={"help_option_names": ["-h", "--help"]},
)


LogFormatOption = Annotated[
    LogFormat,
    typer.Option(
        "--log-format",
        envvar="CONVSYNC_LOG_FORMAT",
        show_envvar=True,
        help="How the log on stderr is written.",
    ),
]


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"convsync {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False,  # noqa: FBT003
        "--version",
        callback=_show_version,
        is_eager=True,
        help="Show the version.",
    ),
    log_format: LogFormatOption = LogFormat.TEXT,
    verbose: bool = typer.Option(
        False,  # noqa: FBT003
        "--verbose",
        "-v",
        help="Log each request too.",
    ),
) -> None:
    """Log as the options before the command say."""
    log.configure(log_format, is_verbose=verbose)
    if problem := tracing.configure():
        output.note(f"convsync: {problem}. Nothing is traced.", log_as=log.warning)


def main() -> None:
    """Run the command line; errors end as a message on stderr and the exit code of their class."""
    spare_the_collector()
    with streams.guarded() as out:
        code = _run()
        out.flush()
        if lost := streams.what_was_lost(out):
            output.note(f"convsync: {lost}", log_as=log.error)
            code = code or 1
    sys.exit(code)


def _run() -> int:
    """Run the command line; return the exit code."""
    try:
        _commands()()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except StoppedError as error:
        output.note(f"convsync: {error} To go on: {_this_command()}", log_as=log.error)
        if error.is_forced:  # threads whose requests have no answer would keep the process
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(error.exit_code)
        return error.exit_code
    except ConvsyncError as error:
        output.note(f"convsync: {error}", log_as=log.error)
        if isinstance(error, UnsafePlanError) and error.heaviest:
            output.note("\n  ".join(["These weigh most:", *error.heaviest]), log_as=log.error)
        return error.exit_code
    return 0


@cache
def _commands() -> Any:
    """Return the commands, built once however often a process runs one."""
    return typer.main.get_command(app)


def _this_command() -> str:
    return shlex.join(["convsync", *sys.argv[1:]])
