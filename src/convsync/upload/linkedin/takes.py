"""What LinkedIn's Conversions API accepts, known beforehand.

- A conversion counts within 90 days of its milestone, and its request is refused where one is older
  (https://learn.microsoft.com/linkedin/marketing/conversions/conversions-faq).
- Nothing can be corrected or taken back.
- The same `eventId` is documented to count once where the Insight Tag reports it as well
  (https://learn.microsoft.com/en-us/linkedin/marketing/integrations/conversions/deduplication). Of
  two events of a server nothing is said, so a request is repeated only where its owner says so.
- People are found by their e-mail in lower case, and by no phone.
"""

from datetime import timedelta
from typing import Final

from convsync.model.click import ClickIdKind
from convsync.model.identifiers import Form, HashForms
from convsync.model.takes import Repeats, Takes

COUNTS_WITHIN: Final = timedelta(days=90)
MOST_IDENTIFIERS: Final = 5


def linkedin(*, repeats_unanswered: bool) -> Takes:
    """Return what LinkedIn takes, with unanswered requests repeated or left unsure."""
    return Takes(
        click_ids=frozenset({ClickIdKind.LI_FAT_ID}),
        identifiers=MOST_IDENTIFIERS,
        hash_forms=HashForms(emails=Form.PLAIN, phones=None),
        counts_within=COUNTS_WITHIN,
        repeats=Repeats(within=None if repeats_unanswered else timedelta(0)),
    )
