"""What Google does with offline conversions: one case a rule, to be read as a document.

It is 2026-01-01, 02:00 UTC. A case sends good rows, changed as it says: conversions of the day
before, worth 100 euros, under the order IDs `cs-0`, `cs-1` and so on, for conversion action 111.
`given` happened before; `answer` is what the official client hears; `counted` is what the books say
afterwards of some of the conversions, and `None` that there is no such conversion.

Sources are Google's pages and protos, and issues where somebody met the live server:
[P] comments in Google's protos · [adj] …/google-ads/api/docs/conversions/upload-adjustments
[dmadj] …/data-manager/api/devguides/events/google-ads/conversion-adjustments
[err] …/data-manager/api/devguides/concepts/understand-errors · [diag] …/devguides/diagnostics
[limits] …/data-manager/api/devguides/limits · [fieldmap] …/offline/upgrade/field-mappings
[oci] ads/blog/posts/2026/05/changes-to-offline-click-conversion · [ip] …/2026/01/changes-to-ip-…
[drt1152] drt-hub/drt#1152 · [gapy172] googleads/google-ads-python#172
[php9201] googleapis/google-cloud-php#9201 · [treg151] superdesigndev/treg#151
(inf) is inferred: no page says so, and Google may do otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.asking import (
    ACCOUNT,
    CONVERTED_AT,
    HASH,
    Adjust,
    Answer,
    Ask,
    Failed,
    Ingest,
    Refused,
    RowsRefused,
    Status,
    Switch,
    Taken,
    Upload,
    Verdict,
)

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
INVALID = "INVALID_ARGUMENT"
OTHER_ACTION = f"customers/{ACCOUNT}/conversionActions/222"
A_DESTINATION = {
    "operating_account": {"account_type": "GOOGLE_ADS", "account_id": ACCOUNT},
    "product_destination_id": "111",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One rule: who says so, what is asked and what comes back. `later` passes before asking."""

    id: str
    rule: str
    source: str
    ask: Ask
    answer: Answer
    given: Sequence[Ask] = ()
    later: timedelta = timedelta(0)
    counted: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)


def actions(**changes: Any) -> Switch:
    """Let there be the conversion action 111, changed, and 222."""
    action = {"account": ACCOUNT, "id": "111", **changes}
    return Switch("/actions", [action, {"account": ACCOUNT, "id": "222"}])


def account(**settings: Any) -> Switch:
    return Switch("/account", settings)


def clicked(at: str) -> Switch:
    """Let it be known when the click of `cs-0` was."""
    return Switch("/clicks", {"click-of-cs-0": at})


def trouble(on: str, kind: str, **more: Any) -> Switch:
    """Let the next call of a sort fail."""
    return Switch("/faults", [{"on": on, "request": 1, "kind": kind, **more}])


def identified_by(*hashes: str) -> dict[str, Any]:
    return {"user_identifiers": [{"hashed_email": each} for each in hashes]}


def a_variable(value: str = "12", name: str = "7") -> dict[str, Any]:
    resource = f"customers/{ACCOUNT}/conversionCustomVariables/{name}"
    return {"custom_variables": [{"conversion_custom_variable": resource, "value": value}]}


ROW = "conversions[0]"
ADJUSTMENT = "conversion_adjustments[0]"
RETRACTION = {"adjustment_type": "RETRACTION", "restatement_value": None}
PAIR = {"gclid": "click-of-cs-0", "conversion_date_time": CONVERTED_AT}
NOT_ALLOWLISTED = "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
WRONG_TIME = "INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"


# --- Google Ads API: a request of conversions ----------------------------------------------------

