"""A batch as the events of one request to Meta, the same for the same batch.

- `event_id` and `event_name` are what Meta knows a repeat by, so both stay as they were planned,
  and so does `event_time`: the order ID, the rule's action, and the milestone's second.
- `fbc` is made as the pixel makes its cookie: `fb.1.<milliseconds>.<fbclid>`, with the time at
  which the fbclid was first seen
  (https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/fbp-and-fbc).
  Where nobody knows that, it was seen by the time of the event.
- `event_source` and `lead_event_source` are required of CRM events
  (https://developers.facebook.com/docs/marketing-api/conversions-api/conversion-leads-integration).
- Ads measurement takes a lead's ID as a number, and never hashed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import new as hmac
from typing import Any

from convsync.model.click import ClickIdKind
from convsync.model.statement import Batch, Statement
from convsync.upload.meta.takes import LEAD_ID, MOST_IDENTIFIERS, SYSTEM_GENERATED

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND, _MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Where events go, and what all of them say: which CRM they come from, and how.

    `app_secret` proves that a token is this app's, where the app demands it. `test_event_code`
    shows the events among Meta's test events; they count all the same.
    """

    dataset_id: str
    crm_name: str = "CRM"
    action_source: str = SYSTEM_GENERATED
    test_event_code: str | None = None
    access_token: str = field(default="", repr=False)
    app_secret: str | None = field(default=None, repr=False)

    @property
    def proof(self) -> Mapping[str, str]:
        """Return the parameter that proves whose token it is, none where no app asks for it."""
        if self.app_secret is None:
            return {}
        made = hmac(self.app_secret.encode(), self.access_token.encode(), sha256)
        return {"appsecret_proof": made.hexdigest()}


def request_of(batch: Batch, dataset: Dataset) -> Mapping[str, Any]:
    """Return the JSON of the request that counts a batch."""
    test = {"test_event_code": dataset.test_event_code} if dataset.test_event_code else {}
    events = [_event_of(statement, dataset) for statement in batch.statements]
    return {"data": events, **test, **dataset.proof}


def _event_of(statement: Statement, dataset: Dataset) -> Mapping[str, Any]:
    return {
        "event_name": statement.action.action_id,
        "event_time": (statement.event_at - _EPOCH) // _SECOND,
        "event_id": statement.order_id,
        "action_source": dataset.action_source,
        "user_data": _user_data_of(statement),
        "custom_data": {
            **statement.variables,
            "event_source": "crm",
            "lead_event_source": dataset.crm_name,
            "value": float(statement.value.amount),
            "currency": statement.value.currency,
            "order_id": statement.order_id,
        },
    }


def _user_data_of(statement: Statement) -> Mapping[str, Any]:
    who = statement.identifiers
    emails = who.emails[:MOST_IDENTIFIERS]
    phones = who.phones[: MOST_IDENTIFIERS - len(emails)]
    found: dict[str, Any] = {"em": list(emails)} if emails else {}
    if phones:
        found["ph"] = list(phones)
    match statement.click_id:
        case None:
            return found
        case click_id if click_id.kind is ClickIdKind.FB_LEAD_ID:
            lead = LEAD_ID.fullmatch(click_id.value)
            assert lead is not None, "what is no lead's ID is refused beforehand"
            return {"lead_id": int(lead[1]), **found}
        case click_id:
            seen_at = statement.clicked_at or statement.event_at
            return {"fbc": fbc_of(click_id.value, seen_at), **found}


def fbc_of(fbclid: str, seen_at: datetime) -> str:
    """Return a click as Meta's pixel would keep it: with its time, and its capitals."""
    return f"fb.1.{(seen_at - _EPOCH) // _MILLISECOND}.{fbclid}"
