"""Reads rows of a click log by columns: what SightingRows reads of each row, at a fraction of it.

A log has millions of rows, nearly all of them ordinary, and a call for each cell costs more than
what it does. Here a column of some thousand cells is read in a few passes. Whatever is not ordinary
raises CellError for all of the rows together, and they are read one by one instead: only that tells
which one it was. Both must find the same in the same rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import compress

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.layout import Header
from convsync.extract.mapping import CellFormat, ClickColumns, bare_columns
from convsync.extract.record_reader import began
from convsync.extract.rows import is_behind, is_wanted_in
from convsync.model.captured import plain
from convsync.model.click import ClickIdKind
from convsync.model.key import KeyKind, digests_of
from convsync.model.period import Period
from convsync.model.seen_clicks import SeenClicks, SeenKey, digests_of_ids

Row = Sequence[str]
_Found = tuple[ClickIdKind, Sequence[str], Sequence[int]]
"""Click IDs of one kind, and the row of each."""


class SightingColumns:
    """Reads rows under one header, of which SightingRows has found every mapped column."""

    def __init__(self, columns: ClickColumns, form: CellFormat, header: Header) -> None:
        self._cells = CellReader(form)
        self._columns = columns
        self._seen = header.places(columns.clicked_at)
        self._logged = header.places(columns.logged_at)
        self._direct = header.places(columns.direct_visit)
        self._bare = [(kind, header.places(name)[0]) for kind, name in bare_columns(columns)]
        self._url = header.places(columns.landing_url)
        self._keys = [
            *((KeyKind.CRM, place) for place in header.places(*columns.crm_keys)),
            *((KeyKind.VISITOR, place) for place in header.places(*columns.visitors)),
        ]
        self._emails = header.places(*columns.emails)
        self._phones = header.places(*columns.phones)
        self._country = header.places(columns.country)

    def logged(self, rows: Sequence[Row], window: Period) -> tuple[Sequence[Row], bool]:
        """Return the rows that SightingRows.logged reads, and whether any was logged behind it."""
        if not self._logged:
            return rows, False
        moments = self._cells.moments(self._columns.logged_at, _column(rows, self._logged[0]))
        is_read = [is_wanted_in(window, moment, self._cells) for moment in moments]
        left = any(is_behind(moment, window, self._cells) for moment in moments)
        return list(compress(rows, is_read)), left

    def seen(self, rows: Sequence[Row]) -> SeenClicks:
        """Return the click IDs of rows with their times and keys, or raise CellError."""
        found = [one for one in self._found(rows) if one[1]]
        owners = [row for _, _, rows_of_kind in found for row in rows_of_kind]
        seen_at, are_whole_days = self._times(rows)
        return SeenClicks(
            digests=[
                digest for kind, values, _ in found for digest in digests_of_ids(kind, values)
            ],
            kinds=[kind for kind, values, _ in found for _ in values],
            values=[value for _, values, _ in found for value in values],
            seen_at=[seen_at[row] for row in owners],
            are_whole_days=[are_whole_days[row] for row in owners],
            keys=self._keys_at(rows, owners),
        )

    def _found(self, rows: Sequence[Row]) -> Iterator[_Found]:
        """Yield what each column of bare IDs holds, then what the URLs hold beside it."""
        bare: dict[ClickIdKind, list[str]] = {}
        for kind, place in self._bare:
            values = bare[kind] = list(map(_plain, self._texts(rows, place)))
            yield kind, [value for value in values if value], _filled(values)
        if self._url:
            yield from self._in_urls(self._texts(rows, self._url[0]), bare)

    def _times(self, rows: Sequence[Row]) -> tuple[Sequence[datetime | None], Sequence[bool]]:
        are_direct = self._are_direct(rows)
        if not self._seen:
            return [None] * len(rows), [False] * len(rows)
        moments = self._cells.moments(self._columns.clicked_at, _column(rows, self._seen[0]))
        if any(are_direct):
            moments = [
                None if is_direct else moment
                for moment, is_direct in zip(moments, are_direct, strict=True)
            ]
        if set(map(type, moments)) == {datetime}:
            return [self._cells.start_of(moment) for moment in moments if moment], [False] * len(
                rows
            )
        times = [began(moment, self._cells) for moment in moments]
        return [at for at, _ in times], [is_whole_day for _, is_whole_day in times]

    def _are_direct(self, rows: Sequence[Row]) -> list[bool]:
        """Return which rows are of visits that came by no ad; nothing where no column says so."""
        if not self._direct:
            return []
        return [self._cells.is_direct(cell) for cell in _column(rows, self._direct[0])]

    def _keys_at(self, rows: Sequence[Row], owners: Sequence[int]) -> list[SeenKey]:
        """Return the keys of every click."""
        is_one_a_row = owners == list(range(len(rows)))
        positions: dict[int, list[int]] = {}
        for position, row in enumerate(() if is_one_a_row else owners):
            positions.setdefault(row, []).append(position)
        keys: list[SeenKey] = []
        for kind, of_rows, values in self._key_values(rows):
            digests = digests_of(kind, values)
            if is_one_a_row:
                keys += zip(digests, of_rows, strict=True)
                continue
            keys += [
                (digest, position)
                for row, digest in zip(of_rows, digests, strict=True)
                for position in positions.get(row, ())
            ]
        return keys

    def _key_values(
        self, rows: Sequence[Row]
    ) -> Iterator[tuple[KeyKind, Sequence[int], list[str]]]:
        """Yield what joins rows to deals: of one kind, the rows and the value of each."""
        for kind, place in self._keys:
            yield kind, *self._ids(_column(rows, place))
        for place in self._emails:
            emails = [
                (row, email)
                for row, cell in enumerate(_column(rows, place))
                if cell
                for email in self._cells.hashed_emails(cell)
            ]
            yield KeyKind.EMAIL, [row for row, _ in emails], [email for _, email in emails]
        for place in self._phones:
            phones = [
                (row, phone)
                for row, text in enumerate(self._texts(rows, place))
                if text
                for phone in self._cells.hashed_phones(text, self._region(rows[row]))
            ]
            yield KeyKind.PHONE, [row for row, _ in phones], [phone for _, phone in phones]
        if self._cells.plain_hashes.are_joined:
            yield from self._plain_values(rows)

    def _ids(self, cells: Sequence[str]) -> tuple[Sequence[int], list[str]]:
        """Return the IDs in a column's cells, and the row of each."""
        try:
            plain_ids = self._cells.plain_ids(cells)
        except CellError:
            ids_of = self._cells.ids
            ids = [(row, found) for row, cell in enumerate(cells) for found in ids_of(cell)]
            return [row for row, _ in ids], [found for _, found in ids]
        return _filled(plain_ids), [*filter(None, plain_ids)]

    def _plain_values(
        self, rows: Sequence[Row]
    ) -> Iterator[tuple[KeyKind, Sequence[int], list[str]]]:
        """Yield what joins rows to what was hashed elsewhere."""
        plain = self._cells.plain_hashes
        for row, cells in enumerate(rows):
            emails, phones = (
                [self._cells.text(cells[place]) for place in places]
                for places in (self._emails, self._phones)
            )
            for key in plain.keys(emails, phones, self._region(cells)):
                yield key.kind, [row], [key.value]

    def _in_urls(self, urls: Iterable[str], bare: dict[ClickIdKind, list[str]]) -> Iterator[_Found]:
        """Yield the click IDs of URLs, but for those that stand in a column of their own."""
        found: dict[ClickIdKind, tuple[list[str], list[int]]] = {}
        for row, url in enumerate(urls):
            if not url:
                continue
            for click_id, at in self._cells.captured_in_url(url):
                kind, value = click_id.kind, click_id.value
                if at:
                    raise _not_ordinary()
                if kind in bare and bare[kind][row] == value:
                    continue
                values, of_rows = found.setdefault(kind, ([], []))
                values.append(value)
                of_rows.append(row)
        return ((kind, values, of_rows) for kind, (values, of_rows) in found.items())

    def _region(self, row: Row) -> str | None:
        return self._cells.region(row[self._country[0]] if self._country else None)

    def _texts(self, rows: Sequence[Row], place: int) -> list[str]:
        return self._cells.texts(_column(rows, place))


def _column(rows: Sequence[Row], place: int) -> list[str]:
    return [row[place] for row in rows]


def _filled(values: Sequence[str]) -> Sequence[int]:
    return [row for row, value in enumerate(values) if value]


def _plain(text: str) -> str:
    """Return a bare click ID, "" for none, or raise CellError for what wraps one."""
    found = plain(text)
    if found is None:
        raise _not_ordinary()
    return found


def _not_ordinary() -> CellError:
    return CellError("holds a click ID in a wrapping, which is opened row by row")
