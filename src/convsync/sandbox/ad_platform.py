"""Everything the sandbox knows, in one place: every API works on the same books."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from convsync.sandbox.account import AccountClick, Action, SandboxAccount
from convsync.sandbox.advertising import Advertising, Restating
from convsync.sandbox.books import Books
from convsync.sandbox.clock import SandboxClock
from convsync.sandbox.faults import CALLS, FaultPlan
from convsync.sandbox.on_call import OnCall
from convsync.sandbox.quota import CallQuota
from convsync.sandbox.receipts import Receipts
from convsync.sandbox.room import House, Room
from convsync.sandbox.rooms import rooms_of
from convsync.sandbox.tokens import Tokens
from convsync.sandbox.user_lists import UserLists
from convsync.sandbox.world import World

PROCESSING_TAKES = timedelta(minutes=30)


def _receipts() -> Receipts:
    return Receipts(processing_takes=PROCESSING_TAKES)


@dataclass(slots=True, kw_only=True)
class AdPlatform:
    """The platform's state.

    `actions` are the conversion actions that exist, by ID; while there are none, any will do.
    `accounts` are the customers that exist, by ID; while there are none, any will do, and is like
    `usual_account`. `clicks` are those whose time is known, by click ID: nothing can be judged
    against the age of any other. `verdicts` say which identifiers are refused, and why. `on_call`
    are the people who look after it all, and hear alerts. `advertising` are the clicks of a world,
    which cost something and are judged by nobody; `restating` says how their days still change.
    `rooms` are the other platforms, by the words for them.
    """

    clock: SandboxClock = field(default_factory=SandboxClock)
    actions: dict[str, Action] = field(default_factory=dict)
    accounts: dict[str, SandboxAccount] = field(default_factory=dict)
    usual_account: SandboxAccount = field(default_factory=SandboxAccount)
    clicks: dict[str, AccountClick] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    faults: FaultPlan = field(default_factory=FaultPlan)
    books: Books = field(default_factory=Books)
    receipts: Receipts = field(default_factory=_receipts)
    user_lists: UserLists = field(default_factory=UserLists)
    quota: CallQuota = field(default_factory=CallQuota)
    tokens: Tokens = field(default_factory=Tokens)
    on_call: OnCall = field(default_factory=OnCall)
    advertising: Advertising | None = None
    restating: Restating = field(default_factory=Restating)
    rooms: dict[str, Room] = field(init=False)

    def __post_init__(self) -> None:
        self.rooms = rooms_of(House(clock=self.clock, faults=self.faults))

    @property
    def calls(self) -> Sequence[str]:
        """Return the calls that can be made to fail, of all platforms."""
        return [*CALLS, *(call for room in self.rooms.values() for call in room.calls)]

    def set_actions(self, actions: Iterable[Action]) -> None:
        """From now on exactly these conversion actions exist."""
        self.actions = {action.id: action for action in actions}

    def set_account(self, customer_id: str | None, changes: Mapping[str, Any]) -> None:
        """Change one customer's settings, or everybody's who has none of his own."""
        if customer_id is None:
            self.usual_account = replace(self.usual_account, **changes)
        else:
            before = self.accounts.get(customer_id, self.usual_account)
            self.accounts[customer_id] = replace(before, **changes)

    def advertise(self, world: World) -> None:
        """Let the account have paid for the clicks of a world."""
        self.advertising = Advertising(world)

    def account(self, customer_id: str) -> SandboxAccount | None:
        """The customer's settings; `None` if there is no such customer."""
        if self.accounts and customer_id not in self._owners():
            return self.accounts.get(customer_id)
        return self.accounts.get(customer_id, self.usual_account)

    def _owners(self) -> set[str]:
        return {action.account for action in self.actions.values()}

    def reset(self) -> None:
        """As it was at the start."""
        self.clock.set(None)
        self.set_actions(())
        self.accounts = {}
        self.usual_account = SandboxAccount()
        self.clicks = {}
        self.verdicts = {}
        self.faults.clear()
        self.quota.set(per_minute=None, per_day=None)
        self.tokens.clear()
        self.on_call.clear()
        self.advertising = None
        self.restating = Restating()
        self.receipts.clear()
        self.user_lists.clear()
        self.books.clear()
        for room in self.rooms.values():
            room.reset()
