"""Who is behind Salesforce's opportunities: contacts in roles, and the leads that became deals.

Whoever was merged into one of them is behind them, too, while the bin keeps the record.
"""

from collections.abc import Iterator, Mapping, Sequence

from convsync.extract.crm_adapter import Person, instant
from convsync.extract.mapping import CONTACT, LEAD
from convsync.extract.salesforce_api import Api, SalesforceRecord
from convsync.extract.salesforce_soql import RECORDS, select


def people_behind(
    api: Api, deal_ids: Sequence[str], names: Mapping[str, Sequence[str]], there: Sequence[str]
) -> Mapping[str, Sequence[Person]]:
    """Return who is behind each deal, with those who were merged into them.

    `names` are the fields wanted of each kind of record, `there` the kinds that can be read.
    """
    converted = _converted(api, deal_ids, names[LEAD]) if LEAD in there else ()
    in_roles = _in_roles(api, deal_ids, names[CONTACT]) if CONTACT in there else ()
    behind = [*converted, *in_roles]
    merged: dict[str, list[Person]] = {}
    for kind in (LEAD, CONTACT):
        ids = [*dict.fromkeys(who.record_id for _, who in behind if who.kind == kind)]
        for survivor, person in _merged_into(api, kind, ids, names[kind]):
            merged.setdefault(survivor, []).append(person)
    people: dict[str, dict[str, Person]] = {}
    for deal_id, person in behind:
        for one in (person, *merged.get(person.record_id, ())):
            people.setdefault(deal_id, {})[one.record_id] = one
    return {deal_id: [*persons.values()] for deal_id, persons in people.items()}


def _in_roles(
    api: Api, deal_ids: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[str, Person]]:
    """Yield the contacts of deals; one that the user may not read comes as nothing.

    https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-opportunitycontactrole.html
    """
    names = ("Id", "IsDeleted", "CreatedDate", *wanted)
    of_contact = [f"Contact.{name}" for name in names]
    selected = select(("OpportunityId", *of_contact), "OpportunityContactRole")
    soql = f"{selected} WHERE OpportunityId IN ({{ids}}) ORDER BY Id"
    for row in api.query_in(soql, deal_ids):
        contact = row["Contact"]
        if contact and not contact["IsDeleted"]:
            yield row["OpportunityId"], _person(CONTACT, contact)


def _converted(
    api: Api, deal_ids: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[str, Person]]:
    """Yield the leads that became deals.

    https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-lead.html
    """
    names = ("Id", "ConvertedOpportunityId", "CreatedDate", *wanted)
    soql = f"{select(names, RECORDS[LEAD])} WHERE ConvertedOpportunityId IN ({{ids}})"
    for row in api.query_in(f"{soql} ORDER BY Id", deal_ids):
        yield row["ConvertedOpportunityId"], _person(LEAD, row)


def _merged_into(
    api: Api, kind: str, ids: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[str, Person]]:
    """Yield who was merged away, each with the ID of the survivor, while the bin keeps them.

    Their click IDs and the IDs a click log may know them by would be lost otherwise.
    https://developer.salesforce.com/docs/platform/api-rest/guide/dome-queryall.html
    """
    names = ("Id", "MasterRecordId", "CreatedDate", *wanted)
    soql = f"{select(names, RECORDS[kind])} WHERE MasterRecordId IN ({{ids}}) ORDER BY Id"
    for row in api.query_in(soql, ids, with_deleted=True):
        yield row["MasterRecordId"], _person(kind, row)


def _person(kind: str, row: SalesforceRecord) -> Person:
    return Person(
        kind=kind, record_id=row["Id"], created_at=instant(row["CreatedDate"]), fields=row
    )
