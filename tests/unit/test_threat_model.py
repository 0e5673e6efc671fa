"""Each claim of the page's threat model names the test that shows it, and that test is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "page.md").read_text("utf-8")
CLAIMS = [
    line
    for line in PAGE.partition("## What it defends")[2].partition("\n\nTests are")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| nobody", "|---"))
]
_NAMED = re.compile(r"`((?:[\w/]+/)?test_\w+\.py)?(?:::)?(test_\w+)?`")


def test_the_threat_model_has_claims() -> None:
    assert len(CLAIMS) > 12


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.split("|")[1].strip())
def test_a_claim_names_tests_that_are_there(claim: str) -> None:
    *_, tests, _ = claim.split("|")
    named = _NAMED.findall(tests)
    assert named, "no test is named"
    text = ""
    for file, test in named:
        if file:
            path = ROOT / (file if "/" in file else f"tests/cli/{file}")
            text = path.read_text("utf-8")
        assert not test or f"def {test}(" in text, (file, test)
