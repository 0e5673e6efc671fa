"""What `audit verify` proves: that the log is the one that was written, and the tables follow it.

The chain is computed anew, with the key from the event on since which the log is keyed, and must
come to every head that is known: the log's own, those that past runs remember, and the one that
was kept elsewhere and is handed in. Then the log is replayed and compared with the ledger and the
rows of runs, and the rows are added up and compared with the kept sums. What this proves, and
against whom:

- Somebody who edits, adds or removes events or ledger rows and does not compute the chain anew is
  always found.
- Somebody who rewrites the whole database, chain and heads included, is found by a head that was
  kept elsewhere, and by the key, if there is one, unless they cut off the end: what is left then is
  a true log of an earlier day, and only a head kept elsewhere tells.
- Events from before the log was keyed are proved by the key from the first keyed event on.
- Where an older part was sealed in a file, the chain begins with the last digest of that part, and
  an event of the log must name it. The file is proved by its own chain and by the digest of the
  whole that the log keeps (`sealing`). Without a key, only the file tells a sealing from a forged
  one.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain as chain_of
from itertools import islice
from typing import Any

from convsync.errors import OperatorError
from convsync.model.chain import GENESIS, Head, LoggedEvent, chained, key_id
from convsync.model.common import Common
from convsync.proof.comparison import Difference, ledger_differences, run_differences
from convsync.store import audit_log, audit_seals, recount, runs
from convsync.store.audit_log import Tail
from convsync.store.database import Connection, Database
from convsync.store.recount import WrongSum
from convsync.store.row_sums import RowSums

SHOWN = 100
"""How many differences are kept; the rest are counted."""
NEWEST = 10_000
"""How many of the latest events every night follows."""
ANEW_S = 300.0
"""After so many seconds whoever looks again and again reads them all anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place where the log is not what was once written."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What `verify` found: how many events it read, where the chain breaks, if it does, and what
    differs between the log and the tables: how much, and the first of it.

    `sealed` is what the log says of its latest sealing, None where all of it is here, and
    `sealed_events` how many events came before. `wrong_sums` are the kept sums that are not what
    the rows add up to. `keyed_since` is the first event with a keyed digest, None where there is
    none.
    """

    events: int
    keyed_since: int | None = None
    broken: Break | None = None
    differences: tuple[Difference, ...] = ()
    different: int = 0
    wrong_sums: tuple[WrongSum, ...] = ()
    sealed: Mapping[str, Any] | None = None
    sealed_events: int = 0

    @property
    def is_sound(self) -> bool:
        """True where the log is as it was written, and the tables and their sums follow it."""
        return self.broken is None and not self.different and not self.wrong_sums

    @property
    def problem(self) -> str:
        """Return in a few words what is not as it should be, "" where all is."""
        if self.broken is not None:
            return f"it is broken at event {self.broken.number}: {self.broken.problem}"
        if self.different:
            return f"it and the tables differ in {self.different:,} places"
        if self.wrong_sums:
            return f"{len(self.wrong_sums):,} kept sums are not what the rows add up to"
        return ""


def verify(database: Database, *, head: Head | None = None) -> Verified:
    """Check the chain, replay it, and compare; `head` is one that was kept elsewhere."""
    with database.reading() as connection:
        return verify_within(connection, head=head)


def verify_within(connection: Connection, *, head: Head | None = None) -> Verified:
    """Do the same over a connection that sees one state."""
    tail = audit_log.last(connection)
    if head is not None:
        _require_in_database(connection, tail, head)
    common = Common()
    events, broken = _check_chain(connection, common, tail, head)
    if broken is None:
        broken = _misfiled(connection, common)
    if broken is not None:
        return Verified(events=events, keyed_since=tail.keyed_since, broken=broken)
    events -= tail.begins.number
    counted = RowSums()
    differences = chain_of(
        ledger_differences(connection, common, counted),
        run_differences(runs.every(connection), common),
    )
    first = tuple(islice(differences, SHOWN))
    different = len(first) + sum(1 for _ in differences)
    return Verified(
        events=events,
        keyed_since=tail.keyed_since,
        differences=first,
        different=different,
        wrong_sums=tuple(recount.wrong_sums(connection, of_ledger=counted.amounts)),
        sealed=common.sealed[-1] if common.sealed else None,
        sealed_events=tail.begins.number,
    )


def _check_chain(
    connection: Connection, common: Common, tail: Tail, head: Head | None
) -> tuple[int, Break | None]:
    """Return how many events were read, and the first break of the chain."""
    key = audit_log.key_of(connection)
    if problem := _problem_of_key(tail, key):
        return 0, Break(number=tail.head.number, problem=problem)
    anchors = {
        number: (digest, "not the one a run's row remembers")
        for number, digest in audit_log.anchors(connection).items()
    }
    if head is not None and head.number > tail.begins.number:
        anchors[head.number] = head.digest, "not the one whose digest was given"
    count, problem = _followed(connection, common, tail, anchors)
    if problem is not None:
        return count, Break(number=count, problem=problem)
    if problem := _problem_of_beginning(tail, common.sealed, head):
        return count, Break(number=tail.begins.number + 1, problem=problem)
    if missing := [number for number in anchors if number > count]:
        problem = f"the log ends here, but event {max(missing)} was once written"
        return count, Break(number=count, problem=problem)
    if count > (known := tail.head.number):
        problem = f"the log's head is event {known}, so this one was slipped in behind it"
        return count, Break(number=known + 1, problem=problem)
    return count, None


def _followed(
    connection: Connection,
    common: Common,
    tail: Tail,
    anchors: Mapping[int, tuple[bytes, str]],
) -> tuple[int, str | None]:
    """Return the number of the last event that was read, and what is wrong with it, if anything.

    What events say that are about no one deal goes into `common`.
    """
    key, keyed_since = audit_log.key_of(connection), tail.keyed_since or sys.maxsize
    expected, digest = tail.begins
    for page in audit_log.chain(connection):
        for row in page:
            expected += 1
            number, deal_id = row[0], row[_DEAL_ID]
            digest = chained(digest, row[:-1], key if number >= keyed_since else None)
            if number != expected:
                is_sealed = number <= tail.begins.number
                return expected, _STANDS_AGAIN if is_sealed else f"event {expected} is missing"
            if digest != row[-1]:
                return expected, f"event {expected} or its digest was edited"
            if expected in anchors and digest != anchors[expected][0]:
                return expected, f"event {expected} is {anchors[expected][1]}"
            if deal_id is None:
                common.add(LoggedEvent._make(row[:-1]))
    return expected, None


_DEAL_ID = LoggedEvent._fields.index("deal_id")
_STANDS_AGAIN = "an event from before, which was sealed, stands in the log again"


def _problem_of_beginning(
    tail: Tail, seals: Sequence[Mapping[str, Any]], head: Head | None
) -> str | None:
    """Return what is wrong with where the log begins, None where one of these seals says so."""
    begins = tail.begins
    if head is not None and head.number == begins.number and head != begins:
        return "the log goes on from another event than the one whose digest was given"
    says_so = not begins.number or str(begins) in [one["last"] for one in seals]
    return None if says_so else "the log begins here, and no event says that the rest was sealed"


def _require_in_database(connection: Connection, tail: Tail, head: Head) -> None:
    """Raise OperatorError for a head from before the log's beginning: only the file knows it."""
    if head.number < tail.begins.number:
        seal = audit_seals.latest(connection) or {}
        raise OperatorError(
            f"Event {head.number:,} was sealed, so only the file knows its digest: pass --sealed"
            f" {seal.get('file', 'FILE')}, or the one that was sealed before it, along with --head."
        )


