"""Salesforce's IDs, of 15 characters or 18: one ID either way, and kept as the 18.

The last three of the 18 say which of the others are capitals, for systems that fold the case.
https://developer.salesforce.com/docs/platform/soap-api/guide/field-types.html
"""

import re
from typing import Final

WITHOUT_CHECK: Final = 15
_SALESFORCE: Final = re.compile(
    r"(?:00[0-9A-Za-z]|a[0-9A-Za-z]{2}|[57]00|701|80[01])(?=[0-9]*[A-Za-z])[0-9A-Za-z]{12}\Z"
)
_CHECK: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def with_check_characters(text: str) -> str:
    """Return Salesforce's 18 characters for its 15, and any other text as it is."""
    if len(text) != WITHOUT_CHECK or not _SALESFORCE.match(text):
        return text
    fives = (text[start : start + 5] for start in (0, 5, 10))
    return text + "".join(
        _CHECK[sum(1 << place for place, letter in enumerate(five) if letter.isupper())]
        for five in fives
    )


def ids_meant(text: str) -> list[str]:
    """Return the IDs that somebody may mean who types one: as it is, and as it would be kept."""
    return [*dict.fromkeys((text, with_check_characters(text)))]
