"""What an ad account's settings mean for the conversions that are about to be sent to it.

Every rule is a small function of facts and of what the configuration expects; it returns a finding
or nothing. An error means that conversions would not count, or not for what they are worth; a
warning, that some would not, or that figures will differ; an info, what should be known. Facts come
from an `AccountReader`; where there is none, `not_read` says what was left unlooked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionRule, FixedSum
from convsync.upload.google.account import AccountFacts, ConversionActionFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the configuration takes for granted of the account behind a destination.

    `must_own` says whether the account has to own the conversion actions, as the Data Manager API
    demands; `sends_braids`, whether any source has gbraids or wbraids.
    """

    destination: str
    customer_id: str
    must_own: bool
    sends_identifiers: bool
    sends_braids: bool
    time_zone: ZoneInfo | None = None
    currency: str | None = None

    @property
    def subject(self) -> str:
        """Return what findings about the account are headed by."""
        return f"account {self.customer_id} of {self.destination}"

    @property
    def account_key(self) -> str:
        """Return the key of the configuration that names the account."""
        return "operating_account" if self.must_own else "customer_id"


UPLOADABLE = "UPLOAD_CLICKS"
_DEVELOPERS = "https://developers.google.com"
_SUPPORT = "https://support.google.com/google-ads/answer"
LINKS: Mapping[str, str] = {
    "access": f"{_DEVELOPERS}/data-manager/api/devguides/quickstart/set-up-access",
    "actions": f"{_DEVELOPERS}/google-ads/api/docs/conversions/upload-offline",
    "owner": f"{_DEVELOPERS}/data-manager/api/devguides/events/google-ads/offline/send-events",
    "identifiers": f"{_DEVELOPERS}/google-ads/api/docs/conversions/upload-identifiers",
    "adjustments": f"{_DEVELOPERS}/google-ads/api/docs/conversions/upload-adjustments",
    "windows": f"{_SUPPORT}/3123169",
    "tagging": f"{_SUPPORT}/3095550",
    "upload errors": f"{_SUPPORT}/13321563",
    "settings": f"{_SUPPORT}/9841530",
    "test accounts": f"{_DEVELOPERS}/google-ads/api/docs/best-practices/test-accounts",
    "clock": f"{_DEVELOPERS}/identity/protocols/oauth2/service-account",
    "reading": f"{_DEVELOPERS}/google-ads/api/docs/oauth/service-accounts",
}
_CONVERSIONS = "under Goals › Conversions"


# A conversion action, under one rule

ActionRule = Callable[[ConversionActionFacts, ConversionRule, Expected], Finding | None]


def is_enabled(action: ConversionActionFacts, _: ConversionRule, __: Expected) -> Finding | None:
    """Find an action that records nothing."""
    if action.status == "ENABLED":
        return None
    return Finding(
        severity=Severity.ERROR,
        problem=f"the conversion action '{action.name}' is {action.status}, not ENABLED",
        means="Google records none of the rule's conversions",
        fix=f"enable it {_CONVERSIONS}, or name another in action_id",
        link=LINKS["actions"],
    )


def is_uploadable(action: ConversionActionFacts, _: ConversionRule, __: Expected) -> Finding | None:
    """Find an action that is fed by something else than uploads of clicks."""
    if action.type == UPLOADABLE:
        return None
    return Finding(
        severity=Severity.ERROR,
        problem=f"the conversion action '{action.name}' is of the type {action.type}, "
        f"not {UPLOADABLE}",
        means="every upload to it is refused",
        fix="create one of the type Website (import from clicks) and name it in action_id",
        link=LINKS["actions"],
    )


def is_owned(
    action: ConversionActionFacts, _: ConversionRule, expected: Expected
) -> Finding | None:
    """Find an action that belongs to another account than the one that is uploaded to."""
    if action.owner in {"", expected.customer_id}:
        return None
    return Finding(
        severity=Severity.ERROR if expected.must_own else Severity.WARNING,
        problem=f"the conversion action '{action.name}' is owned by account {action.owner}, "
        f"not by {expected.customer_id}",
        means=(
            "the Data Manager API takes conversions for its owner only"
            if expected.must_own
            else "uploads are for its owner, and may be refused here as UNAUTHORIZED_CUSTOMER"
        ),
        fix=f"set destinations.{expected.destination}.{expected.account_key} to {action.owner}",
        link=LINKS["owner"],
    )


def window_is_long_enough(
    action: ConversionActionFacts, rule: ConversionRule, _: Expected
) -> Finding | None:
    """Find an action that forgets clicks earlier than the rule does."""
    days = action.click_through_days
    if days is None or timedelta(days=days) >= rule.lookback:
        return None
    return Finding(
        severity=Severity.WARNING,
        problem=f"the click-through window of '{action.name}' is {days} days, "
        f"the rule's lookback {rule.lookback / timedelta(days=1):g}",
        means=f"conversions of clicks older than {days} days are refused as expired",
        fix=f"lengthen the window {_CONVERSIONS} (at most 90 days), or shorten lookback_days",
        link=LINKS["windows"],
    )


