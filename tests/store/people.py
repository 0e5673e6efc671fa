"""Worlds of people for the property tests: devices, e-mails, an office phone, deals and clicks.

A world is a list of arrivals: deals as a CRM has them at the time, and sightings of clicks. A
ledger takes them in nights, in any order, as a run does: what is not due is not looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from msgspec import structs
from sqlalchemy import Connection

from convsync.match import candidates_of, earlier_sale_of, match_deal
from convsync.model.click import ClickId, ClickIdKind, Sighting
from convsync.model.deal import WON, Deal, Milestone
from convsync.model.key import Key, KeyKind
from convsync.model.outcome import Matched, NotSent, Waiting
from convsync.model.rule import ConversionRule
from convsync.model.seen_clicks import SeenClicks
from convsync.model.terms import SharedKeys
from convsync.store import click_news, clicks, crowded_keys, deals, persons, shared_keys
from convsync.store.deals import StoredDeal
from convsync.store.kin import kin_of
from tests.builders import CLICKED_AT, a_rule

DAY = timedelta(days=1)
BEGAN = CLICKED_AT
NOW = BEGAN + 400 * DAY
RULE = a_rule(lookback=30 * DAY, upload_window=500 * DAY, settling_time=timedelta(0))
SHARED = SharedKeys(most=2)
OFFICE = Key(KeyKind.PHONE, "office")

Arrival = Deal | Sighting
Answer = Matched | Waiting | NotSent
Answers = dict[str, Answer]


@dataclass(frozen=True, slots=True)
class World:
    """All that arrives, whose each deal and click is, and the deals that were merged by mistake."""

    arrivals: Sequence[Arrival]
    owner_of_deal: dict[str, int]
    owner_of_click: dict[ClickId, int]


def a_world(random: Random) -> World:
    """Draw a world. An office phone is had by all deals or, where these are few, by none."""
    people = range(1, random.randint(2, 4))
    sold = [(person, number) for person in people for number in range(random.randint(0, 3))]
    at_work = (OFFICE,) if len(sold) > SHARED.most else ()
    drawn = [_a_deal(random, person, number, at_work) for person, number in sold]
    clicked = [
        _a_sighting(random, person, f"{person}-{number}", at_work)
        for person in people
        for number in range(random.randint(0, 4))
    ]
    return World(
        arrivals=[*drawn, *clicked],
        owner_of_deal={deal.deal_id: person for deal, (person, _) in zip(drawn, sold, strict=True)},
        owner_of_click={
            one.click_ids[0]: int(one.click_ids[0].value.partition("-")[0]) for one in clicked
        },
    )


def _keys(random: Random, person: int) -> tuple[Key, ...]:
    """Draw one key of a person or several: two devices, two e-mails, a phone, the CRM's ID."""
    all_keys = [
        *(Key(KeyKind.VISITOR, f"{device} of {person}") for device in ("laptop", "phone")),
        *(Key(KeyKind.EMAIL, f"{place} of {person}") for place in ("home", "work")),
        Key(KeyKind.PHONE, f"mobile of {person}"),
        Key(KeyKind.CRM, f"contact {person}"),
    ]
    return tuple(random.sample(all_keys, random.choice((1, 1, 2, 3))))


def _a_deal(random: Random, person: int, number: int, at_work: tuple[Key, ...]) -> Deal:
    made_at = BEGAN + timedelta(hours=random.randint(0, 90 * 24))
    won_at = made_at + timedelta(hours=random.randint(0, 40 * 24))
    return Deal(
        source="crm",
        deal_id=f"{person}/{number}",
        created_at=made_at,
        modified_at=won_at,
        milestones=(Milestone(WON, won_at),),
        keys=(*_keys(random, person), *at_work),
    )


def _a_sighting(random: Random, person: int, name: str, at_work: tuple[Key, ...]) -> Sighting:
    keys = _keys(random, person)
    return Sighting(
        click_ids=(ClickId(random.choice([ClickIdKind.GCLID, ClickIdKind.WBRAID]), name),),
        seen_at=BEGAN + timedelta(hours=random.randint(-40 * 24, 130 * 24)),
        keys=(*keys, *at_work) if random.random() < 0.3 else keys,
    )


def merged(deal: Deal, other: Deal) -> Deal:
    """Return a deal as a CRM has it whose contact was merged with another deal's."""
    return structs.replace(deal, keys=(*deal.keys, *other.keys))


@dataclass(slots=True)
class Ledger:
    """What was decided of each deal, by nights that look at no more than a run would."""

    connection: Connection
    rule: ConversionRule = RULE
    shared: SharedKeys = SHARED
    answers: Answers = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    """The deals that the last night looked at because they were due."""
    nights: int = 0
    by_origin: bool = False

    def night(self, arrivals: Iterable[Arrival]) -> None:
        """Read clicks and deals, join people, and decide what is due."""
        self.nights += 1
        now = NOW + self.nights * DAY
        came = list(arrivals)
        clicks.save(
            self.connection, SeenClicks.of(one for one in came if isinstance(one, Sighting))
        )
        if click_news.is_there(self.connection):
            clicks.spread_news(self.connection, now=now)
        saved = deals.save(
            self.connection, "crm", [one for one in came if isinstance(one, Deal)], now=now
        )
        self._decide(saved.changed)
        shared = shared_keys.note(self.connection, self.shared, sends_identifiers=False, now=now)
        crowded_keys.note(self.connection, self.shared.allowed, now=now)
        persons.join(self.connection, shared=shared, by_origin=self.by_origin, now=now)
        self.again = set()
        while due := deals.due(self.connection, now, limit=3):
            self.again |= {stored.deal.deal_id for stored in due}
            self._decide(due)

    def _decide(self, chunk: Sequence[StoredDeal]) -> None:
        deals.look_again(self.connection, {stored.row: None for stored in chunk})
        self.answers |= answers_of(self.connection, chunk, self.rule)

    def fresh(self) -> Answers:
        """Return what would be decided if everything were looked at now."""
        everything = deals.numbered(self.connection, range(1, 1_000))
        return answers_of(self.connection, everything, self.rule)


def answers_of(
    connection: Connection, chunk: Sequence[StoredDeal], rule: ConversionRule
) -> Answers:
    rows = [stored.row for stored in chunk]
    kin = kin_of(connection, rows)
    answers = {}
    for stored in chunk:
        sale = earlier_sale_of(stored.deal, kin.sales.get(stored.row, ()))
        deal = structs.replace(stored.deal, earlier_sale=sale)
        candidates = candidates_of(deal, kin.candidates.get(stored.row, ()))
        (won,) = deal.milestones
        answers[deal.deal_id] = match_deal(deal, won, candidates, rule, now=NOW)
    return answers
