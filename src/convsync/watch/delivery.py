"""How people are notified: messages through Apprise, and pings of a dead man's switch.

URLs of both are secrets. None is logged or printed: a target is named by its number and scheme. The
libraries are imported when there is something to deliver.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from convsync import log
from convsync.errors import OperatorError

_TIMEOUT_S = 10
_PASSING = (429, 500, 502, 503, 504)


def _apprise() -> Any:
    """Return the library, silenced: what it logs of a failure may hold a URL."""
    import apprise

    logging.getLogger("apprise").disabled = True
    return apprise


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseTarget:
    """One of Apprise's URLs: Slack, Teams, e-mail, a webhook, and a hundred more.

    https://github.com/caronc/apprise#supported-notifications
    """

    name: str
    url: str = field(repr=False)

    def deliver(self, title: str, body: str, *, is_good_news: bool) -> bool:
        """Send a message; what goes wrong is the caller's to report."""
        apprise = _apprise()
        sender = apprise.Apprise()
        if not sender.add(self.url):
            return False
        kind = apprise.NotifyType.SUCCESS if is_good_news else apprise.NotifyType.WARNING
        return bool(
            sender.notify(
                body=log.redacted(body), title=title, notify_type=kind, body_format="text"
            )
        )


def targets_of(urls: str) -> Sequence[AppriseTarget]:
    """Return the targets of a text of URLs with blanks or line breaks between them."""
    return [
        AppriseTarget(name=f"alert target {number} ({url.partition('://')[0]}://…)", url=url)
        for number, url in enumerate(urls.split(), start=1)
    ]


def problem_of_targets(targets: Sequence[AppriseTarget]) -> str:
    """Return why messages cannot go to these targets, "" where they can."""
    try:
        apprise = _apprise()
    except ImportError:
        return (
            "alerts need Apprise, which is not installed: pip install 'convsync[alerts]' brings it"
        )
    for target in targets:
        if apprise.Apprise.instantiate(target.url) is None:
            return (
                f"{target.name} is no URL that Apprise knows; see"
                " https://github.com/caronc/apprise#supported-notifications"
            )
    return ""


def deliver(targets: Sequence[AppriseTarget], title: str, body: str, *, is_good_news: bool) -> bool:
    """Tell everybody, and return whether anybody was reached; who was not is logged."""
    if problem := problem_of_targets(targets):
        log.warning("no alert was delivered", because=problem)
        return False
    reached = [target.deliver(title, body, is_good_news=is_good_news) for target in targets]
    for target, is_reached in zip(targets, reached, strict=True):
        if not is_reached:
            log.warning("an alert was not delivered", target=target.name)
    return any(reached)


class Ping(StrEnum):
    """What a dead man's switch is told, by the path below its URL, as healthchecks.io has it.

    https://healthchecks.io/docs/http_api/
    """

    START = "/start"
    SUCCESS = ""
    FAILURE = "/fail"
    NOTE = "/log"


_PINGS = {0: Ping.SUCCESS, 4: Ping.NOTE}


def ping_of(exit_code: int) -> Ping:
    """Return what a run's exit code means to a dead man's switch.

    Anything but 0 is a failure, so that a green tick hides no rejected row. A run that found
    another one at work is neither: the other one says how the night ends.
    """
    return _PINGS.get(exit_code, Ping.FAILURE)


def ping(url: str | None, what: Ping, text: str = "") -> bool:
    """Tell a dead man's switch, and return whether it heard.

    It is told up to three times, for a ping that is lost looks like a night that was; that none
    was heard is logged.
    """
    if url is None:
        return True
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    tries = Retry(2, backoff_factor=0.1, status_forcelist=_PASSING, allowed_methods=None)
    try:
        with requests.Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=tries))
            answer = session.post(
                url.rstrip("/") + what,
                data=log.redacted(text).encode(),
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        is_heard, because = answer.status_code < 300, str(answer.status_code)
    except requests.RequestException as error:
        is_heard, because = False, type(error).__name__
    if not is_heard:
        log.warning("the dead man's switch was not reached", ping=what.name, because=because)
    return is_heard


def require_targets(targets: Sequence[AppriseTarget]) -> None:
    """Raise OperatorError where there is nobody to tell, or no way to."""
    if not targets:
        raise OperatorError(
            "There is nobody to alert: set CONVSYNC_ALERTS__URLS, or the secret of that name, to"
            " one or more Apprise URLs, such as json://127.0.0.1:8470/webhook."
        )
    if problem := problem_of_targets(targets):
        raise OperatorError(f"[alerts] urls: {problem}.")
