"""Deals from Dynamics 365 Sales: opportunities, their contacts, stakeholders and leads.

What shapes it: pages go by ID inside a closed window, from each page's link to the next. What they
went through, `dynamics_history` reads. Whatever is changed about a person or a process is taken not
to touch the opportunity (unconfirmed), so those are looked through too. A deleted opportunity
leaves no trace in a window, and one the app user may not read is left out without a word, so
absence is no proof: each that is missing is asked for. Amounts are in the record's own currency,
never the organisation's.
https://learn.microsoft.com/dynamics365/sales/developer/entities/opportunity
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from typing import Final

from convsync.extract.cell_error import CellError
from convsync.extract.crm_adapter import (
    FAR_AHEAD,
    LONG_AGO,
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    ever_since,
    instant,
    is_first_read,
)
from convsync.extract.dynamics_api import (
    Api,
    DynamicsRecord,
    any_of,
    is_gone,
    stamp,
    table_of,
)
from convsync.extract.dynamics_columns import TableColumns
from convsync.extract.dynamics_history import INSTANCE, STATES, WON, History, Past, Process
from convsync.extract.funnel import Stage
from convsync.extract.malformed import OwnCalls, built, one_by_one, quarantined
from convsync.extract.mapping import CONTACT, DEAL, LEAD, CrmMapping
from convsync.extract.source import Departed, Quarantined
from convsync.model.deal import Gone
from convsync.model.period import Period

_DEALS: Final = "opportunities"
_KEY: Final = "opportunityid"
_TABLES = {DEAL: "opportunity", CONTACT: "contact", LEAD: "lead"}
_SETS = {DEAL: _DEALS, CONTACT: "contacts", LEAD: "leads"}
_STANDARD = (
    "createdon", "modifiedon", "statecode", "estimatedvalue", "actualvalue",
    "actualclosedate", "_transactioncurrencyid_value", "_ownerid_value", "_parentcontactid_value",
    "_customerid_value", "_originatingleadid_value",
)  # fmt: skip
_SAMPLE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowLink:
    """Rows that lead to a deal, and the stamp that says that something about it changed."""

    records: str
    key: str
    deal: str
    stamp: str
    where: str = ""


_TO_CONTACT: Final = "record1objecttypecode eq 3 and record2objecttypecode eq 2"
"""Connections from an opportunity to a contact; each is kept in both directions (unconfirmed).
https://learn.microsoft.com/power-apps/developer/data-platform/connection-entities"""
_OF_PEOPLE = {
    "parents": (CONTACT, "parentcontactid/modifiedon"),
    "customers": (CONTACT, "customerid_contact/modifiedon"),
    "leads": (LEAD, "originatingleadid/modifiedon"),
}
_OF_CONNECTIONS = {"connections": "modifiedon", "stakeholders": "record2id_contact/modifiedon"}
"""Unconfirmed: that a filter may go through a connection to the contact at its end."""


