"""What an ad platform that keeps lists of people promises, whatever it calls them.

Adding somebody twice and taking them off twice do no harm, so a request whose answer was lost is
simply planned again. Verdicts come later, and speak of numbers, never of people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol, runtime_checkable

from convsync.errors import OperatorError
from convsync.model.audience import ListTerms, Member
from convsync.upload.destination import Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The platform took a request whole; its verdict follows under this ID."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """The platform took nothing of a request, for these of its members, by the vendor's codes."""

    codes: Mapping[int, str]


class Done(Enum):
    """What became of a request as a whole."""

    ALL = "all"
    SOME = "some"
    NOTHING = "nothing"
    PENDING = "pending"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersVerdict:
    """What became of a request: how much, and for how many records not, by the vendor's codes.

    `is_due_again` where a code says that another try helps. `match_rate` is the platform's range of
    how many it knows, "" where it says none.
    """

    done: Done
    codes: Mapping[str, int] = field(default_factory=dict)
    is_due_again: bool = False
    match_rate: str = ""


class MemberLists(Protocol):
    """Keeps lists in one ad account.

    All methods raise TransientError where a later try may succeed (and this one may have worked),
    OperatorError where a person has to fix the account or the settings first, and
    UnexpectedResponseError where the answer makes no sense.
    """

    name: str
    max_members: int
    upload_quota: Quota
    status_quota: Quota

    def find(self, code: str, *, now: datetime) -> str | None:
        """Return the number of the list that has our code, None where there is none."""

    def make(self, code: str, terms: ListTerms, *, now: datetime) -> str:
        """Make a list of people known by e-mail and phone; return its number."""

    def change(self, list_id: str, terms: ListTerms, *, now: datetime) -> None:
        """Give a list other terms."""

    def add(self, list_id: str, members: Sequence[Member], *, now: datetime) -> Taken | Faulty:
        """Put members on a list who agreed to both uses of their data."""

    def remove(self, list_id: str, members: Sequence[Member], *, now: datetime) -> Taken | Faulty:
        """Take members off a list, by everything that they were put on it with."""

    def clear(self, list_id: str, before: datetime, *, now: datetime) -> None:
        """Take everybody off a list who was last added before an instant."""

    def verdict(self, request_id: str, *, now: datetime) -> MembersVerdict:
        """Ask what became of a request."""

    def explain(self, code: str) -> str:
        """Return what a code of the platform means, and what to do about it, "" where unknown."""


@runtime_checkable
class KeepsLists(Protocol):
    """A destination that can keep lists, too."""

    @property
    def member_lists(self) -> MemberLists:
        """Return its lists."""


def member_lists_of(destination: object, name: str) -> MemberLists:
    """Return a destination's lists; OperatorError where it keeps none."""
    if isinstance(destination, KeepsLists):
        return destination.member_lists
    raise OperatorError(
        f"destinations.{name} keeps no audiences; name one of kind data_manager in the audience."
    )
