"""Prints, as docs/sources.md has it, which promise of a source is kept by which.

    python -m scripts.feature_matrix

Runs the contract suites, and makes a table of what passed: a row for each test that every source
of deals, or every CRM, inherits. `–` is what a vendor has no such thing of: its test says why, and
skips.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pytest

from convsync.settings.crms import CRMS
from tests.contract.crm_suite import CrmSourceContract
from tests.contract.destination_suite import DestinationContract
from tests.contract.source_suite import DealSourceContract

SOURCES = {
    "TestCsvDeals": "CSV",
    "TestSqlDeals": "SQL",
    **{suite: column for crm in CRMS.values() for suite, column in crm.columns.items()},
}

PLATFORMS = {
    "TestDataManager": "Google",
    "TestGoogleAdsOnTheSandbox": "Google Ads API",
    "TestMicrosoftOnTheSandbox": "Microsoft",
    "TestMetaOnTheSandbox": "Meta",
    "TestLinkedInOnTheSandbox": "LinkedIn",
}
"""Suites and their columns."""


class Outcomes:
    """A pytest plugin that keeps what became of each inherited test, by test and class."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a test came to."""
        *_, owner, name = report.nodeid.split("::")
        if report.when == "call" or report.skipped:
            self.of[name.partition("[")[0], owner].add(report.outcome)


def promises(*suites: type) -> list[str]:
    """Return the names of the tests that are inherited from suites, in their order."""
    names = [name for suite in suites for name in vars(suite)]
    return [name for name in dict.fromkeys(names) if name.startswith("test_")]


OF_SOURCES = promises(DealSourceContract, CrmSourceContract)
OF_PLATFORMS = promises(DestinationContract)


def sentence(name: str) -> str:
    """Return a test's name as a sentence."""
    said = name.removeprefix("test_").replace("_", " ")
    return said[0].upper() + said[1:]


def table(outcomes: Outcomes, names: Mapping[str, str], promised: Sequence[str]) -> str:
    """Return the table of some suites, and raise AssertionError where a promise is broken."""
    columns = list(names.values())
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + ":-:|" * len(columns)]
    for name in promised:
        cells = []
        for owner in names:
            found = outcomes.of[name, owner]
            assert found <= {"passed", "skipped"}, (name, owner)
            cells.append("✓" if found == {"passed"} else "–")
        lines.append(f"| {sentence(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the suites and print the table."""
    outcomes = Outcomes()
    names = " or ".join([*SOURCES, *PLATFORMS])
    status = pytest.main(["tests/contract", "-q", "--no-header", "-k", names], plugins=[outcomes])
    if status:
        sys.exit("A promise is broken.")
    for columns, promised in ((SOURCES, OF_SOURCES), (PLATFORMS, OF_PLATFORMS)):
        print("\n" + table(outcomes, columns, promised))


if __name__ == "__main__":
    main()
