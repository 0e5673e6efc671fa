"""Structured logs on stderr: one line an event, with nothing personal and no secret in it.

Whatever is logged passes a filter that blanks what looks like an e-mail address, a phone number or
a bearer token, should one ever get into an exception's text.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_EMAIL = re.compile(r"[\w.+'-]+@[\w-]+(\.[\w-]+)+")
_PHONE = re.compile(r"\+\d[\d ()./-]{7,}\d")
_TOKEN = re.compile(r"(?i)\b(bearer|ya29\.|1//)[\w./+-]{8,}|(?<=bearer )[\w./+-]{8,}")


def redacted(text: str) -> str:
    """Return text with e-mail addresses, phone numbers and tokens blanked."""
    for pattern, blank in ((_EMAIL, "[e-mail]"), (_TOKEN, "[token]"), (_PHONE, "[phone]")):
        text = pattern.sub(blank, text)
    return text


def _redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redacted(value)
    return event


def configure(*, as_json: bool, is_verbose: bool) -> None:
    """Log to stderr from now on: JSON for machines, key=value for people."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if is_verbose else logging.INFO
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def logger() -> Any:
    """Return the logger every module shares."""
    return structlog.get_logger()
