"""The modules of the sandbox's Zoho CRM: their fields, and what a query may name of each."""

from collections.abc import Mapping
from typing import Final

from convsync.sandbox.crm.book import CONTACT, LEAD
from convsync.sandbox.crm.coql import Columns
from convsync.sandbox.crm.server import Field

FIELDS: Final = (
    Field(kind="deal", own="amount", name="Amount", label="Amount", type="currency"),
    Field(kind="deal", own="region", name="Region", label="Region", longest=255),
    Field(kind="deal", own="vertical", name="Vertical", label="Vertical", longest=255),
    Field(kind="deal", own="deal_type", name="Type", label="Type", longest=120),
    Field(kind="deal", own="origin", name="Origin", label="Origin", longest=255),
    Field(kind="deal", own="gclid", name="GCLID", label="GCLID", longest=255),
    *(
        Field(kind=kind, own=own, name=name, label=label, type=type_, longest=longest)
        for kind, country in ((CONTACT, "Mailing_Country"), (LEAD, "Country"))
        for own, name, label, type_, longest in (
            ("email", "Email", "Email", "email", 100),
            ("phone", "Phone", "Phone", "phone", 30),
            ("country", country, country.replace("_", " "), "text", 100),
            ("consent", "Ads_Consent", "Ads consent", "picklist", 120),
            ("gclid", "GCLID", "GCLID", "text", 255),
            ("gbraid", "GBRAID", "GBRAID", "text", 255),
            ("wbraid", "WBRAID", "WBRAID", "text", 255),
            ("landing_page", "Landing_Page", "Landing Page", "website", 450),
            ("visitor_id", "Visitor_ID", "Visitor ID", "text", 255),
        )
    ),
)
_STAMPS: Final = {"id": "bigint", "Created_Time": "datetime", "Modified_Time": "datetime"}
_STANDARD: Final[Mapping[str, Columns]] = {
    "Deals": {
        **_STAMPS, "Deal_Name": "text", "Stage": "picklist", "Pipeline": "picklist",
        "Currency": "picklist", "Owner": "ownerlookup", "Contact_Name": "lookup",
        "Reason_For_Loss__s": "picklist", "Closing_Date": "date",
    },
    "Contacts": _STAMPS,
    "Leads": {
        **_STAMPS, "Converted__s": "boolean", "Converted_Deal": "lookup",
        "Converted_Contact": "lookup",
    },
}  # fmt: skip
KIND_OF: Final = {"Deals": "deal", "Contacts": CONTACT, "Leads": LEAD}
_HISTORY: Final[Columns] = {
    "id": "bigint", "Potential_Name": "lookup", "Stage": "picklist", "Moved_To__s": "picklist",
    "Modified_Time": "datetime",
}  # fmt: skip
OF_MODULE: Final = {
    module: {**standard, **{one.name: one.type for one in FIELDS if one.kind == KIND_OF[module]}}
    for module, standard in _STANDARD.items()
}
_JOINED: Final = {"Contact_Name.Modified_Time": "datetime"}
MODULES: Final[Mapping[str, Columns]] = {
    **OF_MODULE, "Deals": {**OF_MODULE["Deals"], **_JOINED}, "DealHistory": _HISTORY,
}  # fmt: skip
