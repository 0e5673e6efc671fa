"""What ties people to opportunities in Salesforce, and which stamp says that something changed."""

from dataclasses import dataclass

from convsync.extract.mapping import CONTACT, LEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLink:
    """Records that tie a person to a deal, and the stamp that says that something changed."""

    kind: str
    records: str
    stamp: str
    deal: str


LINKS = {
    "roles": PersonLink(
        kind=CONTACT, records="OpportunityContactRole", stamp="SystemModstamp", deal="Opportunity"
    ),
    "contacts": PersonLink(
        kind=CONTACT,
        records="OpportunityContactRole",
        stamp="Contact.SystemModstamp",
        deal="Opportunity",
    ),
    "leads": PersonLink(
        kind=LEAD, records="Lead", stamp="SystemModstamp", deal="ConvertedOpportunity"
    ),
}
