"""One connection to a database that is read: opened safely, in UTC, with errors in our words.

A session may only read, where the database knows such sessions: a query that would change something
is refused by it, even one that a driver would commit by itself.

Whatever is asked on one connection is answered from one state of the database, where it can be: the
IDs of a table and then its rows.

A session runs in UTC, so that a type that is an instant (TIMESTAMP of MySQL, TIMESTAMPTZ) is read
as that instant whatever the server's zone is. What a driver cannot make a value of (`infinity`, a
year before Christ, bytes that are no text) is handed on as it is written: one row is bad then, and
not the whole read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from convsync.errors import ConvsyncError, OperatorError, TransientError
from convsync.extract.database_address import PACKAGES, is_file, kind_of, problem_of_address

_ROWS_AT_ONCE: Final = 1000
_PASSING_SQLSTATES: Final = ("08", "40", "53", "55P03", "57")
"""Connection lost, transaction rolled back, out of resources, lock or statement timed out."""
_PASSING_MYSQL_ERRORS: Final = frozenset({1040, 1205, 1213, 1927, 2006, 2013, 2055, 3024})
_PASSING_SQLITE_ERRORS: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_PASSING_WORDS: Final = ("could not set lock on file",)
_NO_CONNECTION: Final = (TypeError, ValueError, OverflowError, AttributeError, OSError)
"""What drivers raise for an option, port or file that they cannot take."""
_LOOKS_LIKE_EMAIL: Final = re.compile(r"[^\s@'\"]+@[^\s@'\"]+\.[^\s@'\"]+")


@contextmanager
def opened(source: str, url: str) -> Iterator[Connection]:
    """Open a connection that streams; what goes wrong inside is raised as ours."""
    address = address_of(source, url)
    try:
        with _connected(source, address) as connection, _forgotten_if_lost(connection):
            yield connection.execution_options(yield_per=_ROWS_AT_ONCE)
    except (SQLAlchemyError, ImportError) as error:
        raise _in_our_words(error, source, address) from None


def address_of(source: str, url: str) -> URL:
    """Return the parsed URL of a database that, where it is a file, is there.

    SQLite and DuckDB would make an empty database of a file name that is misspelt.
    """
    if problem := problem_of_address(url):
        raise OperatorError(f"source '{source}': its url {problem}.")
    address = make_url(url)
    file = address.database or ""
    if is_file(address.get_backend_name(), file) and not Path(file).exists():
        raise OperatorError(f"source '{source}': there is no database file {file}")
    return address


def place_of(address: URL) -> str:
    """Return an address without its password, which may stand in its options too."""
    return address.set(query={}).render_as_string(hide_password=True)


@contextmanager
def _connected(source: str, address: URL) -> Iterator[Connection]:
    try:
        connection = _engine(address).connect()
    except _NO_CONNECTION as error:
        options = ", ".join(sorted(address.query)) or "none"
        raise OperatorError(
            f"source '{source}' ({place_of(address)}): its driver cannot take this address"
            f" ({type(error).__name__}). Correct the port, or the options behind the `?`"
            f" ({options}) to those that the driver knows."
        ) from None
    with connection:
        yield connection


@contextmanager
def _forgotten_if_lost(connection: Connection) -> Iterator[None]:
    """Keep PyMySQL from reading a lost connection to its end when its result is collected."""
    driver = connection.connection.driver_connection
    try:
        yield
    except DBAPIError:
        result = getattr(driver, "_result", None)
        if getattr(result, "unbuffered_active", False):
            result.unbuffered_active = False  # type: ignore[union-attr]
        raise


def _engine(address: URL) -> Engine:
    kind = address.get_backend_name()
    arguments = {"read_only": True} if is_file(kind, address.database) and kind == "duckdb" else {}
    engine = create_engine(address, poolclass=NullPool, connect_args=arguments)
    if kind == "sqlite":
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    if prepare := _PREPARE.get(kind):
        event.listen(engine, "connect", lambda connection, _record: prepare(connection))
    return engine


def _run(statement: str) -> Callable[[Any], None]:
    """Return what runs a statement on a driver's connection, for good."""

    def run(connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    return run


def _prepare_postgresql(connection: Any) -> None:
    _run("SET TIME ZONE 'UTC'")(connection)
    _run("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")(
        connection
    )
    if hasattr(connection, "adapters"):  # psycopg 3; the older driver reads what it can
        from convsync.extract.lenient_psycopg import LENIENT

        for name, loader in LENIENT.items():
            connection.adapters.register_loader(name, loader)


def _prepare_mysql(connection: Any) -> None:
    _run("SET time_zone = '+00:00'")(connection)
    _run("SET SESSION TRANSACTION READ ONLY")(connection)


def _prepare_sqlite(connection: Any) -> None:
    connection.text_factory = _text_or_bytes
    connection.execute("PRAGMA query_only = ON")


def _text_or_bytes(written: bytes) -> str | bytes:
    """Return a text, or its bytes where they are none."""
    try:
        return written.decode()
    except UnicodeDecodeError:
        return written


_PREPARE: Final[Mapping[str, Callable[[Any], None]]] = {
    "postgresql": _prepare_postgresql,
    "mysql": _prepare_mysql,
    "mariadb": _prepare_mysql,
    "duckdb": _run("SET TimeZone = 'UTC'"),
    "sqlite": _prepare_sqlite,
}


def _in_our_words(error: Exception, source: str, address: URL) -> ConvsyncError:
    problem = f"source '{source}' ({place_of(address)}): {_told_by(error, address)}"
    if isinstance(error, DBAPIError) and _is_passing(error):
        return TransientError(f"{problem}. It is tried again with the next run.")
    return OperatorError(f"{problem}. Correct the source's url or query, or the database.")


def _told_by(error: Exception, address: URL) -> str:
    """Return the driver's words where they cannot quote a row, and without secrets."""
    if isinstance(error, ImportError | NoSuchModuleError):
        package = PACKAGES.get(kind_of(str(address.drivername) + "://"))
        fix = f"pip install {package}" if package else "install its SQLAlchemy dialect"
        return f"the driver of '{address.drivername}' is not installed: {fix}"
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return "the connection was lost while it was read"
    if not isinstance(error, OperationalError | ProgrammingError):
        return f"the database answered with {type(error).__name__}"
    words = str(error.orig).strip().partition("\n")[0].partition(" with text ")[0]
    for secret in _secrets_of(address):
        words = words.replace(secret, "***")
    return _LOOKS_LIKE_EMAIL.sub("***", words)


def _secrets_of(address: URL) -> list[str]:
    """Return the password as it is and as it is written, and the values of options, longest first.

    An option may hold a password or a token under any name.
    """
    password = address.password or ""
    written = URL.create("x", password=password, username="x").render_as_string(hide_password=False)
    values = [value for option in address.query.values() for value in _several(option)]
    options = [value for value in values if not value.isdigit()]
    secrets = {password, written.removeprefix("x://x:").rstrip("@"), *options} - {""}
    return sorted(secrets, key=len, reverse=True)


def _several(option: str | tuple[str, ...]) -> tuple[str, ...]:
    return (option,) if isinstance(option, str) else option


def _is_passing(error: DBAPIError) -> bool:
    """Return whether the same query may succeed later as it is."""
    cause = error.orig
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    if sqlstate := getattr(cause, "sqlstate", None):
        return str(sqlstate).startswith(_PASSING_SQLSTATES)
    if sqlite_error := getattr(cause, "sqlite_errorname", None):
        return str(sqlite_error).startswith(_PASSING_SQLITE_ERRORS)
    if any(words in str(cause).lower() for words in _PASSING_WORDS):
        return True
    return bool(cause and cause.args and cause.args[0] in _PASSING_MYSQL_ERRORS)
