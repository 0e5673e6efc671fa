"""Of the conversions of a period, how many were matched and by what, and where the rest was lost.

A conversion is *covered* where there is a click or a person to name to the platform; each of the
rest has a reason. Both are what the ledger holds, so that coverage adds up to the account.

Of those that came too late for their click, the report says which earlier milestone was still in
time: a rule that counts it would have caught them. Of several the latest is named, since it says
most of the sale.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from convsync.match import ClickVerdict, candidates_of, judged
from convsync.model.click import Candidate, MatchBasis
from convsync.model.deal import Deal, Milestone
from convsync.model.ledger import Side
from convsync.model.money import add_to
from convsync.model.period import Period
from convsync.model.rule import ConversionRule
from convsync.report.conditions import SOURCE, Conditions, segment_in
from convsync.report.exchange import Exchange, Worth
from convsync.report.narrowing import Meant
from convsync.store import collected, coverage, deals
from convsync.store.coverage import Alike
from convsync.store.database import Connection, Database
from convsync.store.kin import kin_of
from convsync.store.selection import PERSON

NO_FORM = "(no form known)"
"""The group of deals whose person was not seen to send a form."""
BY_FORM = "form"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class How:
    """How conversions stand, and by what they were matched or why they were not.

    `found_by` is a `MatchBasis` in lower case and `click` a kind of click ID, or "person" where
    consented identifiers stand in for one; both are empty where there is neither.
    """

    stands: Side
    found_by: str = ""
    click: str = ""
    reason: str = ""

    @property
    def is_covered(self) -> bool:
        """True where there is a click or a person to name."""
        return bool(self.click)


@dataclass(slots=True)
class Tally:
    """So many conversions, and what they are worth by currency; None where nothing says so."""

    conversions: int = 0
    value: dict[str | None, Decimal] = field(default_factory=dict)

    def add(self, conversions: int, value: Mapping[str | None, Decimal]) -> None:
        """Count more of them in."""
        self.conversions += conversions
        for currency, amount in value.items():
            add_to(self.value, currency, amount)


@dataclass(frozen=True, slots=True)
class Group:
    """The conversions of one rule in one group; `name` is empty where nothing was grouped."""

    rule: str
    name: str
    parts: Mapping[How, Tally]

    @property
    def all(self) -> Tally:
        """Return all of them added up."""
        return _added_up(self.parts.values())

    @property
    def covered(self) -> Tally:
        """Return those with a click or a person, added up."""
        return _added_up(tally for how, tally in self.parts.items() if how.is_covered)


@dataclass(frozen=True, slots=True)
class TooLate:
    """Conversions of a rule whose click was too long before them, and what was in time.

    `caught_at` counts by milestone the deals that had an earlier one in time; the latest such.
    """

    rule: str
    conversions: int
    caught_at: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The answer: groups in the order of the rules, and what came too late."""

    groups: Sequence[Group]
    too_late: Sequence[TooLate]


def coverage_of(
    database: Database,
    rules: Sequence[ConversionRule],
    periods: Mapping[str, Period],
    *,
    by: str | None = None,
    exchange: Exchange | None = None,
    where: Conditions = (),
) -> Coverage:
    """Return the coverage of the rules' conversions, in periods that follow each other.

    What they are worth is added up as `exchange` has it, at the day of each milestone.

    `by` is "source", "form" or a segment; with none, the periods' names are the groups. A form is
    what the site's snippet reported of the deal's person last. Of deals that `where` leaves out
    nothing is counted.
    """
    by_rule: dict[str, dict[str, dict[How, Tally]]] = {rule.name: {} for rule in rules}
    exchange = exchange or Exchange()
    asked = {
        "by_segments": by not in (None, SOURCE, BY_FORM) or bool(where),
        "by_deal": by == BY_FORM or bool(where),
        "by_time": exchange.currency is not None,
    }
    with database.reading() as connection:
        for name, period in periods.items():
            found = _meant(connection, coverage.counted(connection, period, **asked), where)
            forms = _forms(connection, found) if by == BY_FORM else {}
            for one in found:
                if one.rule in by_rule:
                    group = _group_of(one, by, name, forms)
                    parts = by_rule[one.rule].setdefault(group, defaultdict(Tally))
                    worth = _worth(one, exchange)
                    parts[_how(one)].add(one.conversions, {worth.currency: worth.amount})
        late = _too_late(connection, rules, periods.values(), where)
    return Coverage(
        groups=[
            Group(rule, name, parts)
            for rule, groups in by_rule.items()
            for name, parts in sorted(groups.items())
        ],
        too_late=late,
    )


