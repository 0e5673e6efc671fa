"""What the ad account has: its settings, its conversion actions, and the clicks it knows of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

UPLOADABLE = "UPLOAD_CLICKS"
TOO_RECENT = timedelta(hours=6)

ReportRow = Mapping[str, Any]  # a row of a report: field, as a query spells it, to value


def aware(text: str) -> datetime:
    """An instant from a switch's JSON; a `ValueError` if it has no time zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone: add Z or an offset")
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A conversion action that exists, and the account that owns it."""

    account: str
    id: str
    type: str = UPLOADABLE
    name: str = ""
    status: str = "ENABLED"
    category: str = "QUALIFIED_LEAD"
    counting_type: str = "MANY_PER_CLICK"
    click_through_lookback_window_days: int = 90
    default_value: float | None = None
    default_currency_code: str = ""
    always_use_default_value: bool = False
    primary_for_goal: bool = True
    include_in_conversions_metric: bool = True
    created_at: datetime | None = None

    @classmethod
    def from_json(cls, action: Mapping[str, Any]) -> "Action":
        """Read one from `POST /actions`."""
        created_at = action.get("created_at")
        return cls(**{**action, "created_at": created_at and aware(created_at)})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClick:
    """An ad click: when it was, and for `click_view` what else a report says of it."""

    at: datetime
    fields: ReportRow = field(default_factory=dict)

    @classmethod
    def from_json(cls, click: str | Mapping[str, Any]) -> "AccountClick":
        """Read one from `POST /clicks`: its time, or its time `at` and fields of the report."""
        if isinstance(click, str):
            return cls(at=aware(click))
        fields = dict(click)
        return cls(at=aware(fields.pop("at")), fields=fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxAccount:
    """A customer's settings, as the Google Ads API shows and enforces them.

    `google_ads_conversion_customer` is the ID of the account that owns the conversion actions, its
    own if empty. `custom_variables` are the IDs of those enabled; while there are none, any will
    do. `alerts` are shown by upload diagnostics on top of what the books say:
    `{"error": "conversion_upload_error.EXPIRED_EVENT", "percentage": 0.4}`, for one conversion
    action if it has an `action`. `tables` are rows for any other resource a query may name.
    """

    allowlisted: bool = True
    session_attributes_allowlisted: bool = False
    accepted_customer_data_terms: bool = True
    enhanced_conversions_for_leads: bool = True
    customer_match_terms_signed: bool = True
    eu_political_declaration: bool = True
    descriptive_name: str = "Sandbox"
    currency_code: str = "EUR"
    time_zone: str = "Europe/Berlin"
    auto_tagging_enabled: bool = True
    test_account: bool = False
    manager: bool = False
    google_ads_conversion_customer: str = ""
    conversion_tracking_status: str = "CONVERSION_TRACKING_MANAGED_BY_SELF"
    custom_variables: Sequence[str] = ()
    alerts: Sequence[Mapping[str, Any]] = ()
    tables: Mapping[str, Sequence[ReportRow]] = field(default_factory=dict)
