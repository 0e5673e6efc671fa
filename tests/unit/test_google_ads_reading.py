"""What is read of an ad account: every field there is, and words nobody knows yet."""

from datetime import date
from importlib import import_module
from typing import Any

import pytest

from convsync.model.ad_click import AdClick
from convsync.upload.google import click_view, cost_views
from convsync.upload.google.google_ads_api import raw_class
from convsync.upload.google.google_ads_reading import (
    QUERIES,
    account_of,
    action_of,
    query_of,
    summary_of,
)

ACTION_SUMMARY = "offline_conversion_upload_conversion_action_summary"


def row(version: str = "v26") -> Any:
    package = f"google.ads.googleads.{version}.services.types.google_ads_service"
    return raw_class(import_module(package).GoogleAdsRow)()


@pytest.mark.parametrize("resource", QUERIES)
@pytest.mark.parametrize("version", ["v25", "v26"])
def test_every_field_of_a_query_is_in_the_messages_of_its_version(
    version: str, resource: str
) -> None:
    query = query_of(resource, version)
    assert query.endswith(f" FROM {resource}")
    for path in query.removeprefix("SELECT ").partition(" FROM ")[0].split(", "):
        message = row(version).DESCRIPTOR
        for name in path.split("."):
            named = message.fields_by_name
            assert name in named or f"{name}_" in named, path
            message = (named.get(name) or named[f"{name}_"]).message_type


@pytest.mark.parametrize("version", ["v23", "v24", "v25", "v26"])
def test_every_field_of_a_click_is_in_the_messages_of_each_version(version: str) -> None:
    for path in click_view.FIELDS:
        message = row(version).DESCRIPTOR
        for name in path.split("."):
            message = message.fields_by_name[name].message_type if message else None
    found = click_view.ad_click_of(row(version), date(2026, 3, 1))
    assert found == AdClick(gclid="", clicked_on=date(2026, 3, 1))


@pytest.mark.parametrize("version", ["v23", "v24", "v25", "v26"])
def test_every_field_of_costs_is_in_the_messages_of_each_version(version: str) -> None:
    queries = [one.fields for several in cost_views.COSTS.values() for one in several]
    names = [one.fields for one in cost_views.NAMES.values()]
    for fields in [*queries, cost_views.RESULTS.fields, *names]:
        for path in fields:
            message = row(version).DESCRIPTOR
            for name in path.split("."):
                message = message.fields_by_name[name].message_type if message else None


def test_words_that_this_version_does_not_know_stay_numbers() -> None:
    found = row()
    found.conversion_action.status = 77
    found.conversion_action.type_ = 999
    assert (action_of(found).status, action_of(found).type) == ("77", "999")


def test_an_action_without_a_window_has_none() -> None:
    assert action_of(row()).click_through_days is None


def test_an_account_that_does_not_say_is_not_said_to_have_turned_it_off() -> None:
    assert account_of(row()).has_enhanced_conversions is None


def test_an_account_of_an_older_version_says_yes_or_no() -> None:
    assert account_of(row("v25")).has_enhanced_conversions is False


def test_a_summary_without_an_upload_has_neither_a_day_nor_a_rate() -> None:
    found = summary_of(getattr(row(), ACTION_SUMMARY))
    assert (found.last_upload_on, found.success_rate, found.pending_rate) == (None, None, None)


def test_an_alert_of_an_unknown_kind_is_kept() -> None:
    summary = getattr(row(), ACTION_SUMMARY)
    known, unknown = summary.alerts.add(), summary.alerts.add()
    known.error.conversion_upload_error = 977
    known.error_percentage = unknown.error_percentage = 0.5
    codes = [alert.code for alert in summary_of(summary).alerts]
    assert codes == ["conversion_upload_error.977", "unknown"]
