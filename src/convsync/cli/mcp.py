"""`mcp`: the answers of the commands, for assistants that speak the Model Context Protocol.

Each tool is a command that only looks, run as one with `--format json`, so that an assistant is
told what a person would be. Nothing here sends or changes anything, and there is no way to name
another command or option. No answer holds a person's data: hashes and IDs alone, as everywhere.

https://modelcontextprotocol.io/specification
"""

import subprocess
import sys
from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from convsync import log
from convsync.cli import options
from convsync.cli.collector import start_is_over
from convsync.cli.options import DEFAULT_CONFIG, Config
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from mcp.server import MCPServer

_LONGEST_S: Final = 300
_ABOUT: Final = (
    "convsync reports which ad clicks became sales to Google, and accounts for every deal. Ask"
    " `explain` why a deal was sent, waits, or was not sent; `find` for a deal, order, click or"
    " request ID or a part of one; `status`, `runs` and `errors` for how the nights go; `plan` for"
    " what the next night would send; `report` for what the nights add up to."
)


class ReportName(StrEnum):
    """The reports there are."""

    FUNNEL = "funnel"
    SHORTFALLS = "shortfalls"
    COVERAGE = "coverage"
    CAMPAIGNS = "campaigns"
    TREND = "trend"
    REVENUE = "revenue"


AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="WHEN", help="Use this instant as now in every answer."),
]


def mcp(config: Config = DEFAULT_CONFIG, as_of: AsOf = None) -> None:
    """Answer an assistant's questions over stdin and stdout, until it hangs up. Reads only."""
    if find_spec("mcp") is None:
        raise OperatorError("Assistants need a library: pip install 'convsync[mcp]'.")
    options.load(config)
    server = server_of(Commands(config, as_of))
    start_is_over()
    server.run("stdio")


class Commands:
    """Runs commands that only look, on one configuration."""

    def __init__(self, config: Path, as_of: str | None) -> None:
        self._config = config
        self._as_of = as_of

    def answer(
        self,
        *words: str,
        about: str | None = None,
        chosen: Mapping[str, str | None] | None = None,
        takes_as_of: bool = False,
    ) -> str:
        """Return what a command prints as JSON; raise ToolError with its own words if it fails.

        `about` is its argument, `chosen` its options, those that are None left out.
        """
        from mcp.server.mcpserver.exceptions import ToolError

        log.info("asked by an assistant", command=" ".join(words), about=about)
        given = {**(chosen or {}), "as-of": self._as_of if takes_as_of else None}
        command = [sys.executable, "-m", "convsync", *words, *_options(given)]
        command += ["--format=json", f"--config={self._config}"]
        command += [] if about is None else ["--", about]
        try:
            done = subprocess.run(  # noqa: S603 - ours, and no word of it can become another option
                command,
                stdin=subprocess.DEVNULL,  # ours is the assistant's
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"There was no answer within {_LONGEST_S} seconds.") from None
        if not done.stdout.strip():
            raise ToolError(done.stderr.strip() or f"It ended with {done.returncode}.")
        return done.stdout


def _options(chosen: Mapping[str, str | None]) -> list[str]:
    """Return options as one word each, so that no value can be taken for another option."""
    return [f"--{name}={value}" for name, value in chosen.items() if value]


def server_of(commands: Commands) -> "MCPServer":
    """Return the server, whose tools are commands."""
    from mcp.server import MCPServer

    from convsync import __version__

    server = MCPServer("convsync", instructions=_ABOUT, version=__version__, log_level="WARNING")
    _add_questions(server, commands)
    _add_overviews(server, commands)
    return server


def _add_questions(server: "MCPServer", commands: Commands) -> None:
    """Add the tools that are asked about something."""
    from mcp_types import ToolAnnotations

    reads = server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))

    @reads
    def find(anything: str) -> str:
        """Find deals and their conversions by a deal, order, click or request ID, or a part."""
        return commands.answer("find", about=anything)

    @reads
    def explain(deal: str) -> str:
        """Say for each milestone of a deal what state it is in, why, and what to do about it."""
        return commands.answer("explain", about=deal)

    @reads
    def deals(
        state: str | None = None,
        reason: str | None = None,
        code: str | None = None,
        rule: str | None = None,
    ) -> str:
        """List conversions by how they stand: waiting, sent, not_sent, or a state of the ledger."""
        chosen = {"state": state, "reason": reason, "code": code, "rule": rule}
        return commands.answer("deals", chosen=chosen)


def _add_overviews(server: "MCPServer", commands: Commands) -> None:
    """Add the tools that tell how everything stands."""
    from mcp_types import ToolAnnotations

    reads = server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))

    @reads
    def status() -> str:
        """Show the account of every deal, what is in flight or unreadable, and the recent runs."""
        return commands.answer("status", takes_as_of=True)

    @reads
    def runs(last: int = 30) -> str:
        """Show the last runs: what each read, sent and refused, and how it ended."""
        return commands.answer("runs", chosen={"last": str(last)})

    @reads
    def errors() -> str:
        """List the codes that conversions have: since when, what each means, and the fix."""
        return commands.answer("errors")

    @reads
    def plan() -> str:
        """Say what the next night would send and why the rest would not go; sends nothing."""
        return commands.answer("plan", takes_as_of=True)

    @reads
    def report(
        name: ReportName,
        by: str | None = None,
        from_day: str | None = None,
        to_day: str | None = None,
        where: str | None = None,
    ) -> str:
        """Show a report, by days such as 2026-03-01, grouped by what it can be grouped by.

        `where` leaves only deals of a segment, a source or a campaign, as in region=north.
        """
        chosen = {"by": by, "from": from_day, "to": to_day, "where": where}
        return commands.answer("report", name.value, chosen=chosen, takes_as_of=True)