def counts_braids(
    action: ConversionActionFacts, _: ConversionRule, expected: Expected
) -> Finding | None:
    """Find an action that takes one conversion a click, which no braid may go to."""
    if not (expected.sends_braids and action.counting_type == "ONE_PER_CLICK"):
        return None
    return Finding(
        severity=Severity.WARNING,
        problem=f"'{action.name}' counts ONE_PER_CLICK, and sources have gbraids or wbraids",
        means="conversions of clicks with only a gbraid or wbraid are refused",
        fix=f"let it count every conversion {_CONVERSIONS}, or unmap the columns of gbraid and "
        "wbraid",
        link=LINKS["actions"],
    )


def uses_our_values(
    action: ConversionActionFacts, rule: ConversionRule, _: Expected
) -> Finding | None:
    """Find an action that replaces every value by its own."""
    if not action.always_uses_default_value:
        return None
    default = f"{action.default_value:g} {action.default_currency}".strip()
    return Finding(
        severity=Severity.WARNING if _is_default(rule, action) else Severity.ERROR,
        problem=f"'{action.name}' always uses its default value of {default}",
        means="what a deal is worth does not count, and nothing can be restated",
        fix=f"let it use different values for each conversion {_CONVERSIONS}",
        link=LINKS["adjustments"],
    )


def _is_default(rule: ConversionRule, action: ConversionActionFacts) -> bool:
    match rule.value:
        case FixedSum(money=money):
            same = float(money.amount) == action.default_value
            return same and money.currency == action.default_currency
        case _:
            return False


def is_bid_on(action: ConversionActionFacts, _: ConversionRule, __: Expected) -> Finding | None:
    """Find an action that is counted but not optimised for."""
    if action.is_primary:
        return None
    return Finding(
        severity=Severity.INFO,
        problem=f"'{action.name}' is a secondary action",
        means="Google reports its conversions and does not bid for them",
        fix=f"make it primary {_CONVERSIONS} if campaigns should be optimised for it",
        link=LINKS["actions"],
    )


ACTION_RULES: Sequence[ActionRule] = (
    is_enabled,
    is_uploadable,
    is_owned,
    window_is_long_enough,
    counts_braids,
    uses_our_values,
    is_bid_on,
)


# The account

AccountRule = Callable[[AccountFacts, Expected], Finding | None]


def terms_are_accepted(account: AccountFacts, expected: Expected) -> Finding | None:
    """Find terms that nobody has accepted, where identifiers are sent."""
    if account.has_accepted_terms or not expected.sends_identifiers:
        return None
    return Finding(
        severity=Severity.ERROR,
        problem="the customer data terms are not accepted",
        means="whatever carries a hashed e-mail or phone is refused",
        fix="accept them under Goals › Settings, or set "
        f"destinations.{expected.destination}.enhanced_conversions = false",
        link=LINKS["identifiers"],
    )


def enhanced_conversions_are_on(account: AccountFacts, expected: Expected) -> Finding | None:
    """Find enhanced conversions for leads turned off, or unknown, where identifiers are sent."""
    if account.has_enhanced_conversions or not expected.sends_identifiers:
        return None
    is_off = account.has_enhanced_conversions is False
    return Finding(
        severity=Severity.ERROR if is_off else Severity.WARNING,
        problem="enhanced conversions for leads are turned off"
        if is_off
        else "the account does not say whether enhanced conversions for leads are on",
        means="deals without a click ID "
        + ("are" if is_off else "may be")
        + " refused instead of matched by hashed e-mail or phone",
        fix="turn them on under Goals › Settings, or set "
        f"destinations.{expected.destination}.enhanced_conversions = false",
        link=LINKS["identifiers"],
    )


def clicks_are_tagged(account: AccountFacts, expected: Expected) -> Finding | None:
    """Find auto-tagging turned off: no landing page receives a click ID."""
    if account.has_auto_tagging:
        return None
    return Finding(
        severity=Severity.ERROR,
        problem="auto-tagging is off",
        means="new clicks carry no click ID"
        + (", and only hashed e-mail or phone can match" if expected.sends_identifiers else ""),
        fix="turn it on under Admin › Account settings › Auto-tagging",
        link=LINKS["tagging"],
    )


def converts_for_itself(account: AccountFacts, expected: Expected) -> Finding | None:
    """Find an account whose conversions another one manages."""
    if account.conversion_customer in {"", expected.customer_id}:
        return None
    return Finding(
        severity=Severity.WARNING,
        problem=f"account {account.conversion_customer} manages this one's conversions",
        means="conversion actions are usually there, and uploads belong there",
        fix="look which account owns each action; the rules' findings say where it is another",
        link=LINKS["owner"],
    )


