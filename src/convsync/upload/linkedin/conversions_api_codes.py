"""What LinkedIn's refusals mean. It has few codes, so most are named after their HTTP status here.

`VERSION_MISSING`, `65600` and `65601` are its own (`code`, `serviceErrorCode`). A fault in the
shape of an event is `422` and the path that it names. Sources: a public protocol of live calls
(2026-08), and the answers from production in RudderStack's tests (`linkedin_ads/networkHandler`).
"""

from collections.abc import Mapping
from typing import Final

from convsync.model.takes import CodeMeaning
from convsync.upload.codes import Concern, Meaning, blocked, explained, row, stop

TIME_WINDOW: Final = "400/TIME"
METHOD: Final = "400/METHOD"
NO_ACCOUNT: Final = "403"
SHAPE: Final = "422"
SUNSET: Final = "426"
REVOKED: Final = "65601"
INVALID_TOKEN: Final = "65600"  # noqa: S105 - a code

_TELL_US = "Tell convsync's authors the code."
_SIGN_IN = "Sign in again: `convsync auth linkedin`."
_RULE = (
    "Check the rule's action_id in Campaign Manager › Measurement › Conversion tracking, and that "
    "whoever signed in is account manager, campaign manager or creative manager of the ad account."
)

MEANINGS: Final[Mapping[str, Meaning]] = {
    TIME_WINDOW: row(
        "LinkedIn accepts conversions of the last 90 days, and none from the future.",
        "Run convsync every night; what is this old can no longer be reported. If it is not old, "
        "check this machine's clock.",
    ),
    METHOD: blocked(
        "The conversion rule is not one for the Conversions API.",
        "Create a rule with the method Conversions API in Campaign Manager, and write its ID into "
        "the rule's action_id.",
        Concern.ALL,
    ),
    NO_ACCOUNT: blocked(
        "LinkedIn knows no such conversion rule, or the person who signed in has no right to it: "
        "its answer is the same.",
        _RULE,
        Concern.ALL,
    ),
    SHAPE: row("LinkedIn finds a fault in a field of the event.", _TELL_US),
    SUNSET: stop(
        "This version of LinkedIn's API has ended.",
        "Set the destination's api_version to a newer one, YYYYMM; `convsync check` says its last "
        "day.",
    ),
    INVALID_TOKEN: stop("The access token is invalid or has expired.", _SIGN_IN),
    REVOKED: stop("The access token was revoked.", _SIGN_IN),
    "401": stop("LinkedIn does not accept the access token.", _SIGN_IN),
    "VERSION_MISSING": stop("The request names no version of the API.", _TELL_US),
}
"""By LinkedIn's code, or the HTTP status where it has none."""


def meaning_of(code: str) -> Meaning | None:
    """Return what a code means; None: it stands in no table."""
    return MEANINGS.get(code) or MEANINGS.get(code.partition(" ")[0])


def explain_code(code: str) -> CodeMeaning | None:
    """Return what a code means for people; None: it stands in no table."""
    meaning = meaning_of(code)
    return explained(code, {code: meaning} if meaning else {})
