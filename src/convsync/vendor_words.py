"""What may be repeated from another system's answer: codes and names, never its sentences.

An error's text is written by people and programs elsewhere. It may quote a record, a person or a
token, or hold characters that a terminal obeys. So a message names the vendor's code, a field or a
right, each only where it has the shape of one, and says the rest in our own words.
"""

import re
from typing import Any, Final

from convsync.log import redacted

_CODE: Final = re.compile(
    r"0x[0-9A-Fa-f]{1,8}|[0-9]{1,6}"
    r"|[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*|[a-z]+(?:_[a-z]+)*"
    r"|(?:[A-Z][a-z0-9]+){2,6}"
    r"|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\.[A-Z][A-Za-z]+"
)
"""`0x80060888`, `429`, `MALFORMED_QUERY`, `invalid_client`, `odoo.exceptions.LockError`."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[.:-][A-Za-z0-9_]+)*")
_STEP: Final = re.compile(r"[A-Za-z0-9_.:$()',=-]*")
_LONGEST: Final = 80
_PATHS: Final[tuple[tuple[str | int, ...], ...]] = (
    (0, "errorCode"),
    ("category",),
    ("errorCode",),
    ("code",),
    ("error", "code"),
    ("error", "data", "name"),
    ("data", 0, "code"),
    ("error",),
    ("name",),
)
"""Where vendors put the code of an error, the first that is one being it: Salesforce, HubSpot,
Pipedrive, Zoho, Dataverse, Odoo, Zoho's batches, token endpoints (RFC 6749, 5.2), Odoo's JSON-2."""


def code_of(value: Any) -> str:
    """Return a code as it was written, "" for anything that does not look like one."""
    written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return _kept(_CODE, written)


def name_of(value: Any) -> str:
    """Return the name of a field, right or scope; "" for anything that does not look like one."""
    return _kept(_NAME, value) if isinstance(value, str) else ""


def path_of(path: str) -> str:
    """Return a path without its query, and `…` for steps that may hold more than names and IDs."""
    return "/".join(
        step if _STEP.fullmatch(step) and redacted(step) == step else "…"
        for step in path.partition("?")[0].split("/")
    )


def code_in(body: Any) -> str:
    """Return the code of the error that an answer's body tells of, "" where there is none."""
    for path in _PATHS:
        if code := code_of(_at(body, path)):
            return code
    return ""


def _at(body: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, int) and isinstance(body, list) and body:
            body = body[step]
        elif isinstance(step, str) and isinstance(body, dict):
            body = body.get(step)
        else:
            return None
    return body


def _kept(shape: re.Pattern[str], text: str) -> str:
    is_sound = len(text) <= _LONGEST and shape.fullmatch(text) and redacted(text) == text
    return text if is_sound else ""
