"""What a bidder makes of what it is told: raw leads, won deals alone, or expected values.

Four campaigns of the sandbox's world compete for a budget. The bidder puts each euro where the
value that was reported to it promises most; a campaign gets dearer the more is spent on it. For
half a year the budget is split evenly, and then the bidder decides for another half. It is told

- of each lead as it comes, worth one,
- or of each sale when it is made, worth its amount: few, and weeks after the click,
- or of each lead as it comes, worth what `convsync values` has learned by then of its campaign.

All else is the same in all three. What is printed first is what a company has learned of its
campaigns by half a year; then the sales that the leads of the second half became in the end, and
below them those of a bidder that knows the truth: nobody can do better.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import exp
from random import Random

from convsync.sandbox.world_campaigns import CAMPAIGNS, Campaign
from convsync.sandbox.world_figures import AMOUNT, PACE_DAYS, STAYS_OPEN
from convsync.values.fitting import learn
from convsync.values.leads import Lead, Spell, Terms

COMPANIES = 20
BUDGET = 1_000.0
"""Euros a week."""
STEP = 10.0
"""Euros that are decided upon at a time."""
EVEN_WEEKS, WEEKS = 26, 52
REMEMBERED_WEEKS = 8
"""The bidder goes by what was reported to it in so many weeks, per lead that came in them."""
IN_ANY_CASE = 20.0
"""Euros a week for each campaign, or nothing more would be heard of it."""
ENOUGH = 25.0
"""Leads a week at which two thirds of those that a campaign can bring have come."""
TERMS = Terms(
    milestones=("mql",), by=("campaign",), window_days=90, half_life_days=365, currency="EUR"
)


class Feed(StrEnum):
    """What the bidder is told."""

    RAW_LEADS = "raw leads"
    WON_DEALS = "won deals alone"
    EXPECTED = "expected values"
    TRUTH = "(the true chances)"


@dataclass(slots=True)
class Company:
    """One company's leads, and what was reported of them: by day, campaign and value."""

    feed: Feed
    luck: Random
    leads: list[Lead] = field(default_factory=list)
    reports: list[tuple[float, str, float]] = field(default_factory=list)

    def live(self) -> None:
        """Spend a year's budget, week by week."""
        for week in range(WEEKS):
            day = week * 7.0
            spent = even() if week < EVEN_WEEKS else allotted(self.worth_of_a_lead(day))
            values = self.learned(day)
            for campaign in CAMPAIGNS.values:
                for _ in range(drawn(self.luck, leads_for(campaign, spent[campaign]))):
                    self.take(campaign, day + self.luck.random() * 7, values)

    def take(self, campaign: Campaign, day: float, values: Mapping[str, float]) -> None:
        """Take a lead in, decide what will become of it, and report what the feed reports."""
        is_won = self.luck.random() < campaign.win_rate
        ends = Spell(day + PACE_DAYS.at(self.luck.random()))
        is_lost = not is_won and self.luck.random() > STAYS_OPEN
        amount = AMOUNT.at(self.luck.random()) if is_won else None
        lead = Lead(
            (campaign.name,),
            {"mql": Spell(day)},
            won=ends if is_won else None,
            lost=ends if is_lost else None,
            amount=amount,
        )
        self.leads.append(lead)
        match self.feed:
            case Feed.RAW_LEADS:
                self.reports.append((day, campaign.name, 1.0))
            case Feed.EXPECTED:
                self.reports.append((day, campaign.name, values.get(campaign.name, 0.0)))
            case Feed.TRUTH:
                self.reports.append((day, campaign.name, campaign.win_rate))
            case Feed.WON_DEALS if amount is not None:
                self.reports.append((ends.since, campaign.name, amount))

    def learned(self, day: float) -> Mapping[str, float]:
        """Return what a lead of each campaign is worth, as `values learn` has it on that day."""
        table = learn(self.leads, TERMS, day) if self.feed is Feed.EXPECTED else None
        if table is None:
            return {}
        values = {one.name: table.value_of("mql", (one.name,)) for one in CAMPAIGNS.values}
        return {name: float(value.amount) for name, value in values.items() if value is not None}

    def worth_of_a_lead(self, day: float) -> Mapping[str, float]:
        """Return the value reported of late, per lead of late, by campaign."""
        since = day - 7 * REMEMBERED_WEEKS
        worth = {}
        for campaign in CAMPAIGNS.values:
            name = campaign.name
            reported = [value for at, of, value in self.reports if of == name and since <= at < day]
            came = sum(
                since <= lead.reached["mql"].since < day and lead.group[0] == name
                for lead in self.leads
            )
            worth[name] = sum(reported) / came if came else 0.0
        return worth

    def brought(self) -> tuple[int, int, float]:
        """Return the leads that came while the bidder decided, their sales, and what these brought.

        Whatever becomes of a lead was decided when it came, so nothing has to be waited for.
        """
        decided = [lead for lead in self.leads if lead.reached["mql"].since >= EVEN_WEEKS * 7]
        amounts = [lead.amount for lead in decided if lead.amount is not None]
        return len(decided), len(amounts), sum(amounts)


