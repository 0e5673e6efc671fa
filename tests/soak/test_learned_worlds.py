"""Values learned in two hundred of the sandbox's worlds, held against their true chances."""

import pytest

from scripts.learned_worlds import LEADS, WORLDS, broken_promises, held


@pytest.mark.slow
def test_learned_chances_are_true_and_their_intervals_honest() -> None:
    assert list(broken_promises(held(WORLDS, LEADS))) == []
