"""What came to the webhook, as the states it tells of: those that are new, and those that ended."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from convsync.sandbox.server import Sandbox

_STATES = (
    ("no config", r"The run did not start: .*has \d+ mistake|The run did not start: .*TOML"),
    ("no ledger", r"The run did not start: "),
    ("failed", r"The last run did not start|Run \d+ did not finish"),
    ("missed", r"No run has started since"),
    ("left_undone", r"Run \d+ left something undone"),
    ("rejected", r"\d+ of \d+ conversions? rejected"),
    ("nothing_sent", r"Nothing was sent; the days"),
    ("unconfirmed", r"\d+ requests? without a verdict"),
    ("unreadable", r"\d+ unreadable records? of source crm"),
    ("expiring", r"the sandbox's token expire[sd]"),
)
"""The state that a paragraph of a message tells of, by how it begins."""


@dataclass(slots=True, kw_only=True)
class Heard:
    """How often each state was told as new, and as over; and what nobody expected at all."""

    new: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    strange: list[str] = field(default_factory=list)


def taken_from(sandbox: Sandbox) -> Heard:
    """Return what was heard since this was last asked."""
    heard = Heard()
    messages = [*sandbox.platform.on_call.alerts]
    sandbox.platform.on_call.alerts.clear()
    for message in messages:
        for paragraph in message["message"].split("\n\n"):
            if re.match(r"(OK|WAITING|LOOK|FAILED)\b", paragraph):
                continue  # a run's closing line
            is_over = paragraph.startswith("Resolved: ")
            found = [*_states_in(paragraph.removeprefix("Resolved: "))]
            (heard.ended if is_over else heard.new).update(found[:1])
            heard.strange += [] if found else [paragraph]
    return heard


def _states_in(paragraph: str) -> Iterator[str]:
    return (state for state, words in _STATES if re.match(words, paragraph))
