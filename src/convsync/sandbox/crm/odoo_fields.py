"""The fields of the sandbox's Odoo, and what each version calls them."""

from collections.abc import Mapping
from typing import Final

from convsync.sandbox.crm.book import CONTACT
from convsync.sandbox.crm.server import Field

FIELDS: Final = (
    *(
        Field(kind="deal", own=own, name=name, label=label, type="char")
        for own, name, label in (
            ("region", "x_region", "Region"),
            ("vertical", "x_vertical", "Vertical"),
            ("deal_type", "x_deal_type", "Deal type"),
            ("origin", "x_origin", "Origin"),
            ("gclid", "x_gclid", "GCLID"),
            ("email", "email_from", "Email"),
            ("phone", "phone", "Phone"),
        )
    ),
    Field(kind="deal", own="tags", name="tag_ids", label="Tags", type="many2many"),
    Field(kind="deal", own="met_at", name="x_met_at", label="Met at", type="datetime"),
    *(
        Field(kind=CONTACT, own=own, name=name, label=label, type="char")
        for own, name, label in (
            ("email", "email", "Email"),
            ("phone", "phone", "Phone"),
            ("country", "country_code", "Country Code"),
            ("consent", "x_ads_consent", "Ads consent"),
            ("gclid", "x_gclid", "GCLID"),
            ("gbraid", "x_gbraid", "GBRAID"),
            ("wbraid", "x_wbraid", "WBRAID"),
            ("landing_page", "x_landing_page", "Landing page"),
            ("visitor_id", "x_visitor_id", "Visitor ID"),
        )
    ),
)


def types_of(version: int) -> Mapping[str, Mapping[str, str]]:
    """Return the type of every field of every model, as a version names them."""
    lead = {
        "id": "integer", "name": "char", "active": "boolean", "stage_id": "many2one",
        "probability": "float", "expected_revenue": "monetary", "company_currency": "many2one",
        "partner_id": "many2one", "user_id": "many2one", "team_id": "many2one",
        "date_closed": "datetime", "date_last_stage_update": "datetime", "create_date": "datetime",
        "write_date": "datetime",
        "lost_reason_id" if version >= 16 else "lost_reason": "many2one",
        **({} if version >= 14 else {"planned_revenue": "monetary"}),
        **{one.name: one.type for one in FIELDS if one.kind == "deal"},
    }  # fmt: skip
    partner = {one.name: one.type for one in FIELDS if one.kind == CONTACT}
    won = {"is_won": "boolean"} if version >= 13 else {"probability": "float"}
    reference = "field_id" if version >= 17 else "field"
    return {
        "crm.lead": lead,
        "res.partner": {
            "id": "integer", "create_date": "datetime", "write_date": "datetime", **partner,
        },
        "crm.stage": {"id": "integer", "name": "char", "sequence": "integer", **won},
        "ir.model.fields": {"id": "integer", "name": "char", "model": "char"},
        "mail.message": {
            "id": "integer", "model": "char", "res_id": "integer", "subject": "char",
            "message_type": "selection",
        },
        "mail.tracking.value": {
            "id": "integer", reference: "many2one" if version >= 14 else "char",
            "mail_message_id": "many2one", "old_value_integer": "integer",
            "new_value_integer": "integer", "create_date": "datetime",
        },
    }  # fmt: skip
