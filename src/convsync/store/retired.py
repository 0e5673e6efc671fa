"""What was counted under names that are no longer in the configuration, and renaming it.

A rule or a source that leaves the configuration leaves its conversions behind: they still count in
the ad account, so they stay visible and are still taken back where their deals are withdrawn.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, Table, and_, func, or_, select, update

from convsync.model.ledger import State
from convsync.model.rule import ConversionRule
from convsync.model.statement import Operation
from convsync.store import deal_sums, sums
from convsync.store.schema import (
    bookmarks,
    deals,
    ledger,
    merges,
    quarantine,
    row_digests,
    stages,
    survivors,
    watermarks,
)
from convsync.store.sums import LedgerSum


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What still counts under a rule (`kind` rule) or source that left the configuration.

    `value` is what the platform confirmed, in `currency`; None while it has confirmed nothing.
    """

    kind: str
    name: str
    count: int
    value: Decimal | None
    currency: str | None

    def __str__(self) -> str:
        worth = "" if self.value is None else f", {self.value:,.2f} {self.currency}"
        return f"{self.kind} {self.name}: {self.count:,} conversions still count{worth}"


def retired(
    connection: Connection, *, rules: Collection[str], sources: Collection[str]
) -> list[Retired]:
    """Return what may count under other rules than these, and from other sources."""
    found: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for one in _counting(connection):
        for kind, name, known in (("rule", one.rule, rules), ("source", one.source, sources)):
            if name not in known:
                key = (kind, name, one.told_currency)
                rows, told = found.get(key, (0, Decimal(0)))
                found[key] = rows + one.rows, told + one.told
    return [
        Retired(
            kind=kind,
            name=name,
            count=rows,
            value=told if currency else None,
            currency=currency or None,
        )
        for (kind, name, currency), (rows, told) in sorted(found.items())
    ]


def counting_through(connection: Connection) -> Counter[str]:
    """Return how many conversions may count, by the destination through which they were sent."""
    found = Counter[str]()
    for one in _counting(connection):
        found[one.destination] += one.rows
    return found


