"""Values as listings write them, and as cells of CSV that a spreadsheet shows as they are.

A deal's ID or currency is whatever somebody typed into a CRM, and `=HYPERLINK(…)` in a CSV file is
run by whoever opens it. An apostrophe before it keeps it a text, for Excel, LibreOffice and Google
Sheets alike (https://owasp.org/www-community/attacks/CSV_Injection). Numbers stay numbers.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

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


def text_of(value: Any) -> str:
    """Return a value as a listing shows it: times as ISO 8601, nothing as an empty text."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=text_of, ensure_ascii=False)
    return str(value)


def cell_of(value: Any) -> str:
    """Return the same as a cell of CSV that a spreadsheet takes for text, or for a number."""
    return safe_cell(text_of(value))
