"""What exists in the ad accounts of the sandbox's Microsoft: goals, clicks, and who may ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from convsync.sandbox.account import aware

_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxGoal:
    """A goal; `type` and the words for counting and status are Microsoft's."""

    name: str
    id: str = "1"
    type: str = "OfflineConversion"
    status: str = "Active"
    count_type: str = "All"
    window_minutes: int = 30 * _DAY_MINUTES
    enhanced: bool = True
    created_at: datetime | None = None
    takes_adjustments: bool = True

    @classmethod
    def from_json(cls, goal: Mapping[str, Any]) -> "SandboxGoal":
        """Read one from `POST /microsoft/goals`."""
        created_at = goal.get("created_at")
        return cls(**{**goal, "created_at": created_at and aware(created_at)})

    @property
    def window(self) -> timedelta:
        """Return how old a click may be."""
        return timedelta(minutes=self.window_minutes)

    def as_json(self) -> Mapping[str, Any]:
        """Return it as QueryByIds does."""
        return {
            "Id": self.id,
            "Name": self.name,
            "Type": self.type,
            "Status": self.status,
            "CountType": self.count_type,
            "ConversionWindowInMinutes": self.window_minutes,
            "IsEnhancedConversionsEnabled": self.enhanced,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxClick:
    """A click that is known: when it was, and in which account ("": in any)."""

    at: datetime
    account: str = ""

    @classmethod
    def from_json(cls, click: str | Mapping[str, Any]) -> "SandboxClick":
        """Read one from `POST /microsoft/clicks`: its time, or its time `at` and its account."""
        if isinstance(click, str):
            return cls(at=aware(click))
        return cls(at=aware(click["at"]), account=str(click.get("account", "")))


@dataclass(slots=True, kw_only=True)
class MicrosoftState:
    """Where no goals, accounts or developer tokens are set, any will do.

    `clicks` are those whose time is known; `refusals` hold back rows by their msclkid or a hash,
    each with the code it gets. `calls_a_minute` is how many calls one customer may make.
    """

    goals: dict[str, SandboxGoal] = field(default_factory=dict)
    accounts: frozenset[str] = frozenset()
    developer_tokens: frozenset[str] = frozenset()
    clicks: dict[str, SandboxClick] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    calls_a_minute: int | None = None

    def goal(self, name: str) -> SandboxGoal | None:
        """Return a goal that conversions can be uploaded for; None: there is none."""
        found = self.goals.get(name) if self.goals else SandboxGoal(name=name)
        return found if found is not None and found.type == "OfflineConversion" else None
