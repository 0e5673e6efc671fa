"""The last line of a run."""

from decimal import Decimal

import pytest

from convsync.model.chain import Head
from convsync.report.closing import Closing, Ending, ending_of


@pytest.mark.parametrize(
    ("exit_code", "waiting", "is_at_its_end", "ending"),
    [
        pytest.param(0, 0, True, Ending.OK, id="all is done"),
        pytest.param(0, 3, True, Ending.WAITING, id="some wait"),
        pytest.param(1, 3, True, Ending.LOOK, id="something is amiss"),
        pytest.param(1, 0, False, Ending.FAILED, id="a bug"),
        pytest.param(3, 0, False, Ending.FAILED, id="refused as unusual"),
    ],
)
def test_the_first_word_says_how_it_ended(
    exit_code: int, waiting: int, ending: Ending, *, is_at_its_end: bool
) -> None:
    assert ending_of(exit_code, waiting=waiting, is_at_its_end=is_at_its_end) is ending


def test_the_line_has_counts_value_by_currency_and_the_head_of_the_log() -> None:
    closing = Closing(
        ending=Ending.WAITING,
        run_id=12,
        counts={"sent": 1234, "waiting": 5},
        value={"USD": Decimal(20), "EUR": Decimal("1234.5")},
        head=Head(number=77, digest=bytes([0xAB, 0x12])),
    )
    assert str(closing) == (
        "WAITING run 12: sent 1,234, waiting 5 · 1,234.50 EUR · 20.00 USD · head 77:ab12"
    )
    assert closing.as_json() == {
        "ending": "WAITING",
        "run": 12,
        "counts": {"sent": 1234, "waiting": 5},
        "value": {"EUR": "1234.5", "USD": "20"},
        "head": "77:ab12",
    }


def test_a_run_that_did_not_begin_says_that_alone() -> None:
    assert str(Closing(ending=Ending.FAILED)) == "FAILED"
