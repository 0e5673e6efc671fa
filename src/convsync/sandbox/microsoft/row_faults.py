"""What Microsoft finds wrong with a row, one rule a function; what passes all is taken.

https://learn.microsoft.com/en-us/advertising/guides/operation-error-codes has the numbers. Names
that stand beside no number were added later.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from convsync.sandbox.microsoft.account import MicrosoftState, SandboxGoal

WINDOW = timedelta(days=90)
GOAL_SETTLES = timedelta(hours=2)
CONVERSION_FIELDS = frozenset(
    {
        *("MicrosoftClickId", "ConversionName", "ConversionTime", "ConversionValue"),
        *("ConversionCurrencyCode", "HashedEmailAddress", "HashedPhoneNumber"),
        *("ExternalAttributionCredit", "ExternalAttributionModel"),
    }
)
ADJUSTMENT_FIELDS = frozenset(
    {
        *("MicrosoftClickId", "ConversionName", "ConversionTime", "AdjustmentType"),
        *("AdjustmentTime", "AdjustmentValue", "AdjustmentCurrencyCode"),
        *("HashedEmailAddress", "HashedPhoneNumber"),
    }
)
_CLICK = re.compile(r"[0-9a-fA-F]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Fault:
    """An error by its name and number; 0 where no number is known."""

    code: str
    number: int = 0


NAMED: Mapping[str, int] = {
    "OfflineConversionMSClickIdNullOrEmpty": 5603,
    "OfflineConversionMSClickIdInvalid": 5604,
    "OfflineConversionNameNullOrEmpty": 5605,
    "OfflineConversionNameInvalid": 5606,
    "OfflineConversionTimeInvalid": 5607,
    "OfflineConversionTimeNullOrEmpty": 5608,
    "OfflineConversionTimeOutOfWindow": 5609,
    "OfflineConversionValueInvalid": 5610,
    "OfflineConversionCurrencyInvalid": 5611,
    "OfflineConversionFutureTime": 5614,
    "OfflineConversionGoalTooRecent": 5615,
    "OfflineConversionBeforeClick": 5616,
    "OfflineConversionOutsideGoalWindow": 5617,
    "AdjustmentTypeInvalid": 5618,
    "AdjustmentTimeNullOrEmpty": 5619,
    "AdjustmentTimeBeforeConversion": 5620,
    "AdjustmentTimeInvalid": 5621,
    "AdjustmentFutureTime": 5622,
    "AdjustmentTimeOutOfWindow": 5623,
    "AdjustmentValueNotExpected": 5624,
    "AdjustmentValueRequired": 5625,
    "AdjustmentCurrencyRequired": 5626,
    "RestateRetractNotSupported": 5627,
}


def fault(name: str) -> Fault:
    """Return the fault of a name, with its number where it has one."""
    return Fault(name, NAMED.get(name, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a row is judged by."""

    row: Mapping[str, Any]
    state: MicrosoftState
    now: datetime

    @property
    def goal(self) -> SandboxGoal | None:
        """Return the goal that it names."""
        return self.state.goal(str(self.row.get("ConversionName")))

    @property
    def at(self) -> datetime | None:
        """Return when the conversion was, None where that cannot be read."""
        return instant(self.row.get("ConversionTime"))


Rule = Callable[[Looked], Iterator[str]]


def conversion_faults(looked: Looked) -> list[Fault]:
    """Return everything that is wrong with a conversion."""
    return [fault(name) for rule in CONVERSION_RULES for name in rule(looked)]


def adjustment_faults(looked: Looked) -> list[Fault]:
    """Return everything that is wrong with an adjustment."""
    return [fault(name) for rule in ADJUSTMENT_RULES for name in rule(looked)]


def instant(written: Any) -> datetime | None:
    """Return a time; one without a zone is UTC."""
    try:
        at = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _ordered(looked: Looked) -> Iterator[str]:
    names = (looked.row.get(key) for key in ("MicrosoftClickId", "HashedEmailAddress"))
    yield from (looked.state.refusals[name] for name in names if name in looked.state.refusals)


