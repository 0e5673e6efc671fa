"""A page's list as a file: the whole of it, a row at a time, however long it is.

As CSV a spreadsheet takes no cell for a formula, and no mark turns a text's direction, as in what
the commands write.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from convsync.plain_text import plain
from convsync.report.listing_cells import cell_of, text_of
from convsync.web.readers import READERS
from convsync.web.visits import RefusedError

Row = Mapping[str, Any]

_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
FORMATS: Final = tuple(_TYPES)


def file_of(name: str, form: str, columns: Sequence[str], rows: Iterable[Row]) -> Response:
    """Return rows as a file of a name, in one of `FORMATS`; RefusedError for any other."""
    if form not in _TYPES:
        raise RefusedError(404, f"There is no {form} of a list: choose {' or '.join(FORMATS)}.")
    written = _as_csv(columns, rows) if form == "csv" else _as_json(rows)
    named = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return StreamingResponse(READERS.each(written), media_type=_TYPES[form], headers=named)


def _as_csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell_of(row.get(column)) for column in columns])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _as_json(rows: Iterable[Row]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield plain(f"{before}\n  {json.dumps(row, default=text_of, ensure_ascii=False)}")
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"
