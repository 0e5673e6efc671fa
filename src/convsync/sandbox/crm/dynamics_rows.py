"""The rows a book fills the tables of a Dynamics 365 environment with.

An opportunity has columns for two contacts, its own and its customer's; others are connected with
it. Its process, closings, audits and connections have IDs from which the opportunity's can be told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5
from zlib import crc32

from convsync.sandbox.crm import odata
from convsync.sandbox.crm.book import CONTACT, LEAD, CrmBook, Deal, Outcome, Person, Stage
from convsync.sandbox.crm.dynamics_flows import (
    FLOWS,
    Flow,
    StageChange,
    flow_of,
    moves_in,
    of_sales,
    state_of,
    told_in,
)
from convsync.sandbox.crm.dynamics_tables import FIELDS, property_of

DEAL_ID: Final = "49b0be2e"
_ACCOUNT: Final = "78914942-34cb-ed11-b596-0022481d68cd"
_CURRENCIES: Final = ("CHF", "EUR", "GBP", "JPY", "USD")
_STATES = {Outcome.OPEN: 0, Outcome.WON: 1, Outcome.LOST: 2}
_STATUSES = {0: (1, "In Progress"), 1: (3, "Won"), 2: (5, "Out-Sold")}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataverseRow:
    """A row's values, what people see in some of them, and where lookups lead."""

    values: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)


