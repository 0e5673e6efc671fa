"""What a look at the set-up found, before anything is sent."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is. Only an error ends `check` with code 2."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, and what was found; without a severity nothing was.

    `means` is what it does to conversions, `fix` what to do about it, `link` where to read on.
    `example` is the shape of a value and its place; `paste` are lines for the configuration.
    """

    severity: Severity | None = None
    subject: str = ""
    problem: str | None = None
    means: str = ""
    example: str = ""
    fix: str = ""
    paste: str = ""
    link: str = ""
