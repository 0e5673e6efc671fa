"""What time it is at the platform: the Date header of an endpoint that speaks HTTP.

Any answer will do, a refusal too, so nothing has to be signed. The header is good to a second.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from convsync.clock import SERVERS, system_clock
from convsync.errors import TransientError, UnexpectedResponseError

LONGEST_S = 10.0


def note_time(response: requests.Response, sent_at: datetime) -> None:
    """Remember what time it was at the server that answered."""
    SERVERS.note(
        urlsplit(response.url).netloc,
        response.headers.get("Date"),
        sent_at=sent_at,
        received_at=system_clock(),
        age=response.headers.get("Age"),
    )


def server_time(url: str) -> datetime:
    """Return the time at a server; TransientError where it does not answer."""
    sent_at = system_clock()
    try:
        response = requests.head(url, timeout=LONGEST_S, allow_redirects=False)
    except requests.RequestException as error:
        raise TransientError(f"{url} did not answer ({type(error).__name__}).") from error
    note_time(response, sent_at)
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError) as error:
        raise UnexpectedResponseError(f"{url} answered without a Date.") from error
