"""Writes into fields of Salesforce's opportunities, two hundred records a call.

Each record is taken or refused by itself. What was taken does not say when, so the stamps are read
after the call: they tell our own writing from what people do.
https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-update.html
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from convsync.errors import UnexpectedResponseError
from convsync.extract.crm_adapter import instant
from convsync.extract.field_writer import NotWritten, Written, text_in
from convsync.extract.salesforce_api import Api
from convsync.extract.salesforce_soql import select
from convsync.model.write_back import FieldChange
from convsync.vendor_words import code_of

_A_BATCH: Final = 200
_DEALS: Final = "Opportunity"
_TEXT: Final = ("string", "textarea")
_NUMBER: Final = ("double", "currency", "percent", "int")


class SalesforceFields:
    """The fields of one org's opportunities. Promises what FieldWriter does."""

    most_at_once = _A_BATCH

    def __init__(self, api: Api) -> None:
        self._api = api

    def problems(self, texts: Sequence[str], numbers: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with fields: describe says which ones the user may edit.

        https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-describe.html
        """
        for name in (*texts, *numbers):
            one = self._described.get(name)
            fits = (*_TEXT, *_NUMBER) if name in numbers else _TEXT
            if one is None:
                yield f"the field '{name}' does not exist, or is hidden from this user"
            elif one["type"] not in fits:
                yield f"the field '{name}' does not fit: name one of type {' or '.join(fits)}"
            elif not one.get("updateable"):
                yield (
                    f"the field '{name}' may not be edited by this user: grant Edit on"
                    " opportunities and on the field"
                )

    def held(
        self, deal_ids: Sequence[str], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Return what fields hold."""
        wanted = f"{select(('Id', *names), _DEALS)} WHERE Id IN ({{ids}})"
        return {
            row["Id"]: {name: text_in(row[name]) for name in names}
            for row in self._api.query_in(wanted, deal_ids)
        }

    def write(self, changes: Sequence[FieldChange]) -> Sequence[Written | NotWritten | None]:
        """Write, then ask for the stamps of what was taken."""
        records = [
            {"attributes": {"type": _DEALS}, "Id": one.deal_id, **self._typed(one.values)}
            for one in changes
        ]
        answers = self._api.update(records)
        if not isinstance(answers, list) or len(answers) != len(changes):
            raise UnexpectedResponseError("Salesforce did not answer for every record it was sent.")
        taken = [
            one.deal_id
            for one, answer in zip(changes, answers, strict=True)
            if answer.get("success")
        ]
        wanted = f"{select(('Id', 'SystemModstamp'), _DEALS)} WHERE Id IN ({{ids}})"
        stamps = {row["Id"]: row["SystemModstamp"] for row in self._api.query_in(wanted, taken)}
        return [
            Written(instant(stamps.get(one.deal_id))) if answer.get("success") else _refused(answer)
            for one, answer in zip(changes, answers, strict=True)
        ]

    @cached_property
    def _described(self) -> Mapping[str, Mapping[str, Any]]:
        return {one["name"]: one for one in self._api.describe(_DEALS)}

    def _typed(self, values: Mapping[str, str]) -> Mapping[str, str | float]:
        """Return values as their fields' types want them in JSON."""
        return {
            name: float(value) if self._described[name]["type"] in _NUMBER else value
            for name, value in values.items()
        }


def _refused(answer: Mapping[str, Any]) -> NotWritten:
    errors = answer.get("errors") or [{}]
    return NotWritten(code_of(errors[0].get("statusCode")) or "REFUSED")
