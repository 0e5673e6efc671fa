"""Typical mistakes, each made at the command line against the sandbox and a real database.

What convsync says of each stands in `docs/messages.md`, which `scripts/messages_page.py` writes by
making them all; a test makes each again and holds the page to what was said.
"""

import re
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from convsync.clock import system_clock
from convsync.sandbox.account import Action
from convsync.sandbox.crm.server import Reply
from convsync.sandbox.faults import PlannedFault
from convsync.settings import load_settings
from convsync.store import dialect, runs
from convsync.wiring import database_of
from tests.cli.office import ACCOUNT, NEXT_NIGHT, NIGHT, THIRD_NIGHT, CommandResult, Office

RUN = ("run", "--as-of", NIGHT)
Make = Callable[[Office], CommandResult]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake: what happened in a few words, how to make it, and how the command then ends.

    `says` are words that name what it is, where, and what to do.
    """

    what: str
    make: Make
    code: int
    says: tuple[str, ...]


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a while."""
    environ[name] = value
    try:
        yield
    finally:
        del environ[name]


def mistyped(old: str, new: str) -> Make:
    """Return what runs a night with one text of the config in the place of another."""

    def make(office: Office) -> CommandResult:
        office.configure(old, new)
        return office.types(*RUN)

    return make


def typed(*words: str) -> Make:
    """Return what types a command."""
    return lambda office: office.types(*words)


def no_config(office: Office) -> CommandResult:
    office.config.unlink()
    return office.types(*RUN)


def no_table(office: Office) -> CommandResult:
    with variable("CONVSYNC_DESTINATION__GOOGLE__TIMEOUT_S", "60"):
        return office.types(*RUN)


def hubspot(office: Office, old: str = "", new: str = "") -> CommandResult:
    office.moves_to("hubspot")
    if old:
        office.configure(old, new)
    return office.types(*RUN)


def answered_by_crm(office: Office, status: int) -> CommandResult:
    made = office.moves_to("hubspot")
    made.server.faults = {number: Reply(status=status) for number in range(1, 9)}
    return office.types(*RUN)


def token_with_line_end(office: Office) -> CommandResult:
    office.moves_to("hubspot")
    with variable("CONVSYNC_DEALS__CRM__TOKEN", "pat-eu1-sandbox\n"):
        return office.types(*RUN)


def nobody_listens(office: Office) -> CommandResult:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    url = f"{office.sandbox.http_url}/hubspot"
    return hubspot(office, url, f"http://127.0.0.1:{port}")


def no_tls(office: Office) -> CommandResult:
    url = f"{office.sandbox.http_url}/hubspot"
    return hubspot(office, url, office.sandbox.http_url.replace("http:", "https:"))


def export_gone(office: Office) -> CommandResult:
    (office.folder / "deals.csv").unlink()
    return office.types(*RUN)


def export_empty(office: Office) -> CommandResult:
    (office.folder / "deals.csv").write_bytes(b"")
    return office.types(*RUN)


def database_damaged(office: Office) -> CommandResult:
    (office.folder / "convsync.db").write_bytes(b"this is no database, it only looks long. " * 99)
    return office.types(*RUN)


def database_without_tables(office: Office) -> CommandResult:
    (office.folder / "convsync.db").unlink()
    (office.folder / "convsync.db").touch()
    return office.types(*RUN)


def server_of_the_database_stopped(office: Office) -> CommandResult:
    url = "postgresql+psycopg://convsync@127.0.0.1:1/convsync?connect_timeout=1"
    with variable("CONVSYNC_STORE__URL", url):
        return office.types(*RUN)


