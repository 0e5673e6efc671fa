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
    """

    severity: Severity | None = None
    subject: str = ""
    problem: str | None = None
    means: str = ""
    fix: str = ""
    link: str = ""
