"""Events of the audit log that somebody asks for, and what many conversions did at once among them.

Who asks for conversions gets the events that name their deals, and those events of whole batches in
which they take part, told of each conversion apart. Who asks for kinds of events gets them block by
block (`audit_blocks`), an event of a batch as the one event that it is. One that says of each
conversion what is its own (`model.each`) is always told as an event of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from msgspec.json import Decoder, encode
from sqlalchemy import ColumnElement, Connection, or_, select

from convsync.model.each import EACH, OfOne, told_apart
from convsync.model.event import EventKind
from convsync.model.ledger import ARROWS, State
from convsync.model.period import Period
from convsync.model.record import numbers_in
from convsync.store import audit_blocks
from convsync.store.audit_blocks import Block, Looked
from convsync.store.audit_log import AuditRow
from convsync.store.lookup import Asked, Known, parts_of
from convsync.store.schema import audit_events, ledger

_COLUMNS = [audit_events.c[name] for name in AuditRow._fields]
_DECODED = Decoder().decode
_A_PAGE = 200
"""How many events of a block are read at once where the latest are wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events are asked for, besides of which conversions; None: any.

    `state` is what an event leads to, `period` when it happened.
    """

    run_id: int | None = None
    period: Period | None = None
    event: EventKind | None = None
    state: State | None = None
    rule: str | None = None
    code: str | None = None

    @property
    def kinds(self) -> frozenset[EventKind] | None:
        """Return the kinds of events that can be meant, None for all."""
        if self.state is None:
            return None if self.event is None else frozenset({self.event})
        leading = {kind for kind, (_, states) in ARROWS.items() if self.state in states}
        leading.add(EventKind.CARRIED)
        return frozenset(leading if self.event is None else leading & {self.event})

    def looked(self) -> Looked:
        """Return the blocks in which such events can be."""
        return Looked(
            run_id=self.run_id,
            since=self.period.since if self.period else None,
            until=self.period.until if self.period else None,
            kinds=self.kinds,
            rule=self.rule,
            code=self.code,
        )

    def takes(self, row: AuditRow) -> bool:
        """True for an event that is meant, by all it says itself.

        An event of many conversions says no rule: whether one of the rule takes part is asked
        elsewhere.
        """
        kinds, period = self.kinds, self.period
        if kinds is not None and row.event not in kinds:
            return False
        if self.run_id not in (None, row.run_id):
            return False
        if period is not None and not period.since <= row.at < period.until:
            return False
        return self._takes_detail(row)

    def _takes_detail(self, row: AuditRow) -> bool:
        if self.state is self.rule is self.code is None:
            return True
        detail = _DECODED(row.detail)
        if self.code not in (None, detail.get("code")):
            return False
        if self.rule not in (None, detail.get("rule")) and "entries" not in detail:
            return False
        return self.state is None or self.state == detail.get("state", _only_state(row.event))


def _only_state(kind: str) -> State | None:
    """Return the one state that a kind of event leads to; None: it says which."""
    if kind == EventKind.CARRIED:
        return None
    states = ARROWS[EventKind(kind)][1]
    return next(iter(states)) if len(states) == 1 else None


def newest(
    connection: Connection, wanted: Wanted, limit: int, asked: Asked | None = None
) -> list[AuditRow]:
    """Return so many of the latest events that are meant, in their order."""
    if asked is not None:
        latest = _of_conversions(connection, wanted, asked, is_newest_first=True)
    else:
        blocks = audit_blocks.found(connection, wanted.looked(), is_newest_first=True)
        latest = (row for block in blocks for row in _latest_in(connection, block, wanted, limit))
    return [*islice(latest, limit)][::-1]


def every(connection: Connection, wanted: Wanted, asked: Asked | None = None) -> Iterator[AuditRow]:
    """Yield all events that are meant, in their order, holding no more than a block of them."""
    if asked is not None:
        yield from _of_conversions(connection, wanted, asked, is_newest_first=False)
        return
    for block in audit_blocks.found(connection, wanted.looked(), is_newest_first=False):
        yield from _meant(connection, block, wanted, _in_block(connection, block, wanted))


def entries_named(connection: Connection, event: AuditRow) -> list[int]:
    """Return the numbers of the ledger's entries that an event is about."""
    if event.deal is None:
        return sorted(_entries_in(event)) if "entries" in _DECODED(event.detail) else []
    its_own = select(ledger.c.id).where(
        ledger.c.deal == event.deal, ledger.c.order_id == event.order_id
    )
    return list(connection.execute(its_own).scalars())


