"""The CRMs that can be read. A new one has a file here with its descriptor, and a line below.

Beside it, it needs its adapter in `extract/`, `config/KIND.toml`, `docs/KIND.md`, and a test class
that inherits the suite of promises.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

from convsync.settings.crm_tables import AnyCrmDeals
from convsync.settings.crms.descriptor import CrmDescriptor
from convsync.settings.crms.dynamics import DYNAMICS
from convsync.settings.crms.hubspot import HUBSPOT
from convsync.settings.crms.odoo import ODOO
from convsync.settings.crms.pipedrive import PIPEDRIVE
from convsync.settings.crms.salesforce import SALESFORCE
from convsync.settings.crms.zoho import ZOHO

CRMS: Mapping[str, CrmDescriptor[Any]] = {
    crm.kind: crm for crm in (HUBSPOT, SALESFORCE, PIPEDRIVE, ZOHO, DYNAMICS, ODOO)
}
"""Every CRM by its kind, in the order of the docs."""

if TYPE_CHECKING:
    CrmTable = AnyCrmDeals
else:
    CrmTable = Union[tuple(crm.table for crm in CRMS.values())]  # noqa: UP007 (made, not written)
