"""Worlds nobody thought of: deals change, clicks come late, consent goes, platforms stutter.

Each world is made from a seed. Its nights are lived through one by one, and after each the books
of the platform, the ledger and the world must agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import pytest

from convsync import pipeline
from convsync.model.period import Period
from convsync.sandbox.faults import Call, PlannedFault
from convsync.sandbox.server import Sandbox
from tests.nights.company import PAGE_OF, Company, Entry, small_batches
from tests.nights.test_changing_apis import by

BEGINS = datetime(2026, 3, 2, 2, tzinfo=UTC)
NIGHTS = 10
DEALS = 30
KINDS = ["unavailable_before", "unavailable_after", "resource_exhausted", "internal"]
CODES = [
    "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND",
    "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK",
    "PROCESSING_ERROR_REASON_INTERNAL_ERROR",
    "PROCESSING_ERROR_REASON_NOBODY_HAS_SEEN_BEFORE",
]
CALLS: dict[str, tuple[Call, Call]] = {
    "google": ("ingest", "status"),
    "ads": ("google_ads_upload", "google_ads_adjustment"),
}


def written(at: datetime) -> str:
    return at.isoformat()


@dataclass
class World:
    """A company whose CRM changes at random; `random` decides everything."""

    company: Company
    sandbox: Sandbox
    random: Random
    road: str
    gone: dict[str, dict[str, Any]] = field(default_factory=dict)
    unreadable: dict[str, Any] = field(default_factory=dict)
    consents: dict[str, list[str]] = field(default_factory=dict)

    @property
    def deals(self) -> dict[str, dict[str, Any]]:
        return self.company.deals

    def settle_down(self) -> None:
        """Make every deal readable again, and the platform well."""
        for name in list(self.unreadable):
            ungarble(self, name, BEGINS)
        self.sandbox.platform.faults.clear()
        self.sandbox.platform.verdicts = {}

    def grow(self, now: datetime, count: int) -> None:
        """Add deals that began in the weeks before."""
        for _ in range(count):
            name = f"D-{len(self.deals) + len(self.gone)}"
            clicked = now - timedelta(minutes=self.random.randrange(60, 60 * 24 * 100))
            self.company.has(
                name,
                created=written(clicked + timedelta(hours=1)),
                mql=written(self._after(clicked, now)),
                consent=self.random.choice(["yes", "yes", "yes", "", "no"]),
                **self._origin(name, clicked),
            )

    def change(self, now: datetime) -> None:
        """Let a few deals change, each in some way."""
        for name in list(self.deals):
            if self.random.random() < 0.25:
                self.random.choice(CHANGES)(self, name, now)

    def trouble(self) -> None:
        """Let the platform fail, and refuse some clicks, be it the repeat of what it counted."""
        faults, (upload, other) = self.sandbox.platform.faults, CALLS[self.road]
        faults.clear()
        how_much = self.random.choice([0, 0.2, 0.5, 1])
        for request in range(1, 40):
            if self.random.random() < how_much:
                kind = self.random.choice(KINDS)
                faults.add(PlannedFault(on=upload, request=request, kind=kind))
                faults.add(PlannedFault(on=other, request=request, kind=kind))
        clicks = [cells.get("gclid") for cells in self.deals.values()]
        self.sandbox.platform.verdicts = {
            click: self.random.choice(CODES)
            for click in clicks
            if click and self.random.random() < 0.15
        }

    def remember_consents(self) -> None:
        """Note what each deal's person says tonight."""
        for name, cells in self.deals.items():
            self.consents.setdefault(name, []).append(cells["consent"])

    def win(self, name: str, now: datetime) -> None:
        clicked = datetime.fromisoformat(self.deals[name]["created"])
        won = self._after(clicked, now + timedelta(days=2))
        day = won.date().isoformat()
        when = self.random.choice([written(won), day])
        self.company.has(name, won=when, lost="", amount=self.random.randrange(1, 500))

    def click_again(self, name: str, now: datetime) -> None:
        visitor = self.deals[name].get("visitor") or f"V-{name}"
        clicked = now - timedelta(minutes=self.random.randrange(60 * 24 * 60))
        gclid = f"C-{self.random.randrange(10**9)}"
        self.company.has(name, visitor=visitor)
        self.company.clicked(gclid, written(clicked), visitor=visitor, logged=written(now))

    def _origin(self, name: str, clicked: datetime) -> dict[str, Any]:
        own = {"gclid": f"G-{name}", "clicked": written(clicked)}
        person = {"email": f"{name}@example.com"}
        return self.random.choice([own, own, own | person, person, {}])

    def _after(self, start: datetime, end: datetime) -> datetime:
        return start + (end - start) * self.random.random()


def vanish(world: World, name: str, _: datetime) -> None:
    world.gone[name] = world.deals.pop(name)


def come_back(world: World, _: str, __: datetime) -> None:
    if world.gone:
        name, cells = world.gone.popitem()
        world.deals[name] = cells


def garble(world: World, name: str, _: datetime) -> None:
    world.unreadable.setdefault(name, world.deals[name].get("amount", ""))
    world.company.has(name, amount="?")


def ungarble(world: World, name: str, _: datetime) -> None:
    if name in world.unreadable:
        cells = world.deals.get(name) or world.gone[name]
        cells["amount"] = world.unreadable.pop(name)


def cells(**cells: Any) -> Callable[[World, str, datetime], None]:
    return lambda world, name, _: world.company.has(name, **cells)


