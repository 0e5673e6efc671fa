"""Microsoft Advertising as a destination: offline conversions, restated and retracted.

What shapes this adapter (https://learn.microsoft.com/en-us/advertising/campaign-management-service/):

- A request is taken for some of its rows (`answers`). What is taken is confirmed: whether it was
  attributed is known later, as counts per goal and day alone (`ad_account`).
- There is no order ID. What is sent stays at its click, goal and second (`model.seconds`), so that
  a repeat counts nothing new. What is new and what corrects are two operations.
- There is no request that is only validated: `validate` reads the goals instead.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from convsync.errors import OperatorError
from convsync.model.outcome import Outcome
from convsync.model.statement import Batch, Operation
from convsync.model.takes import Takes
from convsync.upload.ad_account import UploadSummary
from convsync.upload.at_once import AnsweredAtOnce
from convsync.upload.destination import UNLIMITED, Quota
from convsync.upload.microsoft.answers import outcomes_of
from convsync.upload.microsoft.api import ADJUST, APPLY, CampaignManagement
from convsync.upload.microsoft.goals import Goal, goals_of, summaries_of
from convsync.upload.microsoft.rows import adjustments_of, conversions_of
from convsync.upload.parts import logged, upload_in_parts

MAX_ROWS = 1_000


class MicrosoftConversions(AnsweredAtOnce):
    """Uploads to one ad account."""

    platform = "Microsoft"

    def __init__(
        self,
        name: str,
        api: CampaignManagement,
        takes: Takes,
        *,
        max_batch: int = MAX_ROWS,
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
    ) -> None:
        super().__init__(
            name,
            takes,
            max_batch=max_batch,
            requests_in_flight=requests_in_flight,
            upload_quota=upload_quota,
        )
        self._api = api

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch, what is new and what corrects in a request each; see Destination."""
        rows, refused = self._apart_from_the_foreseen(batch, now)
        is_new = [one.operation is Operation.COUNT for one in batch.statements]
        return upload_in_parts(
            batch,
            [
                ([row for row in rows if is_new[row]], partial(self._count, now=now)),
                ([row for row in rows if not is_new[row]], partial(self._correct, now=now)),
                refused,
            ],
        )

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Raise OperatorError where the goal of a batch does not exist; see Destination."""
        names = {statement.action.action_id for statement in batch.statements}
        if missing := sorted(names - self.goals().keys()):
            raise OperatorError(
                f"{self.name}: the account has no offline conversion goal called"
                f" {', '.join(missing)}. A rule's action_id must be a goal's name, word for word."
            )

    def goals(self) -> Mapping[str, Goal]:
        """Return the account's offline goals by their names; raises as Destination's methods do."""
        return goals_of(self._api, about=self.name)

    def summaries(self, since: datetime, until: datetime) -> Sequence[UploadSummary]:
        """Return what arrived for each goal between two instants; raises as `goals` does."""
        goals = [*self.goals().values()]
        if not goals:
            return []
        return summaries_of(self._api, goals, since, until, about=self.name)

    def close(self) -> None:
        """Give back the connection."""
        self._api.close()

    def _count(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        answer = self._api.call(APPLY, conversions_of(batch))
        about = f"{self.name} batch {batch.number}"
        return logged(batch, outcomes_of(answer, batch, self.takes, now, about=about))

    def _correct(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        answer = self._api.call(ADJUST, adjustments_of(batch, now))
        about = f"{self.name} adjustments of batch {batch.number}"
        return logged(batch, outcomes_of(answer, batch, self.takes, now, about=about))