REQUESTS = (
    Case(
        id="conversions are counted",
        rule="What was uploaded is counted at once, and every row has its result.",
        source="P",
        ask=Upload(rows=[{}, {}]),
        answer=Taken(2),
        counted={"cs-0": {"value": 100.0, "currency": "EUR", "count": 1}, "cs-1": {"count": 1}},
    ),
    Case(
        id="2000 rows",
        rule="A request holds 2,000 conversions.",
        source="P, [quotas]",
        ask=Upload(rows=[{}] * 2_000),
        answer=Taken(2_000),
    ),
    Case(
        id="2001 rows",
        rule="One more, and the whole request is refused.",
        source="P, [quotas]",
        ask=Upload(rows=[{}] * 2_001),
        answer=Refused(INVALID, [("conversions", "TOO_MANY_CONVERSIONS_IN_REQUEST")]),
        counted={"cs-0": None},
    ),
    Case(
        id="no rows",
        rule="A request without conversions is refused.",
        source="P (inf)",
        ask=Upload(rows=[]),
        answer=Refused(INVALID, [("conversions", "REQUIRED_FIELD_MISSING")]),
    ),
    Case(
        id="partial failure",
        rule="A bad row has an empty result; those around it are counted.",
        source="P",
        ask=Upload(rows=[{}, {"gclid": "cut off…"}, {}]),
        answer=RowsRefused({1: ["UNPARSEABLE_GCLID"]}, 3),
        counted={"cs-0": {"count": 1}, "cs-1": None, "cs-2": {"count": 1}},
    ),
    Case(
        id="one failure for all rows",
        rule="Any number of bad rows is told in one detail, which must be unpacked to count them.",
        source="[drt1152]",
        ask=Upload(rows=[{"gclid": "?"}, {}, {"gclid": "!"}]),
        answer=RowsRefused({0: ["UNPARSEABLE_GCLID"], 2: ["UNPARSEABLE_GCLID"]}, 3),
    ),
    Case(
        id="several errors on a row",
        rule="Everything wrong with a row is told.",
        source="P",
        ask=Upload(rows=[{"gclid": "?", "currency_code": "Euro", "conversion_date_time": "now"}]),
        answer=RowsRefused({0: [WRONG_TIME, "UNPARSEABLE_GCLID", "UNSUPPORTED"]}),
    ),
    Case(
        id="no partial failure",
        rule="Without partial_failure one bad row fails them all.",
        source="P",
        ask=Upload(rows=[{}, {"gclid": "?"}], around={"partial_failure": False}),
        answer=Refused(INVALID, [("conversions[1].gclid", "UNPARSEABLE_GCLID")]),
        counted={"cs-0": None},
    ),
    Case(
        id="dry run",
        rule="validate_only tells errors and no results, and counts nothing.",
        source="P",
        ask=Upload(rows=[{}, {"gclid": "?"}], around={"validate_only": True}),
        answer=RowsRefused({1: ["UNPARSEABLE_GCLID"]}, 0),
        counted={"cs-0": None},
    ),
    Case(
        id="job 0",
        rule="A job ID is between 1 and 2³¹.",
        source="P",
        ask=Upload(around={"job_id": 0}),
        answer=Refused(INVALID, [("job_id", "INVALID_JOB_ID")]),
    ),
    Case(
        id="customer with dashes",
        rule="A customer ID is digits only.",
        source="P",
        ask=Upload(around={"customer_id": "123-456-7890"}),
        answer=Refused(INVALID, [("customer_id", "INVALID_CUSTOMER_ID")]),
    ),
    Case(
        id="somebody else's customer",
        rule="A customer one has no access to is refused as a whole.",
        source="P",
        given=[account(id="42")],
        ask=Upload(),
        answer=Refused("PERMISSION_DENIED", [("", "USER_PERMISSION_DENIED")]),
    ),
    Case(
        id="not allow-listed",
        rule="Who never uploaded before 2026-06-15 is told so on every row, not by the request.",
        source="[oci]",
        given=[account(allowlisted=False)],
        ask=Upload(rows=[{}, {}]),
        answer=RowsRefused({0: [NOT_ALLOWLISTED], 1: [NOT_ALLOWLISTED]}, 2),
        counted={"cs-0": None},
    ),
    Case(
        id="session attributes",
        rule="They and the IP address need an allow-list of their own.",
        source="[ip]",
        ask=Upload(rows=[{"user_ip_address": "192.0.2.1"}, {}]),
        answer=RowsRefused({0: [NOT_ALLOWLISTED]}, 2),
    ),
    Case(
        id="quota on a row",
        rule="Rate errors can sit on rows too.",
        source="[gapy172]",
        given=[Switch("/verdicts", {"cs-0": "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED"})],
        ask=Upload(rows=[{}, {}]),
        answer=RowsRefused({0: ["RESOURCE_TEMPORARILY_EXHAUSTED"]}, 2),
    ),
    Case(
        id="quota spent",
        rule="A spent quota says in its trailing metadata how long to wait; nothing is counted.",
        source="P, quota_error",
        given=[trouble("google_ads_upload", "resource_exhausted", seconds=30)],
        ask=Upload(),
        answer=Failed("RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", 30),
        counted={"cs-0": None},
    ),
    Case(
        id="an internal error",
        rule="An internal error is no GoogleAdsException either; it may be tried again.",
        source="P, internal_error",
        given=[trouble("google_ads_upload", "internal")],
        ask=Upload(),
        answer=Failed("INTERNAL", "INTERNAL_ERROR"),
        counted={"cs-0": None},
    ),
    Case(
        id="an answer that was lost",
        rule="A service that is away may have counted before it went.",
        source="(inf)",
        given=[trouble("google_ads_upload", "unavailable_after")],
        ask=Upload(),
        answer=Failed("UNAVAILABLE"),
        counted={"cs-0": {"count": 1}},
    ),
    Case(
        id="an answer that was lost, and the request again",
        rule="Then the same request says so row by row, and nothing is counted twice.",
        source="(inf)",
        given=[trouble("google_ads_upload", "unavailable_after"), Upload(rows=[{}, {}])],
        ask=Upload(rows=[{}, {}]),
        answer=RowsRefused({0: ["ORDER_ID_ALREADY_IN_USE"], 1: ["ORDER_ID_ALREADY_IN_USE"]}, 2),
        counted={"cs-0": {"count": 1}},
    ),
    Case(
        id="a project that is disabled",
        rule="What is wrong with the caller is told once, and not by the row.",
        source="P, authorization_error",
        given=[
            trouble("google_ads_upload", "refused", error="authorization_error.PROJECT_DISABLED")
        ],
        ask=Upload(rows=[{}, {}]),
        answer=Refused("PERMISSION_DENIED", [("", "PROJECT_DISABLED")]),
    ),
    Case(
        id="an expired token",
        rule="Nor is what is wrong with the token.",
        source="P, authentication_error",
        given=[trouble("google_ads_upload", "expired_token")],
        ask=Upload(),
        answer=Refused("UNAUTHENTICATED", [("", "OAUTH_TOKEN_EXPIRED")]),
    ),
)

# --- Google Ads API: conversion actions ----------------------------------------------------------

ACTIONS = (
    Case(
        id="customer part ignored",
        rule="The conversion action's ID decides, whatever customer its name says.",
        source="P",
        given=[actions()],
        ask=Upload(rows=[{"conversion_action": "customers/1/conversionActions/111"}]),
        answer=Taken(),
        counted={"cs-0": {"count": 1}},
    ),
    Case(
        id="no action",
        rule="A conversion names its action.",
        source="P",
        ask=Upload(rows=[{"conversion_action": None}]),
        answer=RowsRefused({0: ["REQUIRED"]}),
    ),
    Case(
        id="not a name",
        rule="By resource name, not by ID.",
        source="P",
        ask=Upload(rows=[{"conversion_action": "111"}]),
        answer=RowsRefused({0: ["RESOURCE_NAME_MALFORMED"]}),
    ),
    Case(
        id="unknown action",
        rule="An action that does not exist takes nothing.",
        source="P",
        given=[actions(id="333")],
        ask=Upload(),
        answer=RowsRefused({0: ["NO_CONVERSION_ACTION_FOUND"]}),
    ),
    Case(
        id="removed action",
        rule="Nor does one that was removed.",
        source="P",
        given=[actions(status="REMOVED")],
        ask=Upload(),
        answer=RowsRefused({0: ["NO_CONVERSION_ACTION_FOUND"]}),
    ),
    Case(
        id="somebody else's action",
        rule="Nor one of an account that is not the customer's conversion customer.",
        source="P, [upgrade]",
        given=[actions(account="42")],
        ask=Upload(),
        answer=RowsRefused({0: ["NO_CONVERSION_ACTION_FOUND"]}),
    ),
    Case(
        id="the manager's action",
        rule="With conversion tracking across accounts the manager owns the actions.",
        source="P, [7014069]",
        given=[actions(account="42"), account(google_ads_conversion_customer="42")],
        ask=Upload(),
        answer=Taken(),
    ),
    Case(
        id="a website's action",
        rule="Clicks are uploaded to actions of type UPLOAD_CLICKS only.",
        source="P",
        given=[actions(type="WEBPAGE")],
        ask=Upload(),
        answer=RowsRefused({0: ["INVALID_CONVERSION_ACTION_TYPE"]}),
    ),
    Case(
        id="new action",
        rule="For six hours a new action takes nothing.",
        source="P",
        given=[actions(created_at="2025-12-31T21:00:00Z")],
        ask=Upload(),
        answer=RowsRefused({0: ["TOO_RECENT_CONVERSION_ACTION"]}),
    ),
    Case(
        id="new action six hours later",
        rule="Then it does.",
        source="P",
        given=[actions(created_at="2025-12-31T21:00:00Z")],
        later=timedelta(hours=1),
        ask=Upload(),
        answer=Taken(),
    ),
    Case(
        id="default value",
        rule="A conversion without a value is worth what the action says.",
        source="P",
        given=[actions(default_value=7.0, default_currency_code="USD")],
        ask=Upload(rows=[{"conversion_value": None, "currency_code": None}]),
        answer=Taken(),
        counted={"cs-0": {"value": 7.0, "currency": "USD"}},
    ),
    Case(
        id="always the default value",
        rule="An action may use its own value whatever is sent.",
        source="P",
        given=[actions(default_value=7.0, always_use_default_value=True)],
        ask=Upload(),
        answer=Taken(),
        counted={"cs-0": {"value": 7.0}},
    ),
)

