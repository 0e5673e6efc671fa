"""HubSpot's batch update of deals: a hundred at most, none of them where one names no property.

https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/batch/update-deals
"""

from typing import Any

from convsync.sandbox.crm.hubspot_answers import batch, error, missing, stamp
from convsync.sandbox.crm.server import CrmServer, Field, Reply, Request
from convsync.sandbox.crm.writing import LONGEST, answered, own_names, put_down

_MOST, _SCOPE = 100, "crm.objects.deals.write"


def batch_update(server: CrmServer, fields: tuple[Field, ...], request: Request) -> Reply:
    """Write properties; deals that are not there are errors of a batch that is taken all the same.

    Unconfirmed: that the scope is judged before anything else.
    """
    if not server.may_write:
        context = {"requiredGranularScopes": [_SCOPE]}
        return error(403, "This app lacks scopes.", "MISSING_SCOPES", errors=[{"context": context}])
    inputs = request.json()["inputs"]
    if not 0 < len(inputs) <= _MOST:
        return error(400, f"From 1 to {_MOST} inputs.", "VALIDATION_ERROR")
    own = own_names(fields)
    given = [(name, value) for one in inputs for name, value in one["properties"].items()]
    if any(name not in own or len(value) > LONGEST for name, value in given):
        return error(400, "Property values were not valid", "VALIDATION_ERROR")
    taken: list[dict[str, Any]] = []
    not_there = []
    for one in inputs:
        deal = server.book.deal(one["id"])
        if deal is None:
            not_there.append(one["id"])
            continue
        values = {own[name]: value for name, value in one["properties"].items()}
        now = put_down(server, deal, values)
        changed = {"id": one["id"], "properties": one["properties"]}
        taken.append({**changed, "updatedAt": stamp(now.modified_at)})
    return answered(server, batch(taken, [missing(not_there)] if not_there else []))
