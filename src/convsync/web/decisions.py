"""Something that an operator may decide: what is asked before it, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convsync.settings import Settings
from convsync.web.company import Company


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a decision, as a page says it.

    `onward` is where to go instead of a page that says so.
    """

    sentence: str = ""
    light: str = "green"
    details: Sequence[str] = ()
    run_id: int | None = None
    onward: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that is about to be done: its question, and what the button says.

    `do` is told who decided it.
    """

    what: str
    about: str
    question: str
    button: str
    do: Callable[[str], Done]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What decisions are made with. `run_command` starts a night in a process of its own."""

    settings: Settings
    company: Company
    run_command: Sequence[str]


Decide = Callable[[Desk, str], Decision]
"""Makes the decision about something; RefusedError where there is no such thing."""