def _problem_of_key(tail: Tail, key: bytes | None) -> str | None:
    since = tail.keyed_since
    if since is None:
        is_unkeyed = key is not None and tail.head.number
        return _NEVER_KEYED if is_unkeyed else None
    if key is None:
        return f"the log is keyed since event {since}, and CONVSYNC_AUDIT__KEY is not set"
    if tail.key_id != key_id(key):
        return f"the log is keyed since event {since} with another key than CONVSYNC_AUDIT__KEY"
    return None


_NEVER_KEYED = (
    "no event is keyed, although there is a key: unless nothing was written since it was set, "
    "somebody has written the log anew"
)


def _misfiled(connection: Connection, common: Common) -> Break | None:
    number = audit_log.misfiled(connection, common.sources_moved)
    if number is None:
        return None
    problem = f"event {number} is kept under another deal than it names"
    return Break(number=number, problem=problem)


def recent_break(connection: Connection, *, newest: int = NEWEST) -> str:
    """Return what breaks the chain among the newest events, "" where nothing does.

    It says nothing of older ones, and nothing where the log's key is not at hand: it is cheap
    enough for every night, and `verify` looks at all.
    """
    tail = audit_log.last(connection)
    before = max(tail.begins.number, tail.head.number - newest)
    if _cannot_be_followed(connection, tail):
        return ""
    return _break_after(connection, tail, before, audit_log.digest_at(connection, before))


