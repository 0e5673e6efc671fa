"""Members put on lists and taken off them, as the Data Manager API does: whole requests, verdicts
later, and no word of who it was about.

Without consent to both uses of their data a member is taken and then not listed; to be taken off a
list needs none. https://support.google.com/google-ads/answer/14310715
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf import json_format
from google.protobuf.empty_pb2 import Empty

from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.admission import admitted
from convsync.sandbox.audience_rules import IncomingMembers, user_data_of, violations_in
from convsync.sandbox.books import BookedRequest, Tally
from convsync.sandbox.faults import Call
from convsync.sandbox.messages import (
    CONSENT_DENIED,
    CONSENT_GRANTED,
    IngestAudienceMembersResponse,
    ListUserListsResponse,
    Message,
    Reason,
    RemoveAllAudienceMembersResponse,
    RemoveAudienceMembersResponse,
)
from convsync.sandbox.receipts import Receipt
from convsync.sandbox.refusals import RefusedCall, Violation
from convsync.sandbox.trouble import NoAnswer

_DENIED = "PROCESSING_ERROR_REASON_DENIED_CONSENT"
_NO_CONSENT = "PROCESSING_ERROR_REASON_NO_CONSENT"


def ingest(platform: AdPlatform, request: Message) -> Message:
    """Put members on lists, or say why the request is refused."""
    return IngestAudienceMembersResponse(request_id=_changed(platform, request, "members_ingest"))


def remove(platform: AdPlatform, request: Message) -> Message:
    """Take members off lists, or say why the request is refused."""
    return RemoveAudienceMembersResponse(request_id=_changed(platform, request, "members_remove"))


def remove_all(platform: AdPlatform, request: Message) -> Message:
    """Take off everybody, or all who were last added before an instant that has passed."""
    now = platform.clock.now()
    with admitted(platform, "members_remove", "Write"):
        before = None
        if request.HasField("remove_as_of_time"):
            before = request.remove_as_of_time.ToDatetime(now.tzinfo)
        if before is not None and before > now:
            reason = Reason.INVALID_REMOVE_AS_OF_TIME
            said = "The time has not come yet."
            raise RefusedCall.of(
                [Violation(field="remove_as_of_time", reason=reason, description=said)]
            )
        for destination in request.destinations:
            kept = platform.user_lists.find(destination.product_destination_id)
            if kept is not None:
                kept.remove_all(before)
    return RemoveAllAudienceMembersResponse(request_id=str(uuid4()))


def _changed(platform: AdPlatform, request: Message, call: Call) -> str:
    """Check a request and, unless it is a dry run, do what it says; note down how it ended."""
    request_id, now = str(uuid4()), platform.clock.now()
    result, is_done = grpc.StatusCode.OK, False
    try:
        with admitted(platform, call, "Write"):
            incoming = _incoming(platform, request, now, needs_terms=call == "members_ingest")
            if violations := violations_in(incoming):
                raise RefusedCall.of(violations)
            if not request.validate_only:
                tallies = _take(platform, incoming, is_removal=call == "members_remove")
                platform.receipts.keep(request_id, Receipt(at=now, tallies=tallies))
                is_done = True
    except RefusedCall as refusal:
        result, refusal.request_id = refusal.code, request_id
        raise
    except NoAnswer as silence:
        result = silence.code
        raise
    finally:
        platform.books.note(
            BookedRequest(
                at=now,
                request_id=request_id,
                events=len(request.audience_members),
                is_dry_run=request.validate_only,
                result=result.name,
                counted=is_done,
                call=call,
            )
        )
    return request_id


def _incoming(
    platform: AdPlatform, request: Message, now: datetime, *, needs_terms: bool
) -> IncomingMembers:
    destinations = list(request.destinations)
    return IncomingMembers(
        request=request,
        members=list(request.audience_members),
        lists=[platform.user_lists.find(one.product_destination_id) for one in destinations],
        accounts=[platform.account(one.operating_account.account_id) for one in destinations],
        now=now,
        needs_terms=needs_terms,
    )


def _take(
    platform: AdPlatform, incoming: IncomingMembers, *, is_removal: bool
) -> tuple[Tally, ...]:
    refused: dict[str, list[int]] = {}
    if not is_removal:
        for row, member in enumerate(incoming.members):
            if reason := _reason_against(platform, incoming, member):
                refused.setdefault(reason, []).append(row)
    not_taken = {row for rows in refused.values() for row in rows}
    taken = [
        one
        for row, member in enumerate(incoming.members)
        if row not in not_taken
        for one in hashes_of(member)
    ]
    with platform.user_lists.changing():
        for kept in filter(None, incoming.lists):
            if is_removal:
                kept.remove(taken)
            else:
                kept.add(taken, incoming.now)
    counts = _counts(incoming, is_removal=is_removal)
    return tuple(
        Tally(
            destination=json_format.MessageToDict(destination),
            record_count=len(incoming.members),
            refused=refused,
            counts=counts,
        )
        for destination in incoming.request.destinations
    )


def _reason_against(platform: AdPlatform, incoming: IncomingMembers, member: Message) -> str | None:
    own = member.HasField("consent")
    consent = member.consent if own else incoming.request.consent
    both = (consent.ad_user_data, consent.ad_personalization)
    if CONSENT_DENIED in both:
        return _DENIED
    if both != (CONSENT_GRANTED, CONSENT_GRANTED):
        return _NO_CONSENT
    scripted = (platform.verdicts[one] for one in hashes_of(member) if one in platform.verdicts)
    return next(scripted, None)


def hashes_of(member: Message) -> Iterator[str]:
    """Every hash that a member is known by."""
    who = user_data_of(member)
    for identifier in () if who is None else who.user_identifiers:
        yield from filter(None, (identifier.email_address, identifier.phone_number))


def _counts(incoming: IncomingMembers, *, is_removal: bool) -> Mapping[str, Any]:
    """What a status says of a request beside its word, as the API's JSON."""
    kinds = Counter(
        "EMAIL" if identifier.email_address else "PHONE_NUMBER"
        for member in incoming.members
        if (who := user_data_of(member)) is not None
        for identifier in who.user_identifiers
    )
    said: dict[str, Any] = {
        "recordCount": str(len(incoming.members)),
        "dataTypeCounts": [
            {"type": kind, "count": str(count)} for kind, count in sorted(kinds.items())
        ],
    }
    if is_removal:
        return {"audienceMembersRemovalStatus": {"compositeDataRemovalStatus": said}}
    said["uploadMatchRateRange"] = "MATCH_RATE_RANGE_61_TO_70"
    return {"audienceMembersIngestionStatus": {"compositeDataIngestionStatus": said}}


# Lists


def create_list(platform: AdPlatform, request: Message) -> Message:
    """Make a list."""
    with admitted(platform, "user_lists", "Write"):
        return platform.user_lists.create(
            request.parent, request.user_list, is_dry_run=request.validate_only
        )


def update_list(platform: AdPlatform, request: Message) -> Message:
    """Change a list."""
    with admitted(platform, "user_lists", "Write"):
        return platform.user_lists.update(request.user_list, request.update_mask.paths)


def get_list(platform: AdPlatform, request: Message) -> Message:
    """Show a list, with its sizes."""
    with admitted(platform, "user_lists", "Read"):
        return platform.user_lists.get(request.name, platform.clock.now())


def list_lists(platform: AdPlatform, request: Message) -> Message:
    """Show an account's lists that meet a filter."""
    with admitted(platform, "user_lists", "Read"):
        found = platform.user_lists.listed(request.parent, request.filter, platform.clock.now())
        return ListUserListsResponse(user_lists=found)


def delete_list(platform: AdPlatform, request: Message) -> Message:
    """Remove a list."""
    with admitted(platform, "user_lists", "Write"):
        platform.user_lists.delete(request.name)
        return Empty()
