"""Cells of CSV that a spreadsheet shows as they are: no formula, and nothing invisible.

A deal's ID or currency is whatever somebody typed into a CRM, and `=HYPERLINK(…)` in a CSV file is
run by whoever opens it. An apostrophe before it keeps it a text, for Excel, LibreOffice and Google
Sheets alike (https://owasp.org/www-community/attacks/CSV_Injection). Numbers stay numbers.
"""

import re

_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
"""Control characters, line ends, and what turns the direction of writing."""
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")
_NUMBER = re.compile(r"[-+]?\d[\d.,]*")


def safe_cell(text: str) -> str:
    """Return a text that is no formula, on one line and without control characters."""
    if text.isalnum():
        return text
    visible = _INVISIBLE.sub(" ", text)
    is_formula = _FORMULA.match(visible) and not _NUMBER.fullmatch(visible)
    return f"'{visible}" if is_formula else visible
