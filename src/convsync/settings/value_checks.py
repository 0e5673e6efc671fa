"""What contradicts between learned values and the rest of a configuration right in itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from convsync.model.ad_spending import AD_SEGMENTS
from convsync.model.deal import LOST, WON
from convsync.model.expected import SOURCE
from convsync.settings.crm_tables import ALWAYS_THERE, AnyCrmDeals
from convsync.settings.google_tables import GoogleAdsTable

if TYPE_CHECKING:
    from convsync.settings.tables import Settings

_KNOWS_THE_END = "stage"
_NEEDS_ADS = " Where a deal began in the ad account is read by a destination of kind 'google_ads'."


def value_mistakes(settings: "Settings") -> Iterator[str]:
    """Yield what is wrong, as `place: what, and what to do`."""
    there = {SOURCE, *(name for source in settings.deals.values() for name in source.segments)}
    if any(isinstance(source, AnyCrmDeals) for source in settings.deals.values()):
        there |= ALWAYS_THERE - {_KNOWS_THE_END}
    if any(isinstance(one, GoogleAdsTable) for one in settings.destinations.values()):
        there |= set(AD_SEGMENTS)
    for name in settings.values.by:
        if name == _KNOWS_THE_END:
            yield (
                f"values.by: '{name}' is where a deal stands today, so it knows how the deal ended;"
                " name what is known when a lead comes in."
            )
        elif name not in there:
            yield (
                f"values.by: no source has a segment '{name}'; there are: {_listed(there)}."
                + (_NEEDS_ADS if name in AD_SEGMENTS else "")
            )
    expected = rules_that_learn(settings)
    for name in expected:
        if settings.rules[name].milestone in {WON, LOST}:
            yield (
                f"rules.{name}.value: a deal that has ended has no expected value; for a sale write"
                ' { kind = "amount" }, or leave it out.'
            )
    if expected and not (settings.values.currency or settings.company.currency):
        yield "values.currency: is missing; write it, or [company] currency."


def rules_that_learn(settings: "Settings") -> list[str]:
    """Return the rules whose value is learned, for good or until money comes in."""
    values = {
        name: rule.value.expected if rule.value.kind == "revenue" else rule.value
        for name, rule in settings.rules.items()
    }
    return [name for name, value in values.items() if value.kind == "expected"]


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
