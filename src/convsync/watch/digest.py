"""One message a look: what is new or has grown worse, and what has ended; pure.

What people were told is kept from one look to the next. A state is told once, again only when it
has grown tenfold, and once more when it has ended, if anybody was told that it began. During quiet
hours, and where a message could not be delivered, nothing counts as told: the next look tells it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from convsync.store.alert_states import KnownState
from convsync.watch.findings import Finding

GROWTH = 10
"""How many times larger a state must be than when it was told to be told again."""


Known = Mapping[str, KnownState]
"""The states that last, by their keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What to tell: findings that are new or worse, and the states that have ended."""

    new: Sequence[Finding] = ()
    ended: Sequence[KnownState] = ()

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to tell."""
        return not self.new and not self.ended


def digest_of(findings: Sequence[Finding], known: Known, passing: Sequence[Finding] = ()) -> Digest:
    """Return what has not been told yet; `passing` has begun and ended since the last look."""
    lasting = {finding.key for finding in findings}
    untold = [one for one in passing if one.key not in known or known[one.key].told_at is None]
    news = [finding for finding in findings if _is_news(finding, known.get(finding.key))]
    return Digest(
        new=[*untold, *news],
        ended=[
            state
            for key, state in known.items()
            if key not in lasting and state.told_at is not None
        ],
    )


def _is_news(finding: Finding, state: KnownState | None) -> bool:
    if state is None or state.told_at is None:
        return True
    return finding.size >= GROWTH * max(state.told_size, 1)


def remembered(
    findings: Sequence[Finding], known: Known, now: datetime, *, is_told: bool
) -> dict[str, KnownState]:
    """Return what to keep until the next look, after the digest was delivered, or was not.

    A state that has ended is kept until that is told; who answers for one, until it is told again.
    """
    news = {finding.key for finding in digest_of(findings, known).new}
    kept: dict[str, KnownState] = {}
    for finding in findings:
        state = known.get(finding.key) or KnownState(since=now, text=finding.text)
        state = replace(state, text=finding.text)
        if is_told and finding.key in news:
            state = KnownState(
                since=state.since, text=state.text, told_at=now, told_size=finding.size
            )
        kept[finding.key] = state
    if not is_told:
        kept |= {
            key: state
            for key, state in known.items()
            if key not in kept and state.told_at is not None
        }
    return kept


def still_acknowledged(findings: Sequence[Finding], known: Known) -> dict[str, KnownState]:
    """Return what to keep where there is nobody to tell: who answers for what lasts as it was."""
    return {
        finding.key: state
        for finding in findings
        if (state := known.get(finding.key)) is not None and not _is_news(finding, state)
    }


def title_of(digest: Digest, name: str) -> str:
    """Return a message's title: who says it, and how much of what."""
    parts = []
    if digest.new:
        parts.append(f"{len(digest.new)} to look at")
    if digest.ended:
        parts.append(f"{len(digest.ended)} resolved")
    return f"convsync {name}: {', '.join(parts)}"


def body_of(digest: Digest, closing: str = "") -> str:
    """Return a message's text: the run's closing line, then a paragraph for each state."""
    paragraphs = [closing] if closing else []
    paragraphs += [f"{finding.text}\n{finding.fix}" for finding in digest.new]
    paragraphs += [
        f"Resolved: {state.text} (since {state.since:%Y-%m-%d %H:%M} UTC)" for state in digest.ended
    ]
    return "\n\n".join(paragraphs)
