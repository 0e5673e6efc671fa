"""What ad accounts share whose API lists neither clicks nor costs, and returns no time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar

from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionRule
from convsync.upload.ad_account import CannotAsk, ClickReader, CostReader


class UnreadableAccount:
    """The part of an AdAccount that only says what cannot be asked; see AdAccount.

    `platform` is its name in messages, `why_no_costs` ends the sentence that asks for a file.
    """

    platform: ClassVar[str]
    why_no_costs: ClassVar[str]
    help_url: str

    def __init__(self, destination: str) -> None:
        self.destination = destination

    def server_time(self) -> datetime | None:
        """Return None."""
        return None

    @contextmanager
    def clicks(self) -> Iterator[ClickReader | CannotAsk]:
        """Yield that clicks cannot be asked for."""
        yield CannotAsk(fix=f"nothing: {self.platform} lists no single clicks")

    @contextmanager
    def costs(self) -> Iterator[CostReader | CannotAsk]:
        """Yield that costs cannot be asked for."""
        yield CannotAsk(fix=f"import {self.platform}'s costs as a file: {self.why_no_costs}")

    def _own(self, rules: Sequence[ConversionRule]) -> Sequence[ConversionRule]:
        return [rule for rule in rules if rule.action.destination == self.destination]

    def _of_what_is_final(self, own: Sequence[ConversionRule], *, hold_days: int) -> Finding:
        """Say that nothing can be corrected there, and which rules do not wait before they send."""
        at_once = sorted(rule.name for rule in own if not rule.hold)
        verb = "holds" if len(at_once) == 1 else "hold"
        advice = f"; {', '.join(at_once)} {verb} nothing back" if at_once else ""
        return Finding(
            severity=Severity.INFO,
            subject=f"corrections of {self.destination}",
            problem=f"what was sent to {self.platform} cannot be corrected or taken back{advice}",
            means="an amount that changes later, a deal that is lost, and a consent that is "
            "withdrawn leave what was counted as it is",
            fix=f"let a rule wait until its milestone has settled: hold_days = {hold_days}",
            link=self.help_url,
        )
