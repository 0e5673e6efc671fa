"""What is stored of free text: never an address or number to reach somebody by.

A segment, the name of a stage and the like are stored and shown as they are, for reports and rules
go by them. An e-mail address or a phone number among the words is blanked. A name cannot be told
from other words, so a field that holds names is only kept where somebody maps it.
"""

import re
from typing import Final

from convsync.extract.sound_ids import is_dialled

_EMAIL: Final = re.compile(r"[^\s@<>(),;:|\"]+(?:@|%40)[^\s@<>(),;:|\"]+\.[^\s@<>(),;:|\"]+", re.I)
_DIGITS: Final = re.compile(
    r"(?<![\w./-])(?![0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}(?![./0-9-]))"  # no date
    r"\+?[0-9(][0-9 ()/.\u00a0-]{5,22}[0-9](?![\w:-])"
)
_FEWEST_DIGITS: Final = 7


def without_people(text: str, region: str | None = None) -> str:
    """Return a text with `[e-mail]` and `[phone]` for addresses and for numbers to dial.

    `region` is the country that numbers without a country code belong to.
    """
    if "@" in text or "%40" in text:
        text = _EMAIL.sub("[e-mail]", text)
    if sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        return text
    return _DIGITS.sub(lambda found: "[phone]" if is_dialled(found[0], region) else found[0], text)
