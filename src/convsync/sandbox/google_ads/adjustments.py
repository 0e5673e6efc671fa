"""`UploadConversionAdjustments`: restate what a conversion is worth, or take it back.

Enhancements are for conversions that a website's tag reported, of which the sandbox has none: they
are judged, and then find nothing.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from convsync.sandbox.books import Counted
from convsync.sandbox.google_ads.batch import (
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
from convsync.sandbox.messages import Message

FAMILY = "conversion_adjustment_upload_error"
RETRACTION, RESTATEMENT, ENHANCEMENT = 2, 3, 4  # of ConversionAdjustmentTypeEnum
ADJUSTABLE = ("UPLOAD_CLICKS", "SALESFORCE", "WEBPAGE")
ENHANCEABLE = ("WEBPAGE",)
OLDEST = timedelta(days=54)

Rule = Callable[[UploadRow], Found]


def _code(name: str) -> str:
    return f"{FAMILY}.{name}"


# --- what can be seen in the row itself ----------------------------------------------------------


def it_is_of_some_type(row: UploadRow) -> Found:
    """A retraction, a restatement or an enhancement."""
    if row.message.adjustment_type not in (RETRACTION, RESTATEMENT, ENHANCEMENT):
        yield REQUIRED, "adjustment_type"


def the_action_takes_adjustments(row: UploadRow) -> Found:
    """It exists, in reach of the customer, and its conversions can be adjusted in this way."""
    is_enhancement = row.message.adjustment_type == ENHANCEMENT
    return flaws_of_action(row, FAMILY, ENHANCEABLE if is_enhancement else ADJUSTABLE)


def it_names_one_conversion(row: UploadRow) -> Found:
    """By order ID, or by click ID and time."""
    has_pair = row.message.HasField("gclid_date_time_pair")
    if row.message.adjustment_type == ENHANCEMENT:
        if not row.message.order_id:
            yield REQUIRED, "order_id"
    elif has_pair and row.message.order_id:
        yield _code("GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET"), "order_id"
    elif row.message.order_id:
        return
    elif row.action and row.action.type == "WEBPAGE":
        yield _code("MISSING_ORDER_ID_FOR_WEBPAGE"), "order_id"
    elif not has_pair:
        yield REQUIRED, "order_id"
    else:
        yield from _flaws_of_pair(row.message.gclid_date_time_pair)


def the_time_has_an_offset(row: UploadRow) -> Found:
    """`yyyy-mm-dd hh:mm:ss+|-hh:mm`; only an enhancement needs none."""
    text = row.message.adjustment_date_time
    if text and moment(text) is None:
        yield WRONG_TIME, "adjustment_date_time"
    elif not text and row.message.adjustment_type != ENHANCEMENT:
        yield REQUIRED, "adjustment_date_time"


def only_a_restatement_has_a_value(row: UploadRow) -> Found:
    """It must have one, and the action must not always use its own."""
    restated = row.message.restatement_value
    if row.message.adjustment_type != RESTATEMENT:
        if row.message.HasField("restatement_value"):
            yield MUST_BE_UNSET, "restatement_value"
        return
    if not restated.HasField("adjusted_value"):
        yield REQUIRED, "restatement_value.adjusted_value"
    elif not math.isfinite(restated.adjusted_value):
        yield "field_error.INVALID_VALUE", "restatement_value.adjusted_value"
    if restated.HasField("currency_code") and not is_currency(restated.currency_code):
        yield UNSUPPORTED_CURRENCY, "restatement_value.currency_code"
    if row.action and row.action.always_use_default_value:
        name = "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE"
        yield _code(name), "conversion_action"


def only_an_enhancement_has_identifiers(row: UploadRow) -> Found:
    """At most five, hashed."""
    if row.message.adjustment_type == ENHANCEMENT:
        yield from flaws_of_identifiers(row, FAMILY)
    elif row.message.user_identifiers:
        yield MUST_BE_UNSET, "user_identifiers"


def the_order_id_is_nobodys(row: UploadRow) -> Found:
    """No personal data in it."""
    return flaws_of_order_id(row, FAMILY)


RULES: tuple[Rule, ...] = (
    it_is_of_some_type,
    the_action_takes_adjustments,
    it_names_one_conversion,
    the_time_has_an_offset,
    only_a_restatement_has_a_value,
    only_an_enhancement_has_identifiers,
    the_order_id_is_nobodys,
)


def _flaws_of_pair(pair: Message) -> Found:
    if not pair.gclid:
        yield REQUIRED, "gclid_date_time_pair.gclid"
    if moment(pair.conversion_date_time) is None:
        yield WRONG_TIME, "gclid_date_time_pair.conversion_date_time"


# --- what only the platform knows ----------------------------------------------------------------


def judge(batch: UploadedRows) -> Iterator[tuple[UploadRow, str, str]]:
    """Everything wrong with a row itself; if that is nothing, what else stands in its way."""
    twice = repeated([_key(row) for row in batch.rows])
    for row in batch.rows:
        flaws = [flaw for rule in RULES for flaw in rule(row)]
        if _key(row) in twice:
            is_enhancement = row.message.adjustment_type == ENHANCEMENT
            what = "ENHANCEMENT" if is_enhancement else "ADJUSTMENT"
            flaws.append((_code(f"DUPLICATE_{what}_IN_REQUEST"), "adjustment_date_time"))
        for code, field in flaws or _obstacles(batch, row):
            yield row, code, field


def _obstacles(batch: UploadedRows, row: UploadRow) -> Found:
    verdict = batch.platform.verdicts.get(row.message.order_id)
    if verdict:
        yield verdict if "." in verdict else _code(verdict), "order_id"
        return
    found = _find(batch, row)
    if found is None:
        yield _code("CONVERSION_NOT_FOUND"), _identified_by(row)
        return
    _, counted = found
    converted_at = counted.event.event_timestamp.ToDatetime(tzinfo=UTC)
    at = moment(row.message.adjustment_date_time) or batch.now
    if batch.now - converted_at > OLDEST:
        yield _code("CONVERSION_EXPIRED"), _identified_by(row)
    elif at < converted_at:
        yield _code("ADJUSTMENT_PRECEDES_CONVERSION"), "adjustment_date_time"
    elif counted.event.ad_identifiers.wbraid:  # which error Google gives is not written anywhere
        yield _code("CONVERSION_NOT_FOUND"), _identified_by(row)
    elif not counted.count:
        yield _code("CONVERSION_ALREADY_RETRACTED"), _identified_by(row)
    elif row.message.adjustment_type == RESTATEMENT:
        yield from _other_restatements(counted, at)


def _other_restatements(counted: Counted, at: datetime) -> Found:
    if counted.adjusted_at == at:
        yield _code("RESTATEMENT_ALREADY_EXISTS"), "adjustment_date_time"
    elif counted.adjusted_at and counted.adjusted_at > at:
        yield _code("MORE_RECENT_RESTATEMENT_FOUND"), "adjustment_date_time"


def _find(batch: UploadedRows, row: UploadRow) -> tuple[str, Counted] | None:
    """The conversion the row is about. What has an order ID is found by that alone."""
    books = batch.platform.books
    if name := row.message.order_id:
        counted = books.find(row.page, name)
        return (name, counted) if counted else None
    pair = row.message.gclid_date_time_pair
    at = moment(pair.conversion_date_time)
    found = books.find_by_click(row.page, (pair.gclid, int(at.timestamp()))) if at else None
    counted = books.find(row.page, found) if found else None
    return (found, counted) if found and counted and not counted.event.transaction_id else None


def _identified_by(row: UploadRow) -> str:
    return "order_id" if row.message.order_id else "gclid_date_time_pair"


def _key(row: UploadRow) -> tuple[str, ...]:
    pair = row.message.gclid_date_time_pair
    conversion = (row.message.order_id, pair.gclid, pair.conversion_date_time)
    at = row.message.adjustment_date_time
    return (row.page, str(row.message.adjustment_type), *conversion, at) if any(conversion) else ()


# --- taking effect -------------------------------------------------------------------------------


def enter(batch: UploadedRows, rows: Sequence[UploadRow]) -> None:
    """Adjust, the earliest first: the last one told is not always the last that happened."""
    for row in sorted(rows, key=lambda row: moment(row.message.adjustment_date_time) or batch.now):
        found = _find(batch, row)
        if found:
            name, counted = found
            batch.platform.books.change(row.page, name, _adjusted(batch, row, counted))


def _adjusted(batch: UploadedRows, row: UploadRow, counted: Counted) -> Counted:
    if row.message.adjustment_type == RETRACTION:
        return counted.retracted()
    restated = row.message.restatement_value
    default = row.action.default_currency_code if row.action else ""
    currency = restated.currency_code or default or batch.account.currency_code
    at = moment(row.message.adjustment_date_time) or batch.now
    return counted.restated(restated.adjusted_value, currency, at)


def _say_what_was_adjusted(adjustment: Message, result: Message) -> None:
    if adjustment.HasField("gclid_date_time_pair"):
        result.gclid_date_time_pair.CopyFrom(adjustment.gclid_date_time_pair)
    for name in ("order_id", "conversion_action", "adjustment_date_time", "adjustment_type"):
        if value := getattr(adjustment, name):
            setattr(result, name, value)


upload_conversion_adjustments = Upload(
    call="google_ads_adjustment",
    rows="conversion_adjustments",
    family=FAMILY,
    too_many="TOO_MANY_ADJUSTMENTS_IN_REQUEST",
    response=attrgetter("adjustment_response"),
    judge=judge,
    enter=enter,
    result=_say_what_was_adjusted,
)
