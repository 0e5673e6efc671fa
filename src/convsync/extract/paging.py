"""How a list is read to its end, page by page, whatever its API calls a page.

Two ways keep what leaves a list while it is read from shifting the rest: going on after the last
record's ID, and going on from a cursor or link that the vendor gives. Either ends with an error
where the vendor repeats a page, and not never.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from convsync.errors import UnexpectedResponseError

T = TypeVar("T")
Id = TypeVar("Id", str, int)


def is_no_later(record_id: str | int, last: str | int) -> bool:
    """Return whether an ID is no later than another, as numbers; before any stands "" or 0."""
    return int(record_id) <= int(last or 0)


def pages_by_id(
    where: str,
    read: Callable[[Id], tuple[list[T], bool]],
    id_of: Callable[[T], Id],
    last: Id,
    *,
    is_repeat: Callable[[Id, Id], bool] = is_no_later,
) -> Iterator[list[T]]:
    """Yield the pages after the record `last`.

    `read` returns the page after an ID, and whether there may be more. `is_repeat` says of the ID a
    page ends with, and of the one it was asked for, that it does not lead on. Raises
    UnexpectedResponseError, naming `where`, for such a page.
    """
    has_more = True
    while has_more:
        records, has_more = read(last)
        if not records:
            return
        if is_repeat(id_of(records[-1]), last):
            raise UnexpectedResponseError(f"{where} repeats the page after {last}.")
        yield records
        last = id_of(records[-1])


def pages_by_cursor(
    where: str, read: Callable[[str], tuple[list[T], str]], kept: str = ""
) -> Iterator[tuple[list[T], str]]:
    """Yield pages, and the cursor of the one after each; "" after the last.

    `read` returns the page at a cursor, "" being the first, and the cursor of the next. A cursor
    `kept` from an earlier run that is refused now begins the list again. Raises
    UnexpectedResponseError, naming `where`, for a page that leads to itself.
    """
    cursor = kept
    try:
        records, following = read(cursor)
    except UnexpectedResponseError:
        if not kept:
            raise
        cursor = ""
        records, following = read(cursor)
    while True:
        if following and following == cursor:
            raise UnexpectedResponseError(f"{where} repeats a page.")
        yield records, following
        if not following:
            return
        cursor = following
        records, following = read(cursor)
