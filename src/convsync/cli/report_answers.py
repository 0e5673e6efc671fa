"""The reports for the requested days: for `report html`, and for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict

from convsync.cli import coverage_asked, report_funnel, report_revenue, report_shortfalls

if TYPE_CHECKING:
    from convsync.report.agreements import Standing
    from convsync.report.campaigns import Campaigns
    from convsync.report.conditions import Conditions
    from convsync.report.counted import Beside
    from convsync.report.coverage import Coverage
    from convsync.report.exchange import Exchange
    from convsync.report.fields import FieldQuality
    from convsync.report.funnel import Cohort
    from convsync.report.revenue import Revenue
    from convsync.report.shortfalls import Shortfall
    from convsync.report.trend import Week
    from convsync.settings import Settings
    from convsync.store.database import Database


class _Asked(TypedDict):
    """What all reports on deals are asked alike."""

    now: datetime
    exchange: "Exchange"
    absurd_above: Decimal | None
    where: "Conditions"


@dataclass(frozen=True)
class Answers:
    """All reports of a period: `days` are its first and its last, both included.

    They are of the deals that meet all conditions of `where`.
    """

    database: "Database"
    settings: "Settings"
    days: tuple[date, date]
    now: datetime
    where: "Conditions" = ()

    @cached_property
    def exchange(self) -> "Exchange":
        """Return what puts amounts into the company's currency."""
        from convsync import wiring

        return wiring.exchange_of(self.settings)

    @property
    def _asked(self) -> _Asked:
        from convsync import wiring

        return _Asked(
            now=self.now,
            exchange=self.exchange,
            absurd_above=wiring.absurd_above(self.settings),
            where=self.where,
        )

    def standings(self) -> "Sequence[Standing]":
        """Return what marketing and sales agreed on, and how often it is breached."""
        from convsync import wiring
        from convsync.report import agreements

        agreed = wiring.agreements_of(self.settings)
        return agreements.standings(self.database, agreed, now=self.now)

    def funnel(self, by: str | None = None) -> "Sequence[Cohort]":
        """Return the funnel of the period's leads, in one cohort or in several."""
        from convsync import wiring
        from convsync.report.funnel import funnel_of

        group_of = report_funnel.grouped(by, *self.days, self.settings)
        return funnel_of(self.database, wiring.funnel_of(self.settings), group_of, **self._asked)

    def shortfalls(self) -> "Sequence[Shortfall]":
        """Return where the funnel falls short."""
        from convsync import wiring
        from convsync.model.period import Period
        from convsync.report.shortfalls import shortfalls_of

        period = Period.of_days(*self.days, wiring.company_zone(self.settings))
        segments = report_shortfalls.segments_compared(self.settings)
        order = wiring.funnel_of(self.settings)
        return shortfalls_of(self.database, order, segments, period, **self._asked)

    def campaigns(self, by: str = "campaign") -> "Campaigns":
        """Return what each campaign cost and brought, or what else is told apart."""
        from convsync import wiring
        from convsync.report.campaigns import campaigns_of

        order, zone = wiring.funnel_of(self.settings), wiring.company_zone(self.settings)
        return campaigns_of(self.database, order, by, self.days, zone=zone, **self._asked)

    def beside(self) -> "Sequence[Beside]":
        """Return what was sent for the period's clicks, and what is counted; of all deals alone."""
        from convsync import wiring
        from convsync.report.counted import counted_beside_sent

        if self.where:
            return []
        actions = {rule.action.action_id: rule.name for rule in wiring.rules_of(self.settings)}
        zone = wiring.company_zone(self.settings)
        return counted_beside_sent(self.database, actions, *self.days, zone)

    def trend(self, against: int) -> "Sequence[Week]":
        """Return the period's weeks, each beside so many before it."""
        from convsync import wiring
        from convsync.report.trend import trend_of

        order, zone = wiring.funnel_of(self.settings), wiring.company_zone(self.settings)
        return trend_of(self.database, order, self.days, against=against, zone=zone, **self._asked)

    def revenue(self, by: str | None = None, months: int = 12) -> "Revenue":
        """Return what the period's sales brought, and are to bring in so many months."""
        return report_revenue.found_in(
            self.database,
            self.settings,
            self.days,
            self.exchange,
            self.now,
            by=by,
            months=months,
            where=self.where,
        )

    def coverage(self, by: str | None = None, rule: str | None = None) -> "Coverage":
        """Return by what the period's conversions were matched, of one rule or of all."""
        return coverage_asked.covered(
            self.database,
            self.settings,
            self.days,
            by=by,
            rule=rule,
            exchange=self.exchange,
            where=self.where,
        )

    def fields(self) -> "Sequence[FieldQuality]":
        """Return how the fields stand of the deals whose conversions coverage is of."""
        from convsync import wiring
        from convsync.model.period import Period
        from convsync.report.fields import fields_of

        period = Period.of_days(*self.days, wiring.company_zone(self.settings))
        return fields_of(self.database, period, self.where)
