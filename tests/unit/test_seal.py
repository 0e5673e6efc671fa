"""What events keep of click IDs and people says nothing to whoever has not the key."""

from convsync.model.seal import sealed

KEY = bytes(range(16))
SAID = {"rule": "won", "click": "gclid:Cj0-somebody", "about": "0123456789abcdef"}


def test_a_sealed_event_tells_the_kind_of_a_click_and_not_its_id() -> None:
    closed = sealed(SAID, "cs-1", KEY)
    assert str(closed["click"]).startswith("gclid:")
    assert "somebody" not in str(closed)
    assert closed["about"] != SAID["about"]
    assert closed["rule"] == "won"


def test_equal_contents_have_equal_seals_and_different_ones_do_not() -> None:
    closed = sealed(SAID, "cs-1", KEY)
    assert closed == sealed(dict(SAID), "cs-1", KEY)
    others = (
        sealed(SAID, "cs-2", KEY),
        sealed(SAID, "cs-1", KEY[::-1]),
        sealed({**SAID, "click": "gclid:Cj0-another", "about": "fedcba9876543210"}, "cs-1", KEY),
    )
    for other in others:
        assert closed["click"] != other["click"]
        assert closed["about"] != other["about"]


def test_empty_and_erased_values_are_not_sealed() -> None:
    assert sealed({"click": None, "about": None}, "cs-1", KEY) == {"click": None, "about": None}
    assert sealed({"state": "held"}, "cs-1", KEY) == {"state": "held"}
