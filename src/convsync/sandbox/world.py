"""A world of leads, deals and ad clicks, made from a seed, so that nobody needs a CRM to try this.

The demo exports it as files, benchmarks stream a million deals of it, the sandbox's CRMs serve it.
The one thing to know: deal i is a pure function of the seed, the world's end and i. It can be made
alone, in any order, and is the same however many others there are; nothing is kept in memory.

A `WorldDeal` is made with its whole life, future included. What a CRM shows is a view of it at an
instant, `World.deals_as_of`, in which later milestones have not happened yet. What people do to
deals overnight is told with `World.with_changes`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from convsync.sandbox.world_deal import AdClick, WorldDeal, index_of, make_deal
from convsync.sandbox.world_figures import ABSURD_AMOUNT, AS_MEASURED, EVERYTHING_MATCHES


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From `at` on, these fields of a deal read differently."""

    at: datetime
    fields: Mapping[str, Any]

    def applied_to(self, deal: WorldDeal) -> WorldDeal:
        """Return the deal as it is after the change."""
        return replace(deal, changed_at=self.at, **self.fields)


def amount_changed(at: datetime, amount: Decimal | None) -> Change:
    """Somebody corrected the deal's amount."""
    return Change(at=at, fields={"amount": amount})


def lost(at: datetime) -> Change:
    """The deal fell through; if it had been won, the CRM keeps the won date."""
    return Change(at=at, fields={"lost_at": at})


def reopened(at: datetime) -> Change:
    """A closed deal went back to being an opportunity; the CRM clears its closing dates."""
    return Change(at=at, fields={"won_at": None, "lost_at": None})


def deleted(at: datetime) -> Change:
    """The deal vanished from the CRM."""
    return Change(at=at, fields={"deleted_at": at})


def consent_withdrawn(at: datetime) -> Change:
    """The person no longer agrees to their data going to an ad platform."""
    return Change(at=at, fields={"consent": "no"})


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`deals` leads whose first contact was within the `days` before `ends_at`, and their clicks.

    With `everything_matches`, every lead came from an ad half an hour before at most, carries its
    gclid and consents: the worst case for whoever has to report them.
    """

    seed: int
    deals: int
    ends_at: datetime
    days: int = 540
    time_zone: str = "Europe/Berlin"
    currency: str = "EUR"
    everything_matches: bool = False
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ends_at.utcoffset() is None:
            raise ValueError("ends_at must know its time zone")
        whole_second = self.ends_at.astimezone(UTC).replace(microsecond=0)
        object.__setattr__(self, "ends_at", whole_second)

    def deal(self, index: int) -> WorldDeal:
        """Return the whole life of one deal, future included, before any change."""
        return make_deal(
            index,
            seed=self.seed,
            ends_at=self.ends_at,
            days=self.days,
            currency=self.currency,
            odds=EVERYTHING_MATCHES if self.everything_matches else AS_MEASURED,
        )

    def deal_as_of(self, deal_id: str, at: datetime) -> WorldDeal | None:
        """Return what the CRM shows for an id at an instant; None if it shows nothing."""
        index = index_of(deal_id, self.seed)
        if index is None or index >= self.deals:
            return None
        return self._view(self.deal(index), at)

    def deals_as_of(self, at: datetime) -> Iterator[WorldDeal]:
        """Yield every deal as the CRM shows it at an instant, in no order of time."""
        for index in range(self.deals):
            if deal := self._view(self.deal(index), at):
                yield deal

    def clicks_as_of(self, at: datetime) -> Iterator[AdClick]:
        """Yield the rows that are in the click log by an instant, in no order of time."""
        for index in range(self.deals):
            yield from (click for click in self.deal(index).clicks if click.logged_at <= at)

    def with_changes(self, changes: Mapping[str, Change]) -> "World":
        """Return the world in which these changes also happen, by deal id."""
        more = {key: (*self.changes.get(key, ()), change) for key, change in changes.items()}
        return replace(self, changes={**self.changes, **more})

    def deleted_at(self, deal_id: str) -> datetime | None:
        """Return when a deal vanishes from the CRM, None where it stays."""
        times = (change.fields.get("deleted_at") for change in self.changes.get(deal_id, ()))
        return next(filter(None, times), None)

    def pick_won(
        self, at: datetime, n: int, *, within: timedelta = timedelta(days=30)
    ) -> list[WorldDeal]:
        """Return n deals won shortly before `at` that any sound set-up has reported.

        They carry a click id, consent and an ordinary amount in the world's currency; their click
        came at least a day and at most sixty before the win. Raises ValueError if there are fewer.
        """
        recent = (
            deal
            for deal in self.deals_as_of(at)
            if deal.won_at and deal.won_at > at - within and self._is_reportable(deal)
        )
        if len(picked := list(islice(recent, n))) < n:
            raise ValueError(f"only {len(picked)} deals fit: make more deals or widen `within`")
        return picked

    def _view(self, deal: WorldDeal, at: datetime) -> WorldDeal | None:
        if changes := self.changes.get(deal.deal_id):
            for change in sorted(changes, key=lambda change: change.at):
                deal = change.applied_to(deal) if change.at <= at else deal
        return deal.as_of(at)

    def _is_reportable(self, deal: WorldDeal) -> bool:
        return bool(
            deal.stage == "Closed Won"
            and deal.won_at
            and deal.ids
            and deal.consent == "yes"
            and deal.currency == self.currency
            and 0 < (deal.amount or 0) < ABSURD_AMOUNT
            and timedelta(days=1) < deal.won_at - deal.clicks[0].clicked_at < timedelta(days=60)
        )
