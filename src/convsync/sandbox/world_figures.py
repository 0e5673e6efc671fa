"""What a generated world is calibrated on, so that a demo meets what real funnels do.

The funnel's figures are those of Olist's 8,000 marketing-qualified leads and 842 wins, the amounts
those of Maven's 4,238 won deals. Shares that no public data give (how clicks are kept, consent,
blanks) are our choice; every word, name and number is made up or set aside for fiction.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final, Generic, NamedTuple, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares(Generic[T]):
    """Values with their weights: `pick(u)` turns a uniform u in [0, 1) into one of them."""

    values: tuple[T, ...]
    bounds: tuple[float, ...]

    @classmethod
    def of(cls, weights: Mapping[T, float]) -> Self:
        """Weigh the values; the weights need not add up to anything in particular."""
        total = sum(weights.values())
        bounds = tuple(up_to / total for up_to in accumulate(weights.values()))
        return cls(values=tuple(weights), bounds=bounds[:-1])

    def pick(self, u: float) -> T:
        """Return the value whose share of [0, 1) holds `u`."""
        return self.values[bisect_right(self.bounds, u)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """A measured distribution: `at(u)` reads it at the share u, straight between the points."""

    shares: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, points: Mapping[float, float]) -> Self:
        """Take share -> value, ascending, from 0 to 1."""
        return cls(shares=tuple(points), values=tuple(points.values()))

    def at(self, u: float) -> float:
        """Return the value below which the share `u` (0 <= u < 1) lies."""
        right = bisect_right(self.shares, u)
        left, low = self.shares[right - 1], self.values[right - 1]
        return low + (self.values[right] - low) * (u - left) / (self.shares[right] - left)

    def share_below(self, value: float) -> float:
        """Return the share that lies below a value: what `at` gives that value for."""
        if not self.values[0] < value < self.values[-1]:
            return float(value >= self.values[-1])
        right = bisect_right(self.values, value)
        left, low = self.shares[right - 1], self.values[right - 1]
        return left + (self.shares[right] - left) * (value - low) / (self.values[right] - low)

    @property
    def mean(self) -> float:
        """The mean of all values that `at` gives."""
        points = pairwise(zip(self.shares, self.values, strict=True))
        return sum((b - a) * (low + high) / 2 for (a, low), (b, high) in points)


class Trail(StrEnum):
    """Where the ad click of a deal was kept, hence the one way back to it."""

    NO_AD = "the lead did not come from an ad"
    DEAL = "in the deal's click id fields, and in the click log by visitor"
    LANDING_PAGE = "in the deal's landing page only"
    VISITOR = "in the click log, by visitor"
    EMAIL = "in the click log, by e-mail"
    DEAL_ID = "in the click log, by the CRM's id"
    LOST = "nowhere"


class Country(NamedTuple):
    """A country and its telephone numbers set aside for drama, as written at home and abroad."""

    code: str
    national: str
    international: str
    numbers: int


# The funnel ---------------------------------------------------------------------------------

PAID_SEARCH: Final = "paid_search"
LEADS_BY_ORIGIN: Final = {
    "organic_search": 2296,
    PAID_SEARCH: 1586,
    "social": 1350,
    "unknown": 1099,
    "direct_traffic": 499,
    "email": 493,
    "referral": 284,
    "display": 118,
    "other": 275,
}
WIN_RATE: Final = {
    "organic_search": 0.118,
    PAID_SEARCH: 0.123,
    "social": 0.056,
    "unknown": 0.163,
    "direct_traffic": 0.112,
    "email": 0.030,
    "referral": 0.085,
    "display": 0.051,
    "other": 0.076,
}
DAYS_TO_CLOSE: Final = {
    0.0: 0.15,
    0.10: 2.6,
    0.25: 5.9,
    0.50: 14.7,
    0.65: 30.0,
    0.75: 55.0,
    0.77: 63.0,
    0.821: 90.0,
    0.90: 162.6,
    0.95: 210.9,
    1.0: 427.6,
}
ORIGINS: Final = Shares.of(LEADS_BY_ORIGIN)
PACE_DAYS: Final = Quantiles.of(DAYS_TO_CLOSE)
SLEEPS: Final = 0.70  # of the leads that would come at night: they come the afternoon before
REACHES_SQL: Final = 0.35  # of the leads that are never won
REACHES_OPPORTUNITY: Final = 0.45  # of those
STAYS_OPEN: Final = 0.10  # of the leads that are never won
WON_BEFORE_CONTACT: Final = 0.004  # of the wins: somebody typed the wrong date

# Amounts ------------------------------------------------------------------------------------

AMOUNT: Final = Quantiles.of(
    {
        0.0: 38,
        0.05: 52,
        0.10: 56,
        0.25: 518,
        0.40: 661,
        0.50: 1117,
        0.60: 3203,
        0.75: 4430,
        0.90: 5285,
        0.95: 5702,
        0.99: 6372,
        0.998: 6800,
        1.0: 30288,
    }
)
ABSURD_AMOUNT: Final = 50_000_000
AMOUNT_KINDS: Final = Shares.of({"usual": 907, "blank": 50, "zero": 40, "absurd": 3})
HOME_CURRENCY: Final = "home"
CURRENCIES: Final = Shares.of({HOME_CURRENCY: 88, "USD": 8, "GBP": 4})

# Clicks -------------------------------------------------------------------------------------

TRAILS: Final = Shares.of(
    {
        Trail.DEAL: 52,
        Trail.LANDING_PAGE: 8,
        Trail.VISITOR: 17,
        Trail.EMAIL: 8,
        Trail.DEAL_ID: 5,
        Trail.LOST: 10,
    }
)
MINUTES_TO_CONTACT: Final = Quantiles.of({0: 1, 0.5: 120, 0.75: 1440, 0.95: 7800, 1: 43200})
CLICK_COUNTS: Final = Shares.of({1: 75, 2: 18, 3: 7})
EARLIER_CLICK: Final = 0.50  # of the further clicks: before the one that became the lead
SAME_ID_AGAIN: Final = 0.20  # of the later clicks: a direct visit credited to the old id
LOGGED_LATE: Final = 0.06
ID_COLUMNS_EMPTY: Final = 0.10  # of the log's rows: the id is only in the landing page

CLICK_KINDS: Final = Shares.of({"gclid": 74, "gclid+gbraid": 14, "gbraid": 8, "wbraid": 4})
GCLID_SHAPES: Final = (
    Shares.of(  # (how it begins, how it ends, its length), the ids made up between
        {
            ("C", "", 26): 1463,
            ("EAIaIQobChMI", "_D_BwE", 55): 238,
            ("CjsKDw", "_wcB", 87): 13,
            ("CjwKEA", "_BwE", 88): 1301,
            ("Cj0KEQ", "8P8HAQ", 90): 1305,
            ("CjwKCA", "QAvD_BwE", 91): 277,
            ("Cj0KCQ", "EALw_wcB", 92): 360,
        }
    )
)
GBRAID_SHAPE: Final = ("0AAAAA", "", 34)
WBRAID_SHAPE: Final = ("CjgKCQ", "", 76)

PAGES: Final = ("", "pricing", "demo", "contact", "lp/spring", "products/compare")
QUERIES: Final = {
    "gclid": (
        "?gclid={gclid}",
        "?utm_source=google&utm_medium=cpc&gclid={gclid}",
        "?gclid={gclid}&gclsrc=aw.ds",
        "?gclid={gclid}#features",
        "?utm_campaign=brand&ef_id={gclid}:G:s&s_kwcid=AL!4242!3!7!e",
    ),
    "gclid+gbraid": (
        "?gad_source=1&gbraid={gbraid}&gclid={gclid}",
        "?gad_source=1&gad_campaignid=1700042&gbraid={gbraid}&gclid={gclid}&gclsrc=aw.ds#top",
    ),
    "gbraid": ("?gad_source=1&gbraid={gbraid}", "?gbraid={gbraid}#features"),
    "wbraid": ("?wbraid={wbraid}", "?utm_source=google&wbraid={wbraid}"),
}

# Words --------------------------------------------------------------------------------------

REGIONS: Final = Shares.of(
    {"North": 25, "South": 25, "West": 22, "East": 14, "south": 4, "unknown": 5, "": 5}
)
VERTICALS: Final = Shares.of(
    {
        "Retail": 22,
        "Health and beauty": 18,
        "Construction, house and garden": 16,
        "Software": 14,
        "Car accessories": 10,
        "software": 5,
        "Select": 9,
        "": 6,
    }
)
DEAL_TYPES: Final = Shares.of({"New business": 62, "Expansion": 20, "Renewal": 12, "Select": 6})
OWNERS: Final = Shares.of(
    {"Team North": 30, "Team South": 28, "Partners, indirect": 18, "Inside sales": 18, "": 6}
)
CONSENTS: Final = Shares.of({"yes": 72, "no": 9, "": 19})

FIRST_NAMES: Final = ("anna", "ben", "carla", "david", "elif", "frida", "georg", "hana", "ivo")
LAST_NAMES: Final = ("abel", "brandt", "costa", "dupont", "evans", "fischer", "garcia", "haas")
DOMAINS: Final = ("example.com", "example.org", "example.net", "mail.example.com")
EMAIL_TAGS: Final = Shares.of({"": 94, "+crm": 3, "+web": 3})
EMAIL_FORMS: Final[Shares[Callable[[str], str]]] = Shares.of(  # what became of it in the CRM
    {str: 81, str.upper: 4, str.title: 4, " {} ".format: 4, "".format: 7}
)
PHONE_FORMS: Final = Shares.of({"national": 38, "international": 36, "missing": 26})
COUNTRIES: Final = Shares.of(
    {
        # Bundesnetzagentur, numbers for media productions
        Country("DE", "030 23125{:03}", "+49 30 23125{:03}", 1000): 62,
        # NANPA, 555-0100 to 555-0199
        Country("US", "(212) 555-01{:02}", "+1 212 555 01{:02}", 100): 14,
        # Ofcom, telephone numbers for drama use, London
        Country("GB", "020 7946 0{:03}", "+44 20 7946 0{:03}", 1000): 14,
        # ARCEP, numbers for audiovisual works, Paris
        Country("FR", "01 99 00 0{:03}", "+33 1 99 00 0{:03}", 1000): 10,
    }
)

# The odds of a world ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """What differs between a world as it is and one built to be the worst case for us."""

    origins: Shares[str]
    trails: Shares[Trail]
    click_kinds: Shares[str]
    click_counts: Shares[int]
    minutes_to_contact: Quantiles
    consents: Shares[str]
    logged_late: float
    id_columns_empty: float
    won_before_contact: float


AS_MEASURED: Final = Odds(
    origins=ORIGINS,
    trails=TRAILS,
    click_kinds=CLICK_KINDS,
    click_counts=CLICK_COUNTS,
    minutes_to_contact=MINUTES_TO_CONTACT,
    consents=CONSENTS,
    logged_late=LOGGED_LATE,
    id_columns_empty=ID_COLUMNS_EMPTY,
    won_before_contact=WON_BEFORE_CONTACT,
)
EVERYTHING_MATCHES: Final = Odds(
    origins=Shares.of({PAID_SEARCH: 1}),
    trails=Shares.of({Trail.DEAL: 1}),
    click_kinds=Shares.of({"gclid": 1}),
    click_counts=Shares.of({1: 1}),
    minutes_to_contact=Quantiles.of({0: 1, 1: 30}),
    consents=Shares.of({"yes": 1}),
    logged_late=0,
    id_columns_empty=0,
    won_before_contact=0,
)
