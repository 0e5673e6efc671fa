"""The ad campaigns of a generated world: what their clicks cost, and what their leads are worth.

One campaign brings most leads, the cheapest, and never a sale; the dear ones sell. Together they
win as often as Olist's paid search did. Names are made up; places are Google's IDs of cities.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from convsync.sandbox.world_figures import Shares


class Keyword(NamedTuple):
    """What somebody searched for, and how closely it had to match."""

    text: str
    match_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdGroup:
    """A group of ads, and the keywords that show them."""

    number: int
    name: str
    keywords: Shares[Keyword]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign of the ad account: of `clicks_a_lead` clicks at `click_micros` one is a lead."""

    number: int
    name: str
    win_rate: float
    click_micros: int
    clicks_a_lead: int
    ad_groups: Shares[AdGroup]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where in the account a click came from: on which device, in which city, of which audience.

    `city` is the number of a geo target constant, `audience` that of a user list, 0 for none.
    """

    campaign: Campaign
    ad_group: AdGroup
    keyword: Keyword
    device: str
    city: int
    audience: int


def _ad_group(number: int, name: str, *keywords: tuple[str, str]) -> AdGroup:
    return AdGroup(
        number=number,
        name=name,
        keywords=Shares.of({Keyword(*keyword): 1 for keyword in keywords}),
    )


TEMPLATES: Final = Campaign(
    number=20_001,
    name="Free templates",
    win_rate=0.0,
    click_micros=220_000,
    clicks_a_lead=14,
    ad_groups=Shares.of(
        {
            _ad_group(
                30_001, "Invoices", ("free invoice template", "BROAD"), ("invoice pdf", "PHRASE")
            ): 60,
            _ad_group(30_002, "Price lists", ("price list template", "BROAD")): 40,
        }
    ),
)
OWN_NAME: Final = Campaign(
    number=20_002,
    name="Our name",
    win_rate=0.155,
    click_micros=610_000,
    clicks_a_lead=22,
    ad_groups=Shares.of(
        {_ad_group(30_003, "Name", ("example shop software", "EXACT"), ("example.com", "EXACT")): 1}
    ),
)
COMPARISON: Final = Campaign(
    number=20_003,
    name="Comparison",
    win_rate=0.15,
    click_micros=2_350_000,
    clicks_a_lead=24,
    ad_groups=Shares.of(
        {
            _ad_group(30_004, "Alternatives", ("shop software comparison", "PHRASE")): 55,
            _ad_group(30_005, "Prices", ("shop software prices", "PHRASE")): 45,
        }
    ),
)
DEMONSTRATION: Final = Campaign(
    number=20_004,
    name="Book a demonstration",
    win_rate=0.31,
    click_micros=3_900_000,
    clicks_a_lead=20,
    ad_groups=Shares.of(
        {
            _ad_group(
                30_006, "Retail", ("erp for retail", "EXACT"), ("till software demo", "PHRASE")
            ): 60,
            _ad_group(30_007, "Construction", ("software for builders", "EXACT")): 40,
        }
    ),
)
CAMPAIGNS: Final = Shares.of({TEMPLATES: 40, OWN_NAME: 25, COMPARISON: 15, DEMONSTRATION: 20})

_DEVICES: Final = Shares.of({"DESKTOP": 55, "MOBILE": 40, "TABLET": 5})
CITIES: Final = {
    1003854: "Berlin,Berlin,Germany",
    1004437: "Hamburg,Hamburg,Germany",
    1004234: "Munich,Bavaria,Germany",
}
AUDIENCES: Final = {880_001: "Visitors of the prices", 880_002: "Customers"}
_CITIES: Final = Shares.of(dict(zip((*CITIES, 0), (40, 25, 20, 15), strict=True)))
_AUDIENCES: Final = Shares.of(dict(zip((0, *AUDIENCES), (70, 20, 10), strict=True)))

_STEPS: Final = (0.6180339887, 0.7548776662, 0.5698402910, 0.8191725134, 0.6710436067, 0.4142135624)
"""Each spreads the numbers of deals evenly over [0, 1), apart from the others: which campaign a
lead came from takes nothing from its stream of random numbers."""


def placement_of(index: int, seed: int) -> Placement:
    """Return where a lead's click came from; the same for ever for the same two numbers."""
    spread = [((index + 1) * step + seed * 0.3819660113) % 1.0 for step in _STEPS]
    campaign = CAMPAIGNS.pick(spread[0])
    ad_group = campaign.ad_groups.pick(spread[1])
    return Placement(
        campaign=campaign,
        ad_group=ad_group,
        keyword=ad_group.keywords.pick(spread[2]),
        device=_DEVICES.pick(spread[3]),
        city=_CITIES.pick(spread[4]),
        audience=_AUDIENCES.pick(spread[5]),
    )