def count_told(event: AuditRow) -> int:
    """Return of how many conversions an event tells that is of some."""
    named = _DECODED(event.detail).get("entries") if event.deal is None else None
    return 1 if named is None else sum(1 for _ in numbers_in(named))


def _latest_in(
    connection: Connection, block: Block, wanted: Wanted, limit: int
) -> Iterator[AuditRow]:
    """Yield the events of a block that are meant, the last first, read some at a time.

    No more are read at first than so many, which is enough where the query asks all there is to
    ask, and some more where `Wanted.takes` has to look at what they say.
    """
    number, before = audit_events.c.number, block.last + 1
    found = select(*_COLUMNS).where(*_conditions(wanted)).order_by(number.desc())
    while True:
        page = found.where(number >= block.first, number < before).limit(max(limit, _A_PAGE))
        rows = [AuditRow(*row) for row in connection.execute(page)]
        if not rows:
            return
        yield from reversed(_meant(connection, block, wanted, rows[::-1]))
        before = rows[-1].number


def _in_block(connection: Connection, block: Block, wanted: Wanted) -> list[AuditRow]:
    """Return the events of a block that may be meant, in order."""
    number = audit_events.c.number
    found = select(*_COLUMNS).where(number.between(block.first, block.last), *_conditions(wanted))
    return [AuditRow(*row) for row in connection.execute(found.order_by(number))]


def _meant(
    connection: Connection, block: Block, wanted: Wanted, rows: Sequence[AuditRow]
) -> list[AuditRow]:
    """Return those among events of a block that are meant, each told of its conversions."""
    is_of_rule = block.batch is None or wanted.rule is None or _has_rule(connection, rows, wanted)
    return [one for row in rows if is_of_rule and wanted.takes(row) for one in _told(row, block)]


def _told(row: AuditRow, block: Block) -> Iterator[AuditRow]:
    """Yield an event, or the events that it tells of each of its conversions."""
    if block.first_deal is None:
        yield row
        return
    for one in told_apart(_DECODED(row.detail)):
        yield _of_one(row, one)


