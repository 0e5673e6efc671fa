"""Settings → Meta's Conversions API, and the dataset behind a destination."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from convsync.errors import OperatorError
from convsync.model.takes import CodeMeaning, Takes
from convsync.settings import Settings, meta_tables
from convsync.signing_in.way import Entrance
from convsync.upload.ad_account import AdAccount
from convsync.upload.destination import Destination, Quota
from convsync.upload.meta import conversions_api_codes, takes
from convsync.upload.meta.ad_account import MetaAdAccount
from convsync.upload.meta.conversions_api import MetaConversions
from convsync.upload.meta.events import Dataset

Table = meta_tables.MetaTable


def open_destination(
    name: str, table: Table, settings: Settings, others: Callable[[str], Destination]
) -> Destination:
    """Return the destination that a table describes; see Vendor."""
    return _opened(name, table)


def takes_of(table: Table) -> Takes:
    """Return what a destination at Meta takes; see Vendor."""
    return takes.meta(table.action_source)


def explain_code(table: Table, code: str) -> CodeMeaning | None:
    """Return what one of Meta's codes means; see Vendor."""
    return conversions_api_codes.explain_code(code)


def name_of_account(table: Table) -> str:
    """Return the dataset that a destination reports to; see Vendor."""
    return f"Meta dataset {table.dataset_id}"


def account_key(table: Table) -> str:
    """Return the dataset alone; see Vendor."""
    return table.dataset_id


def account_of(name: str, table: Table, settings: Settings) -> AdAccount:
    """Return the dataset behind a destination; see Vendor."""
    return MetaAdAccount(
        name,
        lambda: _opened(name, table),
        version=table.api_version,
        counts_within=takes.counts_within(table.action_source),
        is_test=table.test_event_code is not None,
    )


def entrance(tables: Mapping[str, Mapping[str, Any]]) -> Entrance:
    """Raise OperatorError: nobody signs in at Meta, where a token is made for a system user."""
    raise OperatorError(
        "Meta has no sign-in for this. Create a token for a system user: Events Manager › the "
        "dataset › Settings › Conversions API, and set it as the variable "
        f"CONVSYNC_DESTINATIONS__{next(iter(tables), 'meta').upper()}__ACCESS_TOKEN."
    )


def _opened(name: str, table: Table) -> MetaConversions:
    if table.access_token is None:
        raise OperatorError(
            f"destinations.{name}.access_token is missing: set the variable "
            f"CONVSYNC_DESTINATIONS__{name.upper()}__ACCESS_TOKEN to the token of a system user."
        )
    return MetaConversions(
        name,
        Dataset(
            dataset_id=table.dataset_id,
            crm_name=table.crm_name,
            action_source=table.action_source,
            test_event_code=table.test_event_code,
            access_token=table.access_token.get_secret_value(),
            app_secret=table.app_secret.get_secret_value() if table.app_secret else None,
        ),
        version=table.api_version,
        url=table.url,
        timeout=timedelta(seconds=table.timeout_s),
        max_batch=table.batch_size,
        requests_in_flight=table.requests_in_flight,
        upload_quota=Quota(
            project=f"Meta dataset {table.dataset_id}", per_minute=table.requests_per_minute
        ),
    )
