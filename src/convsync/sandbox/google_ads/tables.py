"""What the reports show: a row is a field, spelled as a query spells it, to its value.

Fields that only some versions have are filled for all; a version without them cannot be asked.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from convsync.sandbox.account import Action, ReportRow, SandboxAccount
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.books import Job
from convsync.sandbox.google_ads.spending import (
    clicks_of_world,
    geo_targets,
    spending,
    spending_with,
    user_lists,
)

CLIENT = "GOOGLE_ADS_API"
SHOWN_DAYS = timedelta(days=7)
SHOWN_JOBS = 7
RECENT = timedelta(days=28)

Table = Callable[[AdPlatform, str, SandboxAccount], Iterator[dict[str, Any]]]


def rows_of(
    resource: str, platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> list[ReportRow]:
    """Every row of a resource: the sandbox's own, then those it was given for this account."""
    own = TABLES.get(resource)
    return [
        *(own(platform, customer_id, account) if own else ()),
        *account.tables.get(resource, ()),
    ]


def _customer(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Iterator[dict[str, Any]]:
    setting = "customer.conversion_tracking_setting"
    owner = account.google_ads_conversion_customer or customer_id
    is_on = account.enhanced_conversions_for_leads
    yield {
        "customer.resource_name": f"customers/{customer_id}",
        "customer.id": int(customer_id),
        "customer.descriptive_name": account.descriptive_name,
        "customer.currency_code": account.currency_code,
        "customer.time_zone": account.time_zone,
        "customer.auto_tagging_enabled": account.auto_tagging_enabled,
        "customer.test_account": account.test_account,
        "customer.manager": account.manager,
        "customer.status": "ENABLED",
        f"{setting}.conversion_tracking_id": int(owner),
        f"{setting}.google_ads_conversion_customer": f"customers/{owner}",
        f"{setting}.conversion_tracking_status": account.conversion_tracking_status,
        f"{setting}.accepted_customer_data_terms": account.accepted_customer_data_terms,
        f"{setting}.enablement_setting": "ON" if is_on else "OFF",
        f"{setting}.effective_enablement_setting": "ON" if is_on else "OFF",
        f"{setting}.enhanced_conversions_for_leads_enabled": is_on,
    }


def _conversion_action(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Iterator[dict[str, Any]]:
    owners = {customer_id, account.google_ads_conversion_customer}
    for action in platform.actions.values():
        if action.account in owners:
            yield _customer_of(customer_id) | _of_action(action, account)


def _of_action(action: Action, account: SandboxAccount) -> dict[str, Any]:
    days = action.click_through_lookback_window_days
    fields = {
        "resource_name": f"customers/{action.account}/conversionActions/{action.id}",
        "id": int(action.id),
        "name": _name_of(action.id, action),
        "status": action.status,
        "type": action.type,
        "category": action.category,
        "origin": "WEBSITE",
        "owner_customer": f"customers/{action.account}",
        "counting_type": action.counting_type,
        "click_through_lookback_window_days": days,
        "primary_for_goal": action.primary_for_goal,
        "include_in_conversions_metric": action.include_in_conversions_metric,
        "value_settings.default_value": action.default_value or 0.0,
        "value_settings.default_currency_code": (
            action.default_currency_code or account.currency_code
        ),
        "value_settings.always_use_default_value": action.always_use_default_value,
    }
    return {f"conversion_action.{name}": value for name, value in fields.items()}


def _click_view(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Iterator[dict[str, Any]]:
    zone = ZoneInfo(account.time_zone)
    for click_id, click in platform.clicks.items():
        day = click.at.astimezone(zone).date().isoformat()
        yield {
            **_customer_of(customer_id),
            "click_view.resource_name": f"customers/{customer_id}/clickViews/{day}~{click_id}",
            "click_view.gclid": click_id,
            "segments.date": day,
            **click.fields,
        }
    for row in clicks_of_world(platform, customer_id, account):
        yield {**_customer_of(customer_id), **row}


def _name_of(action_id: str, action: Action | None) -> str:
    return (action.name if action else "") or f"Action {action_id}"


def _customer_of(customer_id: str) -> dict[str, Any]:
    return {"customer.resource_name": f"customers/{customer_id}", "customer.id": int(customer_id)}


# --- upload diagnostics --------------------------------------------------------------------------


def _client_summary(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Iterator[dict[str, Any]]:
    jobs = [job for job in platform.books.jobs if job.customer == customer_id]
    name = "offline_conversion_upload_client_summary"
    if not jobs and not account.alerts:
        return
    total, succeeded = _total(jobs), sum(sum(job.succeeded.values()) for job in jobs)
    summary = _summary(jobs, account, account.alerts, platform.clock.now())
    yield {
        **_customer_of(customer_id),
        f"{name}.resource_name": (
            f"customers/{customer_id}/offlineConversionUploadClientSummaries/{CLIENT}"
        ),
        f"{name}.success_rate": succeeded / total if total else 0.0,
        f"{name}.pending_rate": 0.0,
        **{f"{name}.{field}": value for field, value in summary.items()},
    }


def _conversion_action_summary(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Iterator[dict[str, Any]]:
    jobs = [job for job in platform.books.jobs if job.customer == customer_id]
    alerts = [alert for alert in account.alerts if "action" in alert]
    named = {alert["action"] for alert in alerts}
    uploaded = {action for job in jobs for action in (*job.succeeded, *(a for a, _ in job.failed))}
    name = "offline_conversion_upload_conversion_action_summary"
    for action in sorted(filter(str.isdecimal, uploaded | named)):
        of_action = [part for job in jobs if (part := _part_of(job, action))]
        about = [alert for alert in alerts if alert["action"] == action]
        summary = _summary(of_action, account, about, platform.clock.now())
        yield {
            **_customer_of(customer_id),
            f"{name}.resource_name": (
                f"customers/{customer_id}/offlineConversionUploadConversionActionSummaries/"
                f"{action}~{CLIENT}"
            ),
            f"{name}.conversion_action_id": int(action),
            f"{name}.conversion_action_name": _name_of(action, platform.actions.get(action)),
            **{f"{name}.{field}": value for field, value in summary.items()},
        }


def _part_of(job: Job, action: str) -> Job | None:
    succeeded = Counter({action: job.succeeded[action]})
    failed = Counter({key: count for key, count in job.failed.items() if key[0] == action})
    if not succeeded.total() + failed.total():
        return None
    return Job(at=job.at, customer=job.customer, id=job.id, succeeded=succeeded, failed=failed)


def _summary(
    jobs: Sequence[Job],
    account: SandboxAccount,
    scripted: Sequence[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    zone = ZoneInfo(account.time_zone)
    today = now.astimezone(zone).date()

    def day_of(job: Job) -> date:
        return job.at.astimezone(zone).date()

    by_day = {day: list(of_day) for day, of_day in groupby(sorted(jobs, key=day_of), day_of)}
    last = by_day[max(by_day)] if by_day else []
    alerts = [*_alerts(last), *map(_scripted_alert, scripted)]
    uploaded_at = max((job.at for job in jobs), default=None)
    is_recent = uploaded_at is not None and now - uploaded_at < RECENT
    return {
        "client": CLIENT,
        "status": _status(alerts) if is_recent or scripted else "NO_RECENT_UPLOAD",
        "total_event_count": _total(jobs),
        "successful_event_count": sum(job.succeeded.total() for job in jobs),
        "pending_event_count": 0,
        "last_upload_date_time": (
            uploaded_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if uploaded_at else ""
        ),
        "daily_summaries": [
            {"upload_date": day.isoformat(), **_counts(of_day)}
            for day, of_day in by_day.items()
            if today - day < SHOWN_DAYS
        ],
        "job_summaries": [{"job_id": job.id, **_counts([job])} for job in jobs[-SHOWN_JOBS:]],
        "alerts": alerts,
    }


def _counts(jobs: Sequence[Job]) -> dict[str, int]:
    return {
        "successful_count": sum(job.succeeded.total() for job in jobs),
        "failed_count": sum(job.failed.total() for job in jobs),
        "pending_count": 0,
    }


def _total(jobs: Sequence[Job]) -> int:
    return sum(job.succeeded.total() + job.failed.total() for job in jobs)


def _alerts(jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
    total, codes = _total(jobs), Counter[str]()
    for job in jobs:
        for (_, code), count in job.failed.items():
            codes[code] += count
    for code, count in codes.most_common():
        yield _alert(code, count / total)


def _scripted_alert(alert: Mapping[str, Any]) -> dict[str, Any]:
    return _alert(alert["error"], alert.get("percentage", 1.0))


def _alert(code: str, share: float) -> dict[str, Any]:
    family, _, name = code.partition(".")
    return {"error": {family: name}, "error_percentage": share}


def _status(alerts: Sequence[Mapping[str, Any]]) -> str:
    """Where the line is between good and not is not published."""
    failing = sum(alert["error_percentage"] for alert in alerts)
    return "EXCELLENT" if not failing else "GOOD" if failing < 0.1 else "NEEDS_ATTENTION"


TABLES: dict[str, Table] = {
    "customer": _customer,
    "conversion_action": _conversion_action,
    "click_view": _click_view,
    "campaign": spending,
    "geo_target_constant": geo_targets,
    "user_list": user_lists,
    "ad_group": spending,
    "keyword_view": spending_with("ad_group_criterion.keyword.text"),
    "geographic_view": spending_with("segments.geo_target_most_specific_location"),
    "ad_group_audience_view": spending_with("ad_group_criterion.user_list.user_list"),
    "offline_conversion_upload_client_summary": _client_summary,
    "offline_conversion_upload_conversion_action_summary": _conversion_action_summary,
}