# --- Google Ads API: click, time and consent of a conversion -------------------------------------

CLICKS = (
    Case(
        id="no click",
        rule="A conversion leads to a click, or to somebody's hashed details.",
        source="P (inf)",
        ask=Upload(rows=[{"gclid": None}]),
        answer=RowsRefused({0: ["REQUIRED"]}),
    ),
    Case(
        id="gbraid",
        rule="A gbraid will do.",
        source="P",
        ask=Upload(rows=[{"gclid": None, "gbraid": "GB1"}]),
        answer=Taken(),
    ),
    Case(
        id="wbraid",
        rule="So will a wbraid.",
        source="P",
        ask=Upload(rows=[{"gclid": None, "wbraid": "click-of-a-web"}]),
        answer=Taken(),
    ),
    Case(
        id="gbraid and wbraid",
        rule="But not both braids.",
        source="P",
        ask=Upload(rows=[{"gclid": None, "gbraid": "GB1", "wbraid": "WB1"}]),
        answer=RowsRefused({0: ["GBRAID_WBRAID_BOTH_SET"]}),
    ),
    Case(
        id="braid counted once per click",
        rule="An action that counts one conversion per click takes no braids.",
        source="P",
        given=[actions(counting_type="ONE_PER_CLICK")],
        ask=Upload(rows=[{"gclid": None, "wbraid": "WB1"}, {}]),
        answer=RowsRefused({0: ["ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"]}, 2),
    ),
    Case(
        id="unreadable wbraid",
        rule="A click ID that was altered cannot be read.",
        source="P",
        ask=Upload(rows=[{"gclid": None, "wbraid": "%%gclid%%"}]),
        answer=RowsRefused({0: ["UNPARSEABLE_WBRAID"]}),
    ),
    Case(
        id="unreadable gbraid",
        rule="Be it a gbraid",
        source="P",
        ask=Upload(rows=[{"gclid": None, "gbraid": "cut off…"}]),
        answer=RowsRefused({0: ["UNPARSEABLE_GBRAID"]}),
    ),
    Case(
        id="unreadable gclid",
        rule="or a gclid.",
        source="P",
        ask=Upload(rows=[{"gclid": "cut off…"}]),
        answer=RowsRefused({0: ["UNPARSEABLE_GCLID"]}),
    ),
    Case(
        id="no offset",
        rule="The time must say its offset from UTC.",
        source="P",
        ask=Upload(rows=[{"conversion_date_time": "2025-12-31 10:00:00"}]),
        answer=RowsRefused({0: [WRONG_TIME]}),
    ),
    Case(
        id="ISO 8601",
        rule="There is a blank between day and time, not a T.",
        source="P",
        ask=Upload(rows=[{"conversion_date_time": "2025-12-31T10:00:00+00:00"}]),
        answer=RowsRefused({0: [WRONG_TIME]}),
    ),
    Case(
        id="tomorrow",
        rule="What has not happened yet is refused.",
        source="(inf)",
        ask=Upload(rows=[{"conversion_date_time": "2026-01-03 10:00:00+00:00"}]),
        answer=RowsRefused({0: ["LATER_THAN_MAXIMUM_DATE"]}),
    ),
    Case(
        id="before the click",
        rule="A conversion comes after its click.",
        source="P",
        given=[clicked("2025-12-31T10:00:01Z")],
        ask=Upload(),
        answer=RowsRefused({0: ["CONVERSION_PRECEDES_EVENT"]}),
    ),
    Case(
        id="click of this night",
        rule="A click is known after six hours.",
        source="P",
        given=[clicked("2025-12-31T21:00:00Z")],
        ask=Upload(rows=[{"conversion_date_time": "2025-12-31 22:00:00+00:00"}]),
        answer=RowsRefused({0: ["TOO_RECENT_EVENT"]}),
    ),
    Case(
        id="click of this night, later",
        rule="Then the same row is counted.",
        source="P",
        given=[clicked("2025-12-31T21:00:00Z")],
        later=timedelta(hours=1),
        ask=Upload(rows=[{"conversion_date_time": "2025-12-31 22:00:00+00:00"}]),
        answer=Taken(),
    ),
    Case(
        id="click out of the window",
        rule="A click older than the action's window no longer counts.",
        source="P",
        given=[actions(click_through_lookback_window_days=30), clicked("2025-12-01T09:00:00Z")],
        ask=Upload(),
        answer=RowsRefused({0: ["EXPIRED_EVENT"]}),
    ),
    Case(
        id="not a click of Google's",
        rule="What leads to no ad click is refused.",
        source="P",
        given=[Switch("/verdicts", {"click-of-cs-0": "EVENT_NOT_FOUND"})],
        ask=Upload(rows=[{}, {}]),
        answer=RowsRefused({0: ["EVENT_NOT_FOUND"]}, 2),
    ),
    Case(
        id="currency in words",
        rule="A currency is three capitals.",
        source="P: ISO 4217",
        ask=Upload(rows=[{"currency_code": "eur"}]),
        answer=RowsRefused({0: ["UNSUPPORTED"]}),
    ),
    Case(
        id="consent to personalization",
        rule="ad_personalization must not be set here.",
        source="P: consent",
        ask=Upload(rows=[{"consent": {"ad_personalization": "GRANTED"}}]),
        answer=RowsRefused({0: ["VALUE_MUST_BE_UNSET"]}),
    ),
    Case(
        id="consent granted",
        rule="ad_user_data may be.",
        source="P: consent",
        ask=Upload(rows=[{"consent": {"ad_user_data": "GRANTED"}}]),
        answer=Taken(),
        counted={"cs-0": {"consent": {"ad_user_data": "CONSENT_GRANTED"}}},
    ),
    Case(
        id="consent denied",
        rule="What was not consented to is not counted.",
        source="P (inf)",
        ask=Upload(rows=[{"consent": {"ad_user_data": "DENIED"}}]),
        answer=RowsRefused({0: ["CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY"]}),
    ),
    Case(
        id="a new customer",
        rule="A conversion may say whether its customer is new or returning.",
        source="P",
        ask=Upload(rows=[{"customer_type": "NEW"}]),
        answer=Taken(),
        counted={"cs-0": {"user_properties": {"customer_type": "NEW"}}},
    ),
    Case(
        id="attributed elsewhere",
        rule="An attribution of one's own needs an action made for that.",
        source="P",
        ask=Upload(rows=[{"external_attribution_data": {"external_attribution_model": "linear"}}]),
        answer=RowsRefused(
            {0: ["EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION"]}
        ),
    ),
)

