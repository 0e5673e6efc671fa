"""`mcp`: an assistant asks, is told what the commands say, and can do no more than ask."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from convsync.cli.mcp import ReportName
from tests.cli.office import NEXT_NIGHT, Office

pytestmark = pytest.mark.long

INVALID = "PROCESSING_ERROR_REASON_INVALID_GCLID"
Talk = Callable[[ClientSession], Coroutine[Any, Any, None]]


@pytest.fixture
def told(office: Office) -> Office:
    """A company of two nights, whose D-1 was refused by its click."""
    office.sandbox.platform.verdicts = {"click-of-D-1": INVALID}
    office.deal("D-1", mql_date="")
    office.deal("D-2", mql_date="")
    office.night()
    office.night(NEXT_NIGHT)
    return office


@asynccontextmanager
async def assistant(office: Office) -> AsyncIterator[ClientSession]:
    """Begin a talk; what the server logs is in `log.txt` of the company's folder."""
    words = ["-m", "convsync", "mcp", "--config", str(office.config), "--as-of", NEXT_NIGHT]
    command = StdioServerParameters(command=sys.executable, args=words)
    with (office.folder / "log.txt").open("w") as errors:
        async with stdio_client(command, errlog=errors) as streams, ClientSession(*streams) as one:
            await one.initialize()
            yield one


def talks(office: Office, talk: Talk) -> None:
    async def whole() -> None:
        with anyio.fail_after(120):
            async with assistant(office) as session:
                await talk(session)

    anyio.run(whole)


async def asked(session: ClientSession, tool: str, **about: Any) -> Any:
    answer = await session.call_tool(tool, about)
    (text,) = answer.content
    assert text.type == "text"
    assert not answer.is_error, text.text
    return json.loads(text.text)


async def refused(session: ClientSession, tool: str, **about: Any) -> str:
    answer = await session.call_tool(tool, about)
    assert answer.is_error
    (text,) = answer.content
    assert text.type == "text"
    return text.text


def test_an_assistant_is_told_what_the_commands_say(told: Office) -> None:
    async def talk(session: ClientSession) -> None:
        listed = await session.list_tools()
        names = {tool.name for tool in listed.tools}
        assert names == {"find", "explain", "deals", "status", "runs", "errors", "plan", "report"}
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in listed.tools)
        for tool, about, words in (
            ("explain", {"deal": "D-1"}, ("explain", "D-1")),
            ("find", {"anything": "click-of-D-2"}, ("find", "click-of-D-2")),
            ("deals", {"state": "rejected"}, ("deals", "--state", "rejected")),
            ("errors", {}, ("errors",)),
            ("runs", {}, ("runs",)),
            ("status", {}, ("status", "--as-of", NEXT_NIGHT)),
            ("report", {"name": "funnel"}, ("report", "funnel", "--as-of", NEXT_NIGHT)),
        ):
            said = json.loads(told.types(*words, "--format", "json").out)
            assert await asked(session, tool, **about) == said, tool

    talks(told, talk)


def test_every_report_is_told_by_days_as_its_command_says_it(told: Office) -> None:
    days = ("--from", "2026-03-01", "--to", "2026-03-03")

    async def talk(session: ClientSession) -> None:
        for name in set(ReportName) - {ReportName.REVENUE}:
            words = ("report", name.value, *days, "--as-of", NEXT_NIGHT, "--format", "json")
            said = json.loads(told.types(*words).out)
            about = {"name": name.value, "from_day": days[1], "to_day": days[3]}
            assert await asked(session, "report", **about) == said, name
        assert "[revenue.NAME]" in await refused(session, "report", name="revenue")
        assert "nonsense" in await refused(session, "report", name="funnel", from_day="nonsense")
        assert "--by" in await refused(session, "report", name="trend", by="week")

    talks(told, talk)


def test_nobody_who_is_asked_about_stands_in_the_log(told: Office) -> None:
    async def talk(session: ClientSession) -> None:
        await session.call_tool("find", {"anything": "xaverine@hidden.example"})

    talks(told, talk)
    said = (told.folder / "log.txt").read_text()
    assert "asked by an assistant" in said
    assert "xaverine" not in said


def test_nothing_that_an_assistant_says_changes_or_sends_anything(told: Office) -> None:
    told.deal("D-9", mql_date="")
    told.write_files()
    before, counted = told.tables(), told.counted("333")

    async def talk(session: ClientSession) -> None:
        plan = await asked(session, "plan")
        assert plan["plan"]["steps"]["new"] == 1
        for deal in ("--help", "D-1 --config=/etc/passwd", "; convsync run"):
            assert deal in await refused(session, "explain", deal=deal)
        assert "no state" in await refused(session, "deals", state="waiting --limit=1")
        assert await refused(session, "report", name="../run")

    talks(told, talk)
    assert told.tables() == before
    assert told.counted("333") == counted


def test_every_question_is_logged(told: Office) -> None:
    async def talk(session: ClientSession) -> None:
        await asked(session, "explain", deal="D-1")

    talks(told, talk)
    said = (told.folder / "log.txt").read_text()
    assert "asked by an assistant" in said
    assert "D-1" in said


def test_mcp_needs_a_config(office: Office) -> None:
    said = office.types("mcp", "--config", str(office.folder / "none.toml"))
    assert said.code == 2
