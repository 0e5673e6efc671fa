"""What an operator judges on the page is done, asked before, and on record under their name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from convsync.web.actions import DECISIONS
from tests.cli.office import NEXT_NIGHT, NIGHT, Office
from tests.cli.page import Visitor, page_of
from tests.cli.test_shared_keys import sell_to
from tests.cli.test_values import seller

pytestmark = pytest.mark.long

__all__ = ["seller"]

DESK = "info@x.example"
UNREADABLE = "unreadable:crm"


@contextmanager
def otto_at(office: Office, at: str = NIGHT) -> Iterator[Visitor]:
    """Serve the page, with an operator who has signed in."""
    with page_of(office, at) as visitor:
        visitor.signs_in("otto")
        yield visitor


def decides(visitor: Visitor, what: str, about: str) -> str:
    """Follow the question to its answer."""
    asked = visitor.opens(f"/do/{what}?about={about}")
    assert "will name otto as the one who decided" in asked
    return visitor.sends(f"/do/{what}", about=about)


def logged(office: Office, event: str) -> str:
    return office.types("audit", "list", "--event", event, "--format", "json").out


def test_an_alert_is_acknowledged_and_reopened_by_its_buttons(office: Office) -> None:
    office.deal("D-1", amount="a lot")
    office.night()
    with otto_at(office) as otto:
        assert f'href="/do/acknowledge?about={UNREADABLE.replace(":", "%3A")}"' in otto.html
        assert "Acknowledged by otto" in decides(otto, "acknowledge", UNREADABLE)
        assert "Acknowledged by otto, 2026-03-03 02:00" in otto.opens("/")
        assert "open again" in decides(otto, "reopen", UNREADABLE)
        assert "Acknowledged by" not in otto.opens("/")
        otto.opens("/do/acknowledge?about=failed")
        assert otto.status == 404
    assert '"by": "otto"' in logged(office, "alert_acknowledged")
    assert '"by": "otto"' in logged(office, "alert_reopened")


def test_a_shared_key_is_allowed_and_no_longer_by_its_buttons(office: Office) -> None:
    sell_to(office, DESK, *"123456")
    office.night()
    (key,) = json.loads(office.types("keys", "list", "--format", "json").out)
    with otto_at(office) as otto:
        assert "6 deals share a key" in otto.text
        assert DESK not in otto.html
        assert "is allowed" in decides(otto, "allow-key", key["key"])
        assert "allowed by otto" in otto.opens("/")
        assert "links no records from the next run on" in decides(otto, "disallow-key", key["key"])
        assert "allowed by otto" not in otto.opens("/")
        otto.opens("/do/allow-key?about=key:00")
        assert otto.status == 404
    assert '"by": "otto"' in logged(office, "key_allowed")
    assert '"by": "otto"' in logged(office, "key_disallowed")


def test_learned_values_are_accepted_by_their_button(seller: Office) -> None:
    seller.night()
    seller.types("values", "learn", "--as-of", NIGHT)
    with otto_at(seller) as otto:
        assert "Version 1 of the learned values is not used by any rule yet" in otto.text
        assert "Version 1 of the values is accepted" in decides(otto, "accept-values", "1")
        assert "not used by any rule yet" not in otto.opens("/")
        otto.opens("/do/accept-values?about=9")
        assert otto.status == 404
    assert '"by": "otto"' in logged(seller, "values_accepted")


def test_a_viewer_cannot_reach_any_decision(office: Office) -> None:
    office.deal("D-1", amount="a lot")
    office.night()
    with page_of(office, NEXT_NIGHT) as vera:
        vera.signs_in("vera")
        assert "/do/" not in vera.html
        before = office.tables()
        for what in DECISIONS:
            vera.sends(f"/do/{what}", about="1")
            assert vera.status == 403
            vera.opens(f"/do/{what}?about=1")
            assert vera.status == 403
            vera.opens("/")
        assert office.tables() == before