def disk_full(office: Office) -> CommandResult:
    def allow_no_growth(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    for number in range(50):  # more than fit into the pages that there are
        office.deal(f"D-{number}")
    office.write_files()
    event.listen(Engine, "connect", allow_no_growth)
    try:
        return office.types(*RUN)
    finally:
        event.remove(Engine, "connect", allow_no_growth)


def locked_by_a_program(office: Office) -> CommandResult:
    patience, dialect.BUSY_TIMEOUT_S = dialect.BUSY_TIMEOUT_S, 0
    try:
        with closing(sqlite3.connect(office.folder / "convsync.db")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            return office.types(*RUN)
    finally:
        dialect.BUSY_TIMEOUT_S = patience


def another_run(office: Office) -> CommandResult:
    now = system_clock()
    with (
        closing(database_of(load_settings(office.config))) as database,
        database.transaction("open") as connection,
    ):
        runs.open_run(connection, "run", as_of=now, real_now=now, holder=runs.this_process())
    return office.types(*RUN)


def credentials_gone(office: Office) -> CommandResult:
    office.deal()
    with variable("CONVSYNC_DESTINATIONS__GOOGLE__CREDENTIALS", "key.json"):
        return office.night()


def refused_by_platform(office: Office, kind: str) -> CommandResult:
    office.deal()
    office.sandbox.platform.faults.add(PlannedFault(on="ingest", every=1, kind=kind))
    return office.night()


def no_such_action(office: Office) -> CommandResult:
    office.sandbox.platform.set_actions([Action(account=ACCOUNT, id="111")])
    office.deal(mql_date="")
    office.night()
    return office.types("explain", "D-1")


def click_id_cut(office: Office) -> CommandResult:
    office.deal(mql_date="")
    office.sandbox.platform.verdicts = {"click-of-D-1": "PROCESSING_ERROR_REASON_INVALID_GCLID"}
    office.night()
    office.night(NEXT_NIGHT)
    return office.types("explain", "D-1")


def unusual_plan(office: Office) -> CommandResult:
    office.deal()
    office.night()
    office.night(NEXT_NIGHT)
    office.deal("D-2", currency="CHF", mql_date="", last_modified="2026-03-04 12:00:00")
    return office.night(THIRD_NIGHT)


def plan_cut_off(office: Office) -> CommandResult:
    path = office.folder / "tonight.plan"
    office.deal()
    office.write_files()
    office.types("plan", "--out", str(path), "--as-of", NIGHT)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    return office.types(*RUN, "--plan", str(path))


def nobody_to_ask(office: Office) -> CommandResult:
    office.deal()
    office.write_files()
    return office.types("backfill", *_DAYS, "--as-of", NIGHT)


_DAYS = ("--from", "2026-02-01", "--to", "2026-03-02")
_NOWHERE = "https://crm.invalid"
_TOKEN = 'token = "pat-eu1-sandbox" #'

MISTAKES = (
    Mistake(
        what="There is no config file",
        make=no_config,
        code=2,
        says=("no config file", "convsync.toml", "--config"),
    ),
    Mistake(
        what="The config is not TOML",
        make=mistyped("[rules.mql]", "[rules.mql"),
        code=2,
        says=("convsync.toml is not TOML", "line 89", "Correct it there"),
    ),
    Mistake(
        what="A key of the config is misspelt",
        make=mistyped("enhanced_conversions =", "enhanced_conversion ="),
        code=2,
        says=("destinations.google.enhanced_conversion: unknown key", "Did you mean"),
    ),
    Mistake(
        what="There is no such time zone",
        make=mistyped("Europe/Berlin", "Europe/Bonn"),
        code=2,
        says=("company.time_zone", "Europe/Bonn"),
    ),
    Mistake(
        what="An action ID is not a number",
        make=mistyped("action_id = 333", 'action_id = "AW-333"'),
        code=2,
        says=("rules.won.action_id", "not a number"),
    ),
    Mistake(
        what="A rule counts a milestone that no source has",
        make=mistyped('milestone = "won"', 'milestone = "signed"'),
        code=2,
        says=("rules.won.milestone", "signed"),
    ),
    Mistake(
        what="A rule names a destination that does not exist",
        make=mistyped("action_id = 333", 'action_id = 333\ndestination = "bing"'),
        code=2,
        says=("rules.won.destination", "there are: google"),
    ),
    Mistake(
        what="A variable names no table of the config",
        make=no_table,
        code=2,
        says=("CONVSYNC_DESTINATION__GOOGLE__TIMEOUT_S", "Did you mean CONVSYNC_DESTINATIONS__"),
    ),
    Mistake(
        what="A token is missing",
        make=lambda office: hubspot(office, _TOKEN, "#"),
        code=2,
        says=("deals.crm: to sign in, give token",),
    ),
    Mistake(
        what="A token ends with a line break",
        make=token_with_line_end,
        code=2,
        says=("deals.crm.token", "CONVSYNC_DEALS__CRM__TOKEN"),
    ),
    Mistake(
        what="A token is wrong, or has expired",
        make=lambda office: hubspot(office, "pat-eu1-sandbox", "pat-eu1-another"),
        code=2,
        says=("HubSpot GET", "401", "wrong or have expired", "Renew them"),
    ),
    Mistake(
        what="A token lacks a right",
        make=lambda office: answered_by_crm(office, 403),
        code=2,
        says=("HubSpot GET", "403", "lack a right", "Grant the scopes"),
    ),
    Mistake(
        what="The CRM's server is stopped",
        make=nobody_listens,
        code=1,
        says=("nothing listens at 127.0.0.1", "Start its server"),
    ),
    Mistake(
        what="The CRM's host cannot be found (DNS)",
        make=lambda office: hubspot(office, f"{office.sandbox.http_url}/hubspot", _NOWHERE),
        code=1,
        says=("this machine cannot find the host crm.invalid", "Correct url, or its DNS"),
    ),
    Mistake(
        what="The CRM does not speak TLS",
        make=no_tls,
        code=1,
        says=("127.0.0.1 does not speak TLS", "Correct url"),
    ),
    Mistake(
        what="The export does not exist",
        make=export_gone,
        code=2,
        says=("deals.csv", "No such file", "Correct the path"),
    ),
    Mistake(
        what="The export is empty",
        make=export_empty,
        code=2,
        says=("deals.csv is empty", "Export it again"),
    ),
    Mistake(
        what="A column of the export has another name",
        make=mistyped('"Won date"', '"Won Date"'),
        code=2,
        says=("deals.csv", "column 'Won Date' is missing", "The columns there are"),
    ),
    Mistake(
        what="The database's folder does not exist",
        make=mistyped("sqlite:///convsync.db", "sqlite:///no/such/x.db"),
        code=2,
        says=("there is no folder",),
    ),
    Mistake(
        what="The database has no tables yet",
        make=database_without_tables,
        code=2,
        says=("convsync.db", "convsync db upgrade"),
    ),
    Mistake(
        what="The database file is damaged, or not a database",
        make=database_damaged,
        code=2,
        says=("convsync.db cannot be used", "not a database", "Check [store] url"),
    ),
    Mistake(
        what="The database's server is stopped",
        make=server_of_the_database_stopped,
        code=1,
        says=("127.0.0.1", "Connection refused", "Try again later"),
    ),
    Mistake(
        what="The database's disk is full",
        make=disk_full,
        code=1,
        says=("convsync.db has no room for more", "Free some disk space"),
    ),
    Mistake(
        what="The database is locked by another program",
        make=locked_by_a_program,
        code=1,
        says=("convsync.db is busy or gone", "Try again later"),
    ),
    Mistake(
        what="Another run holds the lock",
        make=another_run,
        code=4,
        says=("Run 1 (run) holds the lock", "since", "Try again once it has ended"),
    ),
    Mistake(
        what="The file with the platform's credentials does not exist",
        make=credentials_gone,
        code=2,
        says=("destinations.google.credentials", "key.json"),
    ),
    Mistake(
        what="The sign-in to the platform has expired",
        make=lambda office: refused_by_platform(office, "expired_token"),
        code=2,
        says=("google refused batch 1", "UNAUTHENTICATED", "The credentials must carry the scope"),
    ),
    Mistake(
        what="The sign-in has no access to the ad account",
        make=lambda office: refused_by_platform(office, "refused"),
        code=2,
        says=("google refused batch 1", "PERMISSION_DENIED", "Check operating_account"),
    ),
    Mistake(
        what="The platform's quota is used up",
        make=lambda office: refused_by_platform(office, "resource_exhausted"),
        code=1,
        says=("quota of the Cloud project is used up until", "sent again by the next run"),
    ),
    Mistake(
        what="The platform does not answer",
        make=lambda office: refused_by_platform(office, "unavailable_before"),
        code=1,
        says=("It is sent again by the next run",),
    ),
    Mistake(
        what="The account has no such conversion action",
        make=no_such_action,
        code=0,
        says=("no such conversion action", "→ Check the rule's action_id"),
    ),
    Mistake(
        what="A click ID was truncated on its way",
        make=click_id_cut,
        code=0,
        says=(
            "The gclid cannot be decoded",
            "→ Make sure that the form and the CRM store click IDs",
        ),
    ),
    Mistake(
        what="A plan is unusual",
        make=unusual_plan,
        code=3,
        says=("a currency never sent before: CHF", "Nothing was sent", "--force"),
    ),
    Mistake(
        what="A plan's file is truncated",
        make=plan_cut_off,
        code=2,
        says=("tonight.plan is cut off", "convsync plan --out"),
    ),
    Mistake(
        what="Nobody can be asked",
        make=nobody_to_ask,
        code=2,
        says=("Nobody can be asked here", "--yes"),
    ),
    Mistake(
        what="A day is not a date",
        make=typed("backfill", "--from", "1.3.2026", "--to", "2026-03-02"),
        code=2,
        says=("--from 1.3.2026 is not a day such as",),
    ),
    Mistake(
        what="A date range ends before it starts",
        make=typed("backfill", "--from", "2026-03-02", "--to", "2026-03-01"),
        code=2,
        says=("--to 2026-03-01 is before --from",),
    ),
    Mistake(
        what="A rule does not exist",
        make=typed("backfill", *_DAYS, "--rule", "wonn"),
        code=2,
        says=("--rule wonn: there is no such name", "there are: mql, sql, won"),
    ),
    Mistake(
        what="A source does not exist",
        make=typed("backfill", *_DAYS, "--source", "hubspot"),
        code=2,
        says=("--source hubspot: there is no such name", "there are: crm"),
    ),
    Mistake(
        what="A deal has not been read",
        make=typed("explain", "D-9"),
        code=2,
        says=("No deal D-9 has been read", "must match exactly"),
    ),
    Mistake(
        what="An instant has not come yet",
        make=typed("run", "--as-of", "2099-01-01"),
        code=2,
        says=("--as-of", "has not come yet"),
    ),
)


def said_of(office: Office, mistake: Mistake) -> tuple[CommandResult, str]:
    """Make a mistake; return how the command ended, and its message as the page has it."""
    ended = mistake.make(office)
    said = ended.err if ended.code else ended.out
    return ended, _as_on_the_page(said, office)


_CODE = re.compile("[A-Z_]{9,}: ")
_TOLD = ("convsync: ", "- ", "These weigh", "+ won D-2")
_ROOT = Path(__file__).parents[2]
_CHANGING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d| UTC)?"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "REQUEST"),
    (re.compile(r"\bcs-[0-9a-f]{32}\b"), "ORDER-ID"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d{2,5}"), r"\1:PORT"),
    (re.compile(r"\bbatch \d+"), "batch 1"),
    (re.compile(r"process \d+ on \S+?,"), "process 4711 on HOST,"),
)


def _as_on_the_page(said: str, office: Office) -> str:
    """Return a message without what is another one each time."""
    text = said.replace(str(office.folder), "/srv/convsync").replace(str(_ROOT), "CONVSYNC")
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    lines = [line.strip() for line in text.splitlines()]
    told = [line.removeprefix("convsync: ") for line in lines if line.startswith(_TOLD)]
    code = next((at for at, line in enumerate(lines) if _CODE.match(line)), 0)
    return " ".join(dict.fromkeys(told or lines[code : code + 2]))
