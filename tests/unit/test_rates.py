"""Exchange rates: the last day before a gap, never a silent 1.0, and files that are wrong."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from convsync.errors import OperatorError
from convsync.extract.rates import ListColumns, RatesFile
from convsync.model.money import Money
from convsync.model.rates import Converted, NoRate, Rates

ECB = Path(__file__).parents[2].parent / "shared" / "data" / "fx" / "ecb_rates_2016_2018.csv"
BANKS = """Date,USD,JPY,HRK,
2026-03-06,1.25,160,N/A,
2026-03-05,1.20,150,7.5,
"""
FRIDAY, SUNDAY = date(2026, 3, 6), date(2026, 3, 8)
LIST = ListColumns(day="day", currency="code", rate="rate")


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def read(folder: Path, text: str, columns: ListColumns | None = None) -> Rates:
    path = folder / "rates.csv"
    path.write_text(text, encoding="utf-8")
    return RatesFile(path=path, columns=columns).read()


def test_a_weekend_takes_fridays_rate_and_says_so(tmp_path: Path) -> None:
    rates = read(tmp_path, BANKS)
    assert rates.convert(eur("100"), "USD", SUNDAY) == Converted(
        Money(amount=Decimal(125), currency="USD"), FRIDAY
    )
    back = rates.convert(Money(amount=Decimal(125), currency="USD"), "EUR", SUNDAY)
    assert back == Converted(eur("100"), FRIDAY)


def test_two_currencies_are_converted_by_way_of_the_base_to_what_can_be_paid(
    tmp_path: Path,
) -> None:
    dollars = Money(amount=Decimal("10.01"), currency="USD")
    converted = read(tmp_path, BANKS).convert(dollars, "JPY", FRIDAY)
    assert isinstance(converted, Converted)
    assert converted.money == Money(amount=Decimal(1281), currency="JPY")  # 1281.28


def test_the_older_of_two_rates_is_the_one_that_is_named(tmp_path: Path) -> None:
    kuna = Money(amount=Decimal("7.5"), currency="HRK")
    converted = read(tmp_path, BANKS).convert(kuna, "USD", FRIDAY)
    assert converted == Converted(Money(amount=Decimal("1.25"), currency="USD"), date(2026, 3, 5))


@pytest.mark.parametrize(
    ("currency", "on"),
    [
        pytest.param("USD", date(2026, 3, 4), id="before the first"),
        pytest.param("USD", FRIDAY + timedelta(days=8), id="too long after the last"),
        pytest.param("CHF", FRIDAY, id="a currency that is not in the file"),
    ],
)
def test_where_there_is_no_rate_that_is_the_answer(tmp_path: Path, currency: str, on: date) -> None:
    rates = read(tmp_path, BANKS)
    assert rates.convert(eur("100"), currency, on) == NoRate(currency, on)
    assert rates.convert(Money(amount=Decimal(1), currency=currency), "EUR", on) == NoRate(
        currency, on
    )


def test_the_same_currency_needs_no_rate(tmp_path: Path) -> None:
    chf = Money(amount=Decimal(5), currency="CHF")
    assert read(tmp_path, BANKS).convert(chf, "CHF", date(1999, 1, 1)) == Converted(chf, None)


def test_a_list_may_give_the_price_of_a_currency_instead(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("day,code,rate\n2026-03-06,USD,0.8\n", encoding="utf-8")
    rates = RatesFile(path=path, columns=LIST, prices_currency=True).read()
    assert rates.convert(eur("100"), "USD", FRIDAY) == Converted(
        Money(amount=Decimal(125), currency="USD"), FRIDAY
    )


@pytest.mark.parametrize(
    ("text", "columns", "problem"),
    [
        pytest.param(
            "Date,USD\n06.03.2026,1.2\n", None, r"rates\.csv:2 has no day as in", id="day"
        ),
        pytest.param("Date,USD\n2026-03-06,-1\n", None, "no rate above zero", id="negative"),
        pytest.param("Date,USD\n2026-03-06,1e\n", None, "no rate above zero", id="no number"),
        pytest.param("Day,USD\n2026-03-06,1\n", None, "'Date' is missing", id="no day's column"),
        pytest.param(
            "Date,USD\n2026-03-06,1\n2026-03-06,2\n", None, r"csv:3 gives the day", id="twice"
        ),
        pytest.param(
            "day,code,rate\n2026-03-06,$,1\n", LIST, "names no ISO 4217 currency", id="currency"
        ),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_by_name_of_the_line(
    tmp_path: Path, text: str, columns: ListColumns | None, problem: str
) -> None:
    with pytest.raises(OperatorError, match=problem):
        read(tmp_path, text, columns)


@pytest.mark.skipif(not ECB.exists(), reason="shared data not here")
def test_the_banks_own_file_gives_for_each_day_what_duckdb_finds() -> None:
    rates = RatesFile(path=ECB).read()
    days = duckdb.execute(
        "SELECT day::DATE, r.USD, r.Date FROM range(DATE '2016-12-20', DATE '2017-02-10',"
        f" INTERVAL 1 DAY) t(day) ASOF JOIN read_csv('{ECB}') r ON t.day >= r.Date"
    ).fetchall()
    assert len(days) == 52
    for day, usd, rate_of in days:
        converted = rates.convert(eur("1000000"), "USD", day)
        assert isinstance(converted, Converted)
        assert converted.rate_of == rate_of
        assert converted.money.amount == round(Decimal(str(usd)) * 1_000_000, 2)