# --- Google Ads API: personal data ---------------------------------------------------------------

PERSONAL = (
    Case(
        id="identifiers alone",
        rule="Hashed details do in place of a click.",
        source="P, [ecl]",
        ask=Upload(rows=[{"gclid": None, **identified_by(HASH)}]),
        answer=Taken(),
        counted={"cs-0": {"user_data": {"user_identifiers": [{"email_address": HASH}]}}},
    ),
    Case(
        id="six identifiers",
        rule="At most five of them.",
        source="P",
        ask=Upload(rows=[identified_by(*[HASH] * 6)]),
        answer=RowsRefused({0: ["TOO_MANY"]}),
    ),
    Case(
        id="an address in the clear",
        rule="Each is a SHA-256 in hexadecimal.",
        source="P, [fmt]",
        ask=Upload(rows=[identified_by("ann@example.com"), identified_by(HASH.upper())]),
        answer=RowsRefused({0: ["INVALID_USER_IDENTIFIER"], 1: ["INVALID_USER_IDENTIFIER"]}, 2),
    ),
    Case(
        id="a postal address",
        rule="Only e-mail addresses and phone numbers.",
        source="P",
        ask=Upload(rows=[{"user_identifiers": [{"mobile_id": "1"}]}]),
        answer=RowsRefused({0: ["UNSUPPORTED_USER_IDENTIFIER"]}),
    ),
    Case(
        id="terms not accepted",
        rule="Identifiers need the customer data terms; rows without them go through.",
        source="P",
        given=[account(accepted_customer_data_terms=False)],
        ask=Upload(rows=[identified_by(HASH), {}]),
        answer=RowsRefused({0: ["CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"]}, 2),
    ),
    Case(
        id="enhanced conversions off",
        rule="And enhanced conversions for leads turned on.",
        source="P",
        given=[account(enhanced_conversions_for_leads=False)],
        ask=Upload(rows=[identified_by(HASH), {}]),
        answer=RowsRefused({0: ["CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"]}, 2),
    ),
    Case(
        id="nobody who clicked",
        rule="Somebody who never clicked is no error of ours.",
        source="P",
        given=[Switch("/verdicts", {HASH: "CLICK_NOT_FOUND"})],
        ask=Upload(rows=[{"gclid": None, **identified_by(HASH)}]),
        answer=RowsRefused({0: ["CLICK_NOT_FOUND"]}),
    ),
    Case(
        id="order ID with an address",
        rule="An order ID is nobody's e-mail address.",
        source="P",
        ask=Upload(rows=[{"order_id": "ann@example.com"}]),
        answer=RowsRefused({0: ["ORDER_ID_CONTAINS_PII"]}),
    ),
    Case(
        id="variable with an address",
        rule="Nor is the value of a custom variable.",
        source="P",
        ask=Upload(rows=[a_variable("ann@example.com")]),
        answer=RowsRefused({0: ["CUSTOM_VARIABLE_VALUE_CONTAINS_PII"]}),
    ),
    Case(
        id="variable not enabled",
        rule="A custom variable has to be enabled first.",
        source="P",
        given=[account(custom_variables=["7"])],
        ask=Upload(rows=[a_variable(name="7"), a_variable(name="8")]),
        answer=RowsRefused({1: ["CUSTOM_VARIABLE_NOT_ENABLED"]}, 2),
    ),
)

# --- Google Ads API: nothing is counted twice ----------------------------------------------------

TWICE = (
    Case(
        id="order ID again",
        rule="An order ID is used once for an action, whatever else differs.",
        source="P",
        given=[Upload()],
        ask=Upload(rows=[{"gclid": "another", "conversion_value": 5.0}]),
        answer=RowsRefused({0: ["ORDER_ID_ALREADY_IN_USE"]}),
        counted={"cs-0": {"value": 100.0, "sent": 2, "count": 1}},
    ),
    Case(
        id="order ID under another action",
        rule="For another action it is another conversion.",
        source="P",
        given=[Upload()],
        ask=Upload(rows=[{"conversion_action": OTHER_ACTION}]),
        answer=Taken(),
    ),
    Case(
        id="click and time again",
        rule="So is a click at a time, under whatever order ID.",
        source="P",
        given=[Upload()],
        ask=Upload(rows=[{"order_id": "cs-9"}]),
        answer=RowsRefused({0: ["CLICK_CONVERSION_ALREADY_EXISTS"]}),
        counted={"cs-9": None},
    ),
    Case(
        id="the same instant elsewhere",
        rule="It is the instant that counts, not how it is written.",
        source="(inf)",
        given=[Upload()],
        ask=Upload(rows=[{"order_id": None, "conversion_date_time": "2025-12-31 11:00:00+01:00"}]),
        answer=RowsRefused({0: ["CLICK_CONVERSION_ALREADY_EXISTS"]}),
    ),
    Case(
        id="click at another time",
        rule="A click can lead to several conversions.",
        source="P",
        given=[Upload()],
        ask=Upload(
            rows=[{"order_id": "cs-9", "conversion_date_time": "2025-12-31 10:00:01+00:00"}]
        ),
        answer=Taken(),
    ),
    Case(
        id="order ID twice in a request",
        rule="None of the rows that share an order ID is processed.",
        source="P",
        ask=Upload(rows=[{}, {"order_id": "cs-0"}, {}]),
        answer=RowsRefused({0: ["DUPLICATE_ORDER_ID"], 1: ["DUPLICATE_ORDER_ID"]}, 3),
        counted={"cs-0": None, "cs-2": {"count": 1}},
    ),
    Case(
        id="click twice in a request",
        rule="Nor of those that share click and time.",
        source="P",
        ask=Upload(rows=[{}, {"gclid": "click-of-cs-0"}, {}]),
        answer=RowsRefused(
            {
                0: ["DUPLICATE_CLICK_CONVERSION_IN_REQUEST"],
                1: ["DUPLICATE_CLICK_CONVERSION_IN_REQUEST"],
            },
            3,
        ),
        counted={"cs-0": None, "cs-1": None},
    ),
    Case(
        id="counted by the other API",
        rule="What the Data Manager API counted is there: its transaction ID is the order ID.",
        source="[fieldmap] (inf)",
        given=[Ingest()],
        ask=Upload(),
        answer=RowsRefused({0: ["ORDER_ID_ALREADY_IN_USE"]}),
        counted={"cs-0": {"count": 1, "sent": 2}},
    ),
)

