"""That a deal which a join lets alone is planned as if everything joined were planned again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import select

from convsync import reconcile
from convsync.clock import frozen_clock
from convsync.extract.source import ClickChunk
from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis, Sighting
from convsync.model.consent import ConsentStatus, Purpose, Said
from convsync.model.deal import WON, Deal, Milestone
from convsync.model.key import Key, KeyKind
from convsync.model.period import Period
from convsync.model.rule import ClickPolicy, ConversionAction
from convsync.model.seen_clicks import SeenClicks
from convsync.model.takes import ConversionKey
from convsync.model.terms import SharedKeys
from convsync.pipeline import run
from convsync.reading import chunks
from convsync.running.services import NoProgress, Services
from convsync.store import all_keys, crowded_keys, kin, persons, reach, schema
from convsync.store.database import Database
from convsync.store.everyone import Everyone
from convsync.upload.google.takes import GOOGLE_ADS
from tests.builders import DENIED, GRANTED, a_deal, a_rule
from tests.fakes.listed_deals import ListedDeals
from tests.fakes.memory_destination import MemoryDestination
from tests.fakes.new_ledger import new_ledger
from tests.store.people import DAY, NOW, Arrival

LEAD = "lead"
BY_CLICK, BY_ORDER = (ConversionAction(destination=name, action_id="1") for name in "ab")
TAKES = {
    "a": replace(GOOGLE_ADS, key=ConversionKey.CLICK_AND_TIME, repeats=GOOGLE_ADS.repeats),
    "b": GOOGLE_ADS,
}
LONG: dict[str, Any] = {
    "lookback": 30 * DAY,
    "upload_window": 500 * DAY,
    "settling_time": timedelta(0),
}
RULES = (
    a_rule("last", action=BY_ORDER, **LONG),
    a_rule("first", action=BY_ORDER, click_policy=ClickPolicy.FIRST, **LONG),
    replace(a_rule("reused", action=BY_CLICK, **LONG), reuses_clicks=True),
    a_rule("lead", action=BY_CLICK, milestone=LEAD, **LONG),
)
worlds = st.integers(0, 2**32)
any_worlds = settings(max_examples=max(4, settings().max_examples // 5))
"""Each is several nights on two ledgers."""


class Site:
    """A site's clicks, and who refused there."""

    name = "site"
    lag = overlap = timedelta()

    def __init__(self) -> None:
        self.seen: list[Sighting] = []
        self.refused: list[tuple[bytes, Said]] = []

    def check_columns(self) -> None:
        """Find nothing wrong."""

    def read(self, window: Period) -> Iterator[ClickChunk]:
        yield ClickChunk(seen=SeenClicks.of(self.seen))

    def said(self, window: Period) -> Iterator[list[tuple[bytes, Said]]]:
        yield self.refused


def a_customer_base(random: Random) -> list[Arrival]:
    """Draw people with a device or two, who click, come back, and have one deal or several."""
    arrivals: list[Arrival] = []
    for person in range(random.randint(2, 5)):
        kinds = random.sample(
            [KeyKind.VISITOR, KeyKind.EMAIL, KeyKind.CRM], random.choice([1, 2, 3])
        )
        keys = [Key(kind, f"of {person}") for kind in kinds]
        if random.random() < 0.1:
            keys.append(Key(KeyKind.PHONE, "office"))
        visits, sales = random.choice([0, 1, 1, 2]), random.randint(0, 4)
        arrivals += [_a_visit(random, f"{person}-{number}", keys) for number in range(visits)]
        arrivals += [_a_sale(random, person, number, keys) for number in range(sales)]
    random.shuffle(arrivals)
    return arrivals


def _a_visit(random: Random, name: str, keys: Sequence[Key]) -> Sighting:
    return Sighting(
        click_ids=(ClickId(ClickIdKind.GCLID, name),),
        seen_at=NOW - random.randint(20, 60) * DAY,
        keys=tuple(random.sample(keys, random.randint(1, len(keys)))),
    )


