"""How HubSpot's answers are read: its limits, what errors mean, and how to sign in.

https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.http import Answer, Http, Verdict
from convsync.pace import Limit
from convsync.signing_in.tokens import Fetch, Token, granted
from convsync.vendor_words import code_of, name_of

HubSpotRecord = dict[str, Any]
AT_ONCE: Final = 8
LIMITS: Final = (
    Limit(requests=90, seconds=10),
    Limit(requests=4, seconds=1, of=r"/search$"),
)
"""A tenth and a fifth below what the smallest plan has: answers do not come evenly.
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"""
HARMLESS = frozenset({"OBJECT_NOT_FOUND"})
"""What a batch says of single inputs: a deal without contacts, a record gone meanwhile."""
_LIMITS = frozenset({"RATE_LIMITS", "RATE_LIMIT"})
_WAIT_S = {"SECONDLY": 1.0, "TEN_SECONDLY": 10.0, "DAILY": 24 * 3600.0}
"""What a limit asks to wait, where Retry-After does not say: the day's resets at the account's
midnight. https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"""


def judge(answer: Answer) -> Verdict:
    """Return what HubSpot means by a status that says too little.

    https://developers.hubspot.com/docs/api-reference/error-handling
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    match answer.status:
        case 429 | 400 | 403 if answer.status == 429 or answer.code in _LIMITS:
            policy = str(body.get("policyName") or body.get("message") or "").upper()
            limit = next((name for name in ("DAILY", "TEN_SECONDLY") if name in policy), "SECONDLY")
            return TransientError(
                f"{answer.place}: the account's {limit} limit is reached.",
                retry_after_s=answer.retry_after_s or _WAIT_S[limit],
            )
        case 400 if answer.place.endswith("/token"):
            return OperatorError(
                f"{answer.place} no longer accepts the app ({answer.code or 'no code'}): correct"
                " client_id and client_secret, or sign in again with `convsync auth hubspot`."
            )
        case 403 if body.get("category") == "MISSING_SCOPES":
            return OperatorError(
                f"{answer.place} needs the scope {_scopes_in(body)}. Add it to the service key."
            )
        case 477:
            return TransientError(
                f"{answer.place}: HubSpot is moving the account to another data centre.",
                retry_after_s=answer.retry_after_s,
            )
        case 530:
            return OperatorError(f"{answer.place}: the token is malformed. Copy it again.")
        case 404 if body.get("category") in HARMLESS:  # of a batch, none was found
            return "fine"
    return None


def refreshing(http: Http, client_id: str, client_secret: str, refresh_token: str) -> Fetch:
    """Return what gets an OAuth access token, good for 30 minutes, everything in the form's body.

    https://developers.hubspot.com/docs/api-reference/2026-03/authentication/manage-oauth-tokens
    """

    def fetch(last: Token | None) -> Token:
        return granted(
            http,
            "oauth/2026-03/token",
            {
                "grant_type": "refresh_token",
                "client_id": client_id,
                "client_secret": client_secret,
                "refresh_token": (last and last.refresh_token) or refresh_token,
            },
        )

    return fetch


def results(answer: Any) -> list[HubSpotRecord]:
    """Return the records of an answer."""
    try:
        found: list[HubSpotRecord] = answer["results"]
    except (KeyError, TypeError):
        raise UnexpectedResponseError("HubSpot's answer has no results.") from None
    return found


def found_in_batch(answer: Any, name: str) -> list[HubSpotRecord]:
    """Return the results of a batch; errors that are no news are passed over."""
    errors = [answer] if answer.get("category") else answer.get("errors") or ()
    for code in (code_of(error.get("category")) for error in errors):
        if code in _LIMITS:
            raise TransientError(f"{name}: a limit is reached by a part of a batch ({code}).")
        if code not in HARMLESS:
            raise UnexpectedResponseError(f"{name} could not read a batch: {code or 'no code'}.")
    return [] if answer.get("category") else results(answer)


def ids_in(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield the IDs that an error of a batch names, which its context has in lists."""
    for ids in (error.get("context") or {}).values():
        if isinstance(ids, list):
            yield from map(str, ids)


def next_place(answer: Mapping[str, Any]) -> str | None:
    """Return where an answer says that it goes on, None where it ends."""
    following = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if following is None else str(following)


def leads_on(answer: Mapping[str, Any], is_full: bool) -> bool:
    """Return whether a search has more: as it says, as a full page lets expect, or by its total."""
    total = answer.get("total")
    is_short = isinstance(total, int) and total > len(answer["results"])
    return is_full or is_short or next_place(answer) is not None


def _scopes_in(body: Mapping[str, Any]) -> str:
    context = ((body.get("errors") or [{}])[0]).get("context") or {}
    scopes = context.get("requiredGranularScopes") or context.get("requiredScopes") or ()
    return ", ".join(filter(None, map(name_of, scopes))) or "that its page lists"
