"""Each typical mistake is named with its place and its fix, as `docs/messages.md` shows it."""

import pytest

from scripts.messages_page import PAGE, row_of
from tests.cli.mistakes import MISTAKES, Mistake, said_of
from tests.cli.office import Office


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_a_mistake_is_told_with_what_where_and_the_fix(office: Office, mistake: Mistake) -> None:
    ended, said = said_of(office, mistake)
    assert ended.code == mistake.code
    assert "Traceback" not in ended.err
    assert [words for words in mistake.says if words not in said] == []
    assert row_of(mistake, said) in PAGE.read_text(encoding="utf-8").splitlines(), (
        "`make messages` writes the page anew"
    )


def test_the_page_has_no_message_of_a_mistake_that_nobody_makes() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    assert len(rows) - 1 == len(MISTAKES) >= 30
