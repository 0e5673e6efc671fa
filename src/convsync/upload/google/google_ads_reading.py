"""Reads an ad account through the Google Ads API, which is open to all: only uploads are closed.

One query each for the account, its conversion actions, its upload diagnostics, the clicks of a day
and the costs of some days, through the official client's GoogleAdsService, over the same channel
and credentials as the uploads. Every field that is read is named in `QUERIES`, in `click_view` and
in `cost_views`, of one pinned version of the API. Nothing is retried here.

Upload diagnostics (https://developers.google.com/google-ads/api/docs/conversions/upload-summaries)
name three clients, and the Data Manager API is none of them: whether what it sent is counted there
could not be confirmed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from importlib import import_module
from typing import Any

import grpc
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError

from convsync.errors import ConvsyncError, OperatorError, TransientError, UnexpectedResponseError
from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.model.rule import ConversionAction
from convsync.model.statement import Batch, Operation
from convsync.upload.ad_account import UploadAlert, UploadDay, UploadSummary
from convsync.upload.codes import Class
from convsync.upload.google import click_view, cost_views
from convsync.upload.google.account import AccountFacts, ConversionActionFacts
from convsync.upload.google.credentials import (
    ADS_SCOPE,
    keep_fresh,
    plaintext_channel,
    raise_if_called_back,
    sign_in_error,
    signed_channel,
    wants_scope,
)
from convsync.upload.google.enum_words import enum_word
from convsync.upload.google.google_ads_answers import failure_in, faults_of
from convsync.upload.google.google_ads_api import HOST, VERSION, Api, Customer
from convsync.upload.google.google_ads_codes import VERSION_FIX, meaning_of

_ENHANCED = "effective_enablement_setting"
_ENHANCED_BEFORE_V26 = "enhanced_conversions_for_leads_enabled"
_OLD_VERSIONS = frozenset({"v23", "v24", "v25"})

QUERIES: Mapping[str, Sequence[str]] = {
    "customer": (
        "id",
        "currency_code",
        "time_zone",
        "auto_tagging_enabled",
        "test_account",
        "conversion_tracking_setting.google_ads_conversion_customer",
        "conversion_tracking_setting.accepted_customer_data_terms",
        f"conversion_tracking_setting.{_ENHANCED}",
    ),
    "conversion_action": (
        "id",
        "name",
        "status",
        "type",
        "owner_customer",
        "counting_type",
        "primary_for_goal",
        "click_through_lookback_window_days",
        "value_settings.default_value",
        "value_settings.default_currency_code",
        "value_settings.always_use_default_value",
    ),
    "offline_conversion_upload_client_summary": (
        "client",
        "status",
        "total_event_count",
        "successful_event_count",
        "pending_event_count",
        "last_upload_date_time",
        "daily_summaries",
        "alerts",
    ),
    "offline_conversion_upload_conversion_action_summary": (
        "client",
        "conversion_action_id",
        "conversion_action_name",
        "status",
        "total_event_count",
        "successful_event_count",
        "pending_event_count",
        "last_upload_date_time",
        "daily_summaries",
        "alerts",
    ),
}
"""The fields that are read of each resource, as v26 has them."""


def query_of(resource: str, version: str = VERSION) -> str:
    """Return the GAQL that reads a resource; versions before v26 spell one field another way."""
    fields = ", ".join(f"{resource}.{name}" for name in QUERIES[resource])
    if version in _OLD_VERSIONS:
        fields = fields.replace(_ENHANCED, _ENHANCED_BEFORE_V26)
    return f"SELECT {fields} FROM {resource}"  # noqa: S608 - constants above


class GoogleAdsAccount:
    """Reads one ad account; `endpoint` and the rest as those of the `GoogleAds` destination."""

    def __init__(
        self,
        name: str,
        customer: Customer,
        credentials: Credentials | None,
        *,
        version: str = VERSION,
        endpoint: str = HOST,
        is_plaintext: bool = False,
        root_certificates: bytes | None = None,
        proxy: str | None = None,
        timeout: timedelta = timedelta(seconds=120),
    ) -> None:
        self.name = name
        self._customer = customer
        self._credentials = credentials or AnonymousCredentials()
        self._timeout_s = timeout.total_seconds()
        self._api = Api(version)
        self._channel = (
            plaintext_channel(endpoint)
            if is_plaintext
            else signed_channel(
                endpoint,
                self._credentials,
                ADS_SCOPE,
                root_certificates=root_certificates,
                proxy=proxy,
            )
        )
        self._search = self._api.client("GoogleAdsService", self._channel).search_stream
        self._request = _request_class(version)

    def account(self) -> AccountFacts:
        """Return the account's settings; see AccountReader."""
        rows = self._rows("customer")
        if len(rows) != 1:
            raise UnexpectedResponseError(
                f"{self.name}: account {self._customer.customer_id} answered with {len(rows)} rows."
            )
        return account_of(rows[0])

    def actions(self) -> Sequence[ConversionActionFacts]:
        """Return every conversion action; see AccountReader."""
        return [action_of(row) for row in self._rows("conversion_action")]

    def upload_summaries(self) -> Sequence[UploadSummary]:
        """Return what Google received lately; see AccountReader."""
        overall, by_action = (
            "offline_conversion_upload_client_summary",
            "offline_conversion_upload_conversion_action_summary",
        )
        return [
            *(summary_of(getattr(row, overall)) for row in self._rows(overall)),
            *(summary_of(getattr(row, by_action)) for row in self._rows(by_action)),
        ]

    def clicks_on(self, day: date) -> Sequence[AdClick]:
        """Return the clicks of a day of the account's calendar; see AccountReader."""
        rows = self._answered(click_view.query_of_day(day))
        return [click_view.ad_click_of(row, day) for row in rows]

    def costs_between(self, view: CostView, first: date, last: date) -> Sequence[AdCost]:
        """Return the costs of days of the account's calendar; see AccountReader."""
        return [
            cost_views.cost_of(view, row)
            for query in cost_views.COSTS[view]
            for row in self._answered(query.text(first, last))
        ]

    def names_of(self, view: CostView, items: Sequence[str]) -> Mapping[str, str]:
        """Return what items of a view are called; see AccountReader."""
        query = cost_views.NAMES[view]
        return dict(map(query.name_in, self._answered(query.text(items))))

    def results_between(self, first: date, last: date) -> Sequence[AdResult]:
        """Return what is counted for clicks of days of the account's; see AccountReader."""
        rows = self._answered(cost_views.RESULTS.text(first, last))
        return [cost_views.result_of(row) for row in rows]

    def close(self) -> None:
        """Give back the connection."""
        self._channel.close()

    def _rows(self, resource: str) -> Sequence[Any]:
        return self._answered(query_of(resource, self._api.version))

    def _answered(self, query: str) -> Sequence[Any]:
        """Make the one call; everything after it is pure."""
        is_new = keep_fresh(self._credentials, self.name, ADS_SCOPE)
        request = self._request(customer_id=self._customer.customer_id, query=query)
        try:
            pages = self._search(
                request=request,
                retry=None,
                timeout=self._timeout_s,
                metadata=self._customer.headers,
            )
            return [row for page in pages for row in type(page).pb(page).results]
        except GoogleAuthError as error:
            raise sign_in_error(self.name, ADS_SCOPE, error) from error
        except exceptions.GoogleAPICallError as error:
            if isinstance(error, exceptions.Unauthorized):
                raise_if_called_back(self._credentials, self.name, is_new=is_new)
            about = f"{self.name}: account {self._customer.customer_id} cannot be read"
            raise error_of(error, self._api, about) from error


