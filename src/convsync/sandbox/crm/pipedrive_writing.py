"""Pipedrive's change of a deal, one at a time: custom fields by their keys.

https://developers.pipedrive.com/docs/api/v1/Deals#updateDeal
"""

from datetime import UTC

from convsync.sandbox.crm import pipedrive_pages as pages
from convsync.sandbox.crm.pipedrive_fields import FIELDS
from convsync.sandbox.crm.server import CrmServer, Reply, Request
from convsync.sandbox.crm.writing import answered, fits, own_names, put_down


def change(server: CrmServer, request: Request, deal_id: str) -> Reply:
    """Write custom fields; the answer is the deal as it is then, of which convsync reads the stamp.

    Unconfirmed: that the scope is judged before anything else.
    """
    if not server.may_write:
        return pages.error(403, "Scope and URL mismatch")
    deal, own = server.book.deal(deal_id), own_names(FIELDS)
    if deal is None:
        return pages.error(404, "Deal not found", data=None)
    values = request.json()["custom_fields"]
    if unknown := sorted(values.keys() - own.keys()):
        return pages.invalid(f"custom_fields.{unknown[0]}: no such field")
    if not all(fits(own[key], value) for key, value in values.items()):
        return pages.invalid("custom_fields: a value does not fit")
    now = put_down(server, deal, {own[key]: value for key, value in values.items()})
    stamp = f"{now.modified_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    data = {"id": int(deal_id), "update_time": stamp, "custom_fields": values}
    return answered(server, Reply(body={"success": True, "data": data}))
