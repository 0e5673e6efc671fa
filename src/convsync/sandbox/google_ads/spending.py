"""What the clicks of the account cost by day, and what was counted for them, as reports show it.

A row says all that can be selected of it; a query adds rows up to what it selects. Conversions are
dated to the day of their click, as Google's are unless one asks for `*_by_conversion_date`. What is
counted in another currency is shown in the account's, at `RATES`.
https://developers.google.com/google-ads/api/docs/conversions/reporting
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from convsync.sandbox.account import ReportRow, SandboxAccount
from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.advertising import PaidClick
from convsync.sandbox.books import Counted
from convsync.sandbox.verdicts import click_ids_in
from convsync.sandbox.world_campaigns import AUDIENCES, CITIES, Placement

IMPRESSIONS_A_CLICK = 12
RATES: Mapping[str, float] = {"EUR": 1.0, "USD": 0.9, "GBP": 1.15}
"""What a currency is worth in euros here; what is in another one is counted without a value."""

Row = dict[str, Any]


def clicks_of_world(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Iterator[Row]:
    """Yield the rows of `click_view` for the world's clicks by now that have a gclid."""
    now = platform.clock.now()
    for one in _of_world(platform, account):
        if one.at <= now and (gclid := one.ids.gclid):
            name = f"customers/{customer_id}/clickViews/{one.day}~{gclid}"
            yield {
                "click_view.resource_name": name,
                "click_view.gclid": gclid,
                "segments.date": one.day,
                **_of_click(one.placement, customer_id),
            }


def spending(platform: AdPlatform, customer_id: str, account: SandboxAccount) -> Iterator[Row]:
    """Yield what leads' clicks had cost by now, and what was counted for clicks of the account."""
    now = platform.clock.now()
    today = now.astimezone(ZoneInfo(account.time_zone)).date()
    restating = platform.restating
    for one in _of_world(platform, account):
        if not one.led or one.at > now:
            continue
        campaign = one.placement.campaign
        is_young = (today - date.fromisoformat(one.day)).days < restating.days
        clicks = round(campaign.clicks_a_lead * (1 + restating.share * is_young))
        yield {
            **_of_placement(one.placement, customer_id),
            "segments.date": one.day,
            "metrics.clicks": clicks,
            "metrics.impressions": clicks * IMPRESSIONS_A_CLICK,
            "metrics.cost_micros": clicks * campaign.click_micros,
        }
    yield from _results(platform, customer_id, account)


def spending_with(
    field: str,
) -> Callable[[AdPlatform, str, SandboxAccount], Iterator[Row]]:
    """Return the table of a view that only has what was spent on something, such as a keyword."""

    def table(platform: AdPlatform, customer_id: str, account: SandboxAccount) -> Iterator[Row]:
        return (row for row in spending(platform, customer_id, account) if row.get(field))

    return table


def geo_targets(platform: AdPlatform, customer_id: str, account: SandboxAccount) -> Iterator[Row]:
    """Yield the names of the cities."""
    for number, name in CITIES.items():
        yield {
            "geo_target_constant.resource_name": f"geoTargetConstants/{number}",
            "geo_target_constant.id": number,
            "geo_target_constant.canonical_name": name,
        }


def user_lists(platform: AdPlatform, customer_id: str, account: SandboxAccount) -> Iterator[Row]:
    """Yield the names of a world's audiences."""
    for number, name in AUDIENCES.items() if platform.advertising else ():
        yield {
            "user_list.resource_name": f"customers/{customer_id}/userLists/{number}",
            "user_list.id": number,
            "user_list.name": name,
        }


def _results(platform: AdPlatform, customer_id: str, account: SandboxAccount) -> Iterator[Row]:
    places = _places(platform, customer_id, account)
    for page, conversions in list(platform.books.counted.items()):
        action = page.rpartition("/")[2]
        known = platform.actions.get(action)
        of_action = {
            "segments.conversion_action": f"customers/{customer_id}/conversionActions/{action}",
            "segments.conversion_action_name": (known.name if known else "") or f"Action {action}",
        }
        for counted in list(conversions.values()):
            place = next(
                (places[name] for name in click_ids_in(counted.event) if name in places), None
            )
            if place is not None:
                value = _value_in(account.currency_code, counted)
                yield {
                    **place,
                    **of_action,
                    "metrics.all_conversions": float(counted.count),
                    "metrics.all_conversions_value": value,
                    "metrics.conversions": float(counted.count),
                    "metrics.conversions_value": value,
                }


def _places(
    platform: AdPlatform, customer_id: str, account: SandboxAccount
) -> Mapping[str, ReportRow]:
    """Return where in the account each known click was, by its ID."""
    zone = ZoneInfo(account.time_zone)
    places: dict[str, ReportRow] = {
        name: {**click.fields, "segments.date": click.at.astimezone(zone).date().isoformat()}
        for name, click in platform.clicks.items()
        if "campaign.id" in click.fields
    }
    for one in _of_world(platform, account):
        row = {**_of_placement(one.placement, customer_id), "segments.date": one.day}
        ids = (one.ids.gclid, one.ids.gbraid, one.ids.wbraid)
        places |= {name: row for name in ids if name and name not in places}
    return places


def _of_world(platform: AdPlatform, account: SandboxAccount) -> Sequence[PaidClick]:
    if platform.advertising is None:
        return ()
    return platform.advertising.clicks(ZoneInfo(account.time_zone))


def _value_in(currency: str, counted: Counted) -> float:
    value = counted.value or 0.0
    if counted.currency == currency:
        return value
    theirs, own = RATES.get(counted.currency), RATES.get(currency)
    return value * theirs / own if theirs and own else 0.0


def _of_click(place: Placement, customer_id: str) -> Row:
    city = place.city and f"geoTargetConstants/{place.city}"
    audience = place.audience and f"customers/{customer_id}/userLists/{place.audience}"
    return {
        **_of_ads(place),
        "click_view.keyword_info.text": place.keyword.text,
        "click_view.keyword_info.match_type": place.keyword.match_type,
        **({"click_view.location_of_presence.most_specific": city} if city else {}),
        **({"click_view.user_list": audience} if audience else {}),
    }


def _of_placement(place: Placement, customer_id: str) -> Row:
    city, audience = place.city, place.audience
    return {
        **_of_ads(place),
        "ad_group_criterion.keyword.text": place.keyword.text,
        "ad_group_criterion.keyword.match_type": place.keyword.match_type,
        "segments.geo_target_most_specific_location": city and f"geoTargetConstants/{city}",
        "geographic_view.location_type": "LOCATION_OF_PRESENCE",
        "ad_group_criterion.user_list.user_list": (
            audience and f"customers/{customer_id}/userLists/{audience}"
        ),
    }


def _of_ads(place: Placement) -> Row:
    return {
        "campaign.id": place.campaign.number,
        "campaign.name": place.campaign.name,
        "ad_group.id": place.ad_group.number,
        "ad_group.name": place.ad_group.name,
        "segments.device": place.device,
    }
