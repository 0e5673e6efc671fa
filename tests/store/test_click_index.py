"""Keys of clicks: in the clicks' rows at once, and in the index once all were read."""

import pytest
from sqlalchemy import Connection, select

from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.key import Key, KeyKind
from convsync.model.seen_clicks import SeenClicks
from convsync.store import click_index, clicks, schema
from tests.builders import CLICKED_AT, NOW
from tests.store.rows import Passing

EMAIL, PHONE, VISITOR = (Key(kind, "x") for kind in (KeyKind.EMAIL, KeyKind.PHONE, KeyKind.VISITOR))


def keep(connection: Connection, value: str, *keys: Key) -> None:
    click = Sighting(click_ids=(ClickId(ClickIdKind.GCLID, value),), seen_at=CLICKED_AT, keys=keys)
    clicks.save(connection, SeenClicks.of([click]))


def indexed(connection: Connection) -> list[tuple[bytes, int]]:
    table = schema.click_keys
    found = select(table.c.key, table.c.click).order_by(table.c.key, table.c.click)
    return [(bytes(key), click) for key, click in connection.execute(found)]


def of(*links: tuple[Key, int]) -> list[tuple[bytes, int]]:
    return sorted((key.digest(), click) for key, click in links)


def test_keys_are_indexed_once_the_news_of_their_clicks_is_spread(passing: Passing) -> None:
    """So what an import stored that was killed before its end is found from the next run on."""
    connection = passing.connection
    keep(connection, "one", EMAIL, PHONE)
    keep(connection, "two")
    keep(connection, "three", VISITOR, EMAIL)
    assert indexed(connection) == []
    clicks.spread_news(connection, now=NOW)
    assert indexed(connection) == of((EMAIL, 1), (PHONE, 1), (VISITOR, 3), (EMAIL, 3))


@pytest.mark.parametrize("is_filled_between", [True, False])
def test_a_known_click_gets_each_further_key_once(
    passing: Passing, is_filled_between: bool
) -> None:
    connection = passing.connection
    keep(connection, "one", VISITOR, VISITOR)
    if is_filled_between:
        click_index.fill(connection)
    keep(connection, "one", EMAIL, VISITOR)
    keep(connection, "one", PHONE, EMAIL)
    click_index.fill(connection)
    assert indexed(connection) == of((VISITOR, 1), (EMAIL, 1), (PHONE, 1))
    of_row = click_index.keys_of_rows(connection, [1])
    assert of_row == {key.digest() for key in (VISITOR, EMAIL, PHONE)}


@pytest.mark.parametrize("is_filled", [True, False])
def test_keys_that_were_dropped_come_back_by_nothing_but_being_seen_again(
    passing: Passing, is_filled: bool
) -> None:
    connection = passing.connection
    keep(connection, "one", VISITOR, EMAIL)
    if is_filled:
        click_index.fill(connection)
    click_index.drop(connection, [1], least=EMAIL.digest()[:1], below=VISITOR.digest()[:1])
    click_index.fill(connection)
    assert indexed(connection) == of((VISITOR, 1))
    keep(connection, "one", EMAIL)
    assert indexed(connection) == of((VISITOR, 1), (EMAIL, 1))
