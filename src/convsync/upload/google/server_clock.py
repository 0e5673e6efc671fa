"""What time it is at the platform: the Date header of an endpoint that speaks HTTP.

Any answer will do, a refusal too, so nothing has to be signed. The header is good to a second.

A quiet night may ask nothing else over HTTP, and to import `requests` would take a twentieth of it.
So Python's own client asks, with the proxies and the certificates that `requests` would take.
"""

import os
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from convsync.clock import SERVERS, system_clock
from convsync.errors import TransientError, UnexpectedResponseError

LONGEST_S = 10.0


class Headers(Protocol):
    """An answer's headers, in whatever case they are asked for."""

    def get(self, name: str, /) -> str | None:
        """Return a header's value, None where there is none."""


def note_time(url: str, headers: Headers, sent_at: datetime) -> None:
    """Remember what time it was at the server that answered."""
    SERVERS.note(
        urlsplit(url).netloc,
        headers.get("Date"),
        sent_at=sent_at,
        received_at=system_clock(),
        age=headers.get("Age"),
    )


def server_time(url: str) -> datetime:
    """Return the time at a server; TransientError where it does not answer."""
    sent_at = system_clock()
    try:
        headers = _headers_of(url)
    except (OSError, HTTPException) as error:
        raise TransientError(f"{url} did not answer ({type(error).__name__}).") from error
    note_time(url, headers, sent_at)
    try:
        return parsedate_to_datetime(headers.get("Date") or "").astimezone(UTC)
    except ValueError as error:
        raise UnexpectedResponseError(f"{url} answered without a Date.") from error


def _headers_of(url: str) -> Headers:
    """Return the headers of whatever a server answers, a refusal or a redirection too."""
    asked = Request(url, method="HEAD")  # noqa: S310 the opener opens http and https alone
    opener = _opener(is_secure=asked.type == "https")
    with opener.open(asked, timeout=LONGEST_S) as answer:
        headers: Headers = answer.headers
    return headers


def _opener(*, is_secure: bool) -> OpenerDirector:
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), UnknownHandler()):
        opener.add_handler(handler)
    if is_secure:
        opener.add_handler(HTTPSHandler(context=_trusted()))
    return opener


def _trusted() -> ssl.SSLContext:
    """Return whose certificates are believed: what `requests` would go by."""
    import certifi

    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    place = Path(named or certifi.where())
    if place.is_dir():
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)
