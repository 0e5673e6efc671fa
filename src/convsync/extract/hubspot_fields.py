"""Writes into HubSpot's deal properties, a hundred deals a call.

Reading passes over a property that does not exist in silence, and writing refuses the whole batch
for it, or for one value that does not fit: so properties are looked up before, and a batch that is
refused is halved until the deals that are to blame are alone.
https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/batch/update-deals
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from convsync.errors import UnexpectedResponseError
from convsync.extract.crm_adapter import batches, instant
from convsync.extract.field_writer import NotWritten, Written, text_in
from convsync.extract.hubspot_api import found_in_batch, ids_in, results
from convsync.http import Http
from convsync.model.write_back import FieldChange
from convsync.vendor_words import code_of

_A_BATCH: Final = 100
_TEXT: Final = ("text", "textarea")
_NUMBER: Final = (*_TEXT, "number")
_NO_CODE: Final = "REFUSED"


class HubSpotFields:
    """The fields of one account's deals. Promises what FieldWriter does."""

    most_at_once = _A_BATCH

    def __init__(self, http: Http, version: str) -> None:
        self._http = http
        self._deals = f"crm/objects/{version}/deals"
        self._properties = f"crm/properties/{version}/deals"

    def problems(self, texts: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with properties; an empty batch shows whether one may write.

        Unconfirmed: that the scope is judged before the batch is found to be empty.
        """
        known = {one["name"]: one for one in results(self._http.get(self._properties))}
        for name in (*texts, *numbers):
            one = known.get(name)
            fits = _NUMBER if name in numbers else _TEXT
            if one is None:
                yield f"the property '{name}' does not exist: make it"
            elif one.get("fieldType") not in fits:
                yield f"the property '{name}' does not fit: name one of type {' or '.join(fits)}"
            elif (one.get("modificationMetadata") or {}).get("readOnlyValue"):
                yield f"the property '{name}' is read-only: name one of your own"
        try:
            self._http.post(f"{self._deals}/batch/update", {"inputs": []})
        except UnexpectedResponseError:
            return  # of an empty batch; a missing scope is an OperatorError

    def held(
        self, deal_ids: Sequence[str], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Return what properties hold; a deal that was merged away is not there."""
        found = {}
        for ids in batches(deal_ids, _A_BATCH):
            inputs = [{"id": deal_id} for deal_id in ids]
            answer = self._http.post(
                f"{self._deals}/batch/read",
                {"inputs": inputs, "properties": list(names), "propertiesWithHistory": []},
            )
            for record in found_in_batch(answer, self._http.name):
                properties = record["properties"]
                found[record["id"]] = {name: text_in(properties.get(name)) for name in names}
        return {deal_id: found[deal_id] for deal_id in deal_ids if deal_id in found}

    def write(self, changes: Sequence[FieldChange]) -> Sequence[Written | NotWritten | None]:
        """Write by batches, halved where one is refused as a whole."""
        inputs = [{"id": one.deal_id, "properties": dict(one.values)} for one in changes]
        try:
            answer = self._http.post(f"{self._deals}/batch/update", {"inputs": inputs})
        except UnexpectedResponseError:
            if len(changes) == 1:
                return [NotWritten(_NO_CODE)]
            middle = len(changes) // 2
            return [*self.write(changes[:middle]), *self.write(changes[middle:])]
        taken = {one["id"]: Written(instant(one.get("updatedAt"))) for one in results(answer)}
        refused = dict(_refused(answer))
        return [taken.get(one.deal_id) or refused.get(one.deal_id) for one in changes]


def _refused(answer: Mapping[str, Any]) -> Iterator[tuple[str, NotWritten]]:
    """Yield the deals of a batch that an error names."""
    for error in answer.get("errors") or ():
        code = code_of(error.get("category")) or _NO_CODE
        for deal_id in ids_in(error):
            yield deal_id, NotWritten(code)
