"""Of a text that people typed, words are kept, and nobody's address or number is."""

import pytest

from convsync.extract.cells import CellReader
from convsync.extract.crm import named
from convsync.extract.free_text import without_people
from convsync.extract.mapping import CellFormat
from convsync.model.stage import Stage


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("North", "North", id="a word"),
        pytest.param("Car accessories", "Car accessories", id="two words"),
        pytest.param("Schrauben > M8 (10-50 Stück)", "Schrauben > M8 (10-50 Stück)", id="figures"),
        pytest.param("2026-03-02 10:00:00", "2026-03-02 10:00:00", id="a time"),
        pytest.param("02.03.2026 10:00", "02.03.2026 10:00", id="a time, as in Germany"),
        pytest.param("1234567890", "1234567890", id="an ID of digits"),
        pytest.param(
            "2c9871e5-0151-5550-1234-fada9d25f492",
            "2c9871e5-0151-5550-1234-fada9d25f492",
            id="UUID",
        ),
        pytest.param("team@", "team@", id="no address"),
        pytest.param("jane@example.org", "[e-mail]", id="an address"),
        pytest.param("jane%40example.org", "[e-mail]", id="an address in a URL"),
        pytest.param("Ask jane.doe@example.org!", "Ask [e-mail]", id="an address among words"),
        pytest.param("Jane <jane@example.org>", "Jane <[e-mail]>", id="an address in brackets"),
        pytest.param("+49 151 55501234", "[phone]", id="a number"),
        pytest.param("0151/55501234", "[phone]", id="a number at home"),
        pytest.param("call 0151 55501234 at 9", "call [phone] at 9", id="a number among words"),
    ],
)
def test_free_text_is_stored_without_people(text: str, kept: str) -> None:
    assert without_people(text, "DE") == kept
    assert CellReader(CellFormat(phone_region="DE")).segment(text) == kept


def test_dots_make_no_date_of_a_number() -> None:
    assert without_people("01.99.00.01.23", "FR") == "[phone]"


def test_a_number_without_a_country_code_needs_a_country() -> None:
    assert without_people("0151 55501234") == "0151 55501234"


def test_a_stage_without_a_name_goes_by_its_id() -> None:
    assert named(Stage(stage_id="7", name="", pipeline="Sales", position=1), None).name == "7"