class Rows:
    """The rows of one book. `unreadable` names deals that the app user may not read, `new_states`
    deals with a state that nobody has heard of.

    With `is_audited` off the audit log is empty.
    """

    def __init__(self, book: CrmBook) -> None:
        self.book = book
        self.unreadable: set[str] = set()
        self.new_states: dict[str, int] = {}
        self.is_audited = True

    def of(
        self, records: str, where: odata.Filter | None, after: str | None
    ) -> Iterator[DataverseRow]:
        """Yield the rows a filter may mean: as few as what it says of IDs and stamps allows.

        Deals come by their IDs, those after one.
        """
        match records:
            case "opportunities":
                yield from map(self.opportunity, self._deals("opportunityid", where, after=after))
            case "contacts" | "leads":
                kind = CONTACT if records == "contacts" else LEAD
                yield from map(_person, self._people(kind, where))
            case "opportunitycloses":
                for deal in self._deals("_opportunityid_value", where):
                    yield from self._closings(deal)
            case _ if records in FLOWS:
                for deal in self._deals("_opportunityid_value", where, moves=True):
                    yield from self._process(deal, FLOWS[records])
            case "audits":
                for deal in self._deals("_objectid_value", where):
                    for audit_id, flow, move in self.audited(deal):
                        yield _audit(deal, audit_id, flow, move)
            case "connections":
                for deal in self._deals("_record1id_value", where, moves=True):
                    yield from self._connections(deal)
            case "processstages":
                yield _LEAD_STAGE
                open_stages = (one for one in self.book.stages if not _STATES[one.outcome])
                yield from (_stage(one, flow_of(self.book, one)) for one in open_stages)
            case "transactioncurrencies":
                yield from map(_currency, _CURRENCIES)

    def _deals(
        self,
        column: str,
        where: odata.Filter | None,
        *,
        after: str | None = None,
        moves: bool = False,
    ) -> Iterable[Deal]:
        """Return the deals a filter may mean; with `moves` their own stamp says nothing."""
        ids = None if where is None else odata.named(where, column)
        since, until = (None, None) if where is None else odata.bounds(where, "modifiedon")
        if ids is not None:
            found = self.book.deals(sorted(map(deal_of, ids)))
        elif moves:
            found = self.book.modified()
        else:
            found = self.book.modified(since, until, after=after)
        return (deal for deal in found if deal.deal_id not in self.unreadable)

    def _people(self, kind: str, where: odata.Filter | None) -> Iterable[Person]:
        """Return the people of a kind a filter may mean."""
        if where is None:
            return self.book.people_modified(kind)
        ids = odata.named(where, f"{kind}id", "_masterid_value")
        found = self.book.people_modified(kind, *odata.bounds(where, "modifiedon"))
        if ids is None:
            return found
        return (one for one in found if {one.person_id, one.fields.get("merged_into")} & ids)

    def opportunity(self, deal: Deal) -> DataverseRow:
        """Return a deal's row; its customer is a company where only one contact is behind it."""
        state = _STATES[state_of(self.book, deal)]
        status, status_label = _STATUSES[state]
        contacts = self.book.people_of(deal, CONTACT)
        leads = self.book.people_of(deal, LEAD)
        customer = contacts[1].person_id if len(contacts) > 1 else _ACCOUNT
        closings = [*self._closings(deal)]
        own, labels = _own_values("deal", deal.fields)
        values = {
            "opportunityid": deal.deal_id,
            "name": deal.name,
            "createdon": _seconds(deal.created_at),
            "modifiedon": _seconds(deal.modified_at),
            "statecode": self.new_states.get(deal.deal_id, state),
            "statuscode": status,
            "actualvalue": deal.amount if closings else None,
            "actualclosedate": closings[-1].values["createdon"].date().isoformat()
            if closings
            else None,
            "_transactioncurrencyid_value": guid(deal.currency) if deal.currency else None,
            "_ownerid_value": deal.owner or None,
            "_parentcontactid_value": contacts[0].person_id if contacts else None,
            "_customerid_value": customer,
            "_originatingleadid_value": leads[0].person_id if leads else None,
            "parentcontactid/modifiedon": _modified(contacts[:1]),
            "customerid_contact/modifiedon": _modified(contacts[1:2]),
            "originatingleadid/modifiedon": _modified(leads[:1]),
            **own,
            "estimatedvalue": deal.amount,
        }
        return DataverseRow(
            values=values,
            labels={
                **labels,
                "statuscode": deal.lost_reason or status_label,
                "_parentcontactid_value": "Jan Peeters",
                "_ownerid_value": "Ada Byron",
            },
            targets={
                "_new_originid_value": "new_origin",
                "_parentcontactid_value": "contact",
                "_customerid_value": "contact" if len(contacts) > 1 else "account",
                "_ownerid_value": "systemuser",
            },
        )

    def _closings(self, deal: Deal) -> Iterator[DataverseRow]:
        last = of_sales(self.book, deal)[-1]
        for number, (key, at) in enumerate(self.book.told(deal)):
            if state := _STATES[self.book.stage(key).outcome]:
                yield DataverseRow(
                    values={
                        "activityid": _derived("c105", deal, number),
                        "createdon": _seconds(at),
                        "actualend": _seconds(at).replace(hour=0, minute=0, second=0),
                        "actualrevenue": deal.amount,
                        "opportunitystatecode": state,
                        "statecode": 1 if (key, at) == last else 2,
                        "_opportunityid_value": deal.deal_id,
                    }
                )

    def _process(self, deal: Deal, flow: Flow) -> Iterator[DataverseRow]:
        """Yield the row of a flow that a deal goes through."""
        if not (moves := moves_in(self.book, deal, flow)):
            return
        active = moves[-1]
        path = dict.fromkeys(stage_id(move.stage) for move in moves)
        yield DataverseRow(
            values={
                "businessprocessflowinstanceid": _derived(flow.instances, deal),
                "createdon": _seconds(moves[0].at),
                "modifiedon": _seconds(active.at),
                "activestagestartedon": _seconds(active.at),
                "completedon": None,
                "traversedpath": ",".join(path),
                "_activestageid_value": stage_id(active.stage),
                "_opportunityid_value": deal.deal_id,
            }
        )

    def audited(self, deal: Deal) -> Iterator[tuple[str, Flow, StageChange]]:
        """Yield the lines of the audit log about a deal's flows: their IDs, and the moves."""
        for flow in FLOWS.values() if self.is_audited else ():
            for move in told_in(self.book, deal, flow):
                yield _derived(flow.audits, deal, move.number), flow, move

    def _connections(self, deal: Deal) -> Iterator[DataverseRow]:
        """Yield the contacts for whom the opportunity itself has no column."""
        for number, person in enumerate(self.book.people_of(deal, CONTACT)[2:]):
            yield DataverseRow(
                values={
                    "connectionid": _derived("c0cc", deal, number),
                    "modifiedon": _seconds(person.created_at),
                    "record1objecttypecode": 3,
                    "record2objecttypecode": 2,
                    "_record1id_value": deal.deal_id,
                    "_record2id_value": person.person_id,
                    "record2id_contact/modifiedon": _seconds(person.modified_at),
                }
            )


