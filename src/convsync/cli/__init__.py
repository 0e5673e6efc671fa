"""The command line: a file per family of commands, and one place where errors become exit codes.

Commands import what they need when they are called, so that `--help` is quick.
"""

import os
import shlex
import sys
from functools import cache
from typing import Annotated, Any

import typer

from convsync import __version__, log
from convsync.cli import (
    alerts,
    audiences,
    audit,
    auth,
    check,
    clicks,
    collect,
    costs,
    customer,
    db,
    deals,
    digest,
    errors,
    explain,
    find,
    forget,
    init,
    keys,
    mcp,
    notes,
    output,
    past_runs,
    quarantine,
    report,
    runs,
    sandbox,
    schedule,
    serve,
    status,
    streams,
    tell,
    users,
    values,
)
from convsync.cli.collector import spare_the_collector
from convsync.errors import ConvsyncError, StoppedError, UnsafePlanError
from convsync.log import LogFormat
from convsync.process import tracing

app = typer.Typer(
    name="convsync",
    help="Reports which ad clicks became qualified leads and sales, and accounts for every deal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # which takes `[milestones]` in a help text for a style, and drops it
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("run")(runs.run)
app.command("plan")(runs.plan)
app.command("backfill")(runs.backfill)
app.command("retry")(runs.retry)
app.command("release")(runs.release)
app.command("forget")(forget.forget)
app.command("explain")(explain.explain)
app.command("find")(find.find)
app.command("customer")(customer.customer)
app.command("errors")(errors.errors)
app.command("deals")(deals.deals)
app.command("status")(status.status)
app.command("check")(check.check)
app.command("digest")(digest.digest)
app.command("schedule")(schedule.schedule)
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)
app.add_typer(alerts.app, name="alerts")
app.add_typer(audiences.app, name="audiences")
app.add_typer(audit.app, name="audit")
app.add_typer(tell.app, name="tell")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(auth.app, name="auth")
app.add_typer(clicks.app, name="clicks")
app.add_typer(collect.app, name="collect")
app.add_typer(costs.app, name="costs")
app.add_typer(past_runs.app, name="runs")
app.add_typer(keys.app, name="keys")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(report.app, name="report")
app.add_typer(values.app, name="values")
app.add_typer(notes.app, name="note")
app.add_typer(users.app, name="users")
app.add_typer(db.app, name="db")


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
    commands = typer.main.get_command(app)
    _leave_types_out(commands)
    return commands


def _leave_types_out(command: Any) -> None:
    """Let help name each argument as its metavar does, without the type of Python behind it."""
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None  # typer has no setting for it
    for inner in getattr(command, "commands", {}).values():
        _leave_types_out(inner)


def _this_command() -> str:
    return shlex.join(["convsync", *sys.argv[1:]])
