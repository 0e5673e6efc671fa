"""The log, on stderr: one line an event, with nothing personal and no secret in it.

Nothing is logged until `configure` has been called, and structlog is imported with the first line,
so that `--help` stays fast and tests stay quiet. What is bound stands on every line of the process,
a run's uploading threads included; a process makes one run at a time.

Whatever is logged passes `redacted`, should an exception's text ever hold what it must not: it
blanks what looks like a secret or a person, and whatever stands under a secret's name.
"""

import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from enum import StrEnum
from time import monotonic
from typing import Any

from convsync.plain_text import plain
from convsync.process import tracing


class LogFormat(StrEnum):
    """How a line is written: for people, or as JSON for machines."""

    TEXT = "text"
    JSON = "json"


_NAMES = (
    r"(?:access|refresh|api|id|auth|developer|session)[_-]?token|client[_-]?secret|secret"
    r"|api[_-]?key|private[_-]?key(?:[_-]id)?|password|passwd|pwd|authorization|assertion"
)
"""What secrets are called in forms, headers, query strings and JSON."""
_BLANKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|\Z)", re.S), "[key]"),
    (re.compile(r"(://[^\s/:@]*):\S*@"), r"\1:[password]@"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic|zoho-oauthtoken) +[\w.~+/!=-]{6,}"), r"\1 [token]"),
    (re.compile(r"\b(?:ya29\.|1//|GOCSPX-|AIza|pat-\w+-|1000\.\w{8})[\w./+-]{6,}"), "[token]"),
    (re.compile(r"\b00D\w{9,15}![\w.]+"), "[token]"),
    (
        re.compile(
            rf"(?i)\b({_NAMES})(['\"]?\s*[=:]\s*)(?!\[)(?:'[^']*'|\"[^\"]*\"|[^\s&,;'\"}}]+)"
        ),
        r"\1\2[secret]",
    ),
    (re.compile(r"[\w.+'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?:\+|%2B)\d[\d ()./-]{6,}\d"), "[phone]"),
)
_SECRET_NAME = re.compile(rf"(?i)(?:.*[_-])?(?:{_NAMES}|token|tokens|secrets)")


def redacted(text: str) -> str:
    """Return text with secrets, e-mail addresses and phone numbers blanked."""
    for pattern, blank in _BLANKS:
        text = pattern.sub(blank, text)
    return text


def _clean(value: Any, name: str = "") -> Any:
    """Return a value fit to be logged: numbers as they are, all else blanked where need be."""
    if _SECRET_NAME.fullmatch(name):
        return "[secret]"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _clean(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    return redacted(plain(str(value)))


def _redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank every field of a line: a processor of structlog."""
    for key, value in event.items():
        event[key] = _clean(value, key)
    return event


class _Stderr:
    """Writes to what is stderr at the moment: progress bars put themselves in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _Log:
    """How this process logs, what stands on each line, and what the present phase has counted."""

    def __init__(self) -> None:
        self.form: LogFormat | None = None
        self.level = logging.INFO
        self.bound: dict[str, Any] = {}
        self.counts: Counter[str] = Counter()
        self._logger: Any = None

    def configure(self, form: LogFormat, level: int) -> None:
        self.form, self.level, self._logger = form, level, None

    def write(self, level: int, event: str, fields: Mapping[str, Any]) -> None:
        if self.form is None or level < self.level:
            return
        if self._logger is None:
            self._logger = _logger(self.form)
        self._logger.log(level, event, **{**self.bound, **fields})


_LOG = _Log()


def _logger(form: LogFormat) -> Any:
    import structlog

    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    return structlog.wrap_logger(
        structlog.PrintLogger(_Stderr()),  # type: ignore[arg-type]
        processors=[
            structlog.processors.add_log_level,
            _redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )


def configure(form: LogFormat, *, is_verbose: bool = False) -> None:
    """Log to stderr from now on; with `is_verbose` each request too."""
    _LOG.configure(form, logging.DEBUG if is_verbose else logging.INFO)


def is_json() -> bool:
    """Return whether stderr is for machines, so that nothing but JSON may stand on it."""
    return _LOG.form is LogFormat.JSON


def debug(event: str, **fields: Any) -> None:
    """Log what only somebody who looks for a fault wants to see."""
    _LOG.write(logging.DEBUG, event, fields)


def info(event: str, **fields: Any) -> None:
    """Log what happened as it should."""
    _LOG.write(logging.INFO, event, fields)


def warning(event: str, **fields: Any) -> None:
    """Log what was refused, or has to be tried again."""
    _LOG.write(logging.WARNING, event, fields)


def error(event: str, **fields: Any) -> None:
    """Log what stopped a command."""
    _LOG.write(logging.ERROR, event, fields)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Put fields on every line that is logged inside."""
    before = _LOG.bound
    _LOG.bound = {**before, **fields}
    try:
        yield
    finally:
        _LOG.bound = before


@contextmanager
def phase(name: str, **fields: Any) -> Iterator[None]:
    """Log that a phase of a run ended: how long it took, and what `count` counted inside.

    A phase that an error ends is logged as stopped.
    """
    debug(f"{name}: begins", phase=name, **fields)
    before, _LOG.counts = _LOG.counts, Counter()
    began, ending = monotonic(), "stopped"
    try:
        with tracing.phase(name, **fields) as counted:
            try:
                yield
            finally:
                counted |= _LOG.counts
        ending = "done"
    finally:
        counts, _LOG.counts = _LOG.counts, before
        took = round(monotonic() - began, 3)
        info(f"{name}: {ending}", phase=name, **fields, **counts, seconds=took)


def count(what: str, number: int) -> None:
    """Add to what the present phase reports when it ends."""
    _LOG.counts[what] += number
