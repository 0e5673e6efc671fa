"""What makes a run look at every deal again: a changed rule, and nothing else."""

import os
import subprocess
import sys
from dataclasses import replace

from convsync.model.rule_digest import rules_digest
from tests.builders import a_rule

SAY_IT = """
from convsync.model.rule_digest import rules_digest
from tests.builders import a_rule
from dataclasses import replace
print(rules_digest([replace(a_rule(), when={"country": frozenset("ABCDEFGH")})]))
"""


def digest_in_a_process(seed: int) -> str:
    """Return the digest of one rule in a process of its own, whose sets have an order of theirs."""
    said = subprocess.run(
        [sys.executable, "-c", SAY_IT],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout


def test_the_same_rules_have_the_same_digest_in_every_process() -> None:
    assert len({digest_in_a_process(seed) for seed in (1, 2, 3)}) == 1


def test_a_condition_that_changes_makes_every_deal_due() -> None:
    rule = a_rule()
    narrowed = replace(rule, when={"country": frozenset({"DE"})})
    moved_on = replace(rule, when={"country": frozenset({"DE", "AT"})})
    digests = {rules_digest([changed]) for changed in (rule, narrowed, moved_on)}
    assert len(digests) == 3