def zone_is_ours(account: AccountFacts, expected: Expected) -> Finding | None:
    """Find another calendar than the company's."""
    if expected.time_zone is None:
        return _unset("time zone", account.time_zone, "time_zone")
    if _keeps_the_time_of(account.time_zone, expected.time_zone):
        return None
    return Finding(
        severity=Severity.WARNING,
        problem=f"the account's time zone is {account.time_zone}, the company's "
        f"{expected.time_zone}",
        means="conversions count rightly, for their times carry an offset, but Google's days are "
        "not the company's, and daily figures differ",
        fix="compare by weeks or longer",
        link=LINKS["settings"],
    )


def _keeps_the_time_of(name: str, zone: ZoneInfo) -> bool:
    """Compare two zones by their clocks in a year, for one zone may have several names."""
    try:
        other = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return name == zone.key
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]
    return all(at.astimezone(other).utcoffset() == at.astimezone(zone).utcoffset() for at in days)


def currency_is_ours(account: AccountFacts, expected: Expected) -> Finding | None:
    """Find another currency than the company's."""
    if expected.currency is None:
        return _unset("currency", account.currency, "currency")
    if account.currency == expected.currency:
        return None
    return Finding(
        severity=Severity.WARNING,
        problem=f"the account's currency is {account.currency}, the company's {expected.currency}",
        means="values go out in the deal's currency and Google converts them at its own rate, so "
        "sums differ from the CRM's",
        fix="compare numbers, or values by deal; bid targets are in the account's currency",
        link=LINKS["settings"],
    )


def _unset(what: str, theirs: str, key: str) -> Finding:
    return Finding(
        severity=Severity.INFO,
        problem=f"the account's {what} is {theirs}; the company's is not configured",
        means="whether the two are the same could not be checked",
        fix=f"set [company] {key}",
        link=LINKS["settings"],
    )


def is_real(account: AccountFacts, _: Expected) -> Finding | None:
    """Find a test account."""
    if not account.is_test:
        return None
    return Finding(
        severity=Severity.WARNING,
        problem="this is a test account",
        means="it has no clicks, so nothing sent to it is ever counted",
        fix="name the account that runs the campaigns",
        link=LINKS["test accounts"],
    )


ACCOUNT_RULES: Sequence[AccountRule] = (
    terms_are_accepted,
    enhanced_conversions_are_on,
    clicks_are_tagged,
    converts_for_itself,
    zone_is_ours,
    currency_is_ours,
    is_real,
)


def findings_of_account(account: AccountFacts, expected: Expected) -> list[Finding]:
    """Return findings about the account; one without severity if there are none."""
    found = [found for rule in ACCOUNT_RULES if (found := rule(account, expected))]
    return _about(expected.subject, found)


def findings_of_rule(
    rule: ConversionRule, actions: Sequence[ConversionActionFacts], expected: Expected
) -> list[Finding]:
    """Return findings about a rule's conversion action, likewise."""
    action_id = rule.action.action_id
    subject = f"action {action_id} of rule {rule.name}"
    action = next((action for action in actions if action.action_id == action_id), None)
    if action is None:
        return _about(subject, [_missing(action_id, expected)])
    found = [found for look in ACTION_RULES if (found := look(action, rule, expected))]
    return _about(subject, found)


def _missing(action_id: str, expected: Expected) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        problem=f"account {expected.customer_id} has no conversion action {action_id}",
        means="every upload of the rule is refused",
        fix=f"copy the ID of a conversion action {_CONVERSIONS} (ctId in its address) into "
        f"action_id, or set destinations.{expected.destination}.{expected.account_key} to the "
        "account that owns it",
        link=LINKS["actions"],
    )


def _about(subject: str, found: Sequence[Finding]) -> list[Finding]:
    return [replace(finding, subject=subject) for finding in found or [Finding()]]


def not_read(expected: Expected) -> Finding:
    """Say what could not be checked where nothing reads the account."""
    identifiers = (
        ", customer data terms and enhanced conversions" if expected.sends_identifiers else ""
    )
    return Finding(
        severity=Severity.INFO,
        subject=expected.subject,
        problem="not checked, for the Data Manager API cannot be asked: each conversion action's "
        "status, type, owner, window, counting and values, auto-tagging"
        f"{identifiers}, time zone and currency",
        means="the test request of each rule finds some of what may be wrong with them, not all",
        fix=f"set destinations.{expected.destination}.read_with to a destination of kind "
        "google_ads; reading by the Google Ads API is open to everybody",
        link=LINKS["reading"],
    )
