"""`db copy`: the ledger into another database."""

import pytest

from tests.cli.office import NEXT_NIGHT, Office


@pytest.mark.long
def test_a_ledger_is_copied_and_the_next_night_goes_on_with_the_copy(office: Office) -> None:
    office.deal()
    office.night()
    said = office.types("db", "copy", "--to", "sqlite:///copy.db")
    assert said.code == 0
    assert "events verified, head" in said.out
    (deals,) = [line for line in said.out.splitlines() if line.startswith("deals ")]
    assert " 1 rows " in deals
    again = office.types("db", "copy", "--from", "sqlite:///copy.db", "--to", "sqlite:///third.db")
    assert said.out.splitlines()[:-1] == again.out.splitlines()[:-1]
    assert "is not empty" in office.types("db", "copy", "--to", "sqlite:///copy.db").err
    office.configure("sqlite:///convsync.db", "sqlite:///copy.db")
    office.deal("D-2")
    assert "sent 2," in office.night(NEXT_NIGHT).out
    assert office.types("audit", "verify").code == 0


def test_a_ledger_whose_log_was_edited_is_not_copied(office: Office) -> None:
    office.deal()
    office.night()
    office.sql("DROP TRIGGER audit_events_no_update")
    office.sql("UPDATE audit_events SET detail = '{}' WHERE number = 3")
    said = office.types("db", "copy", "--to", "sqlite:///copy.db")
    assert said.code == 1
    assert "The audit log does not hold: event 3" in said.err
    assert "Nothing was copied" in said.err
    office.configure("sqlite:///convsync.db", "sqlite:///copy.db")
    assert office.types("db", "current").out == "none\n"
