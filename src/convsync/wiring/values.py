"""Settings' plain values, as the rest of convsync takes them."""

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from convsync.model.customer import CustomerType
from convsync.settings.values import CustomerWords


def minutes(count: float | None) -> timedelta | None:
    """Return so many minutes, None for none."""
    return None if count is None else timedelta(minutes=count)


def customer_words(words: CustomerWords) -> dict[CustomerType, frozenset[str]]:
    """Return the words for each type of customer."""
    return {
        CustomerType.NEW: frozenset(words.new),
        CustomerType.RETURNING: frozenset(words.returning),
        CustomerType.REENGAGED: frozenset(words.reengaged),
    }


def database_url(url: SecretStr, folder: Path) -> str:
    """Return a database URL whose relative SQLite file lies in the config's folder."""
    written = url.get_secret_value()
    try:
        parsed = make_url(written)
    except ArgumentError:
        return written
    file = parsed.database
    if parsed.get_backend_name() == "sqlite" and file and not file.startswith((":", "file:")):
        parsed = parsed.set(database=str(folder / file))
    return parsed.render_as_string(hide_password=False)
