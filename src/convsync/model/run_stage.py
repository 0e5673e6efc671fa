"""What people call the stages of a run, in which it counts how far it has come."""

from collections.abc import Mapping
from typing import Final

STAGES: Final[Mapping[str, str]] = {
    "deals": "reading deals",
    "clicks": "reading clicks",
    "due": "planning",
    "sent": "sending",
    "days": "asking for days",
}
