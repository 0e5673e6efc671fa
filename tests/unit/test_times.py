"""When something happened: instants, bare dates, and the forms in which they are written."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.extract.cell_error import CellError
from convsync.extract.cells import CellReader
from convsync.extract.date_formats import mistakes_in
from convsync.extract.mapping import CellFormat

BERLIN = ZoneInfo("Europe/Berlin")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
ISO = CellReader(CellFormat(time_zone=BERLIN))
ZONELESS = CellReader(CellFormat())


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-03-01T10:00:00Z", utc(2026, 3, 1, 10), id="UTC"),
        pytest.param("2026-03-01T10:00:00+05:30", utc(2026, 3, 1, 4, 30), id="offset"),
        pytest.param("2026-03-01T10:00:00.000+0000", utc(2026, 3, 1, 10), id="Salesforce"),
        pytest.param("2026-03-01 10:00:00 UTC", utc(2026, 3, 1, 10), id="BigQuery"),
        pytest.param("2026-03-01 10:00:00 -0300", utc(2026, 3, 1, 13), id="Ruby"),
        pytest.param("2026-03-01 10:00:00+00", utc(2026, 3, 1, 10), id="PostgreSQL"),
        pytest.param("2026-03-01T10:00:00.1234567Z", utc(2026, 3, 1, 10, 0, 0, 123456), id=".NET"),
        pytest.param("2026-03-01 10:00", utc(2026, 3, 1, 9), id="local"),
        pytest.param("2026-03-01 9:05:07", utc(2026, 3, 1, 8, 5, 7), id="local, one-digit hour"),
        pytest.param("1772359200", utc(2026, 3, 1, 10), id="epoch seconds"),
        pytest.param("1772359200.5", utc(2026, 3, 1, 10, 0, 0, 500000), id="epoch with fraction"),
        pytest.param("1793060287", utc(2026, 10, 27, 0, 18, 7), id="epoch that 1793-06-02 is in"),
        pytest.param("1772359200123", utc(2026, 3, 1, 10, 0, 0, 123000), id="epoch milliseconds"),
        pytest.param("1772359200123456", utc(2026, 3, 1, 10, 0, 0, 123456), id="microseconds"),
        pytest.param(1772359200, utc(2026, 3, 1, 10), id="epoch as a number"),
        pytest.param(Decimal("1772359200123.5"), utc(2026, 3, 1, 10, 0, 0, 123500), id="Decimal"),
        pytest.param("2026-03-01 10:00:00 Asia/Tokyo", utc(2026, 3, 1, 1), id="a zone behind it"),
        pytest.param("2026-03-01T10:00:00+02:00[Europe/Kyiv]", utc(2026, 3, 1, 8), id="Java"),
        pytest.param("2026-03-01 10:00:00 CET", utc(2026, 3, 1, 9), id="abbreviated zone"),
        pytest.param("2026-07-01 10:00:00 EST", utc(2026, 7, 1, 15), id="taken at its word"),
        pytest.param("2026-03-01 10:00:00 GMT+1", utc(2026, 3, 1, 9), id="hours ahead of GMT"),
        pytest.param(" 2026-03-01 ", date(2026, 3, 1), id="bare date"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_iso_8601_and_what_exporters_take_for_it_are_read(text: object, expected: object) -> None:
    moment = ISO.moment(text)
    assert moment == expected
    assert type(moment) is type(expected)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        pytest.param("2026-03-29 02:30:00", utc(2026, 3, 29, 1, 30), id="skipped: moved forward"),
        pytest.param("2026-10-25 02:30:00", utc(2026, 10, 25, 0, 30), id="repeated: the first"),
        pytest.param("2026-07-01 12:00:00", utc(2026, 7, 1, 10), id="summer"),
        pytest.param("2026-01-01 12:00:00", utc(2026, 1, 1, 11), id="winter"),
    ],
)
def test_a_local_time_a_clock_change_touches_is_resolved_the_same_way_always(
    local: str, expected: datetime
) -> None:
    assert ISO.moment(local) == expected


@given(
    local=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
    zone=st.timezones(),
)
def test_a_local_time_is_what_the_time_zone_database_says(local: datetime, zone: ZoneInfo) -> None:
    expected = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    assert CellReader(CellFormat(time_zone=zone)).moment(local.isoformat()) == expected


@pytest.mark.parametrize(
    ("day", "starts"),
    [
        pytest.param("2017-11-15", utc(2017, 11, 15, 2), id="summer time"),
        pytest.param("2018-03-15", utc(2018, 3, 15, 3), id="standard time"),
        pytest.param("2017-10-15", utc(2017, 10, 15, 3), id="the day without a midnight"),
    ],
)
def test_a_day_in_sao_paulo_starts_at_its_own_midnight(day: str, starts: datetime) -> None:
    cells = CellReader(CellFormat(time_zone=SAO_PAULO))
    assert cells.instant_in(None)(day) == starts


def test_a_day_of_a_clock_change_ends_after_25_hours() -> None:
    moment = ISO.moment("2026-10-25")
    assert moment is not None
    assert (ISO.end_of(moment) - ISO.start_of(moment)).total_seconds() == 25 * 3600 - 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("31.12.2025", date(2025, 12, 31), id="date"),
        pytest.param("31.12.2025 14:30", utc(2025, 12, 31, 13, 30), id="date and time"),
    ],
)
def test_declared_formats_are_read(text: str, expected: object) -> None:
    cells = CellReader(CellFormat(time_zone=BERLIN, date_formats=("%d.%m.%Y", "%d.%m.%Y %H:%M")))
    assert cells.moment(text) == expected


@given(
    at=st.datetimes(min_value=datetime(2001, 9, 10), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    unit=st.sampled_from([1, 1_000, 1_000_000]),
)
def test_an_epoch_is_an_epoch_whatever_else_its_digits_might_be(at: datetime, unit: int) -> None:
    whole = at.replace(microsecond=0, tzinfo=UTC)
    count = int(whole.timestamp()) * unit
    assert ISO.moment(str(count)) == ISO.moment(count) == whole


def test_an_abbreviation_of_several_zones_is_read_where_the_sources_own_uses_it() -> None:
    chicago = CellReader(CellFormat(time_zone=ZoneInfo("America/Chicago")))
    assert chicago.moment("2026-03-01 10:00:00 CST") == utc(2026, 3, 1, 16)
    with pytest.raises(CellError, match="CST"):
        ISO.moment("2026-03-01 10:00:00 CST")


DECLARED = CellReader(
    CellFormat(
        time_zone=BERLIN,
        date_formats=("%m/%d/%Y %I:%M %p", "spreadsheet", "javascript", "%d.%m.%Y %H:%M %Z"),
        date_columns=frozenset({"Close Date"}),
    )
)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param("3/1/2026 2:30 PM", utc(2026, 3, 1, 13, 30), id="US order, afternoon"),
        pytest.param("03/01/2026 12:05 am", utc(2026, 2, 28, 23, 5), id="US order, midnight"),
        pytest.param("46082", date(2026, 3, 1), id="a spreadsheet's day"),
        pytest.param("46082.4375", utc(2026, 3, 1, 9, 30), id="a spreadsheet's time"),
        pytest.param(46082.4375, utc(2026, 3, 1, 9, 30), id="a spreadsheet's time as a number"),
        pytest.param(
            "Sun Mar 01 2026 10:00:00 GMT+0100 (Central European Standard Time)",
            utc(2026, 3, 1, 9),
            id="JavaScript",
        ),
        pytest.param("01.03.2026 10:00 CET", utc(2026, 3, 1, 9), id="a zone's name behind it"),
        pytest.param("1772359200", utc(2026, 3, 1, 10), id="an epoch all the same"),
    ],
)
def test_forms_that_are_declared_by_name_or_pattern_are_read(
    cell: object, expected: object
) -> None:
    assert DECLARED.moment(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param("2026-03-01 00:00:00", date(2026, 3, 1), id="midnight"),
        pytest.param("2026-03-01T00:00:00Z", date(2026, 3, 1), id="midnight in UTC"),
        pytest.param("2026-02-28T23:00:00Z", date(2026, 3, 1), id="the company's midnight"),
        pytest.param("1772323200", date(2026, 3, 1), id="an epoch's midnight"),
        pytest.param(datetime(2026, 3, 1), date(2026, 3, 1), id="a database's"),  # noqa: DTZ001
        pytest.param("2026-03-01", date(2026, 3, 1), id="a bare date"),
        pytest.param("2026-03-01 10:00:00", utc(2026, 3, 1, 9), id="a time of day stays one"),
    ],
)
def test_in_a_column_of_dates_midnight_is_the_whole_day(cell: object, expected: object) -> None:
    assert DECLARED.moment_in("Close Date")(cell) == expected
    if isinstance(cell, str):
        assert DECLARED.moments("Close Date", [cell]) == [expected]
    assert not isinstance(expected, datetime) or DECLARED.moment(cell) == expected


@pytest.mark.parametrize(
    ("forms", "problem"),
    [
        pytest.param(["%d/%m/%Y", "%m/%d/%Y"], "different dates", id="day first, month first"),
        pytest.param(["%d.%m.%y", "%y.%m.%d"], "different dates", id="day first, year first"),
        pytest.param(["%Y-%d-%m"], "different dates", id="another meaning of ISO 8601"),
        pytest.param(["%d.%m.%Y %H:%M %p"], "%p", id="24 hours with a half of the day"),
        pytest.param(["%d.%m.%Y %I:%M"], "%p", id="12 hours without one"),
        pytest.param(["%y%m%d%H%M"], "since 1970", id="ten digits"),
        pytest.param(["%d.%m."], "year", id="no year"),
        pytest.param(["%Z %d.%m.%Y"], "%Z", id="a zone in front"),
        pytest.param(["%d.%m.%Q"], "strptime", id="no directive"),
    ],
)
def test_forms_that_cannot_be_told_apart_are_refused(forms: list[str], problem: str) -> None:
    assert any(problem in mistake for mistake in mistakes_in(forms))


def test_forms_that_differ_in_what_they_read_go_together() -> None:
    forms = ["%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%y", "%b %d, %Y", "%Y%m%d", "spreadsheet"]
    assert list(mistakes_in([*forms, "javascript", "%m/%d/%Y %I:%M %p"])) == []


@pytest.mark.parametrize(
    "text",
    ["31/12/2025", "2026-02-30", "2026-03-01x10:00", "0000-00-00", "12345", "20260301",
     "20260301101112", "2026-W10-7", "2026-03-01 10:00 PM", "9999-12-31",
     "2026-03-01T25:00:00", "infinity", "²²²²²²²²²²", "2026-03-", "2026-03-0"],
)  # fmt: skip
def test_a_cell_that_is_not_a_time_is_reported(text: str) -> None:
    with pytest.raises(CellError):
        ISO.moment(text)


@pytest.mark.parametrize("cell", ["2026-03-01", "2026-03-01 10:00:00", date(2026, 3, 1)])
def test_a_time_without_a_zone_is_a_problem_where_none_is_declared(cell: object) -> None:
    with pytest.raises(CellError, match="time_zone"):
        ZONELESS.moment(cell)


def test_a_bare_date_at_the_edge_of_the_calendar_is_a_problem_however_it_is_written() -> None:
    for cell in ("0001-01-01", "0001-01-01T00:00:00", date(9999, 12, 31)):
        with pytest.raises(CellError, match="calendar"):
            ISO.moment(cell)
