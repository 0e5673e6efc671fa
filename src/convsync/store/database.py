"""The database as the rest of convsync sees it: named transactions, and errors in our words.

Every commit is a named step of a run. `on_step` is called just before and just after, which is
how the tests stop a night at each of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, make_url
from sqlalchemy import Connection as Connection
from sqlalchemy.exc import ArgumentError, DBAPIError

from convsync.errors import ConvsyncError, OperatorError, TransientError
from convsync.store import database_file, dialect
from convsync.store.database_errors import database_message, is_busy, is_full, is_refusal
from convsync.store.overlay import lay_over
from convsync.store.schema import metadata

OnStep = Callable[[str], None]


def ignore_step(_step: str) -> None:
    """Do nothing: the step listener of ordinary runs."""


class Database:
    """One database, opened at its first use.

    Methods raise OperatorError where it cannot be opened or has no tables, TransientError where it
    is busy, ConvsyncError where a constraint was broken. The audit log is keyed by `audit_key`.
    """

    def __init__(
        self, url: str, *, on_step: OnStep = ignore_step, audit_key: bytes | None = None
    ) -> None:
        self._url = _parsed(url)
        self._audit_key = audit_key
        self._on_step = on_step
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        """Return the database's URL without its password, which may stand in the query too."""
        return self._url.set(query={}).render_as_string(hide_password=True)

    @property
    def engine(self) -> Engine:
        """Return the engine, for migrations."""
        if self._engine is None:
            self._require_folder()
            database_file.make_private(self._url)
            try:
                self._engine = dialect.open_engine(self._url)
            except ImportError as error:
                raise OperatorError(
                    f"Database {self.name}: the driver of {self._url.drivername} is not installed. "
                    "Run pip install 'convsync[postgresql]'."
                ) from error
        return self._engine

    @contextmanager
    def transaction(self, step: str) -> Iterator[Connection]:
        """Open a transaction that writes, and commit it under the name of `step`."""
        with self._connected() as connection, dialect.for_writing(connection).begin():
            yield connection
            self._on_step(f"{step}: before commit")
        self._on_step(f"{step}: committed")

    @contextmanager
    def preview(self) -> Iterator[Connection]:
        """Open the tables with others laid over: all can be written, and nothing stays.

        Nobody waits for it.
        """
        with self._in_our_words(), dialect.trying_out(self._url) as connection:
            lay_over(connection, metadata.sorted_tables)
            dialect.allow_no_more_tables(connection)
            yield self._keyed(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a view of one state throughout. Nothing that is written in it stays."""
        with self._connected() as connection:
            yield dialect.for_reading(connection)

    def scrub(self) -> None:
        """Take what was erased out of the database's pages, as far as it lets us.

        SQLite's file is written anew; PostgreSQL frees the space, which later rows overwrite.
        """
        with self._in_our_words():
            database_file.scrub(self._url)

    def close(self) -> None:
        """Give back every connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._in_our_words(), self.engine.connect() as connection:
            yield self._keyed(connection)

    def _keyed(self, connection: Connection) -> Connection:
        """Let whoever appends to the audit log over this connection find its key."""
        return connection.execution_options(convsync_audit_key=self._audit_key)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._translated(error) from error

    def _translated(self, error: DBAPIError) -> ConvsyncError:
        message = database_message(error)
        if is_busy(error):
            return TransientError(
                f"Database {self.name} is busy or gone: {message}. Try again later."
            )
        if is_full(error):
            return TransientError(
                f"Database {self.name} has no room for more: {message}. Free some disk space; the"
                " next run resumes this one, and nothing is lost or sent twice."
            )
        if is_refusal(error):
            return ConvsyncError(
                f"Database {self.name} refused a row: {message}. Nothing of this step was written; "
                "this is a mistake in convsync, please report it."
            )
        return OperatorError(
            f"Database {self.name} cannot be used: {message}. Check [store] url and the rights on "
            "it; `convsync db upgrade` creates the tables."
        )

    def _require_folder(self) -> None:
        path = self._url.database
        if self._url.get_backend_name() == "sqlite" and path and path != ":memory:":
            folder = Path(path).parent
            if not folder.is_dir():
                raise OperatorError(
                    f"Database {self.name}: there is no folder {folder}; create it."
                )


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise OperatorError(
            "[store] url is not a database URL such as sqlite:///convsync.db"
        ) from error
    if not dialect.is_supported(parsed):
        raise OperatorError(
            f"[store] url starts with {parsed.drivername}: convsync keeps its ledger in "
            "sqlite:///… or postgresql://…"
        )
    return parsed