CHANGES: list[Callable[[World, str, datetime], None]] = [
    World.win,
    World.win,
    World.win,
    World.click_again,
    vanish,
    come_back,
    garble,
    ungarble,
    lambda world, name, now: world.company.has(name, lost=written(now)),
    lambda world, name, _: world.company.has(name, amount=world.random.randrange(1, 900)),
    cells(amount=""),
    cells(amount="0"),
    cells(won=""),
    cells(lost=""),
    cells(mql=""),
    cells(deleted="yes"),
    cells(deleted=""),
    cells(consent="no"),
    cells(consent="yes"),
    cells(consent=""),
]


def values_in(sandbox: Sandbox) -> dict[tuple[str, str], float | None]:
    return {
        (page, name): counted.value
        for page, names in sandbox.books.counted.items()
        for name, counted in names.items()
    }


def check_books(company: Company, sandbox: Sandbox) -> None:
    """Every conversion in the books is the ledger's, and says what the ledger says was told.

    Where the ledger says that it is not sure, it may say anything.
    """
    books = values_in(sandbox)
    named: set[tuple[str, str]] = set()
    unsure = company.unsure()
    for (deal_id, rule), entry in company.entries().items():
        key = PAGE_OF[rule], entry.order_id
        named.add(key)
        told = None if entry.told is None else float(entry.told)
        if (deal_id, rule) not in unsure:
            assert books.get(key) in possible(entry, told), (deal_id, rule, entry)
        if entry.state == "confirmed":
            assert entry.value == entry.told
    assert books.keys() <= named, "the platform counts what the ledger does not know"


def possible(entry: Entry, told: float | None) -> set[float | None]:
    """Return what the platform may be counting, by the ledger."""
    is_open = entry.state in {"sending", "accepted"}
    return {told, float(entry.value)} if is_open and entry.value is not None else {told}


def check_consent(world: World, before: dict[tuple[str, str], float | None]) -> None:
    """Whoever refused last night or earlier is in no new number tonight, but for zeros."""
    names = {entry.order_id: deal for (deal, _), entry in world.company.entries().items()}
    for (page, order_id), value in values_in(world.sandbox).items():
        said = world.consents[names[order_id]]
        counted = world.sandbox.books.counted[page][order_id]
        if value and before.get((page, order_id)) != value:
            assert said[-2:] != ["no", "no"], (names[order_id], said)
        if counted.event.HasField("user_data"):
            assert "yes" in said


def check_end(world: World) -> None:
    """When all has been quiet for a while the platform counts what stands, and nothing else."""
    for (deal_id, rule), entry in world.company.entries().items():
        if entry.state == "rejected" or entry.reason == "platform_cannot":
            continue
        cells = world.deals.get(deal_id, {})
        stands = bool(cells.get(rule)) and not cells.get("deleted") and cells["consent"] != "no"
        stands = stands and not (rule == "won" and cells.get("lost"))
        value = world.company.value(deal_id, rule)
        if not stands:
            assert not value, (deal_id, rule, cells, entry)
        elif value is not None and cells.get("amount") not in {"", "0", None}:
            assert value == (20.0 if rule == "mql" else float(cells["amount"])), (deal_id, entry)
        assert entry.state in {"confirmed", "held", "not_sent"}, entry


QUICK = [("google", 0), ("google", 1), ("ads", 0)]
SOAK = [*(("google", n) for n in range(2, 30)), *(("ads", n) for n in range(1, 15))]


@pytest.mark.long
@pytest.mark.parametrize(
    ("road", "seed"), [*QUICK, *(pytest.param(*one, marks=pytest.mark.slow) for one in SOAK)]
)
def test_in_any_world_books_ledger_and_crm_agree(
    company: Company, sandbox: Sandbox, road: str, seed: int
) -> None:
    random = Random(seed)
    by(company, road)
    company.through = small_batches(random.choice([1, 3, 2_000]))
    world = World(company=company, sandbox=sandbox, random=random, road=road)
    watermarks: list[int] = []
    for number in range(NIGHTS):
        now = BEGINS + timedelta(days=number, minutes=random.randrange(90))
        world.grow(now, DEALS // NIGHTS * 2 if number < NIGHTS // 2 else 0)
        world.change(now)
        world.trouble()
        world.remember_consents()
        before = values_in(sandbox)
        company.export()
        if random.random() < 0.3:
            period = Period(since=now - timedelta(days=random.randrange(40)), until=now)
            company.at(now, partial(pipeline.backfill, period=period))
            check_books(company, sandbox)
        troubled = company.night(now)
        assert troubled.sums.is_balanced, troubled.sums
        check_books(company, sandbox)
        check_consent(world, before)
        if random.random() < 0.4:
            continue  # the platform stays as it is until the next night
        sandbox.platform.faults.clear()
        calm = company.night(now)
        assert all("an unknown code" in problem for problem in calm.problems)
        check_books(company, sandbox)
        check_consent(world, before)
        sent = len(sandbox.books.requests)
        quiet = company.night(now)
        assert len(sandbox.books.requests) == sent, "a quiet run uploads nothing"
        assert quiet.sums.is_balanced
        marks = [row[0] for row in company.query("SELECT read_until FROM watermarks")]
        assert len(marks) == 2
        assert min(marks) > max(watermarks, default=0), "a watermark never turns back"
        watermarks = marks
        assert company.audit_is_sound()
    world.settle_down()
    for number in range(NIGHTS, NIGHTS + 5):
        company.night(BEGINS + timedelta(days=number, hours=12))
        check_books(company, sandbox)
    check_end(world)
