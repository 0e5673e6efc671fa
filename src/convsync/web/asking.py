"""What the page needs from the command line, which is above it: passed in by `serve`.

So each page says what its command says, and neither knows how the other is made.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from convsync.model.finding import Finding
from convsync.report.behind import Behind
from convsync.report.totals import Totals
from convsync.store.database import Connection, Database
from convsync.store.selection import Selection, Sum
from convsync.web.figures import Figures

Words = Mapping[str, str]
"""What is asked, by name; what is not asked is missing or empty."""


class ConversionsMeant(Protocol):
    """Says which conversions are meant; OperatorError for words that there are not."""

    def __call__(
        self,
        words: Mapping[str, str | None],
        *,
        reached: tuple[str | None, str | None],
        where: Sequence[str],
    ) -> Selection:
        """Return the selection that words, days and conditions mean."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The commands' answers. Each raises OperatorError for what makes no sense.

    `figures` are the reports. `check` looks at everything, sources and ad accounts included;
    `check_offline` asks nobody. `deals_behind` gives the deals that some words narrow down, as
    `deals --came-to` does, with what `--where` says, and what they add up to once all were taken;
    `conversions` gives which conversions other words mean, and `added_up` what these add up to, and
    what is to be said of the rates. `steps` and `names` are what deals can
    come to, and be narrowed by.
    """

    figures: Sequence[Figures]
    deals_behind: Callable[
        [Database, Words, Sequence[str], datetime], tuple[Iterator[Behind], Totals]
    ]
    conversions: ConversionsMeant
    added_up: Callable[[Connection, Selection], tuple[Sequence[Sum], Sequence[str]]]
    steps: Sequence[str]
    names: Sequence[str]
    check: Callable[[datetime | None], list[Finding]]
    check_offline: Callable[[Database, datetime], list[Finding]]
