"""The outcome of a match or an upload, and why: bad news is a value with a reason.

Every reason has a sentence for the person who asks and what to do about it, in `EXPLANATIONS`.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from convsync.model.click import Click, MatchBasis


class Reason(StrEnum):
    """Why a milestone waits or is not sent. The list is closed: there is no other reason."""

    NO_CLICK = "no_click"
    CLICK_AFTER_MILESTONE = "click_after_milestone"
    CLICK_OUTSIDE_LOOKBACK = "click_outside_lookback"
    CLICK_TOO_OLD_TO_UPLOAD = "click_too_old_to_upload"
    CLICK_OF_ANOTHER_NETWORK = "click_of_another_network"
    CLICK_OF_EARLIER_SALE = "click_of_earlier_sale"
    CONSENT_DENIED = "consent_denied"
    CONSENT_NOT_GRANTED = "consent_not_granted"
    CONSENT_UNCLEAR = "consent_unclear"
    IDENTIFIERS_SHARED = "identifiers_shared"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_ZERO = "amount_zero"
    AMOUNT_ABSURD = "amount_absurd"
    CURRENCY_MISSING = "currency_missing"
    SEGMENT_WITHOUT_VALUE = "segment_without_value"
    VALUES_NOT_ACCEPTED = "values_not_accepted"
    EXPECTED_VALUE_UNKNOWN = "expected_value_unknown"
    RATE_MISSING = "rate_missing"
    REVENUE_CAME = "revenue_came"
    MILESTONE_WITHDRAWN = "milestone_withdrawn"
    OUTSIDE_RULE = "outside_rule"
    DEAL_LOST = "deal_lost"
    DEAL_DELETED = "deal_deleted"
    DEAL_MERGED = "deal_merged"
    WAITING_FOR_CLICK = "waiting_for_click"
    CLICK_TOO_RECENT = "click_too_recent"
    MILESTONE_IN_FUTURE = "milestone_in_future"
    MILESTONE_SETTLING = "milestone_settling"
    VERDICT_PENDING = "verdict_pending"
    RULE_RETIRED = "rule_retired"
    PLATFORM_CANNOT = "platform_cannot"
    PLATFORM_REFUSED = "platform_refused"
    ANSWER_LOST = "answer_lost"
    PERSON_FORGOTTEN = "person_forgotten"


class Explanation(Struct, frozen=True):
    """A reason in a sentence a marketer understands, and what to do about it."""

    sentence: str
    fix: str


EXPLANATIONS: Mapping[Reason, Explanation] = {
    Reason.NO_CLICK: Explanation(
        "No ad click was found for this deal, and its lookback window is over.",
        "Nothing, if it came from elsewhere. Otherwise check that the form keeps the gclid, and "
        "import the click log with `convsync clicks import`.",
    ),
    Reason.CLICK_AFTER_MILESTONE: Explanation(
        "The only clicks found came after the milestone, so they cannot have led to it.",
        "Check the milestone's date and the time zones of both exports. If two clocks differ by"
        " minutes, set the rule's `clock_skew_minutes`.",
    ),
    Reason.CLICK_OUTSIDE_LOOKBACK: Explanation(
        "The click came longer before the milestone than the rule's lookback window allows.",
        "Count an earlier milestone of the funnel: it is reached while the click still counts.",
    ),
    Reason.CLICK_TOO_OLD_TO_UPLOAD: Explanation(
        "The click is now older than the platform accepts, so the report would come too late.",
        "Run convsync every night; what is this old can no longer be reported.",
    ),
    Reason.CLICK_OF_ANOTHER_NETWORK: Explanation(
        "The only clicks found belong to other ad networks than the rule's destination.",
        "Nothing, if that network brought the deal; a rule for its destination would count it.",
    ),
    Reason.CLICK_OF_EARLIER_SALE: Explanation(
        "The clicks found led to an earlier sale: this deal was created after that one was won, and"
        " the customer has not been seen to click since.",
        "Nothing, if the customer came back without an ad. `reuse_clicks = true` in the rule counts"
        " such a click for later deals too.",
    ),
    Reason.PERSON_FORGOTTEN: Explanation(
        "The person behind this deal was forgotten: nothing more is sent about it, and what the"
        " platform counts already is neither corrected nor taken back.",
        "Nothing: this is final. What the ad platform itself has must be erased there.",
    ),
    Reason.CONSENT_DENIED: Explanation(
        "The person refused that their data is used for advertising.", "Nothing: this is final."
    ),
    Reason.CONSENT_NOT_GRANTED: Explanation(
        "There is no click ID, and the hashed e-mail or phone may go out only with consent.",
        "Map the CRM's consent field in the source's [consent] table, if the person did agree.",
    ),
    Reason.CONSENT_UNCLEAR: Explanation(
        "The consent field has a word that the configuration does not define.",
        "Add the word to `granted`, `denied` or `unspecified` in the source's [consent] table;"
        " `convsync check` names it. The deals that wait are read again by the next run.",
    ),
    Reason.IDENTIFIERS_SHARED: Explanation(
        "There is no click ID, and so many deals have the same e-mail or phone that it does not"
        " identify who is behind this one.",
        "Nothing, if it is a switchboard or a shared mailbox. If it is one customer's, add the key"
        " that `convsync status` lists to [keys] allowed.",
    ),
    Reason.AMOUNT_MISSING: Explanation(
        "The deal has no amount, and the rule sends nothing without one.",
        "Fill in the amount in the CRM, or set the rule's amounts.missing.",
    ),
    Reason.AMOUNT_ZERO: Explanation(
        "The deal's amount is zero, and the rule treats zero as not filled in.",
        "Fill in the amount in the CRM, or set the rule's amounts.zero.",
    ),
    Reason.AMOUNT_ABSURD: Explanation(
        "The deal's amount is negative or above the rule's amounts.absurd_above.",
        "Correct the amount in the CRM, or raise the limit.",
    ),
    Reason.CURRENCY_MISSING: Explanation(
        "The deal has an amount but no currency.",
        "Fill in the currency, map its column, or set the source's `currency`.",
    ),
    Reason.SEGMENT_WITHOUT_VALUE: Explanation(
        "The rule's value table has no line for this deal's segment.",
        "Add the segment to the table, or an `otherwise` amount.",
    ),
    Reason.VALUES_NOT_ACCEPTED: Explanation(
        "The rule's value is learned from the company's own deals, and no version of the learned"
        " values has been accepted.",
        "Look at what `convsync values learn` prints, then run `convsync values accept`. The next"
        " run values and sends what was left out until then.",
    ),
    Reason.EXPECTED_VALUE_UNKNOWN: Explanation(
        "The accepted version of the learned values has no value for this milestone.",
        "Run `convsync values learn`; it says how many leads and sales each value is based on."
        " `convsync values accept` lets the rules use it.",
    ),
    Reason.RATE_MISSING: Explanation(
        "Money came in for this deal in another currency, and there is no exchange rate for its"
        " day.",
        "Update the file that [rates] names, or add the currency. The next night looks at the"
        " deal again.",
    ),
    Reason.REVENUE_CAME: Explanation(
        "Money came in for this deal, so the conversion is worth that instead of what was expected"
        " or had come in before.",
        "Nothing: it is restated whenever money comes in, as long as the platform accepts"
        " corrections.",
    ),
    Reason.MILESTONE_WITHDRAWN: Explanation(
        "The CRM no longer says that the deal reached this milestone.",
        "Nothing: if it reaches the milestone again, it is counted.",
    ),
    Reason.OUTSIDE_RULE: Explanation(
        "The rule's condition (`when`) does not hold for this deal, or no longer does.",
        "Nothing, if another rule counts it. Otherwise check the deal's segments in the CRM.",
    ),
    Reason.DEAL_LOST: Explanation(
        "The deal was lost after it had been won.",
        "Nothing. If a later loss should take nothing back, set the rule's undone_by_loss = false.",
    ),
    Reason.DEAL_DELETED: Explanation(
        "The deal is no longer in the CRM, or can no longer be seen there: it was deleted, the"
        " credentials lost the right to see it, or an export failed.",
        "Nothing if it was deleted. Otherwise grant the right again, or repeat the export: a deal"
        " that is back is counted again.",
    ),
    Reason.DEAL_MERGED: Explanation("The deal was merged into another one.", "Nothing."),
    Reason.WAITING_FOR_CLICK: Explanation(
        "No ad click is known yet; the deal is matched again whenever clicks arrive.",
        "Nothing. If it came from an ad, check that its click is in the click log.",
    ),
    Reason.CLICK_TOO_RECENT: Explanation(
        "The click is too recent for the platform to know it.", "Nothing: it is sent when due."
    ),
    Reason.MILESTONE_IN_FUTURE: Explanation(
        "The milestone's date is in the future.",
        "Nothing: it is sent when the date has come. Correct the date if it is a mistake.",
    ),
    Reason.MILESTONE_SETTLING: Explanation(
        "The rule waits for its `hold_days` before it sends a milestone, which may still change.",
        "Nothing: it is sent when due.",
    ),
    Reason.VERDICT_PENDING: Explanation(
        "The deal changed while the platform was still checking what it had received.",
        "Nothing: the change follows once the verdict is in.",
    ),
    Reason.RULE_RETIRED: Explanation(
        "The rule is no longer in the configuration, so nothing new is sent under it.",
        "Nothing, if it was removed on purpose. If it was renamed, say so under [moved].",
    ),
    Reason.PLATFORM_CANNOT: Explanation(
        "The platform does not accept such a statement; what it counts already stays as it is.",
        "See the code. `convsync status --uncorrectable` lists what is counted wrongly.",
    ),
    Reason.PLATFORM_REFUSED: Explanation(
        "The platform refused the conversion; its code is recorded beside this.",
        "See the code. If the deal changes, it is sent again automatically.",
    ),
    Reason.ANSWER_LOST: Explanation(
        "Its request was never answered, and this platform might count a repeat as a second"
        " conversion. Whether it counts there stays unsure.",
        "Look in the platform's own reports. Nothing more is sent about it.",
    ),
}


class Matched(Struct, frozen=True, kw_only=True, gc=False):
    """The click a conversion is credited to; `click` is None for enhanced conversions for leads.

    `clicked_at` is None without a click or where no time is known; `is_estimated` marks the time of
    the deal's creation, which the click cannot have come after.
    """

    basis: MatchBasis
    click: Click | None
    clicked_at: datetime | None
    is_estimated: bool = False


class NotSent(Struct, frozen=True, kw_only=True, gc=False):
    """A milestone that is not to be counted, for one reason."""

    reason: Reason


class Waiting(Struct, frozen=True, kw_only=True, gc=False):
    """A milestone that may count later: it is looked at again at `until` (aware UTC)."""

    reason: Reason
    until: datetime


class Accepted(Struct, frozen=True, kw_only=True):
    """The platform took the row; its verdict follows under `request_id`."""

    request_id: str


class Confirmed(Struct, frozen=True, kw_only=True):
    """The platform counted the row, or says that it already had (`code`).

    `is_by_our_key` is False where it names no key of ours: some conversion stands there, of the
    same click and second, say. On the repeat of an unanswered request that is ours; on a first try
    it is another deal's.
    """

    code: str = ""
    is_by_our_key: bool = True


class Rejected(Struct, frozen=True, kw_only=True):
    """The platform will not take this row as it is. `code` is the vendor's own spelling."""

    code: str


class Blocked(Struct, frozen=True, kw_only=True):
    """The account's set-up keeps the platform from taking this row; a person has to fix it.

    The row is good as it is. It waits, and one such row tries again in each run.
    """

    code: str


class NotMatched(Struct, frozen=True, kw_only=True):
    """The platform took the row and knows no such click or person: ordinary, and no failure."""

    code: str


class Deferred(Struct, frozen=True, kw_only=True):
    """The platform may take this row at `until` (aware UTC); `code` is the vendor's spelling.

    `is_unknown` marks a code that stands in no table of ours: a person should see it. With
    `is_once` waiting helps once at most: the same code after that wait rejects the row.
    """

    code: str
    until: datetime
    is_unknown: bool = False
    is_once: bool = False


class Untried(Struct, frozen=True, kw_only=True):
    """The request failed over other rows; this one has not been judged and goes out again."""


Outcome = Accepted | Confirmed | Rejected | Blocked | NotMatched | Deferred | Untried