@cache
def _request_class(version: str) -> Any:
    package = f"google.ads.googleads.{version}.services.types.google_ads_service"
    return import_module(package).SearchGoogleAdsStreamRequest


# What is answered


def account_of(row: Any) -> AccountFacts:
    """Return the settings in a raw row."""
    customer = row.customer
    tracking = customer.conversion_tracking_setting
    return AccountFacts(
        customer_id=str(customer.id),
        currency=customer.currency_code,
        time_zone=customer.time_zone,
        has_auto_tagging=customer.auto_tagging_enabled,
        has_accepted_terms=tracking.accepted_customer_data_terms,
        has_enhanced_conversions=_has_enhanced_conversions(tracking),
        conversion_customer=_last_part(tracking.google_ads_conversion_customer),
        is_test=customer.test_account,
    )


def _has_enhanced_conversions(tracking: Any) -> bool | None:
    if _ENHANCED not in tracking.DESCRIPTOR.fields_by_name:
        return bool(tracking.enhanced_conversions_for_leads_enabled)
    return {"ON": True, "OFF": False}.get(enum_word(tracking, _ENHANCED))


def action_of(row: Any) -> ConversionActionFacts:
    """Return the conversion action in a raw row."""
    action = row.conversion_action
    has_window = action.HasField("click_through_lookback_window_days")
    values = action.value_settings
    return ConversionActionFacts(
        action_id=str(action.id),
        name=action.name,
        status=enum_word(action, "status"),
        type=enum_word(action, "type_"),
        owner=_last_part(action.owner_customer),
        counting_type=enum_word(action, "counting_type"),
        click_through_days=action.click_through_lookback_window_days if has_window else None,
        always_uses_default_value=values.always_use_default_value,
        default_value=values.default_value,
        default_currency=values.default_currency_code,
        is_primary=not action.HasField("primary_for_goal") or action.primary_for_goal,
    )