def _of_one(row: AuditRow, one: OfOne) -> AuditRow:
    return row._replace(
        deal_id=one.deal_id,
        order_id=one.order_id,
        deal=one.deal,
        detail=encode(one.detail).decode(),
    )


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Yield what keeps most other events out; `Wanted.takes` looks at what they say."""
    if (kinds := wanted.kinds) is not None:
        yield audit_events.c.event.in_([kind.value for kind in sorted(kinds)])
    if wanted.code is not None:
        yield audit_events.c.detail.contains(f'"code":{_as_json(wanted.code)}', autoescape=True)
    if wanted.rule is not None:
        says_rule = audit_events.c.detail.contains(
            f'"rule":{_as_json(wanted.rule)}', autoescape=True
        )
        yield says_rule | audit_events.c.deal.is_(None)


def _as_json(text: str) -> str:
    return encode(text).decode()


def _has_rule(connection: Connection, rows: Sequence[AuditRow], wanted: Wanted) -> bool:
    """True where the event of a batch names an entry of the rule: several may share an action."""
    for row in rows:
        named = set(_entries_in(row))
        of_rule = select(ledger.c.id).where(
            ledger.c.id.between(min(named), max(named)), ledger.c.rule == wanted.rule
        )
        if any(number in named for number in connection.execute(of_rule).scalars()):
            return True
    return False


def _entries_in(row: AuditRow) -> Iterator[int]:
    return numbers_in(_DECODED(row.detail)["entries"])


def _of_conversions(
    connection: Connection, wanted: Wanted, asked: Asked, *, is_newest_first: bool
) -> Iterator[AuditRow]:
    """Yield the events of conversions that are meant, in order or the latest first.

    Which events can be meant is known by their numbers alone; they are read some at a time, so that
    whoever wants the latest reads no others.
    """
    about = _About.of(connection, wanted, asked)
    numbers = sorted(about.numbers, reverse=is_newest_first)
    for some in parts_of(numbers):
        found = select(*_COLUMNS).where(audit_events.c.number.in_(some))
        rows = {row[0]: AuditRow(*row) for row in connection.execute(found)}
        for number in filter(rows.__contains__, some):
            told = [one for one in about.told(rows[number]) if wanted.takes(one)]
            yield from reversed(told) if is_newest_first else told


@dataclass(frozen=True, slots=True)
class _About:
    """The numbers of events that can be about some conversions, and whose each of them is."""

    asked: Asked
    order_ids: frozenset[str]
    of_rule: Mapping[int, Known]
    numbers: frozenset[int]

    @classmethod
    def of(cls, connection: Connection, wanted: Wanted, asked: Asked) -> "_About":
        known = {one.number: one for one in asked.conversions}
        of_rule = _of_rule(connection, wanted, asked)
        alone = _alone(connection, wanted, asked)
        of_many = audit_blocks.naming_deals(connection, sorted(asked.deals))
        together = audit_blocks.naming(connection, sorted(of_rule))
        return cls(
            asked=asked,
            order_ids=frozenset(one.order_id for one in asked.conversions),
            of_rule={number: known[number] for number in of_rule},
            numbers=frozenset([*alone, *of_many, *(block.first for block in together)]),
        )

    def told(self, event: AuditRow) -> Iterator[AuditRow]:
        """Yield an event of one of the conversions or their deals, or what it tells of each."""
        if event.deal is not None and self.asked.batches is None:
            if self._is_meant(event.order_id):
                yield event
            return
        detail = _DECODED(event.detail)
        if self.asked.batches is not None and detail.get("of_batch") not in self.asked.batches:
            return
        if event.deal is not None:
            if self._is_meant(event.order_id):
                yield event
        elif EACH in detail:
            for one in told_apart(detail):
                if one.deal in self.asked.deals and self._is_meant(one.order_id):
                    yield _of_one(event, one)
        else:
            for number in sorted(self.of_rule.keys() & set(numbers_in(detail["entries"]))):
                one_known = self.of_rule[number]
                yield event._replace(
                    source=one_known.source,
                    deal_id=one_known.deal_id,
                    order_id=one_known.order_id,
                    deal=one_known.deal,
                )

    def _is_meant(self, order_id: str | None) -> bool:
        return self.asked.is_of_deals or order_id in self.order_ids


def _alone(connection: Connection, wanted: Wanted, asked: Asked) -> Iterator[int]:
    """Yield the numbers of events that name the deals; only those that say a batch, if one is."""
    for deals in parts_of(sorted(asked.deals)):
        found = select(audit_events.c.number).where(
            audit_events.c.deal.in_(deals), *_conditions(wanted)
        )
        if asked.batches is not None:
            says = (f'"of_batch":{batch}' for batch in sorted(asked.batches))
            found = found.where(or_(*(audit_events.c.detail.contains(one) for one in says)))
        yield from connection.execute(found).scalars()


def _of_rule(connection: Connection, wanted: Wanted, asked: Asked) -> frozenset[int]:
    """Return the numbers of those conversions that are of the rule that is asked for."""
    numbers = frozenset(one.number for one in asked.conversions)
    if wanted.rule is None:
        return numbers
    of_rule: set[int] = set()
    for some in parts_of(sorted(numbers)):
        found = select(ledger.c.id).where(ledger.c.id.in_(some), ledger.c.rule == wanted.rule)
        of_rule.update(connection.execute(found).scalars())
    return frozenset(of_rule)
