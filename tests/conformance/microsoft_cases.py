"""What Microsoft Advertising does with offline conversions: one case a rule, as a document.

It is 2026-11-29, 02:00 UTC. A case sends good rows, changed as it says: of the day before, worth
100 euros, each with a msclkid of its own, for the goal `Sale`. `None` takes a field away. `errors`
are the names of what is wrong, by the row's index; `refused` the code of a request refused whole;
`counted` how often the books count each row's click afterwards, and `why` what the reports say of
rows that were taken and not attributed.

Sources: [off21] [adj21] [err21] [goal21] Microsoft's pages of 2021 (MicrosoftDocs/Advertising-docs)
[daily] its page of the daily summary, 2024-11 · [proto21] the page of the services' protocol
(inf) is inferred: no page says so, and Microsoft may do otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 29, 2, tzinfo=UTC)
YESTERDAY = "2026-11-28T02:00:00Z"
HASH = "a" * 64
ENOUGH = 1_001
Changes = Mapping[str, Any]
THE_GOAL: Mapping[str, Any] = {"name": "Sale", "id": "7", "window_minutes": 129_600}


def click(number: int) -> str:
    return f"{number:032x}"


@dataclass(frozen=True, kw_only=True)
class MicrosoftCase:
    """One rule: who says so, what is sent and what comes back.

    `first` were sent before, and `adjusts` says that the rows are adjustments of these. `headers`
    change those of a good request, `switch` is one of the room's and `fault` trouble of the call.
    """

    id: str
    rule: str
    source: str
    rows: Sequence[Changes] = ({},)
    first: Sequence[Changes] = ()
    adjusts: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    switch: tuple[str, Any] | None = None
    goal: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    errors: Mapping[int, str] = field(default_factory=dict)
    refused: str = ""
    counted: Mapping[int, int] = field(default_factory=dict)
    value: float | None = None
    why: Sequence[str] = ()


def bad_row(
    id_: str, rule: str, source: str, row: Changes, code: str, **said: Any
) -> MicrosoftCase:
    """Return the case of a good row and a bad one, of which only the good one is counted."""
    counted = {0: 1, 1: 0}
    return MicrosoftCase(
        id=id_, rule=rule, source=source, rows=({}, row), errors={1: code}, counted=counted, **said
    )


def whole(id_: str, rule: str, source: str, code: str, **said: Any) -> MicrosoftCase:
    """Return the case of a request that is refused whole."""
    return MicrosoftCase(id=id_, rule=rule, source=source, refused=code, counted={0: 0}, **said)


def adjusted(id_: str, rule: str, source: str, row: Changes, **said: Any) -> MicrosoftCase:
    """Return the case of an adjustment of a conversion that was sent before."""
    return MicrosoftCase(
        id=id_, rule=rule, source=source, rows=(row,), first=({},), adjusts=True, **said
    )


NO_CLICK = {"MicrosoftClickId": None}
BY_HASH = {**NO_CLICK, "HashedEmailAddress": HASH}
RESTATE = {"AdjustmentType": "Restate", "AdjustmentValue": 70, "AdjustmentCurrencyCode": "EUR"}
RETRACT = {"AdjustmentType": "Retract"}

MICROSOFT_CASES: Sequence[MicrosoftCase] = (
    MicrosoftCase(id="counted", rule="a good row counts", source="[off21]", counted={0: 1}),
    # The call
    whole("headers", "all four headers", "[err21]", "RequestMissingHeaders",
          headers={"DeveloperToken": None}),
    whole("token", "a token that is none", "[err21]", "InvalidCredentials",
          headers={"Authorization": "Bearer nobody's"}),
    whole("token-over", "a token that has ended", "[err21]", "AuthenticationTokenExpired",
          switch=("tokens", {"expire": True})),
    whole("account", "an account of others", "[err21]", "UserIsNotAuthorized",
          switch=("accounts", ["999"])),
    whole("field", "a field nobody knows", "(inf)", "NullRequest", rows=({"OrderId": "cs-0"},)),
    whole("empty", "no rows", "[err21] 5600", "OfflineConversionsNullOrEmpty", rows=()),
    whole("too-many", "more than 1,000 rows", "[off21] 5601",
          "OfflineConversionBatchSizeExceedsLimit", rows=({},) * ENOUGH),
    whole("rate", "too many calls in a minute", "[proto21] 117", "CallRateExceeded",
          switch=("rate", {"calls": 0})),
    whole("internal", "an internal error before it counts", "[err21] 0", "InternalError",
          fault="internal"),
    # Goals
    bad_row("goal", "a name that no goal has", "[err21] 5606", {"ConversionName": "Other"},
            "OfflineConversionNameInvalid"),
    bad_row("goal-case", "names are exact", "(inf)", {"ConversionName": "sale"},
            "OfflineConversionNameInvalid"),
    bad_row("goal-missing", "a name is needed", "[err21] 5605", {"ConversionName": None},
            "OfflineConversionNameNullOrEmpty"),
    MicrosoftCase(id="goal-young", rule="a goal younger than two hours", source="[err21] 5615",
                  goal={"created_at": "2026-11-29T00:30:00Z"},
                  errors={0: "OfflineConversionGoalTooRecent"}, counted={0: 0}),
    MicrosoftCase(id="unique", rule="a goal that counts once a click", source="[goal21]",
                  goal={"count_type": "Unique"}, first=({},),
                  rows=({"ConversionTime": "2026-11-28T03:00:00Z"},), counted={0: 1},
                  why=("DuplicateConversionKey",)),
    # Times
    bad_row("time", "a time that cannot be read", "[err21] 5607", {"ConversionTime": "yesterday"},
            "OfflineConversionTimeInvalid"),
    bad_row("time-missing", "a time is needed", "[err21] 5608", {"ConversionTime": None},
            "OfflineConversionTimeNullOrEmpty"),
    bad_row("future", "a time to come", "[err21] 5614", {"ConversionTime": "2026-11-29T02:00:01Z"},
            "OfflineConversionFutureTime"),
    bad_row("old", "older than 90 days", "[err21] 5609", {"ConversionTime": "2026-08-30T02:00:00Z"},
            "OfflineConversionTimeOutOfWindow"),
    MicrosoftCase(id="naive", rule="a time without a zone is UTC", source="(inf)",
                  rows=({"ConversionTime": "2026-11-29T02:00:00"},), counted={0: 1}),
    # Who is meant
    bad_row("nobody", "neither click nor hash", "[err21] 5603", NO_CLICK,
            "OfflineConversionMSClickIdNullOrEmpty"),
    bad_row("click-cut", "a msclkid that was cut", "[err21] 5604", {"MicrosoftClickId": "f894f652"},
            "OfflineConversionMSClickIdInvalid"),
    bad_row("email-raw", "an e-mail that is not hashed", "[daily]",
            {**NO_CLICK, "HashedEmailAddress": "a@b.example"}, "ConversionEmailAddressIsNotHashed"),
    bad_row("phone-raw", "a phone that is not hashed", "[daily]",
            {**NO_CLICK, "HashedPhoneNumber": "+4930123456"}, "ConversionPhoneNumberIsNotHashed"),
    MicrosoftCase(id="hash", rule="a hash alone, where the goal takes it", source="[daily]",
                  rows=(BY_HASH,)),
    bad_row("hash-off", "a hash alone, where it does not", "[daily]", BY_HASH,
            "NotEligibleForEnhancedConversions", goal={"enhanced": False}),
    bad_row("before-click", "earlier than its click", "[err21] 5616", {},
            "OfflineConversionBeforeClick",
            switch=("clicks", {click(1): "2026-11-28T03:00:00Z"})),
    bad_row("window", "a click outside the goal's window", "[err21] 5617", {},
            "OfflineConversionOutsideGoalWindow", goal={"window_minutes": 60},
            switch=("clicks", {click(1): "2026-11-27T02:00:00Z"})),
    MicrosoftCase(id="elsewhere", rule="a click of another account is taken, not attributed",
                  source="[daily]", why=("AccountMismatch",), counted={0: 1},
                  switch=("clicks", {click(0): {"at": "2026-11-20T02:00:00Z", "account": "9"}})),
    # Values
    bad_row("value", "a value below zero", "[err21] 5610", {"ConversionValue": -1},
            "OfflineConversionValueInvalid"),
    bad_row("currency", "a currency that is none", "[err21] 5611",
            {"ConversionCurrencyCode": "euros"}, "OfflineConversionCurrencyInvalid"),
    # Twice
    MicrosoftCase(id="again", rule="the same click, goal and time counts once, without an error",
                  source="[off21]", first=({},), counted={0: 1}, value=100,
                  rows=({"ConversionValue": 999},), why=("DuplicateConversionKey",)),
    # Adjustments
    adjusted("restate", "a restatement", "[adj21]", RESTATE, counted={0: 1}, value=70),
    adjusted("retract", "a retraction", "[adj21]", RETRACT, counted={0: 0}, value=0),
    adjusted("unknown", "of a conversion that is not there nothing comes", "[daily]",
             {**RETRACT, "ConversionTime": "2026-11-28T05:00:00Z"}, counted={0: 1},
             why=("AdjustmentOriginalNotFound",)),
    adjusted("type", "a type that is none", "[err21] 5618", {**RESTATE, "AdjustmentType": "Delete"},
             errors={0: "AdjustmentTypeInvalid"}),
    adjusted("at-missing", "an adjustment needs a time", "[err21] 5619",
             {**RETRACT, "AdjustmentTime": None}, errors={0: "AdjustmentTimeNullOrEmpty"}),
    adjusted("at-before", "earlier than its conversion", "[err21] 5620",
             {**RETRACT, "AdjustmentTime": "2026-11-28T01:00:00Z"},
             errors={0: "AdjustmentTimeBeforeConversion"}),
    adjusted("at-future", "a time to come", "[err21] 5622",
             {**RETRACT, "AdjustmentTime": "2026-11-29T02:00:01Z"},
             errors={0: "AdjustmentFutureTime"}),
    adjusted("retract-value", "a retraction has no value", "[err21] 5624",
             {**RETRACT, "AdjustmentValue": 0}, errors={0: "AdjustmentValueNotExpected"}),
    adjusted("restate-nothing", "a restatement has one", "[err21] 5625",
             {**RESTATE, "AdjustmentValue": None}, errors={0: "AdjustmentValueRequired"}),
    adjusted("restate-currency", "and a currency", "[err21] 5626",
             {**RESTATE, "AdjustmentCurrencyCode": None},
             errors={0: "AdjustmentCurrencyRequired"}),
    adjusted("not-supported", "a goal that takes none", "[err21] 5627", RETRACT,
             goal={"takes_adjustments": False}, errors={0: "RestateRetractNotSupported"}),
)  # fmt: skip