def _identifiers(looked: Looked) -> Iterator[str]:
    row = looked.row
    click = row.get("MicrosoftClickId")
    email, phone = row.get("HashedEmailAddress"), row.get("HashedPhoneNumber")
    if click and not _CLICK.fullmatch(str(click)):
        yield "OfflineConversionMSClickIdInvalid"
    if email and not _HASH.fullmatch(str(email)):
        yield "ConversionEmailAddressIsNotHashed"
    if phone and not _HASH.fullmatch(str(phone)):
        yield "ConversionPhoneNumberIsNotHashed"
    if not click and not email and not phone:
        yield "OfflineConversionMSClickIdNullOrEmpty"
    elif not click and looked.goal is not None and not looked.goal.enhanced:
        yield "NotEligibleForEnhancedConversions"


def _goal(looked: Looked) -> Iterator[str]:
    if not looked.row.get("ConversionName"):
        yield "OfflineConversionNameNullOrEmpty"
    elif (goal := looked.goal) is None:
        yield "OfflineConversionNameInvalid"
    elif goal.created_at is not None and looked.now - goal.created_at < GOAL_SETTLES:
        yield "OfflineConversionGoalTooRecent"


def _time(looked: Looked) -> Iterator[str]:
    if not looked.row.get("ConversionTime"):
        yield "OfflineConversionTimeNullOrEmpty"
    elif (at := looked.at) is None:
        yield "OfflineConversionTimeInvalid"
    elif at > looked.now:
        yield "OfflineConversionFutureTime"
    elif looked.now - at > WINDOW:
        yield "OfflineConversionTimeOutOfWindow"


def _value(looked: Looked) -> Iterator[str]:
    value, currency = looked.row.get("ConversionValue"), looked.row.get("ConversionCurrencyCode")
    if value is not None and not _is_sum(value):
        yield "OfflineConversionValueInvalid"
    if currency is not None and not _CURRENCY.fullmatch(str(currency)):
        yield "OfflineConversionCurrencyInvalid"


def _click(looked: Looked) -> Iterator[str]:
    click = looked.state.clicks.get(str(looked.row.get("MicrosoftClickId")))
    goal, at = looked.goal, looked.at
    if click is None or goal is None or at is None:
        return
    if at < click.at:
        yield "OfflineConversionBeforeClick"
    elif at - click.at > goal.window:
        yield "OfflineConversionOutsideGoalWindow"


def _adjusts(looked: Looked) -> Iterator[str]:
    if looked.goal is not None and not looked.goal.takes_adjustments:
        yield "RestateRetractNotSupported"
    if looked.row.get("AdjustmentType") not in {"Restate", "Retract"}:
        yield "AdjustmentTypeInvalid"


def _adjusted_at(looked: Looked) -> Iterator[str]:
    written, at = looked.row.get("AdjustmentTime"), looked.at
    adjusted = instant(written)
    if not written:
        yield "AdjustmentTimeNullOrEmpty"
    elif adjusted is None:
        yield "AdjustmentTimeInvalid"
    elif adjusted > looked.now:
        yield "AdjustmentFutureTime"
    elif at is not None and adjusted < at:
        yield "AdjustmentTimeBeforeConversion"
    elif at is not None and looked.now - at > WINDOW:
        yield "AdjustmentTimeOutOfWindow"


def _adjusted_value(looked: Looked) -> Iterator[str]:
    value = looked.row.get("AdjustmentValue")
    currency = looked.row.get("AdjustmentCurrencyCode")
    if looked.row.get("AdjustmentType") == "Retract":
        if value is not None or currency is not None:
            yield "AdjustmentValueNotExpected"
        return
    if not _is_sum(value):
        yield "AdjustmentValueRequired"
    if not currency:
        yield "AdjustmentCurrencyRequired"


def _is_sum(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0


CONVERSION_RULES: Sequence[Rule] = (_ordered, _identifiers, _goal, _time, _value, _click)
ADJUSTMENT_RULES: Sequence[Rule] = (
    *(_ordered, _identifiers, _goal),
    *(_adjusts, _adjusted_at, _adjusted_value),
)
