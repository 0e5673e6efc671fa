"""One deal of a generated world: what is known about it, and how it is made up.

A deal is made with its whole life, from one stream of random numbers of its own, after the figures
in `world_figures`. What a CRM would show of it at an instant is `WorldDeal.as_of`.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any, Final

from convsync.sandbox import world_figures as figures
from convsync.sandbox.world_campaigns import Placement, placement_of
from convsync.sandbox.world_figures import Odds, Trail

MILESTONES: Final = ("sql_at", "opportunity_at", "won_at", "lost_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickIds:
    """The click ids of one ad click, exactly as captured; "" where there is none."""

    gclid: str = ""
    gbraid: str = ""
    wbraid: str = ""

    def __bool__(self) -> bool:
        return bool(self.gclid or self.gbraid or self.wbraid)


NO_IDS: Final = ClickIds()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdClick:
    """A row of the website's click log, which knows the person by one of three keys.

    `ids` are the row's id columns: they may be empty where the landing page has the id.
    """

    clicked_at: datetime
    logged_at: datetime
    landing_page: str
    ids: ClickIds
    visitor_id: str = ""
    email: str = ""
    deal_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldDeal:
    """A lead and what became of it, as the CRM has it: blanks, odd spellings, wrong dates and all.

    The first contact is when the lead was created and marketing-qualified. `ids` are the deal's
    own click id fields. `trail` is the truth about where its click is kept, `placement` and
    `ad_clicks` are what the ad account knows of the clicks it began with: no CRM shows these.
    """

    deal_id: str
    created_at: datetime
    origin: str
    region: str
    vertical: str
    deal_type: str
    owner: str
    currency: str
    landing_page: str
    email: str
    phone: str
    country: str
    consent: str
    visitor_id: str
    trail: Trail
    ids: ClickIds = NO_IDS
    clicks: tuple[AdClick, ...] = ()
    placement: Placement | None = None
    ad_clicks: tuple[AdClick, ...] = ()
    amount: Decimal | None = None
    sql_at: datetime | None = None
    opportunity_at: datetime | None = None
    won_at: datetime | None = None
    lost_at: datetime | None = None
    changed_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def stage(self) -> str:
        """The CRM's stage, which is the furthest milestone reached."""
        if self.lost_at:
            return "Closed Lost"
        if self.won_at:
            return "Closed Won"
        if self.opportunity_at:
            return "Opportunity"
        return "SQL" if self.sql_at else "MQL"

    @property
    def modified_at(self) -> datetime:
        """When anything about the deal last changed."""
        milestones = (self.sql_at, self.opportunity_at, self.won_at, self.lost_at)
        return max(filter(None, (self.created_at, *milestones, self.changed_at)))

    def as_of(self, at: datetime) -> "WorldDeal | None":
        """Return what was known at an instant; None before the deal was created or once deleted.

        A deal's amount is entered when it becomes an opportunity.
        """
        if self.created_at > at or (self.deleted_at and self.deleted_at <= at):
            return None
        if self.modified_at <= at:
            return self
        moments = ((name, getattr(self, name)) for name in MILESTONES)
        not_yet: dict[str, Any] = {name: None for name, then in moments if then and then > at}
        if "opportunity_at" in not_yet:
            not_yet["amount"] = None
        return replace(self, **not_yet)


def make_deal(
    index: int, *, seed: int, ends_at: datetime, days: int, currency: str, odds: Odds
) -> WorldDeal:
    """Return a deal whose first contact was within the `days` before `ends_at`.

    The same arguments give the same deal, whatever else has been made.
    """
    rng = Random(seed << 64 | index)  # noqa: S311 - made up, not secret
    draw = rng.random
    deal_id = id_of(index, seed)
    created_at = _first_contact(rng, ends_at, days)
    origin = odds.origins.pick(draw())
    placement = placement_of(index, seed) if origin == figures.PAID_SEARCH else None
    win_rate = placement.campaign.win_rate if placement else figures.WIN_RATE[origin]
    milestones = _milestones(rng, created_at, win_rate, odds)
    trail = odds.trails.pick(draw()) if placement else Trail.NO_AD
    keys = {
        "visitor_id": f"{rng.getrandbits(31)}.{int(created_at.timestamp())}",
        "email": _email(rng, index),
        "deal_id": deal_id,
    }
    country = figures.COUNTRIES.pick(draw())
    money = figures.CURRENCIES.pick(draw())
    has_amount = "opportunity_at" in milestones or "won_at" in milestones
    return WorldDeal(
        deal_id=deal_id,
        created_at=created_at,
        origin=origin,
        region=figures.REGIONS.pick(draw()),
        vertical=figures.VERTICALS.pick(draw()),
        deal_type=figures.DEAL_TYPES.pick(draw()),
        owner=figures.OWNERS.pick(draw()),
        amount=_amount(rng) if has_amount else None,
        currency=currency if money == figures.HOME_CURRENCY else money,
        email=_as_typed(rng, keys["email"], trail),
        phone=_phone(rng, country),
        country=country.code,
        consent=odds.consents.pick(draw()),
        visitor_id="" if trail in _VISITOR_FORGOTTEN else keys["visitor_id"],
        trail=trail,
        placement=placement,
        **_touch(rng, created_at, milestones.get("sql_at", created_at), trail, keys, odds),
        **milestones,
    )


