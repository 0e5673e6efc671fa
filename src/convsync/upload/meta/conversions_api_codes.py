"""What Meta's error codes mean: `code` or `code/error_subcode`, and what to do about each.

Sources: https://developers.facebook.com/docs/graph-api/guides/error-handling, and the answers from
production that RudderStack keeps in its tests (rudder-transformer, `facebookUtils`). What is not
documented of a subcode is not said here. Meta's own texts come in the language of the token's user,
and HTTP's status is not to be relied on: a refused token was seen with 401 and with 500.
"""

from collections.abc import Mapping
from typing import Final

from convsync.model.takes import TOO_OLD_TO_COUNT, CodeMeaning
from convsync.upload.codes import Meaning, explained, row, stop
from convsync.upload.meta.takes import LEAD_ID_MALFORMED, VALUE_NEGATIVE

INVALID_PARAMETER: Final = "100"

_MAKE_ANOTHER = (
    "Create a new token for a system user with access to the dataset (Events Manager › the dataset "
    "› "
    "Settings › Conversions API, or Business settings › System users), and put it into the "
    "destination's access_token."
)
_DATASET = (
    "Check dataset_id in Events Manager, and that the token's system user has access to the "
    "dataset: Business settings › Data sources › Datasets."
)
_RIGHTS = (
    "Give the token's system user access to the dataset, and its app the permission ads_management."
)
_TELL_US = "Tell convsync's authors the code and the trace."
_BAD_TOKEN = stop("The access token is invalid, or has expired.", _MAKE_ANOTHER)
_NO_RIGHT = stop("The token lacks a permission or a capability.", _RIGHTS)
_BAD_DATA = row("Meta refuses the event's data, without a documented reason.", _TELL_US)

MEANINGS: Final[Mapping[str, Meaning]] = {
    INVALID_PARAMETER: row("Meta finds a parameter of the event invalid.", _TELL_US),
    "100/33": stop("The dataset does not exist, or the token has no access to it.", _DATASET),
    "100/2804003": row(
        "The event is older than the seven days that Meta accepts.",
        "Run convsync several times a day: `convsync schedule --every 15m`. What is this old can "
        "no longer be reported.",
    ),
    "100/2804009": row(
        "An event named Purchase has no value.",
        "Make sure that the rule gives each conversion a value.",
    ),
    "100/2804050": row(
        "The event says too little about the person: Meta needs a lead's ID, an fbclid, or hashes.",
        "Map a field with the lead's ID or the fbclid, or let consented hashes go out.",
    ),
    **dict.fromkeys(
        (f"100/{subcode}" for subcode in (2804001, 2804007, 2804016, 2804017, 2804019, 2804048)),
        _BAD_DATA,
    ),
    "190": _BAD_TOKEN,
    "3": _NO_RIGHT,
    "10": _NO_RIGHT,
    **dict.fromkeys(map(str, range(200, 300)), _NO_RIGHT),
    "368": stop(
        "Meta has blocked the account for a while, for its policies.",
        "Look at Account quality in Meta Business Suite, and ask for a review there.",
    ),
}
"""By `code/error_subcode`, or by `code` where the subcode changes nothing."""

CHECKED_BEFOREHAND: Final[Mapping[str, Meaning]] = {
    TOO_OLD_TO_COUNT: row(
        "The milestone is older than Meta accepts: seven days, or 62 of a physical store.",
        "Run convsync several times a day: `convsync schedule --every 15m`. What is this old can "
        "no longer be reported.",
    ),
    LEAD_ID_MALFORMED: row(
        "The field for Meta's lead ID does not have a number of 15 to 17 digits.",
        "Map fb_lead_id to the field that holds the leadgen ID of Meta's instant form.",
    ),
    VALUE_NEGATIVE: row(
        "The value is below zero, which Meta does not accept.",
        "Correct the amount in the CRM, or set the rule's amounts.absurd.",
    ),
}
"""Our own codes: with one such event Meta would refuse the whole request."""

THROTTLED: Final[Mapping[str, str]] = {
    "4": "Too many calls of the app.",
    "17": "Too many calls of the user.",
    "32": "Too many calls of a page.",
    "341": "A limit of the application is reached.",
    "613": "Too many calls of one kind.",
    "80003": "Too many calls for the audiences of the ad account.",
    "80004": "Too many calls for the ad account.",
}
"""Nothing was taken. The same is sent again, no sooner than Meta says."""

PASSING: Final[Mapping[str, str]] = {
    "1": "Meta had an unknown error.",
    "2": "The service was not available.",
    "5000": "Meta had an unknown error.",
    "21009": "The dataset was not ready for uploads.",
}
"""Whether the events were taken is not known. They are sent again soon, word for word."""


def meaning_of(code: str) -> Meaning | None:
    """Return what a code means, by its subcode where that is known; None: it stands in no table."""
    known = MEANINGS.get(code)
    if known is not None or code.startswith(f"{INVALID_PARAMETER}/"):
        return known
    return MEANINGS.get(code.partition("/")[0])


def explain_code(code: str) -> CodeMeaning | None:
    """Return what a code means for people; None: it stands in no table."""
    meaning = meaning_of(code)
    return explained(code, {code: meaning} if meaning else CHECKED_BEFOREHAND)
