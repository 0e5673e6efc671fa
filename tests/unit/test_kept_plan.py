"""A kept plan knows each conversion again, and notices whatever its request would say otherwise."""

from datetime import timedelta

import pytest
from msgspec import structs

from convsync.model.kept_plan import digest_of
from convsync.model.ledger import LedgerEntry, State
from convsync.model.rule import ConversionAction
from convsync.model.statement import Operation
from tests.builders import SOMEBODY, WON_AT, an_entry, usd


def _stating(**changes: object) -> LedgerEntry:
    entry = an_entry(State.PLANNED)
    assert entry.statement is not None
    return structs.replace(entry, statement=structs.replace(entry.statement, **changes))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_stating(value=usd(101)), id="another value"),
        pytest.param(_stating(operation=Operation.RESTATE), id="another operation"),
        pytest.param(_stating(click_id=None), id="no click"),
        pytest.param(_stating(identifiers=SOMEBODY), id="somebody's identifiers"),
        pytest.param(_stating(variables={"days": "9"}), id="another variable"),
        pytest.param(
            _stating(action=ConversionAction(destination="data-manager", action_id="9")),
            id="another action",
        ),
        pytest.param(
            structs.replace(an_entry(State.PLANNED), milestone_at=WON_AT + timedelta(days=1)),
            id="another day",
        ),
    ],
)
def test_a_different_statement_has_a_different_digest(other: LedgerEntry) -> None:
    assert digest_of(other) != digest_of(an_entry(State.PLANNED))


def test_the_same_said_of_another_second_of_the_day_has_the_same_digest() -> None:
    later = _stating(event_at=WON_AT - timedelta(hours=3))
    assert digest_of(later) == digest_of(an_entry(State.PLANNED))