# Deal ids: a permutation of the index, so that they never collide and can be read backwards -----

_BASE62: Final = digits + ascii_uppercase + ascii_lowercase
_PAIRS: Final = tuple(left + right for left in _BASE62 for right in _BASE62)
_ORG: Final = "0067Q00000"  # object type and organisation, as Salesforce's ids begin
_ID: Final = re.compile(_ORG + "([0-9A-Za-z]{8})")
_PLACES: Final = 62**8
_STRIDE: Final = 134_944_006_583_677  # about the golden section of the places, no factor shared
_SEED_STRIDE: Final = 83_400_982_345_699
_BACK: Final = pow(_STRIDE, -1, _PLACES)


def id_of(index: int, seed: int) -> str:
    """Return the id of a deal: opaque, 18 characters, case matters."""
    number = (index * _STRIDE + seed * _SEED_STRIDE) % _PLACES
    number, last = divmod(number, 3844)
    number, third = divmod(number, 3844)
    first, second = divmod(number, 3844)
    return f"{_ORG}{_PAIRS[first]}{_PAIRS[second]}{_PAIRS[third]}{_PAIRS[last]}"


def index_of(deal_id: str, seed: int) -> int | None:
    """Return the index an id was made from: any number for another's id, None if it is no id."""
    if not (shape := _ID.fullmatch(deal_id)):
        return None
    number = 0
    for character in shape[1]:
        number = number * 62 + _BASE62.index(character)
    return (number - seed * _SEED_STRIDE) * _BACK % _PLACES


# How a deal goes --------------------------------------------------------------------------------


def _days(days: float) -> timedelta:
    """Return so many days in whole seconds, as CRMs count."""
    return timedelta(seconds=int(days * 86_400))


def _first_contact(rng: Random, ends_at: datetime, days: int) -> datetime:
    at = ends_at - _days(rng.random() * days)
    at_night = at.hour < 6
    return at - timedelta(hours=12) if at_night and rng.random() < figures.SLEEPS else at


def _milestones(rng: Random, created_at: datetime, win_rate: float, odds: Odds) -> dict[str, Any]:
    """Return when each milestone after the first contact is reached, by field of `WorldDeal`."""
    draw = rng.random
    is_won = draw() < win_rate
    if is_won and draw() < odds.won_before_contact:
        return {"won_at": created_at - timedelta(days=2)}
    pace = figures.PACE_DAYS.at(draw())
    to_sql = pace * (0.05 + 0.35 * draw())
    to_opportunity = to_sql + (pace - to_sql) * (0.1 + 0.6 * draw())
    reached: dict[str, Any] = {}
    if is_won or draw() < figures.REACHES_SQL:
        reached["sql_at"] = created_at + _days(to_sql)
        if is_won or draw() < figures.REACHES_OPPORTUNITY:
            reached["opportunity_at"] = created_at + _days(to_opportunity)
    if is_won:
        reached["won_at"] = created_at + _days(pace)
    elif draw() >= figures.STAYS_OPEN:
        reached["lost_at"] = created_at + _days(pace)
    return reached


def _amount(rng: Random) -> Decimal | None:
    match figures.AMOUNT_KINDS.pick(rng.random()):
        case "blank":
            return None
        case "zero":
            return Decimal("0.00")
        case "absurd":
            return Decimal(figures.ABSURD_AMOUNT)
    return Decimal(f"{figures.AMOUNT.at(rng.random()):.2f}")


# The person -------------------------------------------------------------------------------------


def _email(rng: Random, index: int) -> str:
    """Return an address of nobody's, one for each deal, as its owner writes it."""
    first, last = _one_of(rng, figures.FIRST_NAMES), _one_of(rng, figures.LAST_NAMES)
    tag = figures.EMAIL_TAGS.pick(rng.random())
    return f"{first}.{last}{index}{tag}@{_one_of(rng, figures.DOMAINS)}"


