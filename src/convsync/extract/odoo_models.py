"""Odoo's models as they are read: their fields, their records by domain, pages by record ID.

Whatever a model is not there for, or may not be read for, is said with the app or the right that
brings it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from convsync.extract.odoo_api import NotReadableError, NotThereError, Transport
from convsync.extract.odoo_records import OdooRecord, cell_of
from convsync.extract.paging import pages_by_id
from convsync.process.guides import located

LEAD_MODEL, PARTNER, CHANGE, MESSAGE = (
    "crm.lead", "res.partner", "mail.tracking.value", "mail.message",
)  # fmt: skip
_RIGHTS: Final = {
    LEAD_MODEL: "the right Sales / User: All Documents, and the app CRM",
    PARTNER: "the right to read contacts",
    CHANGE: 'the right Administration / Settings; or set history = "fields": see '
    + located("docs/odoo.md"),
}
_APPS: Final = {
    LEAD_MODEL: "the app CRM (crm)",
    CHANGE: "the app Discuss Tracking (mail_tracking), which Odoo 19.3 took out of Discuss; or set"
    ' history = "fields"',
}
"""What brings a model that is not there: Odoo 19.3 and 20 split some from where they were."""
_EVERY: Final = {"active_test": False}


class Models:
    """The models of one Odoo database. What is asked raises what `Transport` raises."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[str, dict[str, Any]] = {}

    def described(self, model: str) -> Mapping[str, Any]:
        """Return the fields of a model in this version, but for those kept from this user.

        https://www.odoo.com/documentation/18.0/developer/reference/external_api.html#listing-record-fields
        """
        if model not in self._known:
            attributes = ["string", "type", "size", "relation"]
            self._known[model] = self._called(model, "fields_get", attributes=attributes)
        return self._known[model]

    def pages(
        self, model: str, domain: Sequence[Any], columns: Sequence[str], limit: int, last: int = 0
    ) -> Iterator[list[OdooRecord]]:
        """Return pages of what fits a domain, by record ID."""

        def read(last: int) -> tuple[list[OdooRecord], bool]:
            after = [*domain, ["id", ">", last]]
            records = self.found(model, after, columns, limit=limit)
            return records, len(records) >= limit

        return pages_by_id(f"{self._transport.name} {model}", read, itemgetter("id"), last)

    def read(self, model: str, ids: Iterable[int], columns: Sequence[str]) -> list[OdooRecord]:
        """Return records by ID; those that are gone are left out."""
        among = list(ids)
        return self.found(model, [["id", "in", among]], columns) if among else []

    def found(
        self,
        model: str,
        domain: Sequence[Any],
        columns: Sequence[str],
        *,
        order: str = "id asc",
        **limit: int,
    ) -> list[OdooRecord]:
        """Return what fits a domain, archived records too.

        Not `search`, whose argument for the domain has another name up to Odoo 16.
        https://www.odoo.com/documentation/18.0/developer/reference/external_api.html#search-and-read
        """
        records: list[OdooRecord] = self._called(
            model,
            "search_read",
            domain=list(domain),
            fields=list(columns),
            order=order,
            context=_EVERY,
            **limit,
        )
        return records

    def cells(self, model: str, record: OdooRecord) -> dict[str, Any]:
        """Return a record's values as cells."""
        described = self.described(model)
        return {name: cell_of(described.get(name, {}), value) for name, value in record.items()}

    def _called(self, model: str, method: str, **arguments: Any) -> Any:
        try:
            return self._transport.call(model, method, **arguments)
        except NotThereError as error:
            app = _APPS.get(model, "the app that brings it")
            raise NotThereError(f"{error} To read {model}, install {app}.") from None
        except NotReadableError as error:
            right = _RIGHTS.get(model, "the right to read it")
            raise NotReadableError(f"{error} To read {model}, give its user {right}.") from None
