"""What Google counts, beside what was sent: by campaign and conversion action, for the same clicks.

Both are dated to the day of the click, as Google dates conversions: one that is sent today for a
click of last month is of last month. What was sent for a click that the ad account has not told of
is of no campaign known, and of the day on which the click, or without one the milestone, was.

They need not be equal. Google counts by its own attribution, in parts of a conversion; it counts
people whom it knew by hashed e-mail or phone; and values are in the account's currency, at its own
rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from decimal import Decimal

from convsync.model.money import add_to
from convsync.store import ad_costs, origins
from convsync.store.database import Database
from convsync.store.origins import Known

NOT_KNOWN = "(no campaign known)"


@dataclass(slots=True, kw_only=True)
class Beside:
    """The conversions of an action for a campaign's clicks: how many were sent, and are counted.

    `campaign_id` is empty where no campaign is known. Values are by currency.
    """

    campaign_id: str
    campaign: str
    action_id: str
    action: str = ""
    sent: int = 0
    sent_value: dict[str | None, Decimal] = field(default_factory=dict)
    counted: float = 0.0
    counted_value: dict[str | None, Decimal] = field(default_factory=dict)


def counted_beside_sent(
    database: Database, actions: Mapping[str, str], first: date, last: date, zone: tzinfo
) -> Sequence[Beside]:
    """Return both for clicks from the first day to the last, of actions that rules count towards.

    `actions` names these by their IDs. What Google counts of others was not sent by convsync.
    """
    rows: dict[tuple[str, str], Beside] = {}

    def row_of(campaign_id: str, campaign: str, action_id: str) -> Beside:
        key = campaign_id, action_id
        name = actions.get(action_id, "")
        return rows.setdefault(
            key,
            Beside(campaign_id=campaign_id, campaign=campaign, action_id=action_id, action=name),
        )

    with database.reading() as connection:
        for one in ad_costs.counted(connection, first, last):
            if one.action_id in actions:
                row = row_of(one.campaign_id, one.campaign, one.action_id)
                row.counted += one.conversions
                add_to(row.counted_value, one.currency, one.value)
        for sent in origins.credited(connection):
            click = sent.click
            day = click.clicked_on if isinstance(click, Known) else sent.at.astimezone(zone).date()
            if first <= day <= last:
                place = click.place if isinstance(click, Known) else None
                named = (place.campaign_id, place.campaign) if place else ("", NOT_KNOWN)
                row = row_of(*named, sent.action_id)
                row.sent += 1
                add_to(row.sent_value, sent.currency, sent.value)
    return sorted(rows.values(), key=lambda row: (not row.campaign_id, row.campaign, row.action_id))
