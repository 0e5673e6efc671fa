"""Answers of CRMs that are not as documented: one bad value stops nobody, and ends no neighbour."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm_adapter import CrmDeal, Page
from convsync.extract.malformed import OwnCalls, as_documented, built, one_by_one
from convsync.extract.paging import pages_by_cursor, pages_by_id
from convsync.extract.source import Quarantined
from tests.contract.crm_suite import mock
from tests.fuzz.crms import OFFICES, each_field_gone, fuzz_crm

__all__ = ["mock"]


@pytest.mark.long
@pytest.mark.parametrize("kind", OFFICES)
def test_an_odd_value_anywhere_stops_no_read_and_affects_no_other_row(kind: str) -> None:
    figures = fuzz_crm(kind, cases=60, seed=1)
    assert figures.wrong == []
    assert figures.read > 20


@pytest.mark.long
@pytest.mark.parametrize("kind", OFFICES)
def test_a_field_that_a_record_lacks_is_reported_or_empty(kind: str) -> None:
    figures = each_field_gone(kind)
    assert figures.wrong == []
    assert figures.read + figures.reported + figures.errors > 5


def a_deal(deal_id: str) -> CrmDeal:
    return CrmDeal(deal_id=deal_id, created_at=None, modified_at=None, entered=())


class Completing:
    """Completes deals together, as long as no bad one is among them."""

    def __init__(self, *bad: str, error: Exception) -> None:
        self.bad = bad
        self.error = error
        self.calls = 0

    def __call__(self, ids: Sequence[str]) -> Page:
        self.calls += 1
        if {*ids} & {*self.bad}:
            raise self.error
        return Page(deals=[a_deal(one) for one in ids])


@pytest.mark.parametrize("error", [KeyError("x"), ValueError(), UnexpectedResponseError("no")])
@pytest.mark.parametrize("bad", [("0",), ("511",), ("1023",), ("3", "4", "900")])
def test_the_bad_ones_of_a_group_are_found_in_few_calls(
    bad: tuple[str, ...], error: Exception
) -> None:
    completing = Completing(*bad, error=error)
    page = one_by_one([str(number) for number in range(1024)], str, completing)
    quarantined = [one.deal_id for one in page.deals if isinstance(one, Quarantined)]
    assert quarantined == [*bad]
    assert [one.deal_id for one in page.deals] == [str(number) for number in range(1024)]
    assert completing.calls <= 21 * len(bad)


def test_if_every_record_fails_the_source_is_at_fault() -> None:
    everyone = [str(number) for number in range(1024)]
    completing = Completing(*everyone, error=UnexpectedResponseError("refused"))
    with pytest.raises(UnexpectedResponseError, match="refused"):
        one_by_one(everyone, str, completing)
    assert completing.calls < 20


@pytest.mark.parametrize("error", [TransientError("away"), OperatorError("no right")])
def test_an_outage_or_a_right_that_is_missing_is_no_bad_record(error: Exception) -> None:
    with pytest.raises(type(error)):
        one_by_one(["1", "2"], str, Completing("1", error=error))


def failing(error: Exception) -> None:
    raise error


def test_one_call_of_many_that_fails_is_its_records_and_many_are_an_outage() -> None:
    own = OwnCalls()
    for _ in range(9):
        own.made(lambda: None)
    for _ in range(9):
        with pytest.raises(UnexpectedResponseError, match="500"):
            own.made(lambda: failing(TransientError("answered with 500")))
    with pytest.raises(TransientError):
        own.made(lambda: failing(TransientError("answered with 500")))


def test_a_limit_is_never_one_records_own() -> None:
    with pytest.raises(TransientError):
        OwnCalls().made(lambda: failing(TransientError("busy", retry_after_s=60)))


@pytest.mark.parametrize(
    "error",
    [
        KeyError("jane@example.org"), TypeError("jane@example.org"), ValueError("jane@example.org"),
        OverflowError("jane@example.org"), RecursionError(), IndexError(), AttributeError("x"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_without_its_content(error: Exception) -> None:
    with (
        pytest.raises(UnexpectedResponseError, match=r"source 'crm'.*read by \w+\.\w+") as told,
        as_documented("source 'crm'"),
    ):
        failing(error)
    quarantined = built("7", lambda: failing(error))  # type: ignore[arg-type,return-value]
    assert isinstance(quarantined, Quarantined)
    assert quarantined.deal_id == "7"
    assert "jane" not in f"{told.value} {quarantined.problem}"


@pytest.mark.parametrize("round_trip", [1, 2, 3])
def test_a_list_that_goes_round_ends(round_trip: int) -> None:
    cursors = {str(at): str((at + 1) % round_trip) for at in range(round_trip)}

    def read(cursor: str) -> tuple[list[str], str]:
        return ["a deal"], cursors[cursor or "0"]

    with pytest.raises(UnexpectedResponseError, match="repeats a page"):
        for _ in bounded(pages_by_cursor("the list", read)):
            pass


def test_a_list_by_id_goes_on_after_the_last_record_that_has_one() -> None:
    pages: dict[int, list[dict[str, Any]]] = {
        0: [{"id": 1}, {"id": 2}, {}],
        2: [{"id": 3}, {"id": None}],
        3: [],
    }
    listed: Iterator[list[dict[str, Any]]] = pages_by_id(
        "the list", lambda last: (pages[last], True), lambda one: int(one["id"]), 0
    )
    assert len([*bounded(listed)]) == 2


def bounded(pages: Iterator[object]) -> Iterator[object]:
    for number, page in enumerate(pages):
        assert number < 20
        yield page
