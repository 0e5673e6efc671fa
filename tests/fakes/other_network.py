"""A second network in memory: other clicks than Google's, no taking back, verdicts at once.

It is here to keep the words of `Destination` general. All that it knows is what it takes.
"""

from datetime import timedelta

from convsync.model.click import ClickIdKind
from convsync.model.statement import Operation
from convsync.model.takes import Takes, Way
from tests.fakes.memory_destination import MemoryDestination

TAKES = Takes(
    click_ids=frozenset({ClickIdKind.MSCLKID}),
    corrections={Operation.RESTATE: [Way(within=timedelta(days=90))]},
)


def other_network() -> MemoryDestination:
    """Return a network that takes what `TAKES` says."""
    return MemoryDestination(name="other", takes=TAKES)
