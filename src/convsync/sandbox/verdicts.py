"""What becomes of an event after it was accepted, decided at once but only told half an hour later.

A verdict is the name of a `ProcessingErrorReason`. Names the installed package does not know are
welcome: the vendor adds some with every release, and convsync has to live with that.
"""

from collections.abc import Iterator, Mapping

from convsync.sandbox.messages import CONSENT_DENIED, Message

DENIED_CONSENT = "PROCESSING_ERROR_REASON_DENIED_CONSENT"


def verdict_on(event: Message, scripted: Mapping[str, str]) -> str | None:
    """Why the event will not be counted; `None` if it will.

    `scripted` maps a click ID, or a hashed user identifier, to a reason.
    """
    if event.consent.ad_user_data == CONSENT_DENIED:
        return DENIED_CONSENT
    if scripted:
        return next((scripted[name] for name in _names_in(event) if name in scripted), None)
    return None


def _names_in(event: Message) -> Iterator[str]:
    clicked = event.ad_identifiers
    yield from (clicked.gclid, clicked.gbraid, clicked.wbraid)
    for identifier in event.user_data.user_identifiers:
        yield from (identifier.email_address, identifier.phone_number)