def _a_sale(random: Random, person: int, number: int, keys: Sequence[Key]) -> Deal:
    """Draw a deal; one in ten was refused, and one in five has a click ID of a visit or a contact.

    Some were made when they were won, of some that is not known, and most were made on one day.
    """
    won_at = NOW - random.choice([5, 10, 15, 40]) * DAY
    made_at = random.choice([NOW - 18 * DAY, NOW - 18 * DAY, NOW - 45 * DAY, won_at, None])
    lead_at = won_at - random.randint(0, 9) * DAY
    refused = random.random() < 0.1
    name = ClickId(ClickIdKind.GCLID, random.choice([f"{person}-0", f"contact {person}"]))
    basis = random.choice([MatchBasis.DEAL, MatchBasis.CONTACT])
    left = Candidate(Click(click_id=name, clicked_at=None), basis)
    return a_deal(
        f"{person}/{number}",
        created_at=made_at,
        modified_at=None,
        amount=random.randint(1, 9) * 100,
        currency="EUR",
        consent=DENIED if refused else GRANTED,
        milestones=(Milestone(WON, won_at), Milestone(LEAD, lead_at)),
        clicks=(left,) if random.random() < 0.2 else (),
        keys=tuple(random.sample(keys, random.choice([1, 1, len(keys)]))),
    )


def _edited(random: Random, deal: Deal, keys: Sequence[Key]) -> Deal:
    """Return a deal as it was or, once in a while, with a key or two in place of its own."""
    if random.random() < 0.8:
        return deal
    return structs.replace(deal, keys=tuple({*deal.keys[:1], random.choice(keys)}))


class Nights(NoProgress):
    """The nights of a company, on a ledger of its own; `again` counts deals looked at once more."""

    def __init__(self, file: Path) -> None:
        new_ledger(file)
        self.database = Database(f"sqlite:///{file}")
        self.crm, self.site = ListedDeals(), Site()
        self.platforms = {name: MemoryDestination(name, takes) for name, takes in TAKES.items()}
        self.again = 0
        self._worked = 0

    def advance(self, stage: str, count: int) -> None:
        self.again += count if stage == "due" else 0

    def night(self, arrivals: Sequence[Arrival], refused: Sequence[Key] = ()) -> None:
        """Read clicks and the CRM's complete list, and send what is new."""
        self._worked += 1
        at = NOW + self._worked * DAY
        self.crm.deals += [one for one in arrivals if isinstance(one, Deal)]
        self.site.seen = [one for one in arrivals if isinstance(one, Sighting)]
        self.site.refused = [(key.digest(), _refusal(at)) for key in refused]
        services = Services(
            database=self.database,
            rules=RULES,
            takes=TAKES,
            deal_sources=[self.crm],
            click_sources=[self.site],
            destinations=lambda name: self.platforms[name],
            shared_keys=SharedKeys(most=5),
            clock=frozen_clock(at),
            real_clock=frozen_clock(at),
            progress=self,
        )
        run(services, force=True)

    @property
    def books(self) -> Mapping[str, Any]:
        """What was decided, sent and put off, whose each deal is, and what each platform counts."""
        with self.database.reading() as connection:
            kept = connection.execute(select(schema.ledger)).all()
            due = connection.execute(select(schema.deals.c.id, schema.deals.c.reconcile_at)).all()
            people = connection.execute(select(schema.persons)).all()
        counted = {name: one.counted for name, one in self.platforms.items()}
        return {"ledger": kept, "due": due, "people": people, "counted": counted}


def _refusal(at: datetime) -> Said:
    return Said(
        purpose=Purpose.AD_USER_DATA,
        status=ConsentStatus.DENIED,
        said_at=at,
        source="site",
        record="visitor",
    )


@dataclass(frozen=True, slots=True)
class Worked:
    """The books after each night, and how many deals were looked at once more."""

    books: Sequence[Mapping[str, Any]]
    again: int


