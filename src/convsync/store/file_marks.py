"""How far each file of a source has been read, so that no run reads twice what stands as it was.

A mark is moved in the transaction that stores what was read up to it.
"""

from sqlalchemy import Connection, select

from convsync.model.file_mark import FileMark
from convsync.store import dialect
from convsync.store.schema import file_marks


def recall(connection: Connection, source: str, path: str) -> FileMark | None:
    """Return how far a file was read for a source, None where it never was."""
    of_file = (file_marks.c.source == source) & (file_marks.c.path == path)
    row = connection.execute(select(file_marks).where(of_file)).first()
    if row is None:
        return None
    return FileMark(
        path=path,
        reading=row.reading,
        offset=row.bytes_read,
        lines=row.lines_read,
        digest=row.digest,
        status=row.status,
    )


def move(connection: Connection, source: str, mark: FileMark) -> None:
    """Write down how far a file has been read for a source."""
    values = {
        "reading": mark.reading,
        "bytes_read": mark.offset,
        "lines_read": mark.lines,
        "digest": mark.digest,
        "status": mark.status,
    }
    statement = dialect.upsert(file_marks, connection).values(
        source=source, path=mark.path, **values
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["source", "path"], set_=values)
    )
