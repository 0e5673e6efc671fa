"""Notes and definitions, on both databases."""

from datetime import date, timedelta

import pytest

from convsync.model.definition import Defined, DefinitionKey, Definitions
from convsync.store import notes
from tests.builders import NOW
from tests.store.rows import Passing

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
WON = DefinitionKey(Defined.MILESTONE, "won")
RULE = DefinitionKey(Defined.RULE, "won")
ONE, TWO = b"1" * 16, b"2" * 16


def test_notes_are_listed_by_their_day_and_removed_by_their_number(passing: Passing) -> None:
    connection = passing.connection
    later = notes.add(connection, TUESDAY, "new prices", "ben", now=NOW)
    first = notes.add(connection, MONDAY, "new landing page", "anna", now=NOW)
    assert [(one.number, one.text, one.by) for one in notes.listed(connection)] == [
        (first, "new landing page", "anna"),
        (later, "new prices", "ben"),
    ]
    assert [one.number for one in notes.listed(connection, TUESDAY, TUESDAY)] == [later]
    assert notes.remove(connection, first)
    assert not notes.remove(connection, first)
    assert [one.number for one in notes.listed(connection)] == [later]


@pytest.mark.parametrize(
    ("nights", "expected"),
    [
        pytest.param([{WON: ONE}, {WON: ONE}], [], id="the same"),
        pytest.param([{WON: ONE}, {WON: TWO}], ["milestone won changed"], id="changed"),
        pytest.param([{WON: ONE}, {WON: ONE, RULE: ONE}], ["rule won added"], id="added"),
        pytest.param([{WON: ONE, RULE: ONE}, {WON: ONE}], ["rule won removed"], id="removed"),
        pytest.param(
            [{WON: ONE}, {}, {}, {WON: ONE}],
            ["milestone won removed", "milestone won added"],
            id="removed and back",
        ),
        pytest.param(
            [{WON: ONE}, {WON: TWO}, {WON: ONE}],
            ["milestone won changed", "milestone won changed"],
            id="changed and back",
        ),
    ],
)
def test_what_is_defined_in_another_way_is_kept_with_the_night(
    passing: Passing, nights: list[Definitions], expected: list[str]
) -> None:
    for age, there in enumerate(nights):
        at = NOW + timedelta(days=age)
        notes.note_definitions(passing.connection, there, at=at)
        notes.note_definitions(passing.connection, there, at=at + timedelta(hours=1))
    found = notes.redefinitions(passing.connection)
    assert [str(one) for one in found] == expected
    assert all(one.at > NOW for one in found)
