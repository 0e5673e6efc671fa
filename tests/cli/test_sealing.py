"""`audit seal`: the older part of the log in a file, and what each command says of it then."""

import json

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

SEALING = ("--as-of", "2026-09-01T08:00Z", "--by", "Ada")


@pytest.fixture
def sealed(office: Office) -> Office:
    """A company whose first night was sealed."""
    office.deal()
    for at in (NIGHT, NEXT_NIGHT, THIRD_NIGHT):
        office.night(at)
    file = str(office.folder / "old.jsonl")
    said = office.types("audit", "seal", "--before", "2026-03-04", "--to", file, *SEALING)
    assert said.code == 0, said.err
    assert "are sealed in" in said.out
    assert "Carried over: conversions 2, runs 1." in said.out
    return office


def test_the_log_that_is_left_is_verified_and_so_is_the_file(sealed: Office) -> None:
    said = sealed.types("audit", "verify", "--sealed", str(sealed.folder / "old.jsonl"))
    assert said.code == 0
    assert "events, sealed, and every one is as it was written." in said.out
    assert "their last digest is where the chain begins" in said.out
    assert "They go on from the head that was kept elsewhere" in said.out
    assert "Replayed, they give the ledger and the runs, row by row." in said.out


def test_one_event_sums_up_what_was_sealed_and_who_did_it(sealed: Office) -> None:
    said = sealed.types("audit", "list", "--event", "log_sealed", "--format", "json").out
    (event,) = json.loads(said)
    detail = event["detail"]
    assert (detail["by"], detail["file"], detail["runs"]) == ("Ada", "old.jsonl", 1)
    assert detail["conversions"] == 2
    assert detail["events"] == sum(detail["kinds"].values())
    assert set(detail["worth"]) == {"EUR"}


NOTES = ("audit list", "audit show D-1", "audit export -  --format jsonl", "customer D-1")


@pytest.mark.long
@pytest.mark.parametrize("words", NOTES)
def test_listing_events_says_which_ones_are_in_a_sealed_file(sealed: Office, words: str) -> None:
    said = sealed.types(*words.split())
    assert said.code == 0
    assert "Events up to 2026-03-03 are not looked at: they were sealed in old.jsonl." in said.err
    assert "carried" in said.out


@pytest.mark.long
def test_find_says_that_an_unknown_name_may_be_in_a_sealed_file(sealed: Office) -> None:
    said = sealed.types("find", "no-such-request")
    assert said.code == 2
    assert "they were sealed in old.jsonl" in said.err


@pytest.mark.long
def test_a_copy_of_a_sealed_ledger_verifies(sealed: Office) -> None:
    target = sealed.folder / "copy.db"
    said = sealed.types("db", "copy", "--to", f"sqlite:///{target}")
    assert said.code == 0, said.err


WRONG = [
    pytest.param((), "either --before DAY, or --older-than TIME", id="nothing"),
    pytest.param(("--before", "2026-08-20"), "last 90 days", id="too young"),
    pytest.param(("--older-than", "3000d"), "No event in the database was written", id="too old"),
]


@pytest.mark.parametrize(("words", "answer"), WRONG)
def test_seal_refuses_what_cannot_be_sealed(
    office: Office, words: tuple[str, ...], answer: str
) -> None:
    office.deal()
    office.night()
    said = office.types("audit", "seal", *words, "--to", str(office.folder / "x.jsonl"), *SEALING)
    assert said.code == 2
    assert answer in said.err
    assert office.types("audit", "verify").code == 0
