"""Which field of a deal, and of the people behind it, holds what: the keys that all sources share.

The names on the right are a column's of an export or query, or a field's of a CRM's API.
"""

from convsync.settings.values import Table, TimeColumn, Words


class ClickIdFieldsTable(Table):
    """Which field of a record, or column of a click log, holds a click ID of which kind."""

    gclid: str | None = None
    gbraid: str | None = None
    wbraid: str | None = None
    msclkid: str | None = None
    fb_lead_id: str | None = None
    fbclid: str | None = None
    li_fat_id: str | None = None
    ttclid: str | None = None
    landing_url: str | None = None


class RecordFieldsTable(ClickIdFieldsTable):
    """Which field of a record holds a click ID, and whose it is."""

    clicked_at: TimeColumn | None = None
    email: Words = ()
    phone: Words = ()
    country: str | None = None
    ad_user_data: str | None = None
    ad_personalization: str | None = None
    consented_at: TimeColumn | None = None
    crm_key: Words = ()
    visitor: Words = ()


class DealFieldsTable(RecordFieldsTable):
    """The deal's own fields; for a CRM they override what it provides by itself."""

    amount: str | None = None
    currency: str | None = None
    customer_type: str | None = None
