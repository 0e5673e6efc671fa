"""What happens to a record or an answer that does not match the CRM's documentation.

One bad record stops nobody: a group of deals that cannot be completed is halved until the bad one
stands alone, which is quarantined with what the vendor said of it, and asked for again on later
nights. Where every deal of a group is bad, it is the source that changed, and its error stops it.
An answer that is about no single record (stages, fields, a list) is an error with its place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from traceback import extract_tb
from typing import Final, Generic, ParamSpec, TypeVar

from convsync import log
from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.cell_error import CellError
from convsync.extract.crm_adapter import CrmDeal, Page
from convsync.extract.sound_ids import raise_if_personal
from convsync.extract.source import Departed, Quarantined
from convsync.model.identifiers import hashed
from convsync.vendor_words import name_of

T = TypeVar("T")
P = ParamSpec("P")
MALFORMED: Final = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, CellError,
)  # fmt: skip
"""What reading raises where a value is missing, or is another thing than was documented."""
_RECORD_ID: Final = re.compile(r"(?!0[0-9]{6,}\Z)[\w.:=-]+")
_OF_A_RECORD: Final = (*MALFORMED, UnexpectedResponseError)
_A_PATTERN: Final = 3
"""So many failures in a row, and no success, are no longer about single records."""


@contextmanager
def as_documented(source: str) -> Iterator[None]:
    """Turn an answer that lacks what its documentation promises into an error that says so."""
    try:
        yield
    except MALFORMED as error:
        raise UnexpectedResponseError(
            f"{source}: an answer of the CRM does not have the form that its documentation "
            "describes"
            f" ({_about(error)}, read by {_place_of(error)}). Please report it."
        ) from error


def built(
    deal_id: str, build: Callable[P, CrmDeal], *record: P.args, **more: P.kwargs
) -> CrmDeal | Quarantined:
    """Return the deal that is built of a record, or why none can be."""
    try:
        return build(*record, **more)
    except _OF_A_RECORD as error:
        return quarantined(deal_id, error)


def left(rows: Iterable[T], build: Callable[[T], Iterable[Departed]]) -> Iterator[Departed]:
    """Yield the deals that rows say have left; a row that cannot be read names no deal."""
    for row in rows:
        try:
            departed = [*build(row)]
        except MALFORMED as error:
            log.warning("a deal that left could not be read", problem=_about(error))
            continue
        yield from departed


def one_by_one(
    rows: Sequence[T], id_of: Callable[[T], object], complete: Callable[[Sequence[T]], Page]
) -> Page:
    """Return a page of deals, completed together, or in ever smaller groups where that fails."""
    halving = _Halving(id_of, complete)
    return halving.page_of(rows)


class _Halving(Generic[T]):
    """Completes groups of rows, and remembers whether any row could be completed."""

    def __init__(
        self, id_of: Callable[[T], object], complete: Callable[[Sequence[T]], Page]
    ) -> None:
        self._id_of = id_of
        self._complete = complete
        self._failures = 0
        self._has_succeeded = False

    def page_of(self, rows: Sequence[T]) -> Page:
        try:
            page = self._complete(rows)
        except _OF_A_RECORD as error:
            if len(rows) > 1:
                first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
                return _joined(self.page_of(first), self.page_of(second))
            self._failures += 1
            if self._failures >= _A_PATTERN and not self._has_succeeded:
                raise
            return Page(deals=[quarantined(self._named(rows), error)] if rows else ())
        self._has_succeeded = self._has_succeeded or bool(page.deals)
        return page

    def _named(self, rows: Sequence[T]) -> str | None:
        try:
            deal_id = self._id_of(rows[0])
        except MALFORMED:
            return None
        return str(deal_id) if isinstance(deal_id, str | int) else None


@dataclass(kw_only=True)
class OwnCalls:
    """The calls of a page that are about one record each, made from several threads.

    One that fails for good is that record's. Where as good as all fail, it is the vendor who does,
    or a right is missing: that stops the read.
    """

    failures: int = 0
    successes: int = 0
    _counting: Lock = field(default_factory=Lock, repr=False)

    def made(self, call: Callable[[], T]) -> T:
        """Return what a call does. Raises UnexpectedResponseError where only it fails."""
        try:
            found = call()
        except (TransientError, OperatorError) as error:
            raise self.judged(error) from None
        with self._counting:
            self.successes += 1
        return found

    def tried(self, call: Callable[[], T]) -> T | UnexpectedResponseError:
        """Return what a call does, or why it is only this one that fails; raises otherwise."""
        try:
            found = call()
        except (TransientError, OperatorError, UnexpectedResponseError) as error:
            return self.only_this_one(error)
        with self._counting:
            self.successes += 1
        return found

    def only_this_one(self, error: ConvsyncError) -> UnexpectedResponseError:
        """Return the error of a record's call as one about this record; raise one about all."""
        judged = self.judged(error)
        if isinstance(judged, UnexpectedResponseError) and not self._is_a_pattern:
            return judged
        raise judged

    def judged(self, error: ConvsyncError) -> ConvsyncError:
        """Return the error of a record's call as one about this record, or as it is: about all."""
        with self._counting:
            self.failures += 1
        is_limit = isinstance(error, TransientError) and error.retry_after_s
        if is_limit or self._is_a_pattern:
            return error
        return UnexpectedResponseError(str(error))

    @property
    def _is_a_pattern(self) -> bool:
        return self.failures >= _A_PATTERN and self.failures > self.successes


def _joined(first: Page, second: Page) -> Page:
    return replace(
        first,
        deals=[*first.deals, *second.deals],
        departed=[*first.departed, *second.departed],
    )


def quarantined(deal_id: str | None, error: Exception) -> Quarantined:
    """Return a record that could not be read, and why, without showing what is in it."""
    if isinstance(error, CellError):
        problem = str(error)
    elif isinstance(error, ConvsyncError):
        problem = f"the CRM does not give what belongs to it: {error}"
    else:
        problem = (
            f"its record is not shaped as the CRM's documentation says ({_about(error)}): look at"
            " it in the CRM, or report it"
        )
    if deal_id is not None and not may_be_kept(deal_id):
        place = f"a deal whose ID is none ({hashed(ascii(deal_id))[:8]})"
        return Quarantined(place=place, problem=problem)
    place = f"deal {deal_id}" if deal_id else "a deal without an ID"
    return Quarantined(place=place, problem=problem, deal_id=deal_id)


def may_be_kept(deal_id: str) -> bool:
    """Return whether a CRM's ID is fit to be stored: nobody's address, number or name.

    No CRM's IDs have spaces, or are digits behind a zero, as numbers dialled at home are.
    """
    try:
        raise_if_personal(deal_id)
    except CellError:
        return False
    return _RECORD_ID.fullmatch(deal_id) is not None


def _about(error: Exception) -> str:
    """Return what was wrong, by names of ours or the vendor's: an error's text quotes values."""
    if isinstance(error, CellError):
        return str(error)
    key = name_of(error.args[0]) if isinstance(error, KeyError) and error.args else ""
    return f"'{key}'" if key else type(error).__name__


def _place_of(error: Exception) -> str:
    """Return the function of ours in which an answer could not be read."""
    ours = [frame for frame in extract_tb(error.__traceback__) if "convsync" in frame.filename]
    return f"{Path(ours[-1].filename).stem}.{ours[-1].name}" if ours else "nobody"
