"""What Meta's Conversions API accepts, known beforehand: a whole request or nothing.

- An event older than seven days has its whole request refused
  (https://developers.facebook.com/documentation/ads-commerce/conversions-api/using-the-api); one
  of a physical store may be 62 days old.
- Nothing can be corrected or taken back.
- Of two events with one `event_id` and `event_name` within 48 hours the first alone counts
  (https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/server-event).
  The page says so of a browser's event and a server's; that it holds for two of a server is
  unconfirmed. Nothing at all is said of a physical store's.
- People are found by e-mails as they stand and phones without their `+`
  (https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/customer-information-parameters).
"""

import re
from datetime import datetime, timedelta
from typing import Final

from convsync.model.click import ClickId, ClickIdKind
from convsync.model.identifiers import Form, HashForms
from convsync.model.statement import Statement
from convsync.model.takes import Repeats, Takes

SYSTEM_GENERATED: Final = "system_generated"
PHYSICAL_STORE: Final = "physical_store"
COUNTS_WITHIN: Final = timedelta(days=7)
STORE_COUNTS_WITHIN: Final = timedelta(days=62)
KNOWS_A_REPEAT_FOR: Final = timedelta(hours=48)
CLICK_IDS: Final = frozenset({ClickIdKind.FBCLID, ClickIdKind.FB_LEAD_ID})
MOST_IDENTIFIERS: Final = 10
LEAD_ID: Final = re.compile(r"(?:l:)?([0-9]{15,17})")
"""Meta's ID of a lead; `l:` stands before it in the lists that people download."""

LEAD_ID_MALFORMED: Final = "LEAD_ID_MALFORMED"
VALUE_NEGATIVE: Final = "VALUE_NEGATIVE"


class MetaTakes(Takes):
    """What Meta takes. One event with a fault costs its whole request, so none goes out."""

    __slots__ = ()

    def refusal_of(self, statement: Statement, now: datetime) -> str | None:
        """Return the code for which Meta would refuse a statement; see Takes."""
        return super().refusal_of(statement, now) or _fault_of(statement)


def _fault_of(statement: Statement) -> str | None:
    match statement.click_id:
        case ClickId(kind=ClickIdKind.FB_LEAD_ID, value=value) if not LEAD_ID.fullmatch(value):
            return LEAD_ID_MALFORMED
    return VALUE_NEGATIVE if statement.value.amount < 0 else None


def counts_within(action_source: str) -> timedelta:
    """Return for how long Meta takes an event from this source."""
    return STORE_COUNTS_WITHIN if action_source == PHYSICAL_STORE else COUNTS_WITHIN


def meta(action_source: str) -> MetaTakes:
    """Return what Meta takes of events from this source."""
    is_store = action_source == PHYSICAL_STORE
    return MetaTakes(
        click_ids=CLICK_IDS,
        asks_when_clicked=True,
        identifiers=MOST_IDENTIFIERS,
        hash_forms=HashForms(emails=Form.PLAIN, phones=Form.PLAIN),
        counts_within=counts_within(action_source),
        repeats=Repeats(within=timedelta(0) if is_store else KNOWS_A_REPEAT_FOR),
    )
