"""Keys that people allow, on both databases."""

from datetime import timedelta

from convsync.model.terms import SharedKeys
from convsync.store import allowed_keys
from tests.builders import NOW
from tests.store.rows import Passing

ONE, TWO = b"1" * 16, b"2" * 16


def test_a_key_is_allowed_once_listed_with_who_allowed_it_and_no_longer_once_removed(
    passing: Passing,
) -> None:
    connection = passing.connection
    assert allowed_keys.add(connection, allowed_keys.name_of(ONE), by="ann", at=NOW)
    later = NOW + timedelta(days=1)
    assert allowed_keys.add(connection, allowed_keys.name_of(TWO), by="ben", at=later)
    assert not allowed_keys.add(connection, allowed_keys.name_of(ONE), by="ben", at=later)
    assert [(one.name, one.allowed_by) for one in allowed_keys.listed(connection)] == [
        (allowed_keys.name_of(TWO), "ben"),
        (allowed_keys.name_of(ONE), "ann"),
    ]
    assert allowed_keys.remove(connection, ONE)
    assert not allowed_keys.remove(connection, ONE)
    terms = allowed_keys.added_to(connection, SharedKeys(most=3, allowed=frozenset({ONE})))
    assert terms == SharedKeys(most=3, allowed=frozenset({ONE, TWO}))