# --- Google Ads API: adjustments -----------------------------------------------------------------

ADJUSTMENTS = (
    Case(
        id="restated",
        rule="A restatement gives a conversion another value.",
        source="P, [adj]",
        given=[Upload()],
        ask=Adjust(),
        answer=Taken(),
        counted={"cs-0": {"value": 250.0, "count": 1}},
    ),
    Case(
        id="retracted",
        rule="A retraction takes away its value and its count.",
        source="[upgrade]",
        given=[Upload()],
        ask=Adjust(rows=[RETRACTION]),
        answer=Taken(),
        counted={"cs-0": {"value": 0.0, "count": 0}},
    ),
    Case(
        id="retracted what the other API counted",
        rule="By order ID also one that the Data Manager API counted.",
        source="(inf)",
        given=[Ingest()],
        ask=Adjust(rows=[RETRACTION]),
        answer=Taken(),
        counted={"cs-0": {"value": 0.0, "count": 0}},
    ),
    Case(
        id="order ID of a retracted conversion",
        rule="It stays in use.",
        source="(inf)",
        given=[Upload(), Adjust(rows=[RETRACTION])],
        ask=Upload(),
        answer=RowsRefused({0: ["ORDER_ID_ALREADY_IN_USE"]}),
        counted={"cs-0": {"count": 0}},
    ),
    Case(
        id="by click and time",
        rule="A conversion without an order ID is named by its click and time.",
        source="P, [adj]",
        given=[Upload(rows=[{"order_id": None}])],
        ask=Adjust(rows=[{"order_id": None, "gclid_date_time_pair": PAIR}]),
        answer=Taken(),
    ),
    Case(
        id="by click and time, though it has an order ID",
        rule="One with an order ID only by that.",
        source="P, [adj]",
        given=[Upload()],
        ask=Adjust(rows=[{"order_id": None, "gclid_date_time_pair": PAIR}]),
        answer=RowsRefused({0: ["CONVERSION_NOT_FOUND"]}),
    ),
    Case(
        id="named twice",
        rule="Not by both at once.",
        source="P",
        given=[Upload()],
        ask=Adjust(rows=[{"gclid_date_time_pair": PAIR}]),
        answer=RowsRefused({0: ["GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET"]}),
    ),
    Case(
        id="not named",
        rule="By one of them.",
        source="P",
        ask=Adjust(rows=[{"order_id": None}]),
        answer=RowsRefused({0: ["REQUIRED"]}),
    ),
    Case(
        id="never heard of",
        rule="What was not counted cannot be adjusted.",
        source="P",
        ask=Adjust(),
        answer=RowsRefused({0: ["CONVERSION_NOT_FOUND"]}),
    ),
    Case(
        id="54 days later",
        rule="A conversion of 54 days ago can be adjusted.",
        source="P",
        given=[Upload()],
        later=timedelta(days=53, hours=8),
        ask=Adjust(),
        answer=Taken(),
    ),
    Case(
        id="55 days later",
        rule="An older one cannot.",
        source="P",
        given=[Upload()],
        later=timedelta(days=54),
        ask=Adjust(rows=[RETRACTION]),
        answer=RowsRefused({0: ["CONVERSION_EXPIRED"]}),
        counted={"cs-0": {"count": 1}},
    ),
    Case(
        id="adjusted what a gbraid led to",
        rule="What a gbraid led to can be adjusted,",
        source="[adj]",
        given=[Upload(rows=[{"gclid": None, "gbraid": "click-of-an-app"}])],
        ask=Adjust(),
        answer=Taken(),
        counted={"cs-0": {"value": 250.0}},
    ),
    Case(
        id="adjusted what a wbraid led to",
        rule="but not what a wbraid did.",
        source="[adj], the error (inf)",
        given=[Upload(rows=[{"gclid": None, "wbraid": "click-of-a-web"}])],
        ask=Adjust(),
        answer=RowsRefused({0: ["CONVERSION_NOT_FOUND"]}),
        counted={"cs-0": {"value": 100.0}},
    ),
    Case(
        id="before it happened",
        rule="Nothing is adjusted before it happened.",
        source="P",
        given=[Upload()],
        ask=Adjust(rows=[{"adjustment_date_time": "2025-12-31 09:59:59+00:00"}]),
        answer=RowsRefused({0: ["ADJUSTMENT_PRECEDES_CONVERSION"]}),
    ),
    Case(
        id="restated again",
        rule="A later restatement replaces an earlier one.",
        source="P",
        given=[Upload(), Adjust()],
        ask=Adjust(
            rows=[
                {
                    "adjustment_date_time": "2026-01-01 01:30:00+00:00",
                    "restatement_value": {"adjusted_value": 300.0},
                }
            ]
        ),
        answer=Taken(),
        counted={"cs-0": {"value": 300.0, "currency": "EUR"}},
    ),
    Case(
        id="restated for the same time",
        rule="One with the same time is a repetition, even with another value.",
        source="P",
        given=[Upload(), Adjust()],
        ask=Adjust(rows=[{"restatement_value": {"adjusted_value": 300.0}}]),
        answer=RowsRefused({0: ["RESTATEMENT_ALREADY_EXISTS"]}),
        counted={"cs-0": {"value": 250.0}},
    ),
    Case(
        id="restated for an earlier time",
        rule="One with an earlier time comes too late.",
        source="P",
        given=[Upload(), Adjust()],
        ask=Adjust(rows=[{"adjustment_date_time": "2025-12-31 12:00:00+00:00"}]),
        answer=RowsRefused({0: ["MORE_RECENT_RESTATEMENT_FOUND"]}),
    ),
    Case(
        id="retracted again",
        rule="What was taken back cannot be taken back,",
        source="P",
        given=[Upload(), Adjust(rows=[RETRACTION])],
        ask=Adjust(rows=[RETRACTION]),
        answer=RowsRefused({0: ["CONVERSION_ALREADY_RETRACTED"]}),
    ),
    Case(
        id="restated after all",
        rule="nor restated.",
        source="P",
        given=[Upload(), Adjust(rows=[RETRACTION])],
        ask=Adjust(),
        answer=RowsRefused({0: ["CONVERSION_ALREADY_RETRACTED"]}),
        counted={"cs-0": {"value": 0.0, "count": 0}},
    ),
    Case(
        id="one adjustment twice",
        rule="None of the rows that say the same is processed.",
        source="P",
        given=[Upload()],
        ask=Adjust(rows=[{}, {"order_id": "cs-0"}]),
        answer=RowsRefused(
            {
                0: ["DUPLICATE_ADJUSTMENT_IN_REQUEST"],
                1: ["DUPLICATE_ADJUSTMENT_IN_REQUEST"],
            },
            2,
        ),
    ),
    Case(
        id="no value",
        rule="A restatement says the value.",
        source="P",
        given=[Upload()],
        ask=Adjust(rows=[{"restatement_value": None}]),
        answer=RowsRefused({0: ["REQUIRED"]}),
    ),
    Case(
        id="retracted to a value",
        rule="A retraction does not.",
        source="P",
        given=[Upload()],
        ask=Adjust(rows=[{"adjustment_type": "RETRACTION"}]),
        answer=RowsRefused({0: ["VALUE_MUST_BE_UNSET"]}),
    ),
    Case(
        id="no type",
        rule="An adjustment says what it is.",
        source="P",
        ask=Adjust(rows=[{"adjustment_type": None, "restatement_value": None}]),
        answer=RowsRefused({0: ["REQUIRED"]}),
    ),
    Case(
        id="adjusted without an offset",
        rule="Its time must say its offset from UTC too.",
        source="P",
        ask=Adjust(rows=[{"adjustment_date_time": "2026-01-01 01:00:00"}]),
        answer=RowsRefused({0: [WRONG_TIME]}),
    ),
    Case(
        id="always the default value, restated",
        rule="What always uses the default value cannot be restated,",
        source="P",
        given=[actions(default_value=7.0, always_use_default_value=True), Upload()],
        ask=Adjust(),
        answer=RowsRefused(
            {0: ["CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE"]}
        ),
    ),
    Case(
        id="always the default value, retracted",
        rule="but retracted.",
        source="(inf)",
        given=[actions(default_value=7.0, always_use_default_value=True), Upload()],
        ask=Adjust(rows=[RETRACTION]),
        answer=Taken(),
    ),
    Case(
        id="adjusted under another type",
        rule="Conversions of some types of action cannot be adjusted.",
        source="P",
        given=[actions(type="STORE_SALES")],
        ask=Adjust(),
        answer=RowsRefused({0: ["INVALID_CONVERSION_ACTION_TYPE"]}),
    ),
    Case(
        id="enhanced an upload",
        rule="Only a website's conversions are enhanced.",
        source="P",
        given=[actions(), Upload()],
        ask=Adjust(
            rows=[
                {
                    "adjustment_type": "ENHANCEMENT",
                    "restatement_value": None,
                    **identified_by(HASH),
                }
            ]
        ),
        answer=RowsRefused({0: ["INVALID_CONVERSION_ACTION_TYPE"]}),
    ),
    Case(
        id="2001 adjustments",
        rule="A request holds 2,000 of them.",
        source="P",
        ask=Adjust(rows=[{}] * 2_001),
        answer=Refused(INVALID, [("conversion_adjustments", "TOO_MANY_ADJUSTMENTS_IN_REQUEST")]),
    ),
    Case(
        id="adjusted in a dry run",
        rule="validate_only changes nothing.",
        source="P",
        given=[Upload()],
        ask=Adjust(around={"validate_only": True}),
        answer=Taken(0),
        counted={"cs-0": {"value": 100.0}},
    ),
    Case(
        id="one of two adjusted",
        rule="A bad row does not stop the others.",
        source="P",
        given=[Upload()],
        ask=Adjust(rows=[{}, {}]),
        answer=RowsRefused({1: ["CONVERSION_NOT_FOUND"]}, 2),
        counted={"cs-0": {"value": 250.0}},
    ),
    Case(
        id="adjusted though not allow-listed",
        rule="No restriction of adjustments to an allow-list is known.",
        source="(inf)",
        given=[Ingest(), account(allowlisted=False)],
        ask=Adjust(rows=[RETRACTION]),
        answer=Taken(),
        counted={"cs-0": {"count": 0}},
    ),
)