def _as_typed(rng: Random, email: str, trail: Trail) -> str:
    as_typed = figures.EMAIL_FORMS.pick(rng.random())(email)
    return as_typed or (email if trail is Trail.EMAIL else "")


def _phone(rng: Random, country: figures.Country) -> str:
    form = figures.PHONE_FORMS.pick(rng.random())
    forms = {"national": country.national, "international": country.international}
    return forms.get(form, "").format(int(rng.random() * country.numbers))


# The ad click -----------------------------------------------------------------------------------

_LOGGED_BY: Final = {
    Trail.DEAL: "visitor_id",
    Trail.VISITOR: "visitor_id",
    Trail.EMAIL: "email",
    Trail.DEAL_ID: "deal_id",
}
_PAGE_KEPT: Final = (Trail.DEAL, Trail.LANDING_PAGE)
_VISITOR_FORGOTTEN: Final = (Trail.LANDING_PAGE, Trail.EMAIL, Trail.DEAL_ID, Trail.LOST)


def _touch(
    rng: Random,
    created_at: datetime,
    qualified_at: datetime,
    trail: Trail,
    keys: dict[str, str],
    odds: Odds,
) -> dict[str, Any]:
    """Return what a lead's clicks left behind, by field of `WorldDeal`."""
    if trail is Trail.NO_AD:
        return {"landing_page": _page(rng)}
    key = _LOGGED_BY.get(trail)
    known_as = {key: keys[key]} if key else {}
    clicks = [
        _click(rng, clicked_at, qualified_at, known_as, odds)
        for clicked_at in _clicked_at(rng, created_at, odds)
    ]
    led = clicks[0]
    return {
        "ids": led.ids if trail is Trail.DEAL else NO_IDS,
        "landing_page": led.landing_page if trail in _PAGE_KEPT else _page(rng),
        "clicks": tuple(_as_logged(rng, click, led, odds) for click in clicks) if key else (),
        "ad_clicks": tuple(clicks),
    }


def _clicked_at(rng: Random, created_at: datetime, odds: Odds) -> list[datetime]:
    """Return when a person clicked on ads: first the click that led to us, then any others."""
    draw = rng.random
    moments = [created_at - _days(odds.minutes_to_contact.at(draw()) / 1440)]
    for _ in range(odds.click_counts.pick(draw()) - 1):
        is_earlier = draw() < figures.EARLIER_CLICK
        moments.append(
            moments[0] - _days(14 * draw()) if is_earlier else created_at + _days(21 * draw())
        )
    return moments


def _click(
    rng: Random, at: datetime, qualified_at: datetime, known_as: dict[str, str], odds: Odds
) -> AdClick:
    draw = rng.random
    kind = odds.click_kinds.pick(draw())
    ids = ClickIds(
        gclid=_made_up(rng, figures.GCLID_SHAPES.pick(draw())) if "gclid" in kind else "",
        gbraid=_made_up(rng, figures.GBRAID_SHAPE) if "gbraid" in kind else "",
        wbraid=_made_up(rng, figures.WBRAID_SHAPE) if "wbraid" in kind else "",
    )
    query = _one_of(rng, figures.QUERIES[kind])
    is_late = draw() < odds.logged_late
    return AdClick(
        clicked_at=at,
        logged_at=max(at, qualified_at) + _days(0.05 + 1.5 * draw()) if is_late else at,
        landing_page=_page(rng)
        + query.format(gclid=ids.gclid, gbraid=ids.gbraid, wbraid=ids.wbraid),
        ids=ids,
        **known_as,
    )


def _as_logged(rng: Random, click: AdClick, led: AdClick, odds: Odds) -> AdClick:
    """Return the log's row for a click, with what logs get wrong."""
    if click.clicked_at > led.clicked_at and rng.random() < figures.SAME_ID_AGAIN:
        click = replace(click, ids=led.ids, landing_page=led.landing_page)
    return replace(click, ids=NO_IDS) if rng.random() < odds.id_columns_empty else click


def _made_up(rng: Random, shape: tuple[str, str, int]) -> str:
    """Return a click id of a real one's shape whose inside is noise."""
    start, end, length = shape
    noise = urlsafe_b64encode(rng.randbytes(69)).decode()
    return start + noise[: length - len(start) - len(end)] + end


def _page(rng: Random) -> str:
    return f"https://www.example.com/{_one_of(rng, figures.PAGES)}"


def _one_of(rng: Random, words: Sequence[str]) -> str:
    return words[int(rng.random() * len(words))]
