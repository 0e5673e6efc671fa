"""`UploadClickConversions`: what is wrong with a conversion, one rule a function, and counting it.

The reasons are the vendor's `ConversionUploadError` where it has one; where it does not say which
error it gives, the nearest one is used.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, timedelta
from operator import attrgetter

from convsync.sandbox.account import TOO_RECENT, UPLOADABLE, Action, SandboxAccount
from convsync.sandbox.books import ClickAt
from convsync.sandbox.google_ads.batch import (
    MALFORMED_NAME,
    MUST_BE_UNSET,
    REQUIRED,
    UNSUPPORTED_CURRENCY,
    WRONG_TIME,
    Found,
    Upload,
    UploadedRows,
    UploadRow,
    flaws_of_action,
    flaws_of_identifiers,
    flaws_of_order_id,
    is_currency,
    moment,
    repeated,
)
from convsync.sandbox.messages import CONSENT_DENIED, CONSENT_GRANTED, Event, Message
from convsync.sandbox.rules import FURTHEST_AHEAD

FAMILY = "conversion_upload_error"
CLICK_IDS = ("gclid", "gbraid", "wbraid")
GRANTED, DENIED = 2, 3  # of ConsentStatusEnum, which is not the Data Manager API's
CUSTOMER_TYPES = {2: 1, 3: 2}  # NEW and RETURNING, from ConversionCustomerTypeEnum to CustomerType
FROM_ELSEWHERE = "PROCESSING_ERROR_REASON_"

# A scripted verdict in the words of the Data Manager API means here:
SAME_VERDICT = {
    "INVALID_GCLID": "UNPARSEABLE_GCLID",
    "INVALID_GBRAID": "UNPARSEABLE_GBRAID",
    "INVALID_WBRAID": "UNPARSEABLE_WBRAID",
    "INVALID_CLICK": "EVENT_NOT_FOUND",
    "CLICK_NOT_FOUND": "CLICK_NOT_FOUND",
    "TOO_RECENT_CLICK": "TOO_RECENT_EVENT",
    "CONVERSION_PRECEDES_CLICK": "CONVERSION_PRECEDES_EVENT",
    "EVENT_TOO_OLD": "EXPIRED_EVENT",
    "INVALID_OPERATING_ACCOUNT_FOR_CLICK": "INVALID_CUSTOMER_FOR_CLICK",
}

_CLICK_ID = re.compile(r"[A-Za-z0-9_-]+")
_VARIABLE_NAME = re.compile(r"customers/[0-9]+/conversionCustomVariables/([0-9]+)")

Rule = Callable[[UploadRow], Found]


def _code(name: str) -> str:
    return f"{FAMILY}.{name}"


# --- what can be seen in the row itself ----------------------------------------------------------


def the_action_takes_uploads(row: UploadRow) -> Found:
    """It exists, in reach of the customer, and is of type UPLOAD_CLICKS."""
    return flaws_of_action(row, FAMILY, [UPLOADABLE])


def the_time_has_an_offset(row: UploadRow) -> Found:
    """`yyyy-mm-dd hh:mm:ss+|-hh:mm`, and not in the future."""
    text = row.message.conversion_date_time
    at = moment(text)
    if not text:
        yield REQUIRED, "conversion_date_time"
    elif at is None:
        yield WRONG_TIME, "conversion_date_time"
    elif at > row.now + FURTHEST_AHEAD:
        yield "date_error.LATER_THAN_MAXIMUM_DATE", "conversion_date_time"


def it_leads_to_a_click(row: UploadRow) -> Found:
    """By a click ID that can be read, or by somebody's hashed details."""
    named = [name for name in CLICK_IDS if getattr(row.message, name)]
    if not named and not row.message.user_identifiers:
        yield REQUIRED, "gclid"
    for name in named:
        if not _CLICK_ID.fullmatch(getattr(row.message, name)):
            yield _code(f"UNPARSEABLE_{name.upper()}"), name


def braids_go_where_they_may(row: UploadRow) -> Found:
    """One of them, and only to an action that counts every conversion."""
    if row.message.gbraid and row.message.wbraid:
        yield _code("GBRAID_WBRAID_BOTH_SET"), "gbraid"
    braid = "gbraid" if row.message.gbraid else "wbraid"
    if getattr(row.message, braid) and row.action and row.action.counting_type == "ONE_PER_CLICK":
        yield _code("ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"), braid


