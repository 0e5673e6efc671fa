"""A batch as Microsoft's two requests require it; pure.

Times are UTC and whole seconds, with the `Z`: conversions are found again by them, word for word.
https://learn.microsoft.com/en-us/advertising/campaign-management-service/offlineconversion
https://learn.microsoft.com/en-us/advertising/campaign-management-service/offlineconversionadjustment
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from convsync.model.statement import Batch, Operation, Statement

_TYPES: Final = {Operation.RESTATE: "Restate", Operation.RETRACT: "Retract"}


def conversions_of(batch: Batch) -> Mapping[str, Any]:
    """Return the body that counts the statements of a batch."""
    return {"OfflineConversions": [_conversion(one) for one in batch.statements]}


def adjustments_of(batch: Batch, now: datetime) -> Mapping[str, Any]:
    """Return the body that restates or retracts the statements of a batch, as of now."""
    return {"OfflineConversionAdjustments": [_adjustment(one, now) for one in batch.statements]}


def written(at: datetime) -> str:
    """Return an instant as Microsoft keeps it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _conversion(statement: Statement) -> dict[str, Any]:
    return {
        **_key(statement),
        "ConversionValue": float(statement.value.amount),
        "ConversionCurrencyCode": statement.value.currency,
    }


def _adjustment(statement: Statement, now: datetime) -> dict[str, Any]:
    adjusted = {
        **_key(statement),
        "AdjustmentType": _TYPES[statement.operation],
        "AdjustmentTime": written(max(now, statement.event_at)),
    }
    if statement.operation is Operation.RETRACT:
        return adjusted
    return {
        **adjusted,
        "AdjustmentValue": float(statement.value.amount),
        "AdjustmentCurrencyCode": statement.value.currency,
    }


def _key(statement: Statement) -> dict[str, Any]:
    """Return by what a conversion is found; of several hashes a row has room for the first."""
    who = statement.identifiers
    click = {} if statement.click_id is None else {"MicrosoftClickId": statement.click_id.value}
    email = {"HashedEmailAddress": who.emails[0]} if who.emails else {}
    phone = {"HashedPhoneNumber": who.phones[0]} if who.phones else {}
    return {
        **click,
        "ConversionName": statement.action.action_id,
        "ConversionTime": written(statement.event_at),
        **email,
        **phone,
    }
