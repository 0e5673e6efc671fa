"""What is wrong with a database's address, told without showing any of it.

A password may hold every character that divides an address. One that is written as it is makes
its end a host's or a database's name, which is shown and stored; so an address that can be read in
two ways is refused, here and before anything else has read it.
"""

import re
from collections.abc import Mapping
from typing import Final

_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(?P<port>.*))?\Z", re.DOTALL)
_FILE_KINDS: Final = frozenset({"sqlite", "duckdb"})
_ESCAPES: Final = "write @ as %40, : as %3A, / as %2F and ? as %3F in a user's name or password"
_SPELLED: Final[Mapping[str, str]] = {
    "postgres": "postgresql+psycopg",
    "psql": "postgresql+psycopg",
    "sqlserver": "mssql+pyodbc",
    "sqlite3": "sqlite",
}

PACKAGES: Final[Mapping[str, str]] = {
    "postgresql": "convsync[postgresql], and write postgresql+psycopg://",
    "mysql": "convsync[mysql], and write mysql+pymysql://",
    "mariadb": "convsync[mysql], and write mariadb+pymysql://",
    "duckdb": "convsync[duckdb]",
    "bigquery": "sqlalchemy-bigquery",
    "snowflake": "snowflake-sqlalchemy",
    "redshift": "sqlalchemy-redshift and redshift_connector",
    "clickhouse": "clickhouse-sqlalchemy",
    "clickhousedb": "clickhouse-connect",
    "databricks": "databricks-sqlalchemy",
    "trino": "trino[sqlalchemy]",
    "oracle": "oracledb, and write oracle+oracledb://",
    "mssql": "pyodbc with Microsoft's ODBC driver, and write mssql+pyodbc://; or pymssql",
}
"""What to install for each kind of database, as pip names it."""


def kind_of(url: str) -> str:
    """Return the kind of database that an address begins with, "" where it is none."""
    return url.partition("://")[0].partition("+")[0] if "://" in url else ""


def problem_of_address(url: str) -> str | None:
    """Return what is wrong with an address and how to write it, None where it is sound."""
    if url.startswith("jdbc:"):
        return "is written for Java; leave out `jdbc:`, and put user and password before the host"
    scheme, _, rest = url.partition("://")
    if not rest and "://" not in url:
        return "is not a database URL; write it as postgresql+psycopg://user@host/database"
    kind, _, driver = scheme.partition("+")
    if right := _SPELLED.get(kind):
        spelled = right if not driver else f"{right.partition('+')[0]}+{driver}"
        return f"begins with {scheme}://, which is spelled {spelled}://"
    if kind in _FILE_KINDS and rest.startswith("/"):
        return None
    return _problem_of_authority(rest)


def _problem_of_authority(rest: str) -> str | None:
    before, at, behind = rest.rpartition("@")
    if "@" in before or "?" in before:
        return f"can be read in two ways; {_ESCAPES}"
    authority = re.split(r"[/?]", behind if at else rest, maxsplit=1)[0]
    if not (found := _HOST.match(authority)):
        return f"has no host that can be read; {_ESCAPES}"
    port = found["port"]
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        return f"has no port from 1 to 65535 behind its host; {_ESCAPES}"
    return None


def is_file(kind: str, database: str | None) -> bool:
    """Return whether an address names a file, by its kind and the database in it."""
    elsewhere = (":", "file:", "md:", "motherduck:")
    return kind in _FILE_KINDS and bool(database) and not str(database).startswith(elsewhere)