# --- Data Manager API ----------------------------------------------------------------------------

EVENT = "events.events[0]"
MISSING = "REQUIRED_FIELD_MISSING"
EMAIL = {"user_identifiers": [{"email_address": HASH}]}
IN_BASE64 = {"user_identifiers": [{"email_address": "A" * 43 + "="}]}
INVALID_GCLID = "PROCESSING_ERROR_REASON_INVALID_GCLID"

DATA_MANAGER = (
    Case(
        id="events are counted",
        rule="An accepted request is counted, and its status is not known yet.",
        source="[diag]",
        given=[Ingest(rows=[{}, {}])],
        ask=Status(),
        answer=Verdict("PROCESSING"),
        counted={"cs-0": {"value": 100.0, "count": 1}},
    ),
    Case(
        id="2000 events",
        rule="A request holds 2,000 events.",
        source="P, [limits]",
        ask=Ingest(rows=[{}] * 2_000),
        answer=Taken(2_000),
    ),
    Case(
        id="2001 events",
        rule="One more, and it is refused.",
        source="P, [limits]",
        ask=Ingest(rows=[{}] * 2_001),
        answer=Refused(INVALID, [("events", "TOO_MANY_EVENTS")]),
    ),
    Case(
        id="one bad event",
        rule="One bad field refuses all of the request, by the field's path.",
        source="[err], [upgrade]",
        ask=Ingest(rows=[{}, {"event_timestamp": None}]),
        answer=Refused(INVALID, [("events.events[1].event_timestamp", MISSING)]),
        counted={"cs-0": None},
    ),
    Case(
        id="every bad event is named",
        rule="All bad fields of all rows are named at once.",
        source="[err]",
        ask=Ingest(rows=[{"currency": "€"}, {}, {"event_timestamp": None}]),
        answer=Refused(
            INVALID,
            [
                ("events.events[0].currency", "INVALID_CURRENCY_CODE"),
                ("events.events[2].event_timestamp", MISSING),
            ],
        ),
    ),
    Case(
        id="no event source",
        rule="event_source is required, whatever the documentation says.",
        source="[php9201]",
        ask=Ingest(rows=[{"event_source": None}]),
        answer=Refused(INVALID, [(f"{EVENT}.event_source", MISSING)]),
    ),
    Case(
        id="no identifiers",
        rule="An event leads to a click or to a person.",
        source="P",
        ask=Ingest(rows=[{"ad_identifiers": None}]),
        answer=Refused(INVALID, [(EVENT, "NO_IDENTIFIERS_PROVIDED")]),
    ),
    Case(
        id="hashes without encoding",
        rule="With hashes the request says how they are spelled.",
        source="[fieldmap]",
        ask=Ingest(rows=[{"user_data": EMAIL}], around={"encoding": None}),
        answer=Refused(INVALID, [("encoding", MISSING)]),
    ),
    Case(
        id="eleven identifiers",
        rule="A person has at most ten identifiers.",
        source="P",
        ask=Ingest(rows=[{"user_data": {"user_identifiers": EMAIL["user_identifiers"] * 11}}]),
        answer=Refused(
            INVALID, [(f"{EVENT}.user_data.user_identifiers", "TOO_MANY_USER_IDENTIFIERS")]
        ),
    ),
    Case(
        id="hashes in base64",
        rule="In hexadecimal or in base64.",
        source="P",
        ask=Ingest(rows=[{"user_data": IN_BASE64}], around={"encoding": "BASE64"}),
        answer=Taken(),
    ),
    Case(
        id="an address in the clear, as an event",
        rule="Each is a SHA-256.",
        source="P",
        ask=Ingest(
            rows=[{"user_data": {"user_identifiers": [{"email_address": "a@example.com"}]}}]
        ),
        answer=Refused(
            INVALID,
            [
                (
                    f"{EVENT}.user_data.user_identifiers[0].email_address",
                    "INVALID_HEX_ENCODING",
                )
            ],
        ),
    ),
    Case(
        id="braids as events",
        rule="A click ID of any kind leads to a click.",
        source="P",
        ask=Ingest(
            rows=[{"ad_identifiers": {"gbraid": "app"}}, {"ad_identifiers": {"wbraid": "web"}}]
        ),
        answer=Taken(2),
        counted={"cs-0": {"count": 1}, "cs-1": {"count": 1}},
    ),
    Case(
        id="an event of the day after tomorrow",
        rule="What has not happened yet is refused.",
        source="P",
        ask=Ingest(rows=[{"event_timestamp": "2026-01-02T02:00:01Z"}]),
        answer=Refused(INVALID, [(f"{EVENT}.event_timestamp", "EVENT_TIME_INVALID")]),
    ),
    Case(
        id="a variable by its name",
        rule="Custom variables go by their names, and one nobody knows does no harm.",
        source="P, [fieldmap]",
        ask=Ingest(rows=[{"custom_variables": [{"variable": "unheard-of", "value": "1"}]}]),
        answer=Taken(),
        counted={"cs-0": {"count": 1}},
    ),
    Case(
        id="a customer who came back",
        rule="An event may say whether its customer is new, returning or re-engaged.",
        source="P",
        ask=Ingest(rows=[{"user_properties": {"customer_type": "REENGAGED"}}]),
        answer=Taken(),
        counted={"cs-0": {"user_properties": {"customer_type": "REENGAGED"}}},
    ),
    Case(
        id="a long transaction ID",
        rule="A transaction ID has at most 64 characters.",
        source="(inf), the limit of Google's tag",
        ask=Ingest(rows=[{"transaction_id": "x" * 64}, {"transaction_id": "x" * 65}]),
        answer=Refused(INVALID, [("events.events[1].transaction_id", "FIELD_VALUE_TOO_LONG")]),
    ),
    Case(
        id="numeric transaction ID",
        rule="A transaction ID that is a number is refused, under a path of its own.",
        source="[treg151]",
        ask=Ingest(rows=[{"transaction_id": "20260101"}]),
        answer=Refused(INVALID, [("events[0]", "INVALID_EVENT")]),
    ),
    Case(
        id="numeric transaction ID in a dry run",
        rule="And a dry run lets it pass.",
        source="[treg151]",
        ask=Ingest(rows=[{"transaction_id": "20260101"}], around={"validate_only": True}),
        answer=Taken(),
        counted={"20260101": None},
    ),
    Case(
        id="status of a dry run",
        rule="A dry run has no status.",
        source="P",
        given=[Ingest(around={"validate_only": True})],
        ask=Status(),
        answer=Refused(INVALID, [("request_id", "INVALID_REQUEST_ID")]),
    ),
    Case(
        id="eleven destinations",
        rule="A request has at most ten destinations.",
        source="P, [limits]",
        ask=Ingest(around={"destinations": [A_DESTINATION] * 11}),
        answer=Refused(INVALID, [("destinations", "TOO_MANY_DESTINATIONS")]),
    ),
    Case(
        id="somebody else's account",
        rule="Who has no access to the account is refused as a whole.",
        source="P",
        given=[Switch("/actions", [{"account": "5550001111", "id": "111"}])],
        ask=Ingest(),
        answer=Refused("PERMISSION_DENIED", [("", "PERMISSION_DENIED")]),
    ),
    Case(
        id="the wrong type of action",
        rule="The destination is an action of type UPLOAD_CLICKS",
        source="[send]",
        given=[actions(type="WEBPAGE")],
        ask=Ingest(),
        answer=Refused(
            INVALID,
            [
                (
                    "destinations.destinations[0].product_destination_id",
                    "INVALID_CONVERSION_ACTION_TYPE",
                )
            ],
        ),
    ),
    Case(
        id="the wrong owner",
        rule="of the account that is operated.",
        source="[upgrade]",
        given=[
            Switch("/actions", [{"account": "42", "id": "111"}, {"account": ACCOUNT, "id": "222"}])
        ],
        ask=Ingest(),
        answer=Refused(
            INVALID, [("destinations.destinations[0].operating_account", "INVALID_DESTINATION")]
        ),
    ),
    Case(
        id="the same transaction ID",
        rule="The same ID again is an adjustment: a new value, and never a second conversion.",
        source="[dmadj]",
        given=[Ingest()],
        ask=Ingest(rows=[{"conversion_value": 250.0, "event_timestamp": "2026-01-01T01:00:00Z"}]),
        answer=Taken(),
        counted={"cs-0": {"value": 250.0, "sent": 2, "event_timestamp": "2025-12-31T10:00:00Z"}},
    ),
    Case(
        id="taken back",
        rule="There is no retraction: worth nothing, it still counts as one.",
        source="[upgrade] (inf)",
        given=[Ingest()],
        ask=Ingest(rows=[{"conversion_value": 0.0}]),
        answer=Taken(),
        counted={"cs-0": {"value": 0.0, "count": 1}},
    ),
    Case(
        id="user data later",
        rule="User data is added where there was none,",
        source="[dmadj]",
        given=[Ingest()],
        ask=Ingest(rows=[{"user_data": EMAIL}]),
        answer=Taken(),
        counted={"cs-0": {"user_data": EMAIL}},
    ),
    Case(
        id="other user data later",
        rule="and else left as it was.",
        source="[dmadj]",
        given=[Ingest(rows=[{"user_data": EMAIL}])],
        ask=Ingest(rows=[{"user_data": {"user_identifiers": [{"email_address": "b" * 64}]}}]),
        answer=Taken(),
        counted={"cs-0": {"user_data": EMAIL}},
    ),
    Case(
        id="verdict after half an hour",
        rule="Half an hour later the status is final.",
        source="[diag]",
        given=[Ingest()],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("SUCCESS"),
    ),
    Case(
        id="some refused later",
        rule="Rows refused after all are told by their place, since version 1.9.",
        source="P, [dmrel]",
        given=[Switch("/verdicts", {"click-of-cs-1": INVALID_GCLID}), Ingest(rows=[{}, {}])],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("PARTIAL_SUCCESS", {"INVALID_GCLID": [1]}),
        counted={"cs-0": {"count": 1}, "cs-1": None},
    ),
    Case(
        id="all refused later",
        rule="If it is all of them, the request has failed.",
        source="P, [diag]",
        given=[Switch("/verdicts", {"click-of-cs-0": INVALID_GCLID}), Ingest()],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("FAILED", {"INVALID_GCLID": [0]}),
    ),
    Case(
        id="a click too recent",
        rule="A click is not known at once; the row may be sent again.",
        source="P",
        given=[
            clicked("2025-12-31T21:00:00Z"),
            Ingest(rows=[{"event_timestamp": "2025-12-31T22:00:00Z"}]),
        ],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("FAILED", {"TOO_RECENT_CLICK": [0]}),
    ),
    Case(
        id="an event before its click",
        rule="A conversion comes after its click.",
        source="P",
        given=[clicked("2025-12-31T11:00:00Z"), Ingest()],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("FAILED", {"CONVERSION_PRECEDES_CLICK": [0]}),
    ),
    Case(
        id="denied",
        rule="What was not consented to is accepted, and not counted.",
        source="P",
        given=[Ingest(rows=[{"consent": {"ad_user_data": "CONSENT_DENIED"}}])],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("FAILED", {"DENIED_CONSENT": [0]}),
        counted={"cs-0": None},
    ),
    Case(
        id="denied for the whole request",
        rule="What the request says of consent is said of every event,",
        source="P",
        given=[Ingest(around={"consent": {"ad_user_data": "CONSENT_DENIED"}})],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("FAILED", {"DENIED_CONSENT": [0]}),
        counted={"cs-0": None},
    ),
    Case(
        id="denied for the request, granted for the event",
        rule="unless it speaks for itself.",
        source="P",
        given=[
            Ingest(
                rows=[{"consent": {"ad_user_data": "CONSENT_GRANTED"}}, {}],
                around={"consent": {"ad_user_data": "CONSENT_DENIED"}},
            )
        ],
        later=timedelta(minutes=30),
        ask=Status(),
        answer=Verdict("PARTIAL_SUCCESS", {"DENIED_CONSENT": [1]}),
        counted={"cs-0": {"count": 1}, "cs-1": None},
    ),
    Case(
        id="status after 51 days",
        rule="A status is kept for about 50 days.",
        source="P",
        given=[Ingest()],
        later=timedelta(days=51),
        ask=Status(),
        answer=Refused(INVALID, [("request_id", "REQUEST_TOO_OLD")]),
    ),
    Case(
        id="status of nothing",
        rule="Only requests that were made have one.",
        source="P",
        ask=Status(request_id="never"),
        answer=Refused(INVALID, [("request_id", "INVALID_REQUEST_ID")]),
    ),
    Case(
        id="more than a minute's requests",
        rule="Beyond the quota a request is refused by the quota's name, and not counted.",
        source="[limits]",
        given=[Switch("/quota", {"per_minute": 1}), Ingest()],
        ask=Ingest(rows=[{"transaction_id": "cs-9"}]),
        answer=Refused(
            "RESOURCE_EXHAUSTED",
            [("IngestionServiceWriteRequestsPerMinutePerProject", "RESOURCE_EXHAUSTED")],
        ),
        counted={"cs-9": None},
    ),
    Case(
        id="more than a day's requests",
        rule="A day's quota has a name of its own, and nobody says when it ends.",
        source="[limits]",
        given=[Switch("/quota", {"per_day": 1}), Ingest()],
        ask=Ingest(rows=[{"transaction_id": "cs-9"}]),
        answer=Refused(
            "RESOURCE_EXHAUSTED",
            [("IngestionServiceWriteRequestsPerDayPerProject", "RESOURCE_EXHAUSTED")],
        ),
        counted={"cs-9": None},
    ),
    Case(
        id="an event whose answer was lost",
        rule="A service that is away may have counted before it went.",
        source="(inf)",
        given=[trouble("ingest", "unavailable_after")],
        ask=Ingest(),
        answer=Refused("UNAVAILABLE", [("", "ERROR_REASON_UNSPECIFIED")]),
        counted={"cs-0": {"count": 1, "sent": 1}},
    ),
    Case(
        id="reading has a quota of its own",
        rule="Asking for a status is counted apart from sending.",
        source="[limits]",
        given=[Switch("/quota", {"per_minute": 1}), Ingest()],
        ask=Status(),
        answer=Verdict("PROCESSING"),
    ),
    Case(
        id="the next minute",
        rule="A minute later there is more.",
        source="[limits]",
        given=[Switch("/quota", {"per_minute": 1}), Ingest()],
        later=timedelta(minutes=1),
        ask=Ingest(),
        answer=Taken(),
    ),
)

CASES = (*REQUESTS, *ACTIONS, *CLICKS, *PERSONAL, *TWICE, *ADJUSTMENTS, *DATA_MANAGER)
