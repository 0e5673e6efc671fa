"""What becomes of an event after it was accepted, decided at once but only told half an hour later.

A verdict is the name of a `ProcessingErrorReason`. Names the installed package does not know are
welcome: the vendor adds some with every release, and convsync has to live with that.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from convsync.sandbox.account import TOO_RECENT, AccountClick
from convsync.sandbox.messages import CONSENT_DENIED, Message

DENIED_CONSENT = "PROCESSING_ERROR_REASON_DENIED_CONSENT"
TOO_RECENT_CLICK = "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK"
NO_BRAIDS = "PROCESSING_ERROR_REASON_ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"
CONVERSION_PRECEDES_CLICK = "PROCESSING_ERROR_REASON_CONVERSION_PRECEDES_CLICK"


def verdict_on(
    event: Message,
    scripted: Mapping[str, str],
    clicks: Mapping[str, AccountClick],
    now: datetime,
    *,
    counts_once: bool = False,
) -> str | None:
    """Why the event will not be counted; `None` if it will.

    `scripted` maps a click ID, or a hashed user identifier, to a reason; `clicks` are those whose
    time is known; `counts_once` says that it is meant for an action that counts one a click.
    """
    if event.consent.ad_user_data == CONSENT_DENIED:
        return DENIED_CONSENT
    if scripted:
        for name in _names_in(event):
            if name in scripted:
                return scripted[name]
    if counts_once and (event.ad_identifiers.gbraid or event.ad_identifiers.wbraid):
        return NO_BRAIDS
    return _verdict_on_its_time(event, clicks, now) if clicks else None


def click_ids_in(event: Message) -> Iterator[str]:
    """Every click ID the event has, the most telling one first."""
    clicked = event.ad_identifiers
    yield from filter(None, (clicked.gclid, clicked.gbraid, clicked.wbraid))


def _verdict_on_its_time(
    event: Message, clicks: Mapping[str, AccountClick], now: datetime
) -> str | None:
    click = next((clicks[name] for name in click_ids_in(event) if name in clicks), None)
    if click is None:
        return None
    if event.event_timestamp.seconds < int(click.at.timestamp()):
        return CONVERSION_PRECEDES_CLICK
    return TOO_RECENT_CLICK if now - click.at < TOO_RECENT else None


def _names_in(event: Message) -> Iterator[str]:
    yield from click_ids_in(event)
    for identifier in event.user_data.user_identifiers:
        yield from (identifier.email_address, identifier.phone_number)
