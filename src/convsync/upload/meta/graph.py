"""Meta's Graph API as the Conversions API needs it: one dataset, one token, one try a call.

Whether a request is made again is the outbox's to say, and whether a refusal is one, `answers`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from convsync.http import Answer, FixedHeader, Http, Verdict
from convsync.retrying import RetryPolicy
from convsync.upload.meta.events import Dataset

VERSION: Final = "v26.0"
HOST: Final = "https://graph.facebook.com"
_FIELDS: Final = "id,name,is_unavailable,last_fired_time"


class Graph:
    """One dataset. Its methods raise TransientError where no answer came."""

    def __init__(
        self, name: str, dataset: Dataset, *, version: str, url: str, timeout: timedelta
    ) -> None:
        self._dataset = dataset
        self._path = f"{version}/{dataset.dataset_id}"
        self._http = Http(
            name=name,
            base_url=url,
            authorisation=FixedHeader("Authorization", f"Bearer {dataset.access_token}"),
            judge=_is_read_as_it_is,
            policy=RetryPolicy(attempts=1),
            read_s=timeout.total_seconds(),
        )

    def send(self, body: Mapping[str, Any]) -> Answer:
        """Send events, as `request_of` makes them, and return whatever was answered."""
        return self._http.answer("POST", f"{self._path}/events", json=body)

    def look(self) -> Answer:
        """Return what the dataset is, or why it cannot be seen."""
        params = {"fields": _FIELDS, **self._dataset.proof}
        return self._http.answer("GET", self._path, params=params)

    def close(self) -> None:
        """Give back the connection."""
        self._http.session.close()


def _is_read_as_it_is(_: Answer) -> Verdict:
    """Meta's status says little; its code, which `answers` reads, says all."""
    return "fine"
