"""A batch as the conversion events of one request to LinkedIn, the same for the same batch.

An amount is text; a number is refused. Names and companies, which LinkedIn takes in plain text, are
never sent. https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from convsync.model.statement import Batch, Statement
from convsync.upload.linkedin.takes import MOST_IDENTIFIERS

RULE_URN: Final = "urn:lla:llaPartnerConversion:"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def request_of(batch: Batch) -> Mapping[str, Any]:
    """Return the JSON of the request that counts a batch."""
    return {"elements": [_event_of(statement) for statement in batch.statements]}


def _event_of(statement: Statement) -> Mapping[str, Any]:
    return {
        "conversion": f"{RULE_URN}{statement.action.action_id}",
        "conversionHappenedAt": (statement.event_at - _EPOCH) // _MILLISECOND,
        "conversionValue": {
            "currencyCode": statement.value.currency,
            "amount": f"{statement.value.amount:f}",
        },
        "eventId": statement.order_id,
        "user": {"userIds": _user_ids_of(statement)},
    }


def _user_ids_of(statement: Statement) -> Sequence[Mapping[str, str]]:
    found = [("SHA256_EMAIL", one) for one in statement.identifiers.emails[:MOST_IDENTIFIERS]]
    if click_id := statement.click_id:
        found.insert(0, ("LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", click_id.value))
    return [{"idType": kind, "idValue": value} for kind, value in found]
