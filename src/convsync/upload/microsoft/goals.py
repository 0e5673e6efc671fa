"""What the account says about its goals, and about what arrived for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from convsync.errors import UnexpectedResponseError
from convsync.http import Answer
from convsync.upload.ad_account import UploadAlert, UploadDay, UploadSummary
from convsync.upload.microsoft.answers import raise_if_refused
from convsync.upload.microsoft.api import GOALS, REPORT, CampaignManagement
from convsync.upload.microsoft.rows import written

OFFLINE: Final = "OfflineConversion"
CLIENT: Final = "CampaignManagementAPI"
"""The channel that convsync's uploads are shown under."""
_FIELDS: Final = "IsEnhancedConversionsEnabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """An offline conversion goal. `window` is how old a click may be, None where nothing says."""

    id: str
    name: str
    status: str
    counts_once: bool
    window: timedelta | None
    takes_identifiers: bool | None


def goals_of(api: CampaignManagement, *, about: str) -> Mapping[str, Goal]:
    """Return the account's offline conversion goals by their names."""
    asked = {
        "ConversionGoalIds": None,
        "ConversionGoalTypes": OFFLINE,
        "ReturnAdditionalFields": _FIELDS,
    }
    answer = api.call(GOALS, asked)
    raise_if_refused(answer, about=f"{about} goals")
    found = _list_in(answer, "ConversionGoals", about=f"{about} goals")
    goals = [_goal(one) for one in found if one.get("Type", OFFLINE) == OFFLINE]
    return {goal.name: goal for goal in goals}


def summaries_of(
    api: CampaignManagement, goals: Sequence[Goal], since: datetime, until: datetime, *, about: str
) -> list[UploadSummary]:
    """Return what arrived for goals from one instant to another, a summary each."""
    asked = {
        "StartDateUtc": written(since),
        "EndDateUtc": written(until),
        "GoalIds": [goal.id for goal in goals],
        "UploadChannelFilter": CLIENT,
    }
    answer = api.call(REPORT, asked)
    raise_if_refused(answer, about=f"{about} report")
    named = {goal.name: goal for goal in goals}
    found = _list_in(answer, "OfflineGoalConversionSummaries", about=f"{about} report")
    return [_summary(one, named) for one in found]


def _goal(told: Mapping[str, Any]) -> Goal:
    minutes = _count(told.get("ConversionWindowInMinutes"))
    enhanced = told.get("IsEnhancedConversionsEnabled")
    return Goal(
        id=str(told.get("Id", "")),
        name=str(told.get("Name", "")),
        status=str(told.get("Status", "")),
        counts_once=told.get("CountType") == "Unique",
        window=timedelta(minutes=minutes) if minutes else None,
        takes_identifiers=enhanced if isinstance(enhanced, bool) else None,
    )


def _summary(told: Mapping[str, Any], goals: Mapping[str, Goal]) -> UploadSummary:
    name = str(told.get("ConversionName", ""))
    days = [day for one in told.get("DailySummaries") or () if (day := _day(one))]
    counted = _count(told.get("OverallSuccessCount"))
    lost = _count(told.get("OverallUnattributedCount"))
    return UploadSummary(
        client=CLIENT,
        action_id=name,
        action_name=name,
        status=goals[name].status if name in goals else "",
        total=counted + lost,
        successful=counted,
        pending=0,
        last_upload_on=max((day.day_on for day in days), default=None),
        days=sorted(days, key=lambda day: day.day_on),
        alerts=[
            UploadAlert(
                code=str(alert.get("UnattributedReason", "")),
                share=_count(alert.get("Count")) / (counted + lost),
            )
            for alert in told.get("OverallAlerts") or ()
            if counted + lost
        ],
    )


def _day(told: Mapping[str, Any]) -> UploadDay | None:
    try:
        day_on = date.fromisoformat(str(told.get("UploadDate", ""))[:10])
    except ValueError:
        return None
    counted, lost = _count(told.get("SuccessCount")), _count(told.get("UnattributedCount"))
    return UploadDay(day_on=day_on, successful=counted, failed=lost, pending=0)


def _count(told: Any) -> int:
    """Return a count, which comes as a number or as text."""
    try:
        return int(told)
    except (TypeError, ValueError):
        return 0


def _list_in(answer: Answer, key: str, *, about: str) -> list[Mapping[str, Any]]:
    body = answer.body if isinstance(answer.body, Mapping) else {}
    found = body.get(key)
    if not isinstance(found, list | None):
        raise UnexpectedResponseError(f"{about}: {key} is not a list.")
    return [one for one in found or () if isinstance(one, Mapping)]
