"""What figures are counted by: milestones and rules, each known by a digest of what it says."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Defined(StrEnum):
    """What has a definition."""

    MILESTONE = "milestone"
    RULE = "rule"


class DefinitionKey(NamedTuple):
    """A milestone or a rule, by its name."""

    kind: Defined
    name: str


Definitions = Mapping[DefinitionKey, bytes]
"""Each definition there is, as a digest of all that it says."""


class Redefinition(NamedTuple):
    """From a night on something was counted in another way: it was added, changed or removed."""

    key: DefinitionKey
    at: datetime
    how: str

    def __str__(self) -> str:
        return f"{self.key.kind} {self.key.name} {self.how}"


class Note(NamedTuple):
    """What somebody noted of a day, for whoever reads the trend; `day` is ISO 8601."""

    number: int
    day: str
    text: str
    by: str
    added_at: datetime
