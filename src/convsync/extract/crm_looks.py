"""A look at a CRM's deals: some pages of those that were modified last, with who is behind them.

Windows reach back further and further until there is enough to judge by. Their number and that of
the pages is bounded, and so is what a look costs: a page is completed with a handful of calls.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from convsync.extract.crm_adapter import FAR_AHEAD, Crm, CrmDeal
from convsync.extract.looks import Look, MappedColumn, Role, deal_fields_of, fields_of
from convsync.extract.mapping import CONTACT, DEAL, LEAD, CrmMapping, MilestoneField
from convsync.extract.source import Quarantined
from convsync.model.deal import Deal
from convsync.model.period import Period

ENOUGH: Final = 200
"""So many deals tell what a field usually holds."""
MOST_PAGES: Final = 5
_BACK: Final = tuple(timedelta(days=days) for days in (7, 90))
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNMAPPED: Final = {"amount": Role.AMOUNT, "currency": Role.CURRENCY}
"""What every CRM tells of a deal without a mapping, and is looked at as well."""


def newest(crm: Crm, now: datetime) -> Generator[CrmDeal | Quarantined]:
    """Yield the deals modified last, those of a week before those of three months and of ever.

    A deal whose contact changed at another time than itself comes once.
    """
    seen, pages = set[str](), 0
    for window in _windows(now):
        for page in crm.changed(window, None):
            for deal in page.deals:
                name = deal.place if isinstance(deal, Quarantined) else deal.deal_id
                if name not in seen:
                    seen.add(name)
                    yield deal
            pages += 1
            if len(seen) >= ENOUGH or pages == MOST_PAGES:
                return


def columns_of_crm(mapping: CrmMapping) -> tuple[MappedColumn, ...]:
    """Return every mapped field, and what the CRM tells of a deal's value without a mapping."""
    own = deal_fields_of(mapping)
    there = {column.key for column in own}
    own += [MappedColumn(k, role, k, "") for k, role in _UNMAPPED.items() if k not in there]
    reached = [
        MappedColumn(means.field, Role.TIME, name, "milestones")
        for name, means in mapping.milestones.items()
        if isinstance(means, MilestoneField)
    ]
    people = ((DEAL, mapping.deal), (CONTACT, mapping.contact), (LEAD, mapping.lead))
    of_people = [column for kind, fields in people for column in fields_of(fields, kind)]
    return (*own, *reached, *of_people)


def looks_at(
    deals: Iterator[CrmDeal | Quarantined],
    columns: Sequence[MappedColumn],
    read: Callable[[CrmDeal | Quarantined], Deal | Quarantined],
) -> Iterator[Look]:
    """Yield each deal beside what it was read as, with the fields of all who are behind it."""
    own = [(at, one.name) for at, one in enumerate(columns) if one.place not in (CONTACT, LEAD)]
    mapped = {
        kind: [(at, one.name) for at, one in enumerate(columns) if one.place == kind]
        for kind in (CONTACT, LEAD)
    }
    for deal in deals:
        if isinstance(deal, Quarantined):
            yield Look(deal.place, deal)
            continue
        told = {"amount": deal.amount, "currency": deal.currency, **deal.fields}
        cells = [*_cells(own, told)]
        for person in deal.people:
            cells += _cells(mapped[person.kind], person.fields)
        yield Look(f"deal {deal.deal_id}", read(deal), cells)


def _windows(now: datetime) -> Iterator[Period]:
    until = FAR_AHEAD
    for back in _BACK:
        yield Period(since=now - back, until=until)
        until = now - back
    yield Period(since=_EVER, until=until)


def _cells(
    fields: Sequence[tuple[int, str]], told: Mapping[str, object]
) -> Iterator[tuple[int, object]]:
    return ((at, told.get(name)) for at, name in fields)
