"""Types what docs/operations.md says, from an empty folder, and checks what it promises.

    python -m scripts.own_night [--installed]

With `--installed` the page's first block is left out, and this environment stands in for the one
it would make.
"""

import sys

from scripts.typed_page import ROOT, TypedPage

OWN_NIGHT = TypedPage(
    page=ROOT / "docs" / "operations.md",
    section="In ten minutes, against the sandbox",
    folder="night",
    promises=(
        ("the first night begins at once, and wants a look", "LOOK run 1: sent 1"),
        ("the webhook hears of it", "1 unreadable record of source crm."),
        ("the text file has the figure", 'convsync_unreadable_records{source="crm"} 1.0'),
        ("/metrics has another", "convsync_last_run_rows_sent 1.0"),
        ("a monitor sees a warning", "WARNING 1 unreadable record of source crm"),
        ("the next run is well", "OK run 2: sent 1"),
        ("the webhook hears that it is over", "Resolved: 1 unreadable record of source crm."),
        ("the monitor sees that all is well", "\nOK run 2, 0 min ago, sent 1 |"),
        ("the dead man's switch heard both", '"what":"/start"'),
    ),
)

if __name__ == "__main__":
    sys.exit(OWN_NIGHT.typed(is_installed="--installed" in sys.argv[1:]))
