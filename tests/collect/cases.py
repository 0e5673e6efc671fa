"""`identifiers.json`: e-mails and phones, and what both the product and the snippet make of them.

An e-mail is followed by its normal form, a phone preceded by its country; null is refused. A fourth
column says why the snippet, which knows less of the world's numbers, leaves a phone out.
"""

import json
from pathlib import Path

_CASES = json.loads(Path(__file__).with_name("identifiers.json").read_text(encoding="utf-8"))
EMAILS: list[tuple[str, str | None]] = [(written, normal) for written, normal in _CASES["emails"]]
PHONES: list[list[str | None]] = _CASES["phones"]
