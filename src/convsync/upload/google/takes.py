"""What each of Google's two APIs accepts. No client library is needed to know it.

- The Google Ads API adjusts what happened in the last 54 days and did not begin with a wbraid
  (https://developers.google.com/google-ads/api/docs/conversions/upload-adjustments; the enum of
  its errors says 54, older pages 55). It finds a conversion by order ID, so identifiers that may no
  longer be sent keep nothing from being corrected.
- The Data Manager API corrects by the same `transaction_id` again, with all required fields and
  the same identifiers (https://developers.google.com/data-manager/api/devguides/events/google-ads/
  conversion-adjustments). It refuses an event without any (NO_IDENTIFIERS_PROVIDED): what was
  counted by hashed identifiers alone, and lost its consent, keeps its value. No age is stated. To
  take back is to restate at zero, unless the Google Ads API does it.
- A verdict of the Data Manager API comes half an hour after the upload at the earliest
  (https://developers.google.com/data-manager/api/devguides/diagnostics).
"""

from datetime import timedelta

from convsync.model.click import ClickIdKind
from convsync.model.statement import Operation
from convsync.model.takes import Takes, Way

CLICK_IDS = frozenset({ClickIdKind.GCLID, ClickIdKind.WBRAID, ClickIdKind.GBRAID})
FIRST_POLL = timedelta(minutes=30)
LONGEST_POLL = timedelta(hours=12)

_ADJUSTMENT = Way(within=timedelta(days=54), except_clicks=frozenset({ClickIdKind.WBRAID}))
_SAME_ID_AGAIN = Way(needs_a_key=True)

GOOGLE_ADS = Takes(
    click_ids=CLICK_IDS,
    identifiers=5,
    corrections={Operation.RESTATE: [_ADJUSTMENT], Operation.RETRACT: [_ADJUSTMENT]},
)


def data_manager(*, has_retractor: bool) -> Takes:
    """Return what the Data Manager API takes, with the Google Ads API to take back or without."""
    retraction = [_ADJUSTMENT, _SAME_ID_AGAIN] if has_retractor else [_SAME_ID_AGAIN]
    return Takes(
        click_ids=CLICK_IDS,
        identifiers=10,
        corrections={Operation.RESTATE: [_SAME_ID_AGAIN], Operation.RETRACT: retraction},
        first_poll=FIRST_POLL,
        longest_poll=LONGEST_POLL,
    )
