"""How a run that may be watched ended. It stands alone: most runs are watched by nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from convsync.report.closing import Closing


@dataclass(slots=True, kw_only=True)
class Night:
    """One run as it is watched; whoever makes it says how it ended."""

    exit_code: int = 0
    closings: Sequence[Closing] = field(default_factory=list)