def stage_id(key: str) -> str:
    """Return Dataverse's ID of a stage."""
    return guid(f"stage {key}")


def guid(of: str) -> str:
    """Return an ID made of a word, always the same."""
    return str(uuid5(NAMESPACE_URL, of))


def _derived(marker: str, deal: Deal, number: int = 0) -> str:
    """Return the ID of something about a deal, from which the deal's can be told."""
    return f"{marker}{number:04x}{deal.deal_id[8:]}"


def deal_of(derived: str) -> str:
    """Return the ID of the deal that a row with this ID is about."""
    return f"{DEAL_ID}{derived[8:]}"


def _modified(people: Sequence[Person]) -> datetime | None:
    return _seconds(people[0].modified_at) if people else None


def _person(person: Person) -> DataverseRow:
    own, labels = _own_values(person.kind, person.fields)
    values = {
        f"{person.kind}id": person.person_id,
        "createdon": _seconds(person.created_at),
        "modifiedon": _seconds(person.modified_at),
        "_masterid_value": person.fields.get("merged_into"),
        **own,
    }
    return DataverseRow(values=values, labels=labels)


def _audit(deal: Deal, audit_id: str, flow: Flow, move: StageChange) -> DataverseRow:
    return DataverseRow(
        values={
            "auditid": audit_id,
            "createdon": _seconds(move.at),
            "operation": 2 if move.number else 1,
            "objecttypecode": flow.table,
            "_objectid_value": _derived(flow.instances, deal),
        }
    )


def _stage(stage: Stage, flow: Flow) -> DataverseRow:
    return DataverseRow(
        values={
            "processstageid": stage_id(stage.key),
            "stagename": stage.name,
            "stagecategory": stage.position - 1,
            "primaryentitytypecode": "opportunity",
            "processid": {"name": stage.pipeline, "uniquename": flow.table},
        }
    )


def _currency(code: str) -> DataverseRow:
    return DataverseRow(
        values={
            "transactioncurrencyid": guid(code),
            "isocurrencycode": code,
            "currencyname": code.title(),
        }
    )


_LEAD_STAGE = DataverseRow(
    values={
        "processstageid": guid("stage of leads"),
        "stagename": "Qualify",
        "stagecategory": 0,
        "primaryentitytypecode": "lead",
        "processid": {"name": "Leads", "uniquename": "leadtoopportunitysalesprocess"},
    }
)


def _own_values(kind: str, fields: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the columns the book's fields are in, and what people see in choices and lookups."""
    values: dict[str, Any] = {}
    labels: dict[str, str] = {}
    for one in FIELDS:
        if one.kind != kind:
            continue
        text = fields.get(one.own) or None
        name = property_of(one)
        values[name] = text
        if text and one.type == "Picklist":
            values[name] = 100_000_000 + crc32(text.encode()) % 1_000
        if text and one.type == "Lookup":
            values[name] = guid(text)
        if text and one.type in ("Picklist", "Lookup"):
            labels[name] = text
    return values, labels


def _seconds(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
