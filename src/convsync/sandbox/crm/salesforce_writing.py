"""Salesforce's update of several records: two hundred at most, each taken or refused by itself.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-update.html
"""

from collections.abc import Mapping
from typing import Any

from convsync.sandbox.crm.salesforce_org import FIELDS, Org
from convsync.sandbox.crm.server import CrmServer, Reply, Request
from convsync.sandbox.crm.writing import answered, fits, own_names, put_down

_MOST, _RECORDS = 200, "Opportunity"


def update(server: CrmServer, org: Org, request: Request) -> Reply:
    """Answer for each record, in their order."""
    asked = request.json()
    records = asked["records"]
    if not 0 < len(records) <= _MOST:
        body = [{"message": f"From 1 to {_MOST} records.", "errorCode": "LIMIT_EXCEEDED"}]
        return Reply(status=400, body=body)
    return answered(server, Reply(body=[_one(server, org, dict(record)) for record in records]))


def with_rights(server: CrmServer, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields of opportunities as described, with whether the user may edit each."""
    own = own_names(FIELDS)
    return [{**one, "updateable": server.may_write and one["name"] in own} for one in fields]


def _one(server: CrmServer, org: Org, record: dict[str, Any]) -> Mapping[str, Any]:
    record.pop("attributes")
    record_id = record.pop("Id")
    deal, own = server.book.deal(record_id), own_names(FIELDS)
    unknown = [name for name in record if name not in org.types(_RECORDS)]
    if deal is None:
        return _refused(record_id, "ENTITY_IS_DELETED", [])
    if unknown:
        return _refused(record_id, "INVALID_FIELD", unknown)
    if not server.may_write or record.keys() - own.keys():
        return _refused(record_id, "INSUFFICIENT_ACCESS_OR_READONLY", [*record])
    if unfit := [name for name, value in record.items() if not fits(own[name], value)]:
        is_text = isinstance(record[unfit[0]], str)
        return _refused(record_id, "STRING_TOO_LONG" if is_text else "JSON_PARSER_ERROR", unfit)
    put_down(server, deal, {own[name]: value for name, value in record.items()})
    return {"id": record_id, "success": True, "errors": []}


def _refused(record_id: str, code: str, fields: list[str]) -> Mapping[str, Any]:
    error = {"statusCode": code, "message": code.lower(), "fields": fields}
    return {"id": record_id, "success": False, "errors": [error]}
