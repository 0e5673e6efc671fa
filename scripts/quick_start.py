"""Types what docs/quick-start.md says, from an empty folder, and checks what it promises.

    python -m scripts.quick_start [--installed]

With `--installed` the page's first block is left out, and this environment stands in for the one
it would make.
"""

import sys

from scripts.typed_page import ROOT, TypedPage

QUICK_START = TypedPage(
    page=ROOT / "docs" / "quick-start.md",
    section="Type this",
    folder="quick",
    promises=(
        ("the set-up is looked at, down to a test request per rule", "rule won at google"),
        ("the plan says why deals are not sent", "consent denied"),
        ("the first night sends, and nothing is confirmed yet", "WAITING run 1: sent "),
        ("the schedule makes up for the nights that were missed", "the first run begins now"),
        ("the scheduled run asks what became of them", "WAITING run 2: sent "),
        ("a monitor would see that all is well", "OK run 2"),
        ("they stand as confirmed, and are worth something", " conversions: "),
        ("the log is whole", "Replayed, they give the ledger"),
        ("the page is there", "<title>Sign in"),
    ),
)

if __name__ == "__main__":
    sys.exit(QUICK_START.typed(is_installed="--installed" in sys.argv[1:]))
