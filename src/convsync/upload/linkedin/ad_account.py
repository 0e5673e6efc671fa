"""LinkedIn's side of an ad account: its conversion rules, the API's version, and the sign-in's end.

What became of events LinkedIn shows in Campaign Manager, hours later, and by no API.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Final

from convsync.clock import Clock, system_clock
from convsync.errors import ConvsyncError
from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionRule
from convsync.upload.ad_account import CannotAsk, Received
from convsync.upload.linkedin.conversions_api import LinkedInConversions, problem_of
from convsync.upload.linkedin.versions import is_listed, last_day_of
from convsync.upload.unreadable_account import UnreadableAccount

_DOCS: Final = "https://learn.microsoft.com/en-us/linkedin/marketing"
_VERSIONS: Final = f"{_DOCS}/integrations/migrations"
_MONITORING: Final = "Campaign Manager › Measurement › Conversion tracking"
_ANNOUNCED_FOR: Final = timedelta(days=60)
"""How long before its end a version or a sign-in is a warning."""


class LinkedInAdAccount(UnreadableAccount):
    """One ad account at LinkedIn; `open_destination` is called where it is asked for.

    `signed_in_until` says when somebody has to sign in again, None where that is not known.
    """

    platform = "LinkedIn"
    why_no_costs = "the Conversions API knows none"
    help_url = f"{_DOCS}/integrations/ads-reporting/conversions-api"

    def __init__(
        self,
        destination: str,
        open_destination: Callable[[], LinkedInConversions],
        *,
        version: str,
        signed_in_until: Callable[[], datetime | None],
    ) -> None:
        super().__init__(destination)
        self._open = open_destination
        self._version = version
        self._signed_in_until = signed_in_until

    def findings(self, rules: Sequence[ConversionRule], clock: Clock | None) -> Sequence[Finding]:
        """Return findings of the rules, the version and the sign-in; see AdAccount."""
        now = (clock or system_clock)()
        own = self._own(rules)
        return [
            *self._of_the_rules(own),
            self._of_the_version(now.date()),
            *self._of_the_sign_in(now),
            self._of_what_is_final(own, hold_days=7),
        ]

    def received(self) -> Received | CannotAsk:
        """Say where people see what arrived; see AdAccount."""
        return CannotAsk(fix=f"look at {_MONITORING}: LinkedIn shows it there, and by no API")

    def _of_the_rules(self, own: Sequence[ConversionRule]) -> Iterator[Finding]:
        subject = f"conversion rules of {self.destination}"
        try:
            with closing(self._open()) as linkedin:
                there = linkedin.api.rules()
        except ConvsyncError as error:
            yield Finding(severity=Severity.ERROR, subject=subject, problem=str(error))
            return
        for rule in own:
            about = f"rules.{rule.name} at {self.destination}"
            if problem := problem_of(rule.action.action_id, there):
                yield Finding(
                    severity=Severity.ERROR,
                    subject=about,
                    problem=problem,
                    means="its conversions wait, and none of them counts",
                    fix=f"correct it in {_MONITORING}",
                    link=self.help_url,
                )
            else:
                yield Finding(
                    severity=Severity.INFO,
                    subject=about,
                    problem=f"conversion rule {rule.action.action_id} takes events; it counts for "
                    "the campaigns that it is associated with in Campaign Manager",
                )

    def _of_the_version(self, today: date) -> Finding:
        """Say the version's last day; that it is near, the deadlines of all vendors announce."""
        ends_on = last_day_of(self._version)
        said = "" if is_listed(self._version) else ", as earlier ones suggest"
        return Finding(
            severity=Severity.ERROR if ends_on <= today else Severity.INFO,
            subject=f"destinations.{self.destination}.api_version",
            problem=f"version {self._version} of LinkedIn's API ends on {ends_on}{said}",
            means="from then on LinkedIn takes nothing",
            fix="set api_version to a newer one, YYYYMM, before that",
            link=_VERSIONS,
        )

    def _of_the_sign_in(self, now: datetime) -> Iterator[Finding]:
        subject = f"sign-in of {self.destination}"
        try:
            ends_at = self._signed_in_until()
        except ConvsyncError as error:
            yield Finding(severity=Severity.ERROR, subject=subject, problem=str(error))
            return
        if ends_at is None:
            yield Finding(
                severity=Severity.INFO,
                subject=subject,
                problem="LinkedIn does not say when it ends: an access token lives for 60 days, a "
                "refresh token for 365 from the first sign-in",
                means="from then on LinkedIn takes nothing",
                fix="note the day on which you signed in, and sign in again before its end",
            )
            return
        yield Finding(
            severity=_urgency(ends_at - now),
            subject=subject,
            problem=f"it ends on {ends_at:%Y-%m-%d}, and nothing prolongs it",
            means="from then on LinkedIn takes nothing",
            fix="sign in again before that: convsync auth linkedin",
        )


def _urgency(left: timedelta) -> Severity:
    if left <= timedelta(0):
        return Severity.ERROR
    return Severity.WARNING if left <= _ANNOUNCED_FOR else Severity.INFO
