"""Asks each ad account once, for commands that go through all configured accounts."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from convsync.errors import OperatorError
from convsync.settings import Settings
from convsync.upload.ad_account import AdAccount, CannotAsk


class Reader(Protocol):
    """Reads an ad account, which is known to the platform as `customer_id`."""

    customer_id: str


R = TypeVar("R", bound=Reader)
T = TypeVar("T")


def each_account(
    settings: Settings,
    opened: Callable[[AdAccount], AbstractContextManager[R | CannotAsk]],
    ask: Callable[[R], T],
    *,
    what: str,
) -> list[T]:
    """Return what `ask` says of each account that can be read, in their order.

    An account that several destinations send to is asked once. Raises OperatorError where none can
    be asked for `what`, with what would change that.
    """
    from convsync import wiring

    done: dict[str, T] = {}
    fixes: list[str] = []
    for account in wiring.accounts_of(settings):
        with opened(account) as reader:
            if isinstance(reader, CannotAsk):
                fixes.append(reader.fix)
            elif reader.customer_id not in done:
                done[reader.customer_id] = ask(reader)
    if not done:
        raise OperatorError(f"No ad account can be asked for its {what}: {'; '.join(fixes)}.")
    return [*done.values()]
