"""Settings → the ledger's database and the company's calendar: all that a question needs.

What a night works with is wired in `wiring`. A command that only looks something up does without,
because importing all that takes longer than its answer.
"""

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from convsync.errors import OperatorError
from convsync.extract.database_address import is_file
from convsync.settings import Settings
from convsync.store.database import Database, OnStep, ignore_step


def database_of(
    settings: Settings, url: str | None = None, *, on_step: OnStep = ignore_step
) -> Database:
    """Return the ledger's database, or another; a relative SQLite file is in the config's folder.

    Either has the audit log's key.
    """
    key = settings.audit.key
    return Database(
        database_url(settings.store.url if url is None else SecretStr(url), settings.folder),
        on_step=on_step,
        audit_key=None if key is None else key.get_secret_value().encode(),
    )


def head_file_of(settings: Settings) -> Path | None:
    """Return the file that repeats the audit log's head, None where none is kept."""
    named = settings.audit.head_file
    return None if named is None else settings.folder / named


def company_zone(settings: Settings) -> ZoneInfo:
    """Return the zone whose calendar days `--from` and `--to` mean."""
    if settings.company.time_zone is None:
        raise OperatorError("Dates need a calendar: set [company] time_zone.")
    return settings.company.time_zone


def absurd_above(settings: Settings) -> Decimal | None:
    """Return above which amount every rule that sends amounts would call one absurd."""
    limits = [
        rule.amounts.absurd_above for rule in settings.rules.values() if rule.value.kind == "amount"
    ]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def database_url(url: SecretStr, folder: Path) -> str:
    """Return a database URL whose relative file lies in the config's folder."""
    written = url.get_secret_value()
    try:
        parsed = make_url(written)
    except ArgumentError:
        return written
    if is_file(parsed.get_backend_name(), parsed.database):
        parsed = parsed.set(database=str(folder / str(parsed.database)))
    return parsed.render_as_string(hide_password=False)
