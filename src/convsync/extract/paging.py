"""How a list is read to its end, page by page, whatever its API calls a page.

Two ways keep what leaves a list while it is read from shifting the rest: going on after the last
record's ID, and going on from a cursor or link that the vendor gives. Either ends with an error
where the vendor repeats a page, and not never.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from convsync.errors import UnexpectedResponseError

T = TypeVar("T")
Id = TypeVar("Id", str, int)


class Unrepeated:
    """The places where a list was gone on from. One that comes again would lead round for ever."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._passed: set[int] = set()

    def passes(self, place: Hashable) -> None:
        """Note a place. Raises UnexpectedResponseError where the list has been there before."""
        if hash(place) in self._passed:
            raise UnexpectedResponseError(f"{self._where} repeats a page.")
        self._passed.add(hash(place))


def is_no_later(record_id: str | int, last: str | int) -> bool:
    """Return whether an ID is no later than another, as numbers; before any stands "" or 0."""
    return int(record_id) <= int(last or 0)


def last_of(records: Sequence[T], id_of: Callable[[T], Id]) -> Id | None:
    """Return the last ID of a page that is one, None where none is."""
    for record in reversed(records):
        try:
            if found := id_of(record):
                return found
        except (LookupError, TypeError, ValueError, ArithmeticError):
            continue
    return None


def _leading_on(
    id_of: Callable[[T], Id], last: Id, is_repeat: Callable[[Id, Id], bool], record: T
) -> Id:
    found = id_of(record)
    if not isinstance(found, str | int) or isinstance(found, bool) or is_repeat(found, last):
        raise ValueError("not an ID that leads on")
    return found


def pages_by_id(
    where: str,
    read: Callable[[Id], tuple[list[T], bool]],
    id_of: Callable[[T], Id],
    last: Id,
    *,
    is_repeat: Callable[[Id, Id], bool] = is_no_later,
) -> Iterator[list[T]]:
    """Yield the pages after the record `last`.

    `read` returns the page after an ID, and whether there may be more. `is_repeat` says of an ID of
    a page, and of the one it was asked for, that it does not lead on. The last that does is gone on
    from: one bad record at the end loses none. Raises UnexpectedResponseError, naming `where`, for
    a page without any.
    """
    has_more, unrepeated = True, Unrepeated(where)
    while has_more:
        records, has_more = read(last)
        if not records:
            return
        found = last_of(records, partial(_leading_on, id_of, last, is_repeat))
        if found is None:
            raise UnexpectedResponseError(f"{where} repeats the page after {last}.")
        unrepeated.passes(found)
        yield records
        last = found


def pages_by_cursor(
    where: str, read: Callable[[str], tuple[list[T], str]], kept: str = ""
) -> Iterator[tuple[list[T], str]]:
    """Yield pages, and the cursor of the one after each; "" after the last.

    `read` returns the page at a cursor, "" being the first, and the cursor of the next. A cursor
    `kept` from an earlier run that is refused now begins the list again. Raises
    UnexpectedResponseError, naming `where`, for a page that leads to itself.
    """
    cursor, unrepeated = kept, Unrepeated(where)
    try:
        records, following = read(cursor)
    except UnexpectedResponseError:
        if not kept:
            raise
        cursor = ""
        records, following = read(cursor)
    unrepeated.passes(cursor)
    while True:
        if following:
            unrepeated.passes(following)
        yield records, following
        if not following:
            return
        cursor = following
        records, following = read(cursor)
