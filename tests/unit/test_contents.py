"""What a night's read holds, beside the reads of the nights before."""

from collections.abc import Sequence

import pytest

from convsync.extract.source import Quarantined, Record, Unchanged
from convsync.profile.nights import KEPT, Counting, Counts, news_in, with_tonight
from tests.builders import a_candidate, a_deal


def a_read(deals: int, unreadable: int = 0, numeric: int = 0, **filled: int) -> Counts:
    return Counts(deals=deals, unreadable=unreadable, numeric=numeric, filled=filled)


FULL, NIGHTLY = a_read(100, amount=95), a_read(10, amount=8)


@pytest.mark.parametrize(
    ("before", "tonight", "says"),
    [
        pytest.param([FULL], a_read(100), "the amount is missing in all 100 deals",
            id="empty in a read as large as the last"),
        pytest.param([FULL], a_read(10), "", id="a small read after a large one says nothing yet"),
        pytest.param([FULL, NIGHTLY, NIGHTLY], a_read(10), "was there in 92% before (3 reads)",
            id="empty where three nights had it"),
        pytest.param([FULL, NIGHTLY, NIGHTLY], a_read(1), "", id="one deal may lack it by chance"),
        pytest.param([FULL, NIGHTLY, NIGHTLY, a_read(10)], a_read(10), "was there in 92%",
            id="empty for the second night"),
        pytest.param([FULL, a_read(10), NIGHTLY], a_read(10), "", id="it was empty before"),
        pytest.param([FULL, a_read(10, amount=1), NIGHTLY], a_read(10), "",
            id="a night had hardly any"),
        pytest.param([FULL], a_read(100, amount=1), "", id="one deal still has it"),
        pytest.param([], a_read(100), "", id="a first read"),
        pytest.param([a_read(100)], a_read(20, numeric=20), "100% of the IDs of 20 deals are numb",
            id="IDs turned into numbers"),
        pytest.param([a_read(100, numeric=100)], a_read(20), "are no numbers, and all were before",
            id="numbers turned into other IDs"),
        pytest.param([a_read(100, numeric=40)], a_read(20, numeric=20), "",
            id="IDs were of both kinds"),
        pytest.param([a_read(1000, 1)], a_read(90, 10), "10% of 100 records cannot be read",
            id="many unreadable"),
        pytest.param([a_read(90, 10)], a_read(90, 10), "", id="as many as before"),
        pytest.param([FULL], a_read(1, 2, amount=1), "", id="two may always be"),
    ],
)  # fmt: skip
def test_changed_contents_are_distinguished_from_chance(
    before: Sequence[Counts], tonight: Counts, says: str
) -> None:
    found = list(news_in(tonight, before))
    assert len(found) == bool(says)
    assert says in "".join(found)


def test_after_a_week_what_changed_is_usual() -> None:
    nights: list[Counts] = []
    told = []
    for tonight in [FULL] * 3 + [a_read(100)] * (KEPT + 1):
        told.append(bool(list(news_in(tonight, nights))))
        nights = with_tonight(tonight, nights)
    assert told == [False] * 3 + [True] * KEPT + [False]
    assert len(nights) == KEPT


def test_a_read_that_gave_nothing_is_not_kept() -> None:
    assert with_tonight(Counts(unchanged=50), [FULL]) == [FULL]


def test_records_are_counted_as_they_pass() -> None:
    records: list[Record] = [
        a_deal(deal_id="123", clicks=(a_candidate(),)),
        a_deal(deal_id="D-2", amount=None),
        Quarantined(place="x:1", problem="is odd"),
        Unchanged([1, 2, 3]),
    ]
    counting = Counting()
    assert list(counting.watching(records)) == records
    counts = counting.counts()
    assert (counts.deals, counts.unreadable, counts.unchanged, counts.numeric) == (2, 1, 3, 1)
    assert counts.filled["amount"] == 1
    assert counts.filled["currency USD"] == 1


def test_a_currency_that_is_gone_from_all_deals_is_news() -> None:
    before = Counts(deals=100, filled={"amount": 100, "currency EUR": 60, "currency USD": 40})
    tonight = Counts(deals=90, filled={"amount": 90, "currency EUR": 90})
    (news,) = news_in(tonight, [before])
    assert "the currency USD is missing in all 90 deals" in news
