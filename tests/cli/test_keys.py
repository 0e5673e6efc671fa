"""Keys that too many share are allowed by a person, on record, and no longer if they say so."""

import json
from typing import Any

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office
from tests.cli.test_shared_keys import sell_to

DESK = "info@x.example"


def keys(office: Office) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(office.types("keys", "list", "--format", "json").out)
    return listed


@pytest.mark.long
@pytest.mark.parametrize("is_named_as_listed", [True, False])
def test_a_shared_key_is_allowed_and_joins_its_deals_from_the_next_run_on(
    office: Office, is_named_as_listed: bool
) -> None:
    sell_to(office, DESK, *"123456")
    office.night()
    (listed,) = keys(office)
    assert (listed["kind"], listed["shared_by"]) == ("email", "6 deals")
    assert office.counted("333") == {}
    name = listed["key"] if is_named_as_listed else DESK
    done = office.types("keys", "allow", name, "--by", "Ann", "--as-of", NIGHT)
    assert done.code == 0, done.err
    assert listed["key"] in done.out
    assert DESK not in done.out
    office.night(NEXT_NIGHT)
    assert len(office.counted("333")) == 6
    (still,) = keys(office)
    assert (still["allowed_by"], still["shared_by"]) == ("Ann", None)
    assert office.types("audit", "verify").code == 0


@pytest.mark.long
def test_what_was_allowed_can_be_taken_back(office: Office) -> None:
    sell_to(office, DESK, *"123456")
    office.night()
    office.types("keys", "allow", DESK, "--as-of", NIGHT)
    office.types("keys", "disallow", DESK, "--as-of", NIGHT)
    assert office.types("keys", "disallow", DESK, "--as-of", NIGHT).code == 2
    office.night(NEXT_NIGHT)
    assert office.counted("333") == {}
    office.types("keys", "allow", DESK, "--as-of", NEXT_NIGHT)
    plan = json.loads(office.types("plan", "--as-of", THIRD_NIGHT, "--format", "json").out)
    assert plan["plan"]["steps"]["new"] == 6, "a preview joins by it as well"


def test_the_log_says_who_allowed_a_key_and_holds_nothing_of_the_key_itself(
    office: Office,
) -> None:
    sell_to(office, DESK, *"123456")
    office.night()
    (listed,) = keys(office)
    office.types("keys", "allow", DESK, "--by", "Ann", "--as-of", NIGHT)
    logged = office.types("audit", "list", "--event", "key_allowed", "--format", "json").out
    assert '"by": "Ann"' in logged
    assert '"shared_by": "6 deals"' in logged
    assert listed["key"] not in logged
    assert DESK not in str(office.tables())


def test_only_what_is_shared_can_be_allowed_and_once(office: Office) -> None:
    sell_to(office, DESK, *"123456")
    office.night()
    nobodys = office.types("keys", "allow", "nobody@x.example", "--as-of", NIGHT)
    assert nobodys.code == 2
    assert "No such key is shared" in nobodys.err
    office.types("keys", "allow", DESK, "--as-of", NIGHT)
    again = office.types("keys", "allow", DESK, "--as-of", NIGHT)
    assert again.code == 2
    assert "allowed already" in again.err