class Dynamics:
    """One environment of Dynamics 365 Sales. Promises what Crm does; `stages` is asked first."""

    lag = timedelta(minutes=5)
    overlap = timedelta(minutes=15)
    names_survivors = True
    has_history = True
    empties_stages = True
    links_unseen = False
    lists_deleted_for: timedelta | None = None

    def __init__(
        self, api: Api, history: History, mapping: CrmMapping, *, has_stakeholders: bool = True
    ) -> None:
        self._api = api
        self._history = history
        self._names = mapping.names
        self._has_stakeholders = has_stakeholders and bool(mapping.contact.names)
        self._columns: dict[str, TableColumns] = {}
        self._currencies: Mapping[str, str] | None = None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of business process flows, and won and lost as two more."""
        return self._history.stages()

    def fields(self) -> Sequence[CrmField]:
        """Return the columns of opportunities, contacts and leads.

        Those under column-level security are listed, and hold nothing for who may not read them
        (unconfirmed). https://learn.microsoft.com/power-apps/developer/data-platform/column-level-security
        """
        return [field for kind in _TABLES for field in self._columns_of(kind).listed]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold."""
        columns = self._columns_of(kind)
        select = ",".join(dict.fromkeys(("createdon", *columns.properties(names))))
        query = {"$select": select, "$orderby": "createdon desc", "$top": str(_SAMPLE)}
        return [columns.values(row, names) for row in self._api.first(_SETS[kind], query)]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals modified in the window by ID, then others with a person or process that was.

        A deal that two of them name may come twice.
        """
        place, _, link = (after or f"{_DEALS}:").partition(":")
        links = self._links()
        if place == _DEALS:
            query = self._asking(_within("modifiedon", window))
            for rows, following in self._api.pages(_DEALS, query, link):
                yield self._complete(rows, _place(_DEALS, following))
            place, link = next(iter(links), ""), ""
        if is_first_read(window):
            return
        for name in [*links][[*links].index(place) :] if place in links else ():
            yield from self._linked(name, links[name], window, link)
            link = ""

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal modified since the period began, or with a process that was."""
        since_then = ever_since(period)
        query = self._asking(_within("modifiedon", since_then))
        for rows, _ in self._api.pages(_DEALS, query):
            yield self._complete(rows)
        for process in self._history.processes:
            yield from self._linked(process.table, _of_process(process), since_then)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; those that may not be read are left out."""
        for where in any_of((_KEY,), deal_ids):
            if rows := self._api.rows(_DEALS, self._asking(where)):
                yield self._complete(rows)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield nothing: what was deleted is in no list. Opportunities cannot be merged.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/merge-entity-using-web-api
        """
        return iter(())

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed | Quarantined]:
        """Yield those of the deals that are gone: not listed, and when asked for, not there.

        One that may not be read is not listed either, but is there: it is answered with 403. One
        of which Dynamics does not say whether it is there is quarantined, and asked for again.
        """
        queries = (
            {"$select": _KEY, "$filter": where, "$orderby": _KEY}
            for where in any_of((_KEY,), deal_ids)
        )
        there = {row[_KEY] for row in self._api.rows_of_each(_DEALS, queries)}
        missing = [one for one in deal_ids if one not in there]
        own = OwnCalls(successes=len(there))
        answers = self._api.batch([f"{_DEALS}({one})?$select={_KEY}" for one in missing])
        for deal_id, answer in zip(missing, answers, strict=True):
            if is_gone(answer):
                yield Departed(deal_id=deal_id, gone=Gone.DELETED)
            elif answer.status != 403 and (problem := self._api.problem_of(answer)):
                yield quarantined(deal_id, own.only_this_one(problem))

    # Which deals

    def _asking(self, where: str) -> Mapping[str, str]:
        """Return what asks for deals, ordered by the key: a page then goes on after the last.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/order-rows
        """
        own = self._columns_of(DEAL).properties(self._names[DEAL])
        select = ",".join(dict.fromkeys((_KEY, *_STANDARD, *own)))
        return {"$select": select, "$filter": where, "$orderby": _KEY}

    def _links(self) -> Mapping[str, _RowLink]:
        """Return what may change about a deal without touching it: people and processes.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/filter-rows
        """
        links = {
            name: _RowLink(records=_DEALS, key=_KEY, deal=_KEY, stamp=stamp_of)
            for name, (kind, stamp_of) in _OF_PEOPLE.items()
            if self._names[kind]
        }
        if self._has_stakeholders:
            links |= {
                name: _RowLink(
                    records="connections",
                    key="connectionid",
                    deal="_record1id_value",
                    stamp=stamp_of,
                    where=f" and {_TO_CONTACT}",
                )
                for name, stamp_of in _OF_CONNECTIONS.items()
            }
        return links | {process.table: _of_process(process) for process in self._history.processes}

    def _linked(self, name: str, of: _RowLink, window: Period, link: str = "") -> Iterator[Page]:
        """Yield the deals that such rows lead to; those modified since the window began come so."""
        query = {
            "$select": ",".join(dict.fromkeys((of.key, of.deal))),
            "$filter": _within(of.stamp, window) + of.where,
            "$orderby": of.key,
        }
        for rows, following in self._api.pages(of.records, query, link):
            for where in any_of((_KEY,), (row[of.deal] for row in rows if row[of.deal])):
                others = self._asking(f"({where}) and modifiedon lt {stamp(window.since)}")
                if found := self._api.rows(_DEALS, others):
                    yield self._complete(found)
            if following:
                yield Page(deals=(), place=_place(name, following))

    # What they are

    def _complete(self, rows: Sequence[DynamicsRecord], place: str | None = None) -> Page:
        return replace(one_by_one(rows, itemgetter(_KEY), self._page), place=place)

    def _page(self, rows: Sequence[DynamicsRecord]) -> Page:
        """Return deals complete with what they went through and the people behind them."""
        pasts, people = self._history.pasts_of(rows), self._people(rows)
        return Page(
            deals=[
                built(row[_KEY], self._deal, row, pasts[row[_KEY]], people[row[_KEY]])
                for row in rows
            ],
        )

    def _deal(self, row: DynamicsRecord, past: Past, people: Sequence[Person]) -> CrmDeal:
        """Return a deal. What it is worth is estimated until it is won."""
        if row["statecode"] not in STATES:
            raise CellError("has a status code that is none of Dynamics': look at it there")
        entered = self._history.entered(row, past)
        process, stage = self._history.names_of(entered)
        return CrmDeal(
            deal_id=row[_KEY],
            created_at=instant(row["createdon"]),
            modified_at=instant(row["modifiedon"]),
            entered=entered,
            amount=row["actualvalue" if row["statecode"] == WON else "estimatedvalue"],
            currency=self._currency(row["_transactioncurrencyid_value"]),
            attributes={
                "owner": row["_ownerid_value"] or "",
                "pipeline": process,
                "stage": stage,
            },
            fields=self._columns_of(DEAL).values(row, self._names[DEAL]),
            people=people,
        )

    def _people(self, rows: Sequence[DynamicsRecord]) -> Mapping[str, Sequence[Person]]:
        """Return who is behind each deal: contacts, stakeholders, the lead it came from."""
        behind: dict[str, dict[tuple[str, str], None]] = {row[_KEY]: {} for row in rows}
        for row in rows:
            behind[row[_KEY]] |= dict.fromkeys(_named_by(row))
        for deal_id, contact in self._stakeholders([*behind]):
            behind[deal_id][CONTACT, contact] = None
        everybody = {one for people in behind.values() for one in people}
        known = {
            kind: self._read(kind, sorted(who for of, who in everybody if of == kind))
            for kind in (CONTACT, LEAD)
        }
        return {
            deal_id: [person for kind, who in people for person in known[kind].get(who, ())]
            for deal_id, people in behind.items()
        }

    def _read(self, kind: str, ids: Iterable[str]) -> Mapping[str, Sequence[Person]]:
        """Return people by ID, each with those who were merged into them.

        Nobody is asked for where nothing about them is mapped: their IDs are known.
        https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/contact
        """
        names = self._names[kind]
        if not names:
            return {one: [Person(kind=kind, record_id=one)] for one in ids}
        columns, key = self._columns_of(kind), f"{_TABLES[kind]}id"
        wanted = (key, "createdon", "_masterid_value", *columns.properties(names))
        select = ",".join(dict.fromkeys(wanted))
        queries = (
            {"$select": select, "$filter": where, "$orderby": key}
            for where in any_of((key, "_masterid_value"), ids)
        )
        people: dict[str, list[Person]] = {}
        for row in self._api.rows_of_each(_SETS[kind], queries):
            person = Person(
                kind=kind,
                record_id=row[key],
                created_at=instant(row["createdon"]),
                fields=columns.values(row, names),
            )
            for known_as in filter(None, (row[key], row["_masterid_value"])):
                people.setdefault(known_as, []).append(person)
        return people

    def _stakeholders(self, deal_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield the contacts that deals are connected with, in whatever role.

        https://learn.microsoft.com/power-apps/developer/data-platform/reference/entities/connection
        """
        if not self._has_stakeholders:
            return
        queries = (
            {
                "$select": "connectionid,_record1id_value,_record2id_value",
                "$filter": f"{_TO_CONTACT} and ({where})",
                "$orderby": "connectionid",
            }
            for where in any_of(("_record1id_value",), deal_ids)
        )
        for row in self._api.rows_of_each("connections", queries):
            yield row["_record1id_value"], row["_record2id_value"]

    def _currency(self, currency_id: str | None) -> str | None:
        """Return the code of a record's currency, or raise CellError where it may not be read.

        Without it, the amount would be taken for one in the company's own.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/transactioncurrency
        """
        if currency_id is None:
            return None
        if self._currencies is None:
            query = {
                "$select": "transactioncurrencyid,isocurrencycode",
                "$orderby": "transactioncurrencyid",
            }
            self._currencies = {
                row["transactioncurrencyid"]: row["isocurrencycode"]
                for row in self._api.rows("transactioncurrencies", query)
            }
        if code := self._currencies.get(currency_id):
            return code
        raise CellError("is in a currency that may not be read: grant the right to read currencies")

    def _columns_of(self, kind: str) -> TableColumns:
        """Return the columns of a kind of record; only the request for each type gives lengths."""
        if kind not in self._columns:
            path = f"(LogicalName='{_TABLES[kind]}')/Attributes"
            select = "LogicalName,AttributeType,AttributeOf,IsValidForRead,DisplayName"
            described = self._api.definitions(path, {"$select": select})
            text = f"{path}/Microsoft.Dynamics.CRM.StringAttributeMetadata"
            lengths = self._api.definitions(text, {"$select": "LogicalName,MaxLength"})
            self._columns[kind] = TableColumns(kind, described, lengths)
        return self._columns[kind]


def _of_process(process: Process) -> _RowLink:
    return _RowLink(
        records=process.records,
        key=INSTANCE,
        deal=process.deal,
        stamp="modifiedon",
    )


def _place(records: str, link: str) -> str | None:
    return f"{records}:{link}" if link else None


def _within(name: str, window: Period) -> str:
    since = f"{name} ge {stamp(max(window.since, LONG_AGO))}"
    return f"{since} and {name} lt {stamp(window.until)}" if window.until < FAR_AHEAD else since


def _named_by(row: DynamicsRecord) -> Iterator[tuple[str, str]]:
    """Yield the people a deal itself names. Its customer is a contact, or an account."""
    if contact := row["_parentcontactid_value"]:
        yield CONTACT, contact
    if table_of(row, "_customerid_value") == "contact":
        yield CONTACT, row["_customerid_value"]
    if lead := row["_originatingleadid_value"]:
        yield LEAD, lead
