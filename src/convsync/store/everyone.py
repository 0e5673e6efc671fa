"""Who is whose, of all deals at once, and for which of them that may change what was planned.

A deal that came since persons were last joined was planned by its own keys alone, before it was
known whose it is. Where all deals of a customer are such, one is planned again only if its customer
has what may change its plan and what its own keys did not lead to: a click, a sale before it was
made, or a refusal. What can be told of that from a few bytes a deal is told too often rather than
too seldom: unless one key of a deal has all clicks of its customer, some are taken to be new to it.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlalchemy import BigInteger, Connection, select, type_coerce

from convsync.model.consent import ConsentStatus
from convsync.model.deal import WON
from convsync.store import dialect
from convsync.store.all_keys import Joined
from convsync.store.schema import consents, deal_keys, deals, milestones

_SECOND = 1_000_000
_FIRST, _LATEST = 1, 2**32 - 1
"""The seconds since 1970 that are told apart; what was before is as if it were at the first."""
_MANY_CLICKS = 255
"""More than a customer may have (`reach.MOST_CLICKS`)."""


class Everyone:
    """Whom each deal up to a row belongs together with, in some bytes for each deal."""

    def __init__(self, joined: Joined, last: int, last_click: int) -> None:
        self._found = joined.found
        self._least = array("i", bytes(4 * (last + 1)))
        self._sizes = array("i", self._least)
        self._clicks = bytearray(last + 1)
        self._is_touched = bytearray(last + 1)
        self._is_known = bytearray(last + 1)
        self._count(joined.together.first_of, last, last_click)

    def _count(self, first_of: Callable[[int], int], last: int, last_click: int) -> None:
        least, sizes, clicks = self._least, self._sizes, self._clicks
        least_of = array("i", bytes(4 * (last + last_click + 1)))
        for deal in range(1, last + 1):
            first = first_of(deal)
            if not (of_all := least_of[first]):
                of_all = least_of[first] = deal
            least[deal] = of_all
            sizes[of_all] += 1
        for click in range(1, last_click + 1):
            if (of_all := least_of[first_of(-click)]) and clicks[of_all] < _MANY_CLICKS:
                clicks[of_all] += 1

    def members(self, among: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        """Yield each deal that is not alone, the least of those it belongs with, and how many."""
        least, sizes = self._least, self._sizes
        for deal in among:
            of_all = least[deal]
            if (size := sizes[of_all]) > 1:
                yield deal, of_all, size

    def touch(self, some: Iterable[int]) -> None:
        """Note that something is new of whoever belongs together with these deals."""
        for deal in some:
            self._is_touched[self._least[deal]] = 1

    def is_touched(self, deal: int) -> bool:
        """True where something is new of whoever belongs together with a deal."""
        return bool(self._is_touched[self._least[deal]])

    def note_known(self, some: Iterable[int]) -> None:
        """Note that these deals may have been planned by more than the keys they have now."""
        for deal in some:
            self._is_known[self._least[deal]] = 1

    def is_new(self, deal: int) -> bool:
        """True where none that belongs together with a deal may have been planned by more."""
        return not self._is_known[self._least[deal]]

    def let_decide_anew(self, connection: Connection) -> bytearray:
        """Return for each deal whether those who belong together with it may change its plan.

        That is said of deals that are not alone, and of whom each was planned by its own keys.
        """
        least, clicks, found = self._least, self._clicks, self._found
        refusing = self._refusing(connection)
        sold_at = self._sold_at(connection)
        may = bytearray(len(least))
        made = select(deals.c.id, type_coerce(deals.c.created_at, BigInteger))
        for deal, made_at in dialect.raw_stream(connection, made):
            of_all = least[deal]
            is_after = sold_at[of_all] and (
                made_at is None or made_at // _SECOND >= sold_at[of_all]
            )
            if is_after or found[deal] != clicks[of_all] or refusing[of_all]:
                may[deal] = 1
        return may

    def _sold_at(self, connection: Connection) -> Sequence[int]:
        """Return by the least deal when one of those who belong together was first won, or 0."""
        least, sizes = self._least, self._sizes
        sold_at = array("I", bytes(4 * len(least)))
        won_at = type_coerce(milestones.c.reached_at, BigInteger)
        stands = (milestones.c.name == WON) & milestones.c.withdrawn_at.is_(None)
        for deal, at in dialect.raw_stream(
            connection, select(milestones.c.deal, won_at).where(stands)
        ):
            of_all = least[deal]
            if sizes[of_all] > 1:
                sold_at[of_all] = max(_FIRST, min(at // _SECOND, sold_at[of_all] or _LATEST))
        return sold_at

    def _refusing(self, connection: Connection) -> bytearray:
        """Return by the least deal whether one of those who belong together has refused."""
        refusing = bytearray(len(self._least))
        refused = consents.c.status == ConsentStatus.DENIED
        if connection.execute(select(consents.c.key).where(refused).limit(1)).first() is None:
            return refusing
        by_key = select(deal_keys.c.deal).join(consents, consents.c.key == deal_keys.c.key)
        for (deal,) in dialect.raw_stream(connection, by_key.where(refused)):
            refusing[self._least[deal]] = 1
        return refusing
