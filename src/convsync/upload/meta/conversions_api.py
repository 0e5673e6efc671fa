"""Meta's Conversions API, as the CRM integration of conversion leads describes it.

What shapes this adapter (https://developers.facebook.com/documentation/ads-commerce/conversions-api):

- A request is taken whole or refused whole, and no refusal names an event. Whatever can be known of
  one beforehand is checked before it leaves (`takes`); of a refused request the batch is halved.
- What was sent cannot be corrected, taken back or looked up. A plan says so before it goes out.
- A repeat counts once for 48 hours. Later a request whose answer was lost stays unsure.
- There is no request that is only validated, and Meta's test events count: `validate` asks for the
  dataset instead, which shows whether the token, the dataset and the access to it are right.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from convsync.errors import OperatorError
from convsync.model.outcome import Outcome
from convsync.model.statement import Batch
from convsync.upload.at_once import AnsweredAtOnce
from convsync.upload.destination import UNLIMITED, Quota
from convsync.upload.meta.answers import code_in, outcomes_of, raise_if_it_stops
from convsync.upload.meta.conversions_api_codes import explain_code
from convsync.upload.meta.events import Dataset, request_of
from convsync.upload.meta.graph import HOST, VERSION, Graph
from convsync.upload.meta.takes import meta
from convsync.upload.parts import logged, upload_in_parts

MAX_EVENTS = 1_000


class MetaConversions(AnsweredAtOnce):
    """Uploads to one dataset. `url` leads elsewhere than to Meta: to the sandbox, or a proxy."""

    platform = "Meta"

    def __init__(
        self,
        name: str,
        dataset: Dataset,
        *,
        version: str = VERSION,
        url: str = HOST,
        timeout: timedelta = timedelta(seconds=120),
        max_batch: int = MAX_EVENTS,
        requests_in_flight: int = 1,
        upload_quota: Quota = UNLIMITED,
    ) -> None:
        super().__init__(
            name,
            meta(dataset.action_source),
            max_batch=max_batch,
            requests_in_flight=requests_in_flight,
            upload_quota=upload_quota,
        )
        self._dataset = dataset
        self._graph = Graph(name, dataset, version=version, url=url, timeout=timeout)

    def upload(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        """Send a batch without what Meta is known to refuse; see Destination."""
        rows, refused = self._apart_from_the_foreseen(batch, now)
        return upload_in_parts(batch, [(rows, partial(self._send, now=now)), refused])

    def validate(self, batch: Batch, *, now: datetime) -> None:
        """Ask for the dataset: what is sent to Meta is counted, even as a test; see Destination."""
        self.dataset()

    def dataset(self) -> Mapping[str, object]:
        """Return what Meta says of the dataset; raises what the methods of Destination raise."""
        answer = self._graph.look()
        body = answer.body if isinstance(answer.body, Mapping) else {}
        if not isinstance(body.get("error"), Mapping):
            return body
        about, code = f"{self.name} cannot see its dataset", code_in(body)
        raise_if_it_stops(code, answer, about=about)
        meaning = explain_code(code)
        raise OperatorError(f"{about}: {code}. {meaning.sentence if meaning else ''}".rstrip())

    def close(self) -> None:
        """Give back the connection."""
        self._graph.close()

    def _send(self, batch: Batch, *, now: datetime) -> Sequence[Outcome]:
        answer = self._graph.send(request_of(batch, self._dataset))
        return logged(batch, outcomes_of(answer, batch, now, destination=self.name))
