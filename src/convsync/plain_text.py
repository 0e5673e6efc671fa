"""Text fit for a terminal or a log: without escapes, and without marks that turn its direction.

A deal's ID is whatever somebody typed into a CRM. Printed as it is, an escape in it could colour,
overwrite or rename the window that an operator reads, and a direction mark could show a name
backwards (https://trojansource.codes).
"""

import re

_UNFIT = re.compile(
    "\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?"  # a window's title, and what else a terminal is told
    "|\x1b\\[[0-?]*[ -/]*[@-~]"  # colours, movements
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def plain(text: str) -> str:
    """Return a text without escapes, control characters but tab and line end, and such marks."""
    return text if text.isprintable() and text.isascii() else _UNFIT.sub("", text)


def several(count: int, what: str) -> str:
    """Return how many there are of what, as a person writes it: `1 deal`, `1,204 deals`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