def _counting(connection: Connection) -> Iterator[LedgerSum]:
    return (one for one in sums.kept(connection) if one.may_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class LooksRenamed:
    """Conversions planned under a new name that count already under one that was removed."""

    kind: str
    before: str
    now: str
    count: int


def renames_in_plan(
    connection: Connection, *, rules: Collection[str], sources: Collection[str]
) -> list[LooksRenamed]:
    """Return what is planned to count although it counts already, under a removed name.

    The same deal ID, milestone and action, under another rule or from another source.
    """
    counting = list(_counting(connection))
    if all(one.rule in rules and one.source in sources for one in counting):
        return []
    before, its_deal = ledger.alias("before"), deals.alias("its_deal")
    is_planned = (ledger.c.state == State.PLANNED, ledger.c.operation == Operation.COUNT)
    counts_already = or_(
        and_(before.c.told_value.is_not(None), before.c.told_value != Decimal(0)),
        before.c.state.in_([State.SENDING, State.ACCEPTED]),
    )
    same = and_(
        before.c.milestone == ledger.c.milestone,
        before.c.destination == ledger.c.destination,
        before.c.action_id == ledger.c.action_id,
        counts_already,
    )
    by_rule = (
        select(before.c.rule, ledger.c.rule, func.count())
        .select_from(ledger)
        .join(before, and_(before.c.deal == ledger.c.deal, same))
        .where(*is_planned, before.c.rule.not_in(rules))
        .group_by(before.c.rule, ledger.c.rule)
    )
    by_source = (
        select(its_deal.c.source, deals.c.source, func.count())
        .select_from(ledger)
        .join(deals, deals.c.id == ledger.c.deal)
        .join(its_deal, and_(its_deal.c.deal_id == deals.c.deal_id, its_deal.c.id != deals.c.id))
        .join(before, and_(before.c.deal == its_deal.c.id, same))
        .where(*is_planned, its_deal.c.source.not_in(sources))
        .group_by(its_deal.c.source, deals.c.source)
    )
    return [
        LooksRenamed(kind=kind, before=old, now=new, count=count)
        for kind, found in (("rules", by_rule), ("sources", by_source))
        for old, new, count in connection.execute(found)
    ]


def renamed_rules(connection: Connection, rules: Sequence[ConversionRule]) -> list[LooksRenamed]:
    """Return rules without any entry that have milestone and action of one that was removed.

    Only where conversions still count under the removed one: they would count again.
    """
    names = {rule.name for rule in rules}
    removed: Counter[tuple[str, str, str, str]] = Counter()
    for one in _counting(connection):
        if one.rule not in names:
            removed[one.rule, one.milestone, one.destination, one.action_id] += one.rows
    known = {one.rule for one in sums.kept(connection)} if removed else set()
    return [
        LooksRenamed(kind="rules", before=before, now=rule.name, count=count)
        for (before, *meant), count in sorted(removed.items())
        for rule in rules
        if rule.name not in known
        and meant == [rule.milestone, rule.action.destination, rule.action.action_id]
    ]


def renamed_sources(
    connection: Connection, deal_ids: Mapping[str, Sequence[str]], *, sources: Collection[str]
) -> list[LooksRenamed]:
    """Return sources whose new deals, by their IDs, were known from a source that was removed.

    Only where conversions still count from the removed one: they would count again.
    """
    removed = {one.source for one in _counting(connection) if one.source not in sources}
    if not removed:
        return []
    return [
        LooksRenamed(kind="sources", before=before, now=now, count=count)
        for now, ids in deal_ids.items()
        for before, count in connection.execute(
            select(deals.c.source, func.count())
            .where(deals.c.source.in_(removed), deals.c.deal_id.in_(ids))
            .group_by(deals.c.source)
        )
    ]


def move_rule(connection: Connection, before: str, now: str) -> tuple[int, int]:
    """Rename a rule in every entry; return how many were renamed, and how many are in the way.

    Nothing is renamed where a deal has entries under both names.
    """
    if all(one.rule != before for one in sums.kept(connection)):
        return 0, 0
    renamed, in_the_way = _rename(connection, ledger, "rule", "deal", before, now)
    if renamed:
        sums.rename_rule(connection, before, now)
    return renamed, in_the_way


_OF_SOURCES = (watermarks, bookmarks, quarantine, row_digests, stages, merges, survivors)
"""What else is kept of a source, under its name."""


def move_source(connection: Connection, before: str, now: str) -> tuple[int, int]:
    """Rename a source wherever it is kept; return how many deals, and how many are in the way.

    Nothing is renamed where both sources have a deal of one ID.
    """
    renamed, in_the_way = 0, 0
    if before in deal_sums.sources(connection):
        renamed, in_the_way = _rename(connection, deals, "source", "deal_id", before, now)
    if renamed:
        sums.rename_source(connection, before, now)
        deal_sums.rename_source(connection, before, now)
    for table in () if in_the_way else _OF_SOURCES:
        known = connection.execute(select(table.c.source).where(table.c.source == now)).first()
        if known is None:
            connection.execute(update(table).where(table.c.source == before).values(source=now))
    return renamed, in_the_way


def _rename(
    connection: Connection, table: Table, name: str, identity: str, before: str, now: str
) -> tuple[int, int]:
    """Give rows another name, unless some stand under both; return how many, and how many do."""
    there = table.alias("there")
    has_new = select(there.c[identity]).where(there.c[name] == now)
    in_the_way = connection.execute(
        select(func.count())
        .select_from(table)
        .where(table.c[name] == before, table.c[identity].in_(has_new))
    ).scalar_one()
    if in_the_way:
        return 0, int(in_the_way)
    is_before = table.c[name] == before
    renamed = select(func.count()).select_from(table).where(is_before)
    count = int(connection.execute(renamed).scalar_one())
    connection.execute(update(table).where(is_before).values({name: now}))
    return count, 0
