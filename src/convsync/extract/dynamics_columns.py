"""What Dataverse calls the columns of a table in a query, and what a row holds in them."""

from collections.abc import Iterable, Sequence
from typing import Any

from convsync.extract.crm_adapter import CrmField
from convsync.extract.dynamics_api import DynamicsRecord, label, table_of

_LOOKUPS = frozenset({"Lookup", "Customer", "Owner"})
_LABELLED = _LOOKUPS | {"Picklist", "State", "Status", "Virtual"}
"""Types of columns that hold a number or an ID for what people see. Virtual: several choices."""
_PEOPLE = frozenset({"", "account", "contact", "lead", "systemuser"})
"""Tables whose rows are named after people, or may be; "" is one that nothing is known about."""


class TableColumns:
    """The columns of a table: what a query calls them, and what a row holds in them."""

    def __init__(
        self, kind: str, described: Sequence[DynamicsRecord], lengths: Sequence[DynamicsRecord]
    ) -> None:
        longest = {one["LogicalName"]: one["MaxLength"] for one in lengths}
        self.listed = [
            CrmField(
                kind=kind,
                name=one["LogicalName"],
                label=((one["DisplayName"] or {}).get("UserLocalizedLabel") or {}).get("Label")
                or one["LogicalName"],
                type=one["AttributeType"],
                longest=longest.get(one["LogicalName"]),
                is_readable=bool(one["IsValidForRead"]),
            )
            for one in described
            if one["AttributeOf"] is None
        ]
        self._types = {field.name: field.type for field in self.listed}

    def properties(self, names: Iterable[str]) -> list[str]:
        """Return what columns are called in a query: lookups go by their values.

        https://learn.microsoft.com/power-apps/developer/data-platform/webapi/query/select-columns
        """
        return [f"_{name}_value" if self._types.get(name) in _LOOKUPS else name for name in names]

    def values(self, row: DynamicsRecord, names: Sequence[str]) -> dict[str, Any]:
        """Return what a row holds in columns: choices and lookups as people see them.

        A lookup that leads to a person is the ID, for a name goes no further than the CRM.
        """
        asked = zip(names, self.properties(names), strict=True)
        return {
            name: (label(row, column) or row[column])
            if self._is_labelled(name, row, column)
            else row[column]
            for name, column in asked
        }

    def _is_labelled(self, name: str, row: DynamicsRecord, column: str) -> bool:
        kind = self._types.get(name)
        return kind in _LABELLED and not (kind in _LOOKUPS and table_of(row, column) in _PEOPLE)
