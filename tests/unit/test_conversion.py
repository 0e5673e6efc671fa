import pytest

from convsync.model.statement import order_id_of


def test_an_order_id_is_the_same_for_ever() -> None:
    assert order_id_of("crm", "D-1", "won") == "cs-e9fe3c9411c1113e8e46c3ddf6b22fce"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            ("crm", "006a", "won"), ("crm", "006A", "won"), id="only the case of the deal"
        ),
        pytest.param(("crm", "7", "won"), ("crm", "07", "won"), id="a leading zero"),
        pytest.param(("crm", "7", "won"), ("erp", "7", "won"), id="the source"),
        pytest.param(("crm", "7", "won"), ("crm", "7", "sql"), id="the rule"),
        pytest.param(("crm", "71", "won"), ("crm7", "1", "won"), id="where one name ends"),
        pytest.param(("crm", "7", "won"), ("crm", "7 ", "won"), id="a trailing space"),
    ],
)
def test_no_two_conversions_share_an_order_id(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert order_id_of(*one) != order_id_of(*other)


@pytest.mark.parametrize("deal_id", ["1", "0" * 500, "Zoë Müller", "", "🦊"])
def test_an_order_id_is_short_never_numeric_and_says_nothing(deal_id: str) -> None:
    order_id = order_id_of("crm", deal_id, "won")
    assert len(order_id) <= 64
    assert order_id.isascii()
    assert order_id.startswith("cs-")
    assert len(deal_id) < 3 or deal_id not in order_id