def cost_of(campaign: Campaign) -> float:
    """Return the euros that the first lead of a week costs."""
    return campaign.click_micros * campaign.clicks_a_lead / 1_000_000


def leads_for(campaign: Campaign, euros: float) -> float:
    """Return the leads that a week's euros bring: each one costs more than the one before."""
    return ENOUGH * (1 - exp(-euros / (ENOUGH * cost_of(campaign))))


def drawn(luck: Random, expected: float) -> int:
    """Return a whole number of leads that is so many on average."""
    return int(expected) + (luck.random() < expected % 1)


def even() -> Mapping[Campaign, float]:
    """Return the budget split evenly."""
    return dict.fromkeys(CAMPAIGNS.values, BUDGET / len(CAMPAIGNS.values))


def allotted(worth: Mapping[str, float]) -> Mapping[Campaign, float]:
    """Return the budget split for the most reported value: each step where it brings most."""
    spent = dict.fromkeys(CAMPAIGNS.values, IN_ANY_CASE)
    while sum(spent.values()) + STEP <= BUDGET:
        spent[max(spent, key=lambda one: _gain(one, spent[one], worth))] += STEP
    return spent


def _gain(campaign: Campaign, euros: float, worth: Mapping[str, float]) -> float:
    more = leads_for(campaign, euros + STEP) - leads_for(campaign, euros)
    return worth[campaign.name] * more


def brought_by(feed: Feed, companies: int) -> tuple[int, int, float]:
    """Return leads, sales and amount of so many companies."""
    total = (0, 0, 0.0)
    for seed in range(companies):
        company = Company(feed, Random(seed))
        company.live()
        leads, sales, amount = company.brought()
        total = (total[0] + leads, total[1] + sales, total[2] + amount)
    return total


def campaign_lines() -> Sequence[str]:
    """Return what one company knows of its campaigns when the bidder begins to decide.

    Beside that stands what the bidder would then spend on each in a week, told of raw leads and
    told of expected values.
    """
    company, day = Company(Feed.EXPECTED, Random(0)), EVEN_WEEKS * 7.0
    company.live()
    values = company.learned(day)
    raw = allotted(dict.fromkeys([one.name for one in CAMPAIGNS.values], 1.0))
    expected = allotted(values)
    known = [lead for lead in company.leads if lead.reached["mql"].since < day]
    came = Counter(lead.group[0] for lead in known)
    sold = Counter(lead.group[0] for lead in known if lead.won_by(day) is not None)
    cheapest = min(CAMPAIGNS.values, key=cost_of).name
    best = max(sold, key=sold.__getitem__)
    finding = (
        f"'{cheapest}' brings the cheapest leads, and {sold[cheapest]:,} of {came[cheapest]:,} are"
        f" sold by week {EVEN_WEEKS}; for the same budget '{best}' sells {sold[best]:,}."
    )
    columns = (
        f"{'campaign':<22}{'a lead costs':>13}{'leads':>7}{'sold':>6}{'a lead is worth':>17}"
        f"{'spent by leads':>16}{'by values':>11}"
    )
    said = [finding, columns]
    for campaign in sorted(CAMPAIGNS.values, key=cost_of):
        name = campaign.name
        said.append(
            f"{name:<22}{cost_of(campaign):>9.2f} EUR{came[name]:>7,}{sold[name]:>6,}"
            f"{values[name]:>13,.2f} EUR{raw[campaign]:>12,.0f} EUR{expected[campaign]:>7,.0f} EUR"
        )
    return said


def lines(companies: int) -> Sequence[str]:
    """Return what is printed."""
    said = [f"{'the bidder is told of':<22}{'leads':>8}{'sales':>8}{'worth':>14}"]
    for feed in Feed:
        leads, sales, amount = brought_by(feed, companies)
        said.append(f"{feed.value:<22}{leads:>8,}{sales:>8,}{amount:>10,.0f} EUR")
    return said


def main() -> None:
    """Print what each feed brings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--companies", type=int, default=COMPANIES)
    companies = parser.parse_args().companies
    for line in campaign_lines():
        print(line)
    print(f"\n{companies} companies, {WEEKS - EVEN_WEEKS} weeks at {BUDGET:,.0f} EUR each")
    for line in lines(companies):
        print(line)


if __name__ == "__main__":
    main()