class RecentChain:
    """Says the same to whoever looks again and again, and reads no event twice within some minutes.

    Events that held are known by the head they led to: what was appended since has to follow from
    it. Somebody may edit an event that was read, so now and then the newest are all read anew.
    `ticks` gives the seconds that pass.
    """

    def __init__(
        self, ticks: Callable[[], float], *, newest: int = NEWEST, anew_after_s: float = ANEW_S
    ) -> None:
        self._ticks = ticks
        self._newest = newest
        self._anew_after_s = anew_after_s
        self._held: tuple[Head, float] | None = None

    def recent_break(self, connection: Connection) -> str:
        """Return what breaks the chain among the newest events, "" where nothing does."""
        tail, held = audit_log.last(connection), self._held
        if held is None or not self._leads_to(*held, tail):
            begun_at = self._ticks()
            problem = recent_break(connection, newest=self._newest)
        else:
            head, begun_at = held
            if _cannot_be_followed(connection, tail):
                return ""
            problem = _break_after(connection, tail, *head) if head != tail.head else ""
        self._held = None if problem else (tail.head, begun_at)
        return problem

    def _leads_to(self, head: Head, read_at: float, tail: Tail) -> bool:
        """True where the log goes on from a head by no more than is read anyway."""
        events = tail.head.number - head.number
        is_ahead = 0 < events <= self._newest and tail.begins.number <= head.number
        is_near = is_ahead or tail.head == head
        return is_near and self._ticks() - read_at < self._anew_after_s


def _cannot_be_followed(connection: Connection, tail: Tail) -> bool:
    """True for an empty log, and for one whose key is not at hand."""
    is_locked = tail.keyed_since is not None and audit_log.key_of(connection) is None
    return tail.head.number == 0 or is_locked


def _break_after(connection: Connection, tail: Tail, before: int, digest: bytes | None) -> str:
    """Return what breaks the chain after an event of that number and digest, "" for nothing."""
    key, keyed_since = audit_log.key_of(connection), tail.keyed_since or sys.maxsize
    expected = before
    for row in chain_of.from_iterable(audit_log.chain(connection, after=before)):
        expected += 1
        is_keyed = row[0] >= keyed_since
        digest = chained(digest or GENESIS, row[:-1], key if is_keyed else None)
        if row[0] != expected:
            return f"event {expected:,} of the audit log is missing"
        if digest != row[-1]:
            return f"event {expected:,} of the audit log, or its digest, was edited"
    if digest != tail.head.digest:
        return f"the audit log does not end with event {tail.head.number:,}, as it once did"
    return ""