def the_value_is_money(row: UploadRow) -> Found:
    """A finite number, and a currency if one is named."""
    if not math.isfinite(row.message.conversion_value):
        yield "field_error.INVALID_VALUE", "conversion_value"
    if row.message.HasField("currency_code") and not is_currency(row.message.currency_code):
        yield UNSUPPORTED_CURRENCY, "currency_code"


def the_order_id_is_nobodys(row: UploadRow) -> Found:
    """No personal data in it."""
    return flaws_of_order_id(row, FAMILY)


def identifiers_are_hashed(row: UploadRow) -> Found:
    """And the customer has agreed to the terms, and turned enhanced conversions for leads on."""
    yield from flaws_of_identifiers(row, FAMILY)
    if row.message.user_identifiers and not row.account.enhanced_conversions_for_leads:
        yield _code("CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"), "user_identifiers"


def consent_is_for_user_data_only(row: UploadRow) -> Found:
    """Consent to personalization belongs elsewhere, and a no is a no."""
    if row.message.consent.ad_personalization:
        yield MUST_BE_UNSET, "consent.ad_personalization"
    if row.message.consent.ad_user_data == DENIED:
        yield _code("CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY"), "consent.ad_user_data"


def custom_variables_are_enabled(row: UploadRow) -> Found:
    """Each by its resource name, and without personal data."""
    enabled = row.account.custom_variables
    for index, variable in enumerate(row.message.custom_variables):
        path = f"custom_variables[{index}]"
        named = _VARIABLE_NAME.fullmatch(variable.conversion_custom_variable)
        if not named:
            yield MALFORMED_NAME, f"{path}.conversion_custom_variable"
        elif enabled and named[1] not in enabled:
            yield _code("CUSTOM_VARIABLE_NOT_ENABLED"), f"{path}.conversion_custom_variable"
        if "@" in variable.value:
            yield _code("CUSTOM_VARIABLE_VALUE_CONTAINS_PII"), f"{path}.value"


def session_attributes_are_for_the_few(row: UploadRow) -> Found:
    """Since 2026-02-02 they and the IP address need an allow-list of their own."""
    session = row.message.WhichOneof("session_attributes")
    address = "user_ip_address" if row.message.HasField("user_ip_address") else None
    if not row.account.session_attributes_allowlisted:
        for name in filter(None, (session, address)):
            yield "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", name


def attribution_is_left_to_google(row: UploadRow) -> Found:
    """No action here is attributed by somebody else."""
    if row.message.HasField("external_attribution_data"):
        name = "EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION"
        yield _code(name), "external_attribution_data"


RULES: tuple[Rule, ...] = (
    the_action_takes_uploads,
    the_time_has_an_offset,
    it_leads_to_a_click,
    braids_go_where_they_may,
    the_value_is_money,
    the_order_id_is_nobodys,
    identifiers_are_hashed,
    consent_is_for_user_data_only,
    custom_variables_are_enabled,
    session_attributes_are_for_the_few,
    attribution_is_left_to_google,
)


# --- what only the platform knows ----------------------------------------------------------------


def judge(batch: UploadedRows) -> Iterator[tuple[UploadRow, str, str]]:
    """Everything wrong with a row itself; if that is nothing, what else stands in its way."""
    order_ids = repeated([_order_key(row) for row in batch.rows])
    clicks = repeated([_click_key(row) for row in batch.rows])
    for row in batch.rows:
        flaws = [flaw for rule in RULES for flaw in rule(row)]
        if _order_key(row) in order_ids:
            flaws.append((_code("DUPLICATE_ORDER_ID"), "order_id"))
        elif _click_key(row) in clicks:
            flaws.append((_code("DUPLICATE_CLICK_CONVERSION_IN_REQUEST"), "conversion_date_time"))
        for code, field in flaws or _obstacles(batch, row):
            yield row, code, field


def _obstacles(batch: UploadedRows, row: UploadRow) -> Found:
    scripted = _scripted(batch, row)
    if scripted:
        yield scripted, _click_field(row)
    elif row.message.order_id and batch.platform.books.find(row.page, row.message.order_id):
        yield _code("ORDER_ID_ALREADY_IN_USE"), "order_id"
    elif (click := _click_at(row)) and batch.platform.books.find_by_click(row.page, click):
        yield _code("CLICK_CONVERSION_ALREADY_EXISTS"), "conversion_date_time"
    else:
        yield from _trouble_with_time(batch, row)