def worked(file: Path, seed: int, *, lets_alone: bool) -> Worked:
    """Work the nights that a seed stands for; all keys are gone through in every one."""
    random = Random(seed)
    arrivals = a_customer_base(random)
    with pytest.MonkeyPatch.context() as patch, closing_nights(file) as company:
        small = {"MANY": 0, "AT_ONCE": random.randint(1, 4)}
        small["MOST_DEALS"] = most = random.choice([3, 200])
        for name, value in small.items():
            patch.setattr(persons, name, value)
        for module in (all_keys, crowded_keys, kin, reach):
            patch.setattr(module, "MOST_CLICKS", most)
        patch.setattr(chunks, "CHUNK", random.randint(1, 4))
        patch.setattr(reconcile, "MANY", random.choice([1, 20]))
        if not lets_alone:
            patch.setattr(Everyone, "is_new", lambda _, __: False)
        books = []
        while arrivals:
            count = random.choice([5, 8, 100])
            tonight, arrivals = arrivals[:count], arrivals[count:]
            keys = [key for one in (*tonight, *arrivals) for key in one.keys]
            refused = random.sample(keys, 1) if random.random() < 0.5 else []
            company.crm.deals = [_edited(random, one, keys) for one in company.crm.deals]
            company.night(tonight, refused)
            books.append(company.books)
        return Worked(books, company.again)


@contextmanager
def closing_nights(file: Path) -> Iterator[Nights]:
    company = Nights(file)
    with closing(company.database):
        yield company


@pytest.mark.long
@any_worlds
@given(worlds)
def test_planning_only_whom_a_join_concerns_leaves_the_same_books_as_planning_all(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("twins")
    everything = worked(folder / "all.db", seed, lets_alone=False)
    concerned = worked(folder / "some.db", seed, lets_alone=True)
    assert concerned.books == everything.books
    assert concerned.again <= everything.again


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """A company of which all keys are gone through every night, as of a large one's first."""
    monkeypatch.setattr(persons, "MANY", 0)
    with closing_nights(tmp_path / "ledger.db") as company:
        yield company


LAPTOP, EMAIL = Key(KeyKind.VISITOR, "laptop"), Key(KeyKind.EMAIL, "ada")
LANDED = Sighting(
    click_ids=(ClickId(ClickIdKind.GCLID, "landed"),), seen_at=NOW - 30 * DAY, keys=(LAPTOP,)
)


def a_sale(deal_id: str, *keys: Key, days_ago: int = 5) -> Deal:
    won_at = NOW - days_ago * DAY
    won = Milestone(WON, won_at)
    return a_deal(
        deal_id, created_at=won_at - 9 * DAY, modified_at=None, milestones=(won,), keys=keys
    )


def states(company: Nights, rule: str = "last") -> dict[str, str]:
    """What became of each deal's sale under a rule."""
    found = select(schema.deals.c.deal_id, schema.ledger.c.state, schema.ledger.c.reason).join(
        schema.deals, schema.deals.c.id == schema.ledger.c.deal
    )
    with company.database.reading() as connection:
        rows = connection.execute(found.where(schema.ledger.c.rule == rule)).all()
    return {deal_id: reason or state for deal_id, state, reason in rows}


def test_deals_with_one_key_and_all_its_clicks_are_planned_once(company: Nights) -> None:
    came_back = structs.replace(LANDED, click_ids=(ClickId(ClickIdKind.GCLID, "came back"),))
    sales = [a_sale(f"D-{number}", LAPTOP) for number in range(4)]
    company.night([LANDED, came_back, *sales, a_sale("other", EMAIL)])
    assert company.again == 0
    assert len(company.platforms["b"].counted) == 8, "two rules count four deals"


@pytest.mark.parametrize(
    ("one", "other", "became"),
    [
        pytest.param((LAPTOP, EMAIL), (EMAIL,), "confirmed", id="a click"),
        pytest.param((LAPTOP,), (LAPTOP,), "click_of_earlier_sale", id="an earlier sale"),
    ],
)
def test_a_deal_is_planned_again_where_its_customer_has_what_it_did_not_know(
    company: Nights, one: tuple[Key, ...], other: tuple[Key, ...], became: str
) -> None:
    won_before = 20 if became != "confirmed" else 5
    company.night([LANDED, a_sale("D-1", *one, days_ago=won_before), a_sale("D-2", *other)])
    assert states(company) == {"D-1": "confirmed", "D-2": became}


def test_a_deal_is_planned_again_where_its_customer_refused_under_another_key(
    company: Nights,
) -> None:
    company.night([LANDED], [EMAIL])
    company.night([a_sale("D-1", LAPTOP, EMAIL), a_sale("D-2", LAPTOP)])
    assert states(company) == {"D-1": "consent_denied", "D-2": "consent_denied"}
