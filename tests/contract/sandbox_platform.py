"""The sandbox behind the words of the destinations' suite, whichever API it is asked by."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar

from convsync.model.statement import OrderId, Statement
from convsync.sandbox.account import Action
from convsync.sandbox.faults import Call, PlannedFault
from convsync.sandbox.server import Sandbox
from tests.builders import ACTION
from tests.contract.destination_suite import Codes

ACCOUNT = "1234567890"
PAGE = f"{ACCOUNT}/{ACTION.action_id}"


class TroubledPlatform:
    """Trouble for the next request that carries conversions; `upload` is that call's name."""

    upload: ClassVar[Call]

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.faults = sandbox.platform.faults

    def break_down(self, *, after_counting: bool = False) -> None:
        self._break("unavailable_after" if after_counting else "unavailable_before")

    def run_out_of_quota(self) -> None:
        self._break("resource_exhausted")

    def fail_internally(self) -> None:
        self._break("internal")

    def _break(self, kind: str) -> None:
        self.faults.add(PlannedFault(on=self.upload, request=1, kind=kind))


class PlatformAnsweringAtOnce(TroubledPlatform):
    """What the platforms without later verdicts have in common."""

    def pass_judgement(self) -> datetime:
        raise AssertionError("everything is answered at once")


class SandboxPlatform(TroubledPlatform, ABC):
    """What both of Google's APIs have in common; each has its own codes."""

    codes: ClassVar[Codes]

    @abstractmethod
    def with_two_faults(self, statement: Statement) -> tuple[Statement, str]:
        """See Platform."""

    def refuse(self, click: str, code: str) -> None:
        self.sandbox.platform.verdicts[click] = code

    def lose_the_action(self) -> None:
        self.sandbox.platform.set_actions([Action(account=ACCOUNT, id="999")])

    def pass_judgement(self) -> datetime:
        clock = self.sandbox.platform.clock
        clock.set(clock.now() + timedelta(minutes=31))
        return clock.now()

    def value(self, order_id: OrderId) -> float | None:
        counted = self.sandbox.books.counted[PAGE].get(order_id)
        return None if counted is None else counted.value
