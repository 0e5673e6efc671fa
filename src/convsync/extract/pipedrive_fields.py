"""Writes into custom fields of Pipedrive's deals: version 2 has no call for several, so one each.

Archived deals are not listed among the others, and are left as they are.
https://developers.pipedrive.com/docs/api/v1/Deals#updateDeal
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from convsync.errors import UnexpectedResponseError
from convsync.extract.crm_adapter import batches, instant
from convsync.extract.field_writer import NotWritten, Written, text_in
from convsync.extract.mapping import DEAL
from convsync.extract.pipedrive_api import Api
from convsync.model.write_back import FieldChange

_IDS: Final = 100
_TEXT: Final = ("varchar", "varchar_auto", "text")
_NUMBER: Final = ("double", "int")


class PipedriveFields:
    """The custom fields of one company's deals, by name or key. Promises what FieldWriter does."""

    most_at_once = _IDS

    def __init__(self, api: Api) -> None:
        self._api = api

    def problems(self, texts: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with fields; a change of no deal shows whether one may write.

        Unconfirmed: that the scope is judged before the deal is found not to exist.
        """
        known = self._api.fields_of(DEAL)
        types = {one.name: one.type for one in known.listed}
        for name in (*texts, *numbers):
            fits = (*_TEXT, *_NUMBER) if name in numbers else _TEXT
            if name not in types:
                yield f"the field '{name}' does not exist, or two fields have that name"
            elif not known.is_custom(name):
                yield f"the field '{name}' is Pipedrive's own: name a custom field"
            elif types[name] not in fits:
                yield f"the field '{name}' does not fit: name one of type {' or '.join(fits)}"
        try:
            self._api.change("0", {})
        except UnexpectedResponseError:
            return  # of no deal; a missing scope is an OperatorError

    def held(
        self, deal_ids: Sequence[str], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Return what fields hold."""
        known = self._api.fields_of(DEAL)
        found: dict[str, Mapping[str, str]] = {}
        for ids in batches(deal_ids, _IDS):
            query = {"ids": ",".join(ids), "limit": _IDS, **known.query(names)}
            for record in self._api.page("api/v2/deals", query)[0]:
                values = known.values(record, names)
                found[str(record["id"])] = {name: text_in(values[name]) for name in names}
        return found

    def write(self, changes: Sequence[FieldChange]) -> Sequence[Written | NotWritten | None]:
        """Write deal by deal, as many at once as the API takes."""
        return self._api.together([partial(self._write_one, one) for one in changes])

    def _write_one(self, change: FieldChange) -> Written | NotWritten:
        known = self._api.fields_of(DEAL)
        types = {one.name: one.type for one in known.listed}
        values = {
            known.key_of(name): float(value) if types.get(name) in _NUMBER else value
            for name, value in change.values.items()
        }
        try:
            record = self._api.change(change.deal_id, values)
        except UnexpectedResponseError:
            return NotWritten("REFUSED")
        return Written(instant(record.get("update_time")))
