"""The verdict on a request about members, as `requestStatus:retrieve` gives it, in JSON.

It says how many records were not taken, and why, never which. So nobody is known to have failed: a
member of a request that was taken in part may be on the list, and is taken off by a removal of its
own when the time comes.
https://developers.google.com/data-manager/api/devguides/diagnostics
"""

from collections.abc import Iterator, Mapping
from typing import Any

from convsync.errors import UnexpectedResponseError
from convsync.upload.google.data_manager_codes import NO_LONGER_KEPT
from convsync.upload.google.data_manager_status import reasons_in
from convsync.upload.google.user_list_codes import REPEATED
from convsync.upload.member_lists import Done, MembersVerdict

_DONE: Mapping[str, Done] = {
    "PROCESSING": Done.PENDING,
    "SUCCESS": Done.ALL,
    "PARTIAL_SUCCESS": Done.SOME,
    "FAILED": Done.NOTHING,
    "FAILURE": Done.NOTHING,  # the spelling of Google's pages
}
_NOT_KNOWN = frozenset({NO_LONGER_KEPT, "INVALID_REQUEST_ID", "NOT_FOUND"})


def members_verdict(body: Mapping[str, Any], http_status: int, request_id: str) -> MembersVerdict:
    """Return what an answer says of a request; UnexpectedResponseError where it makes no sense."""
    if http_status != 200:
        reasons = set(reasons_in(body))
        if reasons & _NOT_KNOWN:
            return MembersVerdict(done=Done.UNKNOWN)
        why = ", ".join(sorted(reasons)) or "no reason given"
        raise UnexpectedResponseError(f"The status of request {request_id} was refused: {why}.")
    try:
        parts = body.get("requestStatusPerDestination")
        if not parts:
            return MembersVerdict(done=Done.PENDING)
        (part,) = parts
        word = str(part["requestStatus"])
        codes = {
            str(error["reason"]): int(error.get("recordCount") or 0)
            for error in (part.get("errorInfo") or {}).get("errorCounts") or ()
        }
        rates = [*_match_rates(part.get("audienceMembersIngestionStatus") or {})]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnexpectedResponseError(
            f"The status of request {request_id} has another shape than it should "
            f"({type(error).__name__})."
        ) from error
    if word not in _DONE:
        raise UnexpectedResponseError(f"The status of request {request_id} is {word}.")
    return MembersVerdict(
        done=_DONE[word],
        codes=codes,
        is_due_again=not REPEATED.isdisjoint(codes),
        match_rate=rates[0] if rates else "",
    )


def _match_rates(status: Mapping[str, Any]) -> Iterator[str]:
    for part in status.values():
        rate = str(part.get("uploadMatchRateRange") or "")
        if rate:
            yield rate.removeprefix("MATCH_RATE_RANGE_").replace("_", " ").lower()
