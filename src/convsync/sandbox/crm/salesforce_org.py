"""A Salesforce org over a book: its objects, their fields and types, its IDs, and its rows.

Fields and objects that the user may not see do not exist for him; whoever names one is refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from convsync.sandbox.crm.book import CONTACT, LEAD, CrmBook, Deal, Outcome, Person, Stage
from convsync.sandbox.crm.server import Field
from convsync.sandbox.crm.soql import COUNT, ID_TYPES, SoqlError, SoqlQuery, SoqlRow, parsed
from convsync.sandbox.crm.writing import NUMBER, WRITABLE

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
PREFIX: Final = {"deal": "006", CONTACT: "003", LEAD: "00Q"}


def _fields(kind: str, *fields: tuple[str, str, str, str, int | None]) -> tuple[Field, ...]:
    return tuple(
        Field(kind=kind, own=own, name=name, label=label, type=type_, longest=longest)
        for own, name, label, type_, longest in fields
    )


_OF_PEOPLE: Final = (
    ("email", "Email", "Email", "email", 80),
    ("phone", "Phone", "Phone", "phone", 40),
    ("consent", "Ad_Consent__c", "Ads consent", "picklist", 255),
    ("gclid", "GCLID__c", "GCLID", "string", 255),
    ("gbraid", "GBRAID__c", "GBRAID", "string", 255),
    ("wbraid", "WBRAID__c", "WBRAID", "string", 255),
    ("landing_page", "Landing_Page__c", "Landing page", "textarea", 32_768),
    ("visitor_id", "Visitor_ID__c", "Visitor ID", "string", 80),
)
FIELDS: Final = (
    *_fields(
        "deal",
        ("amount", "Amount", "Amount", "currency", None),
        ("region", "Region__c", "Region", "picklist", 255),
        ("vertical", "Vertical__c", "Vertical", "picklist", 255),
        ("deal_type", "Type", "Type", "picklist", 255),
        ("origin", "Origin__c", "Origin", "picklist", 255),
        ("gclid", "GCLID__c", "GCLID", "string", 255),
        ("mql_on", "MQL_On__c", "MQL on", "date", None),
        ("lost_reason", "Loss_Reason__c", "Loss Reason", "picklist", 255),
        *(
            (own, f"{own.title()}__c", label, "double" if own == NUMBER else "string", 255)
            for own, label in WRITABLE.items()
        ),
    ),
    *_fields(CONTACT, ("country", "MailingCountry", "Mailing Country", "string", 80), *_OF_PEOPLE),
    *_fields(LEAD, ("country", "Country", "Country", "string", 80), *_OF_PEOPLE),
)
KIND_OF: Final = {"Opportunity": "deal", "Contact": CONTACT, "Lead": LEAD}
_RECORD: Final = {"Id": "id", "IsDeleted": "boolean", "CreatedDate": "datetime",
                  "SystemModstamp": "datetime"}  # fmt: skip
TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "Opportunity": {
        **_RECORD, "Name": "string", "StageName": "picklist", "IsClosed": "boolean",
        "IsWon": "boolean", "CloseDate": "date", "LastStageChangeDate": "datetime",
        "OwnerId": "reference",
        "RecordTypeId": "reference", "CurrencyIsoCode": "picklist",
    },
    "OpportunityHistory": {**_RECORD, "OpportunityId": "reference", "StageName": "picklist"},
    "OpportunityStage": {
        "Id": "id", "ApiName": "string", "MasterLabel": "string", "IsActive": "boolean",
        "IsClosed": "boolean", "IsWon": "boolean", "DefaultProbability": "percent",
        "SortOrder": "int",
    },
    "OpportunityContactRole": {
        **_RECORD, "OpportunityId": "reference", "ContactId": "reference", "IsPrimary": "boolean",
    },
    "Contact": {**_RECORD, "MasterRecordId": "reference"},
    "Lead": {
        **_RECORD, "MasterRecordId": "reference", "IsConverted": "boolean",
        "ConvertedOpportunityId": "reference",
    },
    "RecordType": {"Id": "id", "Name": "string"},
}  # fmt: skip
PARENTS: Final = {
    ("Opportunity", "RecordType"): "RecordType",
    ("OpportunityContactRole", "Opportunity"): "Opportunity",
    ("OpportunityContactRole", "Contact"): "Contact",
    ("Lead", "ConvertedOpportunity"): "Opportunity",
}


class Org:
    """What one user of an org may read. IDs are 18 characters; a stage's ApiName is not its label.

    `hidden` are objects, fields and records (`Lead`, `Contact.GCLID__c`, a contact's ID) that the
    user may not see.
    """

    def __init__(self, book: CrmBook) -> None:
        self.book = book
        self.hidden: set[str] = set()
        self.is_multi_currency = True
        self._masters: dict[str, str] = {}
        self._roles_at: dict[tuple[str, str], datetime] = {}

    # What people do that the book has no words for

    def add_role(self, deal_id: str, contact_id: str, at: datetime) -> None:
        """Put a contact behind a deal; the deal's stamp stays, the role has its own."""
        self.book.associate(deal_id, contact_id)
        self._roles_at[deal_id, contact_id] = at

    def merge_people(self, loser: str, winner: str, at: datetime) -> None:
        """Merge a contact or lead into another, which gets its roles and opportunities."""
        for deal in self.book.deals(self.book.deals_of(loser)):
            people = (winner if one == loser else one for one in deal.people)
            self.book.put(replace(deal, people=tuple(dict.fromkeys(people))))
        for one in (loser, winner):
            self.book.edit_person(one, at)
        self._masters[loser] = winner

    # Queries

    def shows(self, records: str) -> bool:
        """Return whether there is an object of that name, for this user."""
        return records in TYPES and records not in self.hidden

    def understood(self, soql: str) -> SoqlQuery:
        """Return a query whose every name exists and is readable, and whose literals fit."""
        query = parsed(soql)
        if not self.shows(query.records):
            raise SoqlError("INVALID_TYPE", f"sObject type '{query.records}' is not supported.")
        if query.fields != [COUNT]:
            if len({*query.fields}) < len(query.fields):
                raise SoqlError("MALFORMED_QUERY", "duplicate field selected")
            for name in (*query.fields, *(name for name, _ in query.order)):
                self._type_of(query.records, name)
        for condition in query.where:
            type_ = self._type_of(query.records, condition.field)
            values = condition.value if condition.operator == "IN" else [condition.value]
            if not all(_fits(value, type_) for value in values):
                raise SoqlError(
                    "INVALID_FIELD",
                    f"value of filter criterion for field '{condition.field}' must be of type"
                    f" {type_} and should not be enclosed in quotes",
                )
        return query

    def _type_of(self, records: str, name: str) -> str:
        parent, _, own = name.rpartition(".")
        of = PARENTS.get((records, parent), "") if parent else records
        types = self.types(of) if self.shows(of) else {}
        if own not in types:
            raise SoqlError("INVALID_FIELD", f"No such column '{own}' on entity '{of}'.")
        return types[own]

    def types(self, records: str) -> dict[str, str]:
        """Return the types of the fields of an object, those that the user may see."""
        kind = KIND_OF.get(records)
        mapped = {one.name: one.type for one in FIELDS if one.kind == kind and one.is_readable}
        hidden = {name for name in mapped if f"{records}.{name}" in self.hidden}
        if not self.is_multi_currency:
            hidden.add("CurrencyIsoCode")
        there = {**TYPES[records], **mapped}
        return {name: type_ for name, type_ in there.items() if name not in hidden}

    def described(self, records: str) -> list[dict[str, Any]]:
        """Return the fields of an object that the user may see, as describe tells of them."""
        named = {one.name: one for one in FIELDS if one.kind == KIND_OF.get(records)}
        return [
            {
                "name": name,
                "label": named[name].label if name in named else name,
                "type": type_,
                "length": (named[name].longest if name in named else None)
                or (18 if type_ in ID_TYPES else 0),
                "filterable": type_ != "textarea",
                "custom": name.endswith("__c"),
                "nillable": name not in _RECORD,
            }
            for name, type_ in self.types(records).items()
        ]

    # Records

    def rows(self, query: SoqlQuery, with_deleted: bool) -> Iterator[SoqlRow]:
        """Yield the records among which a query has to look."""
        match query.records:
            case "Opportunity":
                rows: Iterable[SoqlRow] = self._opportunities(query)
            case "OpportunityHistory":
                rows = chain.from_iterable(map(self._history, self._deals_in(query)))
            case "OpportunityContactRole":
                rows = chain.from_iterable(map(self._roles, self._deals_in(query)))
            case "OpportunityStage":
                rows = self._stages()
            case "RecordType":
                rows = map(_record_type, self.book.stages[:1])
            case records:
                rows = map(self._person, self._people(query, KIND_OF[records]))
        return (row for row in rows if with_deleted or not row.get("IsDeleted"))

    def _opportunities(self, query: SoqlQuery) -> Iterator[SoqlRow]:
        ids = query.condition("Id", "IN")
        gone = self.book.departures
        if ids is not None:
            live: Iterable[Deal] = self.book.deals(ids)
        else:
            is_by_id = [*query.order] == [("Id", False)]
            is_plain = {one.field for one in query.where} <= {"Id", "SystemModstamp"}
            live = self.book.modified(
                *_window(query, "SystemModstamp"),
                after=query.condition("Id", ">"),
                limit=query.limit if is_by_id and is_plain else None,
            )
        yield from map(self._opportunity, live)
        for deal_id in gone if ids is None else ids & gone.keys():
            yield self._opportunity(gone[deal_id].deal)

    def _deals_in(self, query: SoqlQuery) -> Sequence[Deal]:
        """Return the deals whose history or roles a query looks through."""
        ids = query.condition("OpportunityId", "IN")
        if ids is not None:
            return self.book.deals(ids)
        since, until = _window(query, "Contact.SystemModstamp")
        if since is None:
            return self.book.modified()
        contacts = self.book.people_modified(CONTACT, since, until)
        ids = dict.fromkeys(
            chain.from_iterable(self.book.deals_of(one.person_id) for one in contacts)
        )
        return self.book.deals(ids)

    def _people(self, query: SoqlQuery, kind: str) -> Sequence[Person]:
        if ids := query.condition("MasterRecordId", "IN"):
            losers = [loser for loser, winner in self._masters.items() if winner in ids]
            return [one for loser in losers if (one := self.book.person(loser))]
        if ids := query.condition("ConvertedOpportunityId", "IN"):
            people = (self.book.people_of(deal, kind) for deal in self.book.deals(ids))
            return [*{one.person_id: one for one in chain.from_iterable(people)}.values()]
        return self.book.people_modified(kind, *_window(query, "SystemModstamp"))

    def _opportunity(self, deal: Deal) -> SoqlRow:
        gone, stage = self.book.departures.get(deal.deal_id), self.book.stage(deal.stage)
        own = {**deal.fields, "amount": deal.amount, "lost_reason": deal.lost_reason}
        return {
            **_mapped("deal", own),
            "Id": deal.deal_id,
            "IsDeleted": gone is not None,
            "Name": deal.name,
            "StageName": api_name(deal.stage),
            "IsClosed": stage.outcome is not Outcome.OPEN,
            "IsWon": stage.outcome is Outcome.WON,
            "CloseDate": deal.entered[-1][1].date(),
            "LastStageChangeDate": _last_moved(deal),
            "CurrencyIsoCode": deal.currency,
            "OwnerId": deal.owner or record_id("005", 1),
            "RecordTypeId": record_id("012", 1),
            "RecordType": _record_type(stage),
            "CreatedDate": _whole(deal.created_at),
            "SystemModstamp": _whole(deal.modified_at if gone is None else gone.at),
        }

    def _history(self, deal: Deal) -> Iterator[SoqlRow]:
        for number, (key, at) in enumerate(self.book.told(deal)):
            yield {
                "Id": _child_id("008", deal.deal_id, number),
                "IsDeleted": False,
                "OpportunityId": deal.deal_id,
                "StageName": api_name(key),
                "CreatedDate": _whole(at),
                "SystemModstamp": _whole(at),
            }

    def _roles(self, deal: Deal) -> Iterator[SoqlRow]:
        opportunity = self._opportunity(deal)
        for number, contact in enumerate(self.book.people_of(deal, CONTACT)):
            since = max(deal.created_at, contact.created_at)
            at = _whole(self._roles_at.get((deal.deal_id, contact.person_id), since))
            is_readable = contact.person_id not in self.hidden
            yield {
                "Id": _child_id("00K", deal.deal_id, number),
                "IsDeleted": False,
                "OpportunityId": deal.deal_id,
                "Opportunity": opportunity,
                "ContactId": contact.person_id,
                "Contact": self._person(contact) if is_readable else None,
                "IsPrimary": number == 0,
                "CreatedDate": at,
                "SystemModstamp": at,
            }

    def _stages(self) -> Iterator[SoqlRow]:
        for stage in self.book.stages:
            yield {
                "Id": record_id("01J", self.book.stage_number(stage.key)),
                "ApiName": api_name(stage.key),
                "MasterLabel": stage.name,
                "IsActive": True,
                "IsClosed": stage.outcome is not Outcome.OPEN,
                "IsWon": stage.outcome is Outcome.WON,
                "DefaultProbability": {Outcome.WON: 100, Outcome.LOST: 0}.get(stage.outcome, 40),
                "SortOrder": Decimal(stage.position),
            }

    def _person(self, person: Person) -> SoqlRow:
        row = {
            **_mapped(person.kind, person.fields),
            "Id": person.person_id,
            "IsDeleted": person.person_id in self._masters,
            "MasterRecordId": self._masters.get(person.person_id),
            "CreatedDate": _whole(person.created_at),
            "SystemModstamp": _whole(person.modified_at),
        }
        if person.kind == CONTACT:
            return row
        deals = self.book.deals(self.book.deals_of(person.person_id))
        became = next((deal for deal in deals if person.person_id in deal.people), None)
        return row | {
            "IsConverted": became is not None,
            "ConvertedOpportunityId": became and became.deal_id,
            "ConvertedOpportunity": became and self._opportunity(became),
        }


def record_id(prefix: str, number: int) -> str:
    """Return an ID of 18 characters: three tell the kind, twelve count, three guard the case.

    https://developer.salesforce.com/docs/platform/object-reference/guide/field-types.html
    """
    digits = ""
    for _ in range(5):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return guarded(f"{prefix}5g00000{digits}")


def guarded(record_id: str) -> str:
    """Return 15 characters with three that say which of them are upper case."""
    parts = (record_id[at : at + 5] for at in (0, 5, 10))
    bits = (sum(1 << at for at, one in enumerate(part) if one.isupper()) for part in parts)
    return record_id + "".join(_CHECKSUM[bit] for bit in bits)


def api_name(key: str) -> str:
    """Return what StageName and a stage's ApiName hold: the label it had when it was made."""
    return f"{key.title()} (2019)"


def _child_id(prefix: str, deal_id: str, number: int) -> str:
    return guarded(f"{prefix}{deal_id[5:15]}{_DIGITS[number // 62]}{_DIGITS[number % 62]}")


def _last_moved(deal: Deal) -> datetime | None:
    return _whole(deal.entered[-1][1]) if len(deal.entered) > 1 else None


def _record_type(stage: Stage) -> SoqlRow:
    return {"Id": record_id("012", 1), "Name": stage.pipeline}


def _mapped(kind: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the book's values by the vendor's names; an empty text is null."""
    return {one.name: _typed(one, own.get(one.own)) for one in FIELDS if one.kind == kind}


def _typed(field: Field, value: Any) -> Any:
    if value in ("", None):
        return None
    return date.fromisoformat(value) if field.type == "date" else value


def _window(query: SoqlQuery, stamp: str) -> tuple[datetime | None, datetime | None]:
    return query.condition(stamp, ">="), query.condition(stamp, "<")


def _fits(value: Any, type_: str) -> bool:
    if value is None:
        return True
    match type_:
        case "datetime":
            return isinstance(value, datetime)
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "boolean":
            return isinstance(value, bool)
        case "currency" | "int":
            return isinstance(value, Decimal)
        case "textarea":
            return False
    return isinstance(value, str)


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)
