"""Meta's side of an ad account: whether the dataset accepts events, and what cannot be undone.

The Graph API says whether a token reaches a dataset, and when the dataset last received something.
What became of single events it does not say: Events Manager shows that, within some 20 minutes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from convsync.clock import Clock
from convsync.errors import ConvsyncError
from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionRule
from convsync.upload.ad_account import CannotAsk, Received
from convsync.upload.meta.conversions_api import MetaConversions
from convsync.upload.unreadable_account import UnreadableAccount

_DOCS: Final = "https://developers.facebook.com/documentation/ads-commerce/conversions-api"
_EVENTS: Final = "Events Manager › the dataset › Overview"
_DAY: Final = timedelta(days=1)
_NIGHTLY: Final = timedelta(days=2)
"""Where a milestone counts no longer than this after its hold, a single failed night loses it."""


class MetaAdAccount(UnreadableAccount):
    """One dataset at Meta; `open_destination` is called where it is asked for.

    `counts_within` is for how long Meta takes a milestone, `version` the Graph API's.
    """

    platform = "Meta"
    why_no_costs = "the Conversions API knows none"
    help_url = f"{_DOCS}/using-the-api"

    def __init__(
        self,
        destination: str,
        open_destination: Callable[[], MetaConversions],
        *,
        version: str,
        counts_within: timedelta,
        is_test: bool = False,
    ) -> None:
        super().__init__(destination)
        self._open = open_destination
        self._counts_within = counts_within
        self._version = version
        self._is_test = is_test

    def findings(self, rules: Sequence[ConversionRule], clock: Clock | None) -> Sequence[Finding]:
        """Return findings of the dataset and of the rules that count in it; see AdAccount."""
        own = self._own(rules)
        return [
            *self._of_the_dataset(),
            *self._of_tests(),
            self._of_what_is_final(own, hold_days=3),
            self._of_how_often(own),
        ]

    def received(self) -> Received | CannotAsk:
        """Say where people see what arrived; see AdAccount."""
        return CannotAsk(fix=f"look at {_EVENTS}: Meta shows what arrived there, and by no API")

    def _of_the_dataset(self) -> Iterator[Finding]:
        subject = f"dataset of {self.destination}"
        try:
            with closing(self._open()) as meta:
                dataset = meta.dataset()
        except ConvsyncError as error:
            yield Finding(severity=Severity.ERROR, subject=subject, problem=str(error))
            return
        if dataset.get("is_unavailable"):
            yield Finding(
                severity=Severity.ERROR,
                subject=subject,
                problem="Meta says that the dataset is unavailable",
                means="nothing that is sent to it counts",
                fix="restore it in Events Manager, or set dataset_id to another",
                link=self.help_url,
            )
        else:
            yield Finding(
                severity=Severity.INFO,
                subject=subject,
                problem=f"the token reaches it by {self._version} of the Graph API; "
                f"{_last_event(dataset)}",
            )

    def _of_tests(self) -> Iterator[Finding]:
        if self._is_test:
            yield Finding(
                severity=Severity.WARNING,
                subject=f"destinations.{self.destination}.test_event_code",
                problem="events are shown among Meta's test events, and are used all the same",
                means="what is sent with it counts in measurement and delivery",
                fix="take test_event_code out once you have seen an event arrive",
                link=self.help_url,
            )

    def _of_how_often(self, own: Sequence[ConversionRule]) -> Finding:
        """Say how often a run is needed so that no milestone grows too old before it is sent."""
        longest = max((rule.hold for rule in own), default=timedelta(0))
        left = self._counts_within - longest
        is_tight = left < _NIGHTLY
        return Finding(
            severity=Severity.WARNING if is_tight else Severity.INFO,
            subject=f"runs for {self.destination}",
            problem=f"Meta takes a milestone for {self._counts_within.days} days, and rules hold "
            f"it for up to {longest / _DAY:g} of them: run at least every {_span(left)}",
            means="what a run finds later than that is not sent, and its deal says so",
            fix="convsync schedule --every 15m, which Meta recommends for delivery as well",
            link=self.help_url,
        )


def _last_event(dataset: Mapping[str, object]) -> str:
    fired = dataset.get("last_fired_time")
    at = _time_in(fired) if isinstance(fired, str) else None
    return "it has received no event yet" if at is None else f"its last event came at {at}"


def _time_in(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


def _span(left: timedelta) -> str:
    """Return how often to run: daily, as Meta asks, or so that one run may fail without a loss."""
    hours = max(1, min(left / 2, _DAY) // timedelta(hours=1))
    return "day" if hours == _DAY // timedelta(hours=1) else f"{hours} hours"
