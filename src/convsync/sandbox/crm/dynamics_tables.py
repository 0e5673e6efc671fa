"""The tables of a Dynamics 365 environment: their columns, and what filters may name."""

from dataclasses import dataclass
from typing import Final

from convsync.sandbox.crm.book import CONTACT, LEAD
from convsync.sandbox.crm.dynamics_flows import FLOWS
from convsync.sandbox.crm.server import Field

_PERSON = (
    ("email", "emailaddress1", "Email", 100),
    ("phone", "telephone1", "Business Phone", 50),
    ("country", "address1_country", "Country/Region", 80),
    ("consent", "new_adconsent", "Ads consent", 100),
    ("gclid", "new_gclid", "GCLID", 255),
    ("gbraid", "new_gbraid", "GBRAID", 255),
    ("wbraid", "new_wbraid", "WBRAID", 255),
    ("landing_page", "new_landingpage", "Landing page", 2000),
    ("visitor_id", "new_visitorid", "Visitor ID", 100),
)


def _text(kind: str, own: str, name: str, label: str, longest: int) -> Field:
    return Field(kind=kind, own=own, name=name, label=label, type="String", longest=longest)


FIELDS: Final = (
    Field(kind="deal", own="amount", name="estimatedvalue", label="Est. Revenue", type="Money"),
    _text("deal", "region", "new_region", "Region", 100),
    Field(kind="deal", own="vertical", name="new_vertical", label="Vertical", type="Picklist"),
    _text("deal", "deal_type", "new_dealtype", "Deal type", 100),
    Field(kind="deal", own="origin", name="new_originid", label="Origin", type="Lookup"),
    _text("deal", "gclid", "new_gclid", "GCLID", 255),
    Field(kind="deal", own="mql_on", name="new_mqlon", label="MQL on", type="DateTime"),
    *(_text(kind, *one) for kind in (CONTACT, LEAD) for one in _PERSON),
)


STANDARD: Final = (
    Field(kind="deal", own="people", name="parentcontactid", label="Contact", type="Lookup"),
    Field(kind="deal", own="lost_reason", name="statuscode", label="Status Reason", type="Status"),
    Field(kind="deal", own="owner", name="ownerid", label="Owner", type="Owner"),
)
"""Columns of every environment, beside those that are its own."""


def property_of(one: Field) -> str:
    """Return what rows call a column: a lookup stands under its value's name."""
    return f"_{one.name}_value" if one.type == "Lookup" else one.name


def _columns(kind: str, *standard: str) -> tuple[str, ...]:
    own = (property_of(one) for one in FIELDS if one.kind == kind)
    return tuple(dict.fromkeys((*standard, *own)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataverseTable:
    """A table: its name, key and columns, and columns of related rows that filters may name."""

    name: str
    key: str
    columns: tuple[str, ...]
    through: tuple[str, ...] = ()


TABLES: Final = {
    "opportunities": DataverseTable(
        name="opportunity",
        key="opportunityid",
        columns=_columns(
            "deal", "opportunityid", "name", "createdon", "modifiedon", "statecode", "statuscode",
            "actualvalue", "actualclosedate", "_transactioncurrencyid_value", "_ownerid_value",
            "_parentcontactid_value", "_customerid_value", "_originatingleadid_value",
        ),
        through=(
            "parentcontactid/modifiedon", "customerid_contact/modifiedon",
            "originatingleadid/modifiedon",
        ),
    ),
    "contacts": DataverseTable(
        name="contact",
        key="contactid",
        columns=_columns(CONTACT, "contactid", "createdon", "modifiedon", "_masterid_value"),
    ),
    "leads": DataverseTable(
        name="lead",
        key="leadid",
        columns=_columns(LEAD, "leadid", "createdon", "modifiedon", "_masterid_value"),
    ),
    "opportunitycloses": DataverseTable(
        name="opportunityclose",
        key="activityid",
        columns=(
            "activityid", "createdon", "actualend", "actualrevenue", "opportunitystatecode",
            "statecode",
            "_opportunityid_value",
        ),
    ),
    **{
        flow.records: DataverseTable(
            name=flow.table,
            key="businessprocessflowinstanceid",
            columns=(
                "businessprocessflowinstanceid", "createdon", "modifiedon",
                "activestagestartedon", "completedon", "traversedpath", "_activestageid_value",
                "_opportunityid_value",
            ),
        )
        for flow in FLOWS.values()
    },
    "audits": DataverseTable(
        name="audit",
        key="auditid",
        columns=("auditid", "createdon", "operation", "objecttypecode", "_objectid_value"),
    ),
    "connections": DataverseTable(
        name="connection",
        key="connectionid",
        columns=(
            "connectionid", "modifiedon", "record1objecttypecode", "record2objecttypecode",
            "_record1id_value", "_record2id_value",
        ),
        through=("record2id_contact/modifiedon",),
    ),
    "processstages": DataverseTable(
        name="processstage",
        key="processstageid",
        columns=("processstageid", "stagename", "stagecategory", "primaryentitytypecode"),
    ),
    "transactioncurrencies": DataverseTable(
        name="transactioncurrency",
        key="transactioncurrencyid",
        columns=("transactioncurrencyid", "isocurrencycode", "currencyname"),
    ),
}  # fmt: skip
