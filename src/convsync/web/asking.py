"""What the page asks of the command line, which is above it: handed in by whoever serves the page.

So each page says what its command says, and neither knows how the other is made.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from convsync.model.finding import Finding
from convsync.report.behind import Behind
from convsync.store.database import Database
from convsync.web.figures import Figures

Words = Mapping[str, str]
"""What is asked, by name; what is not asked is missing or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The commands' answers. Each raises OperatorError for what makes no sense.

    `figures` are the reports. `check` looks at everything, sources and ad accounts included;
    `check_offline` asks nobody. `deals_behind` gives the deals that some words narrow down, as
    `deals --came-to` does, with what `--where` says.
    """

    figures: Sequence[Figures]
    deals_behind: Callable[[Database, Words, Sequence[str], datetime], Iterator[Behind]]
    steps: Sequence[str]
    check: Callable[[datetime | None], list[Finding]]
    check_offline: Callable[[Database, datetime], list[Finding]]