def caught_at(
    deal: Deal, milestone: Milestone, candidates: Sequence[Candidate], rule: ConversionRule
) -> str | None:
    """Return the latest earlier milestone at which a click of the deal still counted and was taken.

    It is judged as matching judges: inside the rule's lookback window, and no longer after the
    click than the platform takes it.
    """
    before = [one for one in deal.milestones if one.reached_at < milestone.reached_at]
    for earlier in sorted(before, key=lambda one: one.reached_at, reverse=True):
        for one in judged(deal, earlier, candidates, rule):
            if one.verdict is not ClickVerdict.USED or one.clicked_at is None:
                continue
            if earlier.reached_at - one.clicked_at <= rule.upload_window:
                return earlier.name
    return None


def _worth(one: Alike, exchange: Exchange) -> Worth:
    if one.at is None:
        return Worth(one.value, one.currency)
    return exchange.worth(one.value, one.currency, one.at)


def _added_up(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for one in tallies:
        total.add(one.conversions, one.value)
    return total


def _forms(connection: Connection, found: Iterable[Alike]) -> dict[int, str]:
    """Return the form of each deal whose person was seen to send one, by row."""
    by_key = collected.forms_by_key(connection)
    rows = sorted({one.deal for one in found if one.deal is not None}) if by_key else []
    return {row: by_key[key] for row, key in coverage.keys_of(connection, rows) if key in by_key}


def _group_of(one: Alike, by: str | None, period: str, forms: Mapping[int, str]) -> str:
    if by is None:
        return period
    if by == BY_FORM:
        return forms.get(one.deal or 0, NO_FORM)
    if by == SOURCE:
        return one.source
    return segment_in(one.segments, by)


def _how(one: Alike) -> How:
    return How(
        stands=Side(one.side),
        found_by="" if one.basis is None else MatchBasis(one.basis).name.lower(),
        click="" if one.basis is None else one.click_kind or PERSON,
        reason="" if one.side == Side.SENT else one.reason or one.code or "",
    )


def _meant(connection: Connection, found: list[Alike], where: Conditions) -> list[Alike]:
    """Return those of deals that meet all conditions; with any, each is of one deal."""
    if not where:
        return found
    meant = Meant(connection, where)
    return [
        one
        for one in sorted(found, key=lambda one: one.deal or 0)
        if meant.has(one.deal or 0, one.source, one.segments)
    ]


def _too_late(
    connection: Connection,
    rules: Sequence[ConversionRule],
    periods: Iterable[Period],
    where: Conditions,
) -> list[TooLate]:
    by_rule = {rule.name: rule for rule in rules}
    found: dict[str, list[str | None]] = {}
    pairs = [
        pair
        for period in periods
        for pair in coverage.late(connection, period)
        if pair[1] in by_rule
    ]
    pairs.sort()
    meant = Meant(connection, where)
    for start in range(0, len(pairs), _AT_ONCE):
        for name, caught in _caught(connection, by_rule, pairs[start : start + _AT_ONCE], meant):
            found.setdefault(name, []).append(caught)
    return [
        TooLate(name, len(found[name]), Counter(filter(None, found[name])))
        for name in by_rule
        if name in found
    ]


def _caught(
    connection: Connection,
    rules: Mapping[str, ConversionRule],
    pairs: Sequence[tuple[int, str]],
    meant: Meant,
) -> Iterator[tuple[str, str | None]]:
    """Yield the rule of each late conversion that is meant, and the milestone in time for it."""
    rows = sorted({row for row, _ in pairs})
    known = {stored.row: stored.deal for stored in deals.numbered(connection, rows)}
    logged = kin_of(connection, rows).candidates
    for row, name in pairs:
        deal, rule = known[row], rules[name]
        if not meant.has(row, deal.source, deal.segments):
            continue
        milestone = deal.milestone(rule.milestone)
        candidates = candidates_of(deal, logged.get(row, ()))
        yield name, caught_at(deal, milestone, candidates, rule) if milestone else None
