"""LinkedIn's Conversions API: batches of up to 5,000 events, refused whole for the rows they name.

What shapes this adapter (https://learn.microsoft.com/en-us/linkedin/marketing/integrations/
ads-reporting/conversions-api):

- A refused batch was not taken at all. The rows that its sentence names are judged, and the others
  go out again (`answers`).
- What was sent cannot be corrected, taken back or looked up.
- Whether a repeat counts again is not documented: one whose answer was lost stays unsure, unless
  the configuration says to repeat it.
- There is no request that is only validated. LinkedIn checks the shape of an event and not its
  meaning, so a rule is looked up by `validate`: it must exist, be on, and take API events.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from convsync.errors import OperatorError
from convsync.model.outcome import Outcome
from convsync.model.statement import Batch
from convsync.upload.at_once import AnsweredAtOnce
from convsync.upload.destination import UNLIMITED, Quota
from convsync.upload.linkedin.answers import outcomes_of
from convsync.upload.linkedin.events import request_of
from convsync.upload.linkedin.rest import LinkedInRest
from convsync.upload.linkedin.takes import linkedin
from convsync.upload.parts import logged, upload_in_parts

MAX_EVENTS = 5_000
API_METHOD = "CONVERSIONS_API"


class LinkedInConversions(AnsweredAtOnce):
    """Uploads to the conversion rules of one ad account."""

    platform = "LinkedIn"

    def __init__(
        self,
        name: str,
        api: LinkedInRest,
        *,
        repeats_unanswered: bool = False,
        max_batch: int = MAX_EVENTS,
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
    ) -> None:
        super().__init__(
            name,
            linkedin(repeats_unanswered=repeats_unanswered),
            max_batch=max_batch,
            requests_in_flight=requests_in_flight,
            upload_quota=upload_quota,
        )
        self.api = api

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch without what LinkedIn is known to refuse; see Destination."""
        rows, refused = self._apart_from_the_foreseen(batch, now)
        return upload_in_parts(batch, [(rows, partial(self._send, now=now)), refused])

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Look up the batch's conversion rule: whatever is sent is counted; see Destination."""
        if problem := problem_of(batch.action.action_id, self.api.rules()):
            raise OperatorError(f"{self.name}: {problem}.")

    def close(self) -> None:
        """Give back the connection."""
        self.api.close()

    def _send(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        answer = self.api.send(request_of(batch))
        return logged(batch, outcomes_of(answer, batch, now, destination=self.name))


def problem_of(action_id: str, rules: Sequence[Mapping[str, Any]]) -> str | None:
    """Return why a conversion rule takes no events, and what to do about it; None: it does."""
    where = "Campaign Manager › Measurement › Conversion tracking"
    found = next((rule for rule in rules if str(rule.get("id")) == action_id), None)
    if found is None:
        return f"the account has no conversion rule {action_id}; copy action_id from {where}"
    if found.get("conversionMethod") != API_METHOD:
        return (
            f"conversion rule {action_id} is not one for the Conversions API; make one in {where}, "
            "and write its ID into action_id"
        )
    if found.get("enabled") is not True:
        return f"conversion rule {action_id} is off; turn it on in {where}, or correct action_id"
    return None
