"""The zones of a row's times, where the database hands them over without."""

from collections.abc import Sequence
from datetime import datetime, tzinfo


def placed(row: Sequence[object], zoned: Sequence[tuple[int, tzinfo]]) -> Sequence[object]:
    """Return a row whose times at some positions have the zone that stands beside each."""
    cells = list(row)
    for position, zone in zoned:
        cells[position] = _in_zone(cells[position], zone)
    return cells


def _in_zone(cell: object, zone: tzinfo) -> object:
    """Return a time with its column's zone; a bare date, and what is no time, as it is."""
    if isinstance(cell, str) and cell.strip()[10:11] in {"T", " "}:
        try:
            cell = datetime.fromisoformat(cell.strip())
        except ValueError:
            return cell
    if isinstance(cell, datetime) and cell.tzinfo is None:
        return cell.replace(tzinfo=zone)
    return cell
