"""Google's Data Manager API: a request goes in, an answer comes out, or a `RefusedCall` is raised.

A request is refused whole for one bad field, or accepted whole and judged event by event, and the
judgement is only told later. Which transport it came over is somebody else's business.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import grpc

from convsync.sandbox.account import SandboxAccount
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.admission import admitted
from convsync.sandbox.books import BookedRequest
from convsync.sandbox.messages import IngestEventsResponse, Message, Reason
from convsync.sandbox.receipts import Receipt
from convsync.sandbox.refusals import RefusedCall
from convsync.sandbox.rules import Incoming, accounts_are_within_reach, violations_in
from convsync.sandbox.trouble import NoAnswer
from convsync.sandbox.verdicts import verdict_on


def ingest(platform: AdPlatform, request: Message) -> Message:
    """Check the request and, unless it is a dry run, count its events; note down how it ended."""
    request_id = str(uuid4())
    incoming = Incoming(
        request=request,
        events=list(request.events),
        actions=platform.actions,
        accounts=[*_accounts_of(platform, request)],
        now=platform.clock.now(),
    )
    result, is_counted = grpc.StatusCode.OK, False
    try:
        with admitted(platform, "ingest", "Write"):
            _check(incoming)
            if not request.validate_only:
                _count(platform, incoming, request_id)
                is_counted = True
    except RefusedCall as refusal:
        result, refusal.request_id = refusal.code, request_id
        raise
    except NoAnswer as silence:
        result = silence.code
        raise
    finally:
        platform.books.note(
            BookedRequest(
                at=incoming.now,
                request_id=request_id,
                events=len(incoming.events),
                is_dry_run=request.validate_only,
                result=result.name,
                counted=is_counted,
            )
        )
    return IngestEventsResponse(request_id=request_id)


def retrieve_status(platform: AdPlatform, request_id: str) -> dict[str, Any]:
    """What became of an accepted request, as the API's JSON."""
    with admitted(platform, "status", "Read"):
        return platform.receipts.status(request_id, platform.clock.now())


def _accounts_of(platform: AdPlatform, request: Message) -> Iterator[SandboxAccount]:
    for destination in request.destinations:
        account = platform.account(destination.operating_account.account_id)
        if account is not None:
            yield account


def _check(incoming: Incoming) -> None:
    if not accounts_are_within_reach(incoming):
        raise RefusedCall(
            grpc.StatusCode.PERMISSION_DENIED,
            Reason.PERMISSION_DENIED,
            "The user does not have permission or the resource is not found.",
        )
    if violations := violations_in(incoming):
        raise RefusedCall.of(violations)


def _count(platform: AdPlatform, incoming: Incoming, request_id: str) -> None:
    _apply_consent_of_the_request(incoming)
    tallies = platform.books.count(
        request_id,
        incoming.now,
        incoming.request.destinations,
        incoming.events,
        verdict=partial(
            verdict_on,
            scripted=platform.verdicts,
            clicks=platform.clicks,
            now=incoming.now,
            counts_once=_counts_once(incoming),
        ),
    )
    platform.receipts.keep(request_id, Receipt(at=incoming.now, tallies=tallies))


def _counts_once(incoming: Incoming) -> bool:
    meant = (each.product_destination_id for each in incoming.request.destinations)
    actions = [incoming.actions[name] for name in meant if name in incoming.actions]
    return any(action.counting_type == "ONE_PER_CLICK" for action in actions)


def _apply_consent_of_the_request(incoming: Incoming) -> None:
    if not incoming.request.HasField("consent"):
        return
    for event in incoming.events:
        if not event.HasField("consent"):
            event.consent.CopyFrom(incoming.request.consent)
