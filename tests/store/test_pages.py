"""What the store adds up a span of rows at a time is what there is."""

import pytest
from sqlalchemy import select

from convsync.store.pages import count_groups
from convsync.store.schema import deals
from tests.builders import a_deal
from tests.store.rows import Passing, save

CURRENCIES = ("EUR", "USD", "EUR", "EUR", "USD")


@pytest.mark.parametrize("span", [1, 2, 4, 5, 6, 50])
def test_groups_count_alike_in_spans_of_any_length(passing: Passing, span: int) -> None:
    save(passing, *(a_deal(f"D-{n}", currency=each) for n, each in enumerate(CURRENCIES)))
    groups = select(deals.c.currency).where(deals.c.deal_id != "D-0")
    with passing.reading() as connection:
        counts = count_groups(connection, groups, deals.c.id, span=span)
    assert counts == {("EUR",): 2, ("USD",): 2}


def test_an_empty_table_has_no_groups(passing: Passing) -> None:
    with passing.reading() as connection:
        assert count_groups(connection, select(deals.c.currency), deals.c.id) == {}
