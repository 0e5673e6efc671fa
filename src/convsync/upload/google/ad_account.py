"""Google's side of an ad account: preflight, the clock, and what it says it received.

Upload diagnostics name three clients, and the Data Manager API is none of them: whether what it
sent is shown there at all could not be confirmed. Its absence proves nothing, and `requestStatus`
is what the ledger goes by. Were it shown one day, it would be under a name of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta

from msgspec import Struct

from convsync.clock import Clock
from convsync.errors import ConvsyncError
from convsync.model.ad_click import AdClick
from convsync.model.ad_spending import AdCost, AdResult, CostView
from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionRule
from convsync.upload.ad_account import (
    CannotAsk,
    ClickReader,
    CostReader,
    Received,
    UploadSummary,
)
from convsync.upload.google import click_view, clock_findings, preflight
from convsync.upload.google.account import AccountReader
from convsync.upload.google.preflight import Expected

ADS_CLIENT = "GOOGLE_ADS_API"
NAMED_CLIENTS = frozenset({ADS_CLIENT, "GOOGLE_ADS_WEB_CLIENT", "ADS_DATA_CONNECTOR"})
UNCONFIRMED = (
    "Whether Google shows uploads by the Data Manager API in its upload diagnostics is not "
    "documented; that they are missing there proves nothing."
)


class GoogleAdAccount:
    """One account at Google; `open_reader` returns None where nothing reads it.

    `clock_url` answers over HTTP, None where the destination was led to gRPC alone.
    """

    help_url = preflight.LINKS["upload errors"]

    def __init__(
        self,
        expected: Expected,
        open_reader: Callable[[], AccountReader | None],
        *,
        clock_url: str | None,
    ) -> None:
        self.destination = expected.destination
        self._expected = expected
        self._open_reader = open_reader
        self._clock_url = clock_url

    def findings(self, rules: Sequence[ConversionRule], clock: Clock | None) -> Sequence[Finding]:
        """Return findings of clock, account and actions; see AdAccount."""
        return [*self._of_the_clock(clock), *self._of_the_account(rules)]

    def server_time(self) -> datetime | None:
        """Return the time at the endpoint; see AdAccount."""
        from convsync.upload.google.server_clock import server_time  # and `requests` with it

        return None if self._clock_url is None else server_time(self._clock_url)

    def received(self) -> Received | CannotAsk:
        """Return Google's upload diagnostics; see AdAccount."""
        reader = self._open_reader()
        if reader is None:
            return CannotAsk(fix=f"set destinations.{self.destination}.read_with")
        with closing(reader):
            return received_of(
                reader.upload_summaries(),
                time_zone=reader.account().time_zone,
                is_data_manager=self._expected.must_own,
            )

    @contextmanager
    def clicks(self) -> Iterator[ClickReader | CannotAsk]:
        """Yield what reads `click_view`; see AdAccount."""
        reader = self._open_reader()
        if reader is None:
            yield CannotAsk(fix=f"set destinations.{self.destination}.read_with")
            return
        with closing(reader):
            yield _Clicks(reader, self._expected.customer_id, reader.account().time_zone)

    @contextmanager
    def costs(self) -> Iterator[CostReader | CannotAsk]:
        """Yield what reads costs and results; see AdAccount."""
        reader = self._open_reader()
        if reader is None:
            yield CannotAsk(fix=f"set destinations.{self.destination}.read_with")
            return
        with closing(reader):
            account = reader.account()
            yield _Costs(reader, self._expected.customer_id, account.time_zone, account.currency)

    def _of_the_clock(self, clock: Clock | None) -> Iterator[Finding]:
        if clock is None:
            return
        subject = f"clock against {self.destination}"
        asked_at = clock()
        try:
            theirs = self.server_time()
        except ConvsyncError as error:
            yield clock_findings.clock_not_read(subject, str(error))
            return
        if theirs is None:
            yield clock_findings.clock_not_read(subject, "its endpoint speaks gRPC alone.")
            return
        ours = asked_at + (clock() - asked_at) / 2
        yield clock_findings.finding_of_clock(subject, ours, theirs)

    def _of_the_account(self, rules: Sequence[ConversionRule]) -> Sequence[Finding]:
        expected = self._expected
        try:
            reader = self._open_reader()
            if reader is None:
                return [preflight.not_read(expected)]
            with closing(reader):
                findings = preflight.findings_of_account(reader.account(), expected)
                actions = reader.actions()
        except ConvsyncError as error:
            return [
                Finding(
                    severity=Severity.ERROR,
                    subject=expected.subject,
                    problem=str(error),
                    means="neither the account nor its conversion actions could be checked",
                    fix="do what the answer says, and check again",
                    link=preflight.LINKS["access"],
                )
            ]
        for rule in rules:
            findings += preflight.findings_of_rule(rule, actions, expected)
        return findings


class _Clicks(Struct):
    """Clicks of an account whose settings have been read; see ClickReader."""

    reader: AccountReader
    customer_id: str
    time_zone: str
    days_back: timedelta = click_view.DAYS_BACK

    def clicks_on(self, day: date) -> Sequence[AdClick]:
        return self.reader.clicks_on(day)


class _Costs(Struct):
    """Costs of an account whose settings have been read; see CostReader."""

    reader: AccountReader
    customer_id: str
    time_zone: str
    currency: str

    def costs_between(self, view: CostView, first: date, last: date) -> Sequence[AdCost]:
        return self.reader.costs_between(view, first, last)

    def names_of(self, view: CostView, items: Sequence[str]) -> Mapping[str, str]:
        return self.reader.names_of(view, items)

    def results_between(self, first: date, last: date) -> Sequence[AdResult]:
        return self.reader.results_between(first, last)


def received_of(
    summaries: Sequence[UploadSummary], *, time_zone: str, is_data_manager: bool
) -> Received:
    """Return the summaries, parted into those that hold a destination's uploads and the others."""

    def is_ours(summary: UploadSummary) -> bool:
        if is_data_manager:
            return summary.client not in NAMED_CLIENTS
        return summary.client == ADS_CLIENT

    return Received(
        platform="Google",
        time_zone=time_zone,
        ours=[summary for summary in summaries if is_ours(summary)],
        others=[summary for summary in summaries if not is_ours(summary)],
        is_complete=not is_data_manager,
        note=UNCONFIRMED if is_data_manager else "",
    )