def _trouble_with_time(batch: UploadedRows, row: UploadRow) -> Found:
    clicked = batch.platform.clicks.get(_click_id(row))
    at = moment(row.message.conversion_date_time)
    if clicked is None or at is None or row.action is None:
        return
    window = timedelta(days=row.action.click_through_lookback_window_days)
    if at < clicked.at:
        yield _code("CONVERSION_PRECEDES_EVENT"), "conversion_date_time"
    elif row.now - clicked.at < TOO_RECENT:
        yield _code("TOO_RECENT_EVENT"), _click_field(row)
    elif at - clicked.at > window:
        yield _code("EXPIRED_EVENT"), _click_field(row)


def _scripted(batch: UploadedRows, row: UploadRow) -> str | None:
    verdict = next(
        (
            batch.platform.verdicts[name]
            for name in _names_in(row)
            if name in batch.platform.verdicts
        ),
        None,
    )
    if verdict is None or "." in verdict:
        return verdict
    if verdict.startswith(FROM_ELSEWHERE):
        return _code(SAME_VERDICT.get(verdict.removeprefix(FROM_ELSEWHERE), "UNKNOWN"))
    return _code(verdict)


def _names_in(row: UploadRow) -> Iterator[str]:
    yield from (getattr(row.message, name) for name in (*CLICK_IDS, "order_id"))
    for identifier in row.message.user_identifiers:
        yield from (identifier.hashed_email, identifier.hashed_phone_number)


def _click_id(row: UploadRow) -> str:
    return next(filter(None, attrgetter(*CLICK_IDS)(row.message)), "")


def _click_field(row: UploadRow) -> str:
    return next((name for name in CLICK_IDS if getattr(row.message, name)), "user_identifiers")


def _click_at(row: UploadRow) -> ClickAt | None:
    at, click_id = moment(row.message.conversion_date_time), _click_id(row)
    return (click_id, int(at.timestamp())) if at and click_id else None


def _order_key(row: UploadRow) -> tuple[str, str] | None:
    return (row.page, row.message.order_id) if row.message.order_id else None


def _click_key(row: UploadRow) -> tuple[str, ClickAt] | None:
    click = _click_at(row)
    return (row.page, click) if click else None


# --- counting ------------------------------------------------------------------------------------


def enter(batch: UploadedRows, rows: Sequence[UploadRow]) -> None:
    """Count every good row, as the event the Data Manager API would have been sent."""
    for row in rows:
        if row.action:
            batch.platform.books.enter(row.page, _as_event(row, row.action, batch.account))


def _as_event(row: UploadRow, action: Action, account: SandboxAccount) -> Message:
    conversion = row.message
    event = Event(transaction_id=conversion.order_id)
    if at := moment(conversion.conversion_date_time):
        event.event_timestamp.FromDatetime(at.astimezone(UTC))
    for name in CLICK_IDS:
        if click_id := getattr(conversion, name):
            setattr(event.ad_identifiers, name, click_id)
    states_value = conversion.HasField("conversion_value") and not action.always_use_default_value
    value = conversion.conversion_value if states_value else action.default_value
    if value is not None:
        event.conversion_value = value
    stated = conversion.currency_code if not action.always_use_default_value else ""
    event.currency = stated or action.default_currency_code or account.currency_code
    for identifier in conversion.user_identifiers:
        event.user_data.user_identifiers.add(
            email_address=identifier.hashed_email or None,
            phone_number=identifier.hashed_phone_number or None,
        )
    if conversion.consent.ad_user_data:
        is_granted = conversion.consent.ad_user_data == GRANTED
        event.consent.ad_user_data = CONSENT_GRANTED if is_granted else CONSENT_DENIED
    if kind := CUSTOMER_TYPES.get(conversion.customer_type):
        event.user_properties.customer_type = kind
    for variable in conversion.custom_variables:
        event.custom_variables.add(
            variable=variable.conversion_custom_variable, value=variable.value
        )
    return event


def _say_what_was_counted(conversion: Message, result: Message) -> None:
    for name in (*CLICK_IDS, "conversion_action", "conversion_date_time"):
        if value := getattr(conversion, name):
            setattr(result, name, value)
    result.user_identifiers.extend(conversion.user_identifiers)


upload_click_conversions = Upload(
    call="google_ads_upload",
    rows="conversions",
    family=FAMILY,
    too_many="TOO_MANY_CONVERSIONS_IN_REQUEST",
    response=attrgetter("upload_response"),
    judge=judge,
    enter=enter,
    result=_say_what_was_counted,
    only_allowlisted=True,
)