def summary_of(summary: Any) -> UploadSummary:
    """Return a raw summary, of all actions or of one."""
    is_of_one = "conversion_action_id" in summary.DESCRIPTOR.fields_by_name
    return UploadSummary(
        client=enum_word(summary, "client"),
        action_id=str(summary.conversion_action_id) if is_of_one else None,
        action_name=summary.conversion_action_name if is_of_one else "",
        status=enum_word(summary, "status"),
        total=summary.total_event_count,
        successful=summary.successful_event_count,
        pending=summary.pending_event_count,
        last_upload_on=_day(summary.last_upload_date_time),
        days=list(_days(summary.daily_summaries)),
        alerts=[
            UploadAlert(code=_code(alert.error), share=alert.error_percentage)
            for alert in summary.alerts
        ],
    )


def _days(summaries: Sequence[Any]) -> Iterator[UploadDay]:
    for summary in summaries:
        if day_on := _day(summary.upload_date):
            yield UploadDay(
                day_on=day_on,
                successful=summary.successful_count,
                failed=summary.failed_count,
                pending=summary.pending_count,
            )


def _day(text: str) -> date | None:
    """Return the day of `yyyy-mm-dd` or `yyyy-mm-dd hh:mm:ss`, which is the account's."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _code(error: Any) -> str:
    """Return an alert's error as the ledger spells it; a number where it has no name here."""
    family = error.WhichOneof(error.DESCRIPTOR.oneofs[0].name)
    if family is None:
        return "unknown"
    return meaning_of(family, enum_word(error, family), Operation.COUNT)[0]


def _last_part(resource_name: str) -> str:
    """Return the ID of customers/1234567890."""
    return resource_name.rpartition("/")[2]


_NO_ROWS = Batch(number=0, action=ConversionAction(destination="", action_id=""), statements=())
_LATER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
    }
)


def error_of(error: exceptions.GoogleAPICallError, api: Api, about: str) -> ConvsyncError:
    """Return what a refused query is to us."""
    failure = failure_in(error, api)
    faults = [] if failure is None else list(faults_of(failure, _NO_ROWS))
    status = error.grpc_status_code
    word = type(error).__name__ if status is None else str(status.name)
    what = next((fault.code for fault in faults), word)
    asked = f" (request {failure.request_id})" if failure is not None and failure.request_id else ""
    message = f"{about}: {what}{asked}."
    for fault in faults:
        if fault.meaning.what is Class.STOP:
            return OperatorError(f"{message} {fault.meaning.fix}")
    if any(fault.is_transient for fault in faults) or status in _LATER:
        return TransientError(message)
    if isinstance(error, exceptions.Unauthorized | exceptions.Forbidden):
        return OperatorError(f"{message} {wants_scope(ADS_SCOPE)}")
    if isinstance(error, exceptions.MethodNotImplemented):
        return OperatorError(f"{message} {VERSION_FIX}")
    return UnexpectedResponseError(message)
