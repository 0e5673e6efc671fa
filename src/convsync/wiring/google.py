"""Settings → Google's two APIs, the way to an ad account, and what is expected of it.

A client library is imported when its destination is first used, so a night with nothing to send
never loads it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convsync.errors import OperatorError
from convsync.model.takes import CodeMeaning, Takes
from convsync.settings import (
    Settings,
    crm_tables,
    deal_fields,
    google_tables,
    source_tables,
)
from convsync.upload.destination import Destination, Quota
from convsync.upload.google.takes import GOOGLE_ADS, data_manager

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from convsync.signing_in.way import Entrance
    from convsync.upload.ad_account import AdAccount
    from convsync.upload.google.account import AccountReader
    from convsync.upload.google.credentials import Keeper
    from convsync.upload.google.google_ads_api import Customer
    from convsync.upload.google.preflight import Expected


Opener = Callable[[str], Destination]
Table = google_tables.DataManagerTable | google_tables.GoogleAdsTable


def open_destination(name: str, table: Table, settings: Settings, others: Opener) -> Destination:
    """Return the destination that a table describes; see Vendor."""
    match table:
        case google_tables.DataManagerTable():
            return _data_manager(name, table, settings.folder, others)
        case google_tables.GoogleAdsTable():
            return _google_ads(name, table, settings.folder)


def takes_of(table: Table) -> Takes:
    """Return what a destination of Google takes; see Vendor."""
    match table:
        case google_tables.DataManagerTable():
            return data_manager(has_retractor=table.retract_with != google_tables.VALUE_ZERO)
        case google_tables.GoogleAdsTable():
            return GOOGLE_ADS


def explain_code(table: Table, code: str) -> CodeMeaning | None:
    """Return what a code of one of Google's APIs means; see Vendor."""
    from convsync.upload.google import data_manager_codes, google_ads_codes

    match table:
        case google_tables.DataManagerTable():
            return data_manager_codes.explain_code(code)
        case google_tables.GoogleAdsTable():
            return google_ads_codes.explain_code(code)


def name_of_account(table: Table) -> str:
    """Return the account that a destination of Google reports to; see Vendor."""
    match table:
        case google_tables.DataManagerTable():
            return f"Google Ads account {account_key(table)}, by the Data Manager API"
        case google_tables.GoogleAdsTable():
            return f"Google Ads account {account_key(table)}, by the Google Ads API"


def account_key(table: Table) -> str:
    """Return the account of Google alone; see Vendor."""
    match table:
        case google_tables.DataManagerTable(operating_account=account):
            return account
        case google_tables.GoogleAdsTable(customer_id=account):
            return account


def account_of(name: str, table: Table, settings: Settings) -> "AdAccount":
    """Return the account behind a destination of Google; see Vendor."""
    from convsync.upload.google.ad_account import GoogleAdAccount

    return GoogleAdAccount(
        _expected(name, table, settings),
        partial(_reader, name, table, settings),
        clock_url=_json_endpoint(table),
    )


def entrance(tables: Mapping[str, Mapping[str, Any]]) -> "Entrance":
    """Return how a person signs in for destinations of Google; see Vendor."""
    from convsync.signing_in.way import App, Entrance
    from convsync.upload.google import consent

    keys = ("client_id", "client_secret")
    known = {
        key: str(table[key])
        for table in tables.values()
        for key in (*keys, "token_url")
        if key in table
    }
    where = known.get("token_url", consent.TOKEN_URL)
    others = [name for name, one in tables.items() if one.get("credentials") != "refresh_token"]
    return Entrance(
        places=tuple(f"destinations.{name}" for name in tables),
        keys=keys,
        secret_keys=frozenset({"client_secret"}),
        known={key: known[key] for key in keys if key in known},
        way=lambda _: consent.way(where),
        prove=lambda answers: consent.prove(
            App(client_id=answers["client_id"], client_secret=answers["client_secret"]),
            answers["refresh_token"],
            where,
        ),
        hint="".join(
            f'In [destinations.{name}] write credentials = "refresh_token".\n' for name in others
        ),
    )


def _reader(name: str, table: Table, settings: Settings) -> "AccountReader | None":
    match table:
        case google_tables.GoogleAdsTable():
            return _google_ads_account(name, table, table.customer_id, settings.folder)
        case google_tables.DataManagerTable(read_with=str(other)):
            road = settings.destinations[other]
            assert isinstance(road, google_tables.GoogleAdsTable), "settings see to that"
            return _google_ads_account(other, road, table.operating_account, settings.folder)
        case _:
            return None


def _expected(name: str, table: Table, settings: Settings) -> "Expected":
    from convsync.upload.google.preflight import Expected

    match table:
        case google_tables.DataManagerTable(operating_account=account):
            must_own = True
        case google_tables.GoogleAdsTable(customer_id=account):
            must_own = False
    return Expected(
        destination=name,
        customer_id=account,
        must_own=must_own,
        sends_identifiers=table.enhanced_conversions,
        sends_braids=any(
            fields.gbraid or fields.wbraid or fields.landing_url
            for source in (*settings.deals.values(), *settings.clicks.values())
            for fields in _records_of(source)
        ),
        time_zone=settings.company.time_zone,
        currency=settings.company.currency,
    )


def _records_of(
    source: source_tables.DealSource | source_tables.ClickSource,
) -> Sequence[
    source_tables.DealColumnsTable | source_tables.ClickColumnsTable | deal_fields.RecordFieldsTable
]:
    """Return the mappings of a source that may hold click IDs."""
    if isinstance(source, crm_tables.AnyCrmDeals):
        return (source.deal, source.contact, source.lead)
    if isinstance(source, source_tables.AccessLogClicksTable):
        return (source_tables.ClickColumnsTable(landing_url="request"),)
    return (source.columns,)


def _json_endpoint(table: Table) -> str | None:
    """Return where a destination also answers over HTTP; not where it was led to gRPC alone."""
    if isinstance(table, google_tables.DataManagerTable):
        return table.rest_endpoint
    return None if table.plaintext or table.ca_file else f"https://{table.endpoint}"


def _data_manager(
    name: str, table: google_tables.DataManagerTable, folder: Path, others: Opener
) -> Destination:
    from convsync.upload.google.credentials import DATA_MANAGER_SCOPE
    from convsync.upload.google.data_manager import DataManager
    from convsync.upload.google.data_manager_requests import RequestAccounts

    return DataManager(
        name,
        RequestAccounts(
            operating=table.operating_account,
            login=table.login_account,
            linked=table.linked_account,
            event_source=table.event_source,
        ),
        _credentials(name, table, folder, DATA_MANAGER_SCOPE),
        endpoint=table.endpoint,
        rest_endpoint=table.rest_endpoint,
        is_plaintext=table.plaintext,
        timeout=timedelta(seconds=table.timeout_s),
        requests_in_flight=table.requests_in_flight,
        upload_quota=_quota(table, "Data Manager uploads"),
        status_quota=_quota(table, "Data Manager statuses"),
        retractor=None
        if table.retract_with == google_tables.VALUE_ZERO
        else others(table.retract_with),
    )


def _google_ads(name: str, table: google_tables.GoogleAdsTable, folder: Path) -> Destination:
    from convsync.upload.google.google_ads import GoogleAds

    customer, identity, connection = _google_ads_road(name, table, folder)
    return GoogleAds(
        name,
        customer,
        identity,
        **connection,
        requests_in_flight=table.requests_in_flight,
        upload_quota=_quota(table, "Google Ads"),
    )


def _google_ads_account(
    name: str, table: google_tables.GoogleAdsTable, customer_id: str, folder: Path
) -> "AccountReader":
    from convsync.upload.google.google_ads_reading import GoogleAdsAccount

    customer, identity, connection = _google_ads_road(name, table, folder)
    return GoogleAdsAccount(
        name, replace(customer, customer_id=customer_id), identity, **connection
    )


def _google_ads_road(
    name: str, table: google_tables.GoogleAdsTable, folder: Path
) -> "tuple[Customer, Credentials | None, dict[str, Any]]":
    """Return whose account it is, who signs in, and the way there."""
    from convsync.upload.google.credentials import (
        ADS_SCOPE,
        AdsConfig,
        ads_config,
        credentials_from,
    )
    from convsync.upload.google.google_ads_api import Customer

    key = "credentials" if table.google_ads_yaml is None else "google_ads_yaml"
    place = f"destinations.{name}.{key}"
    if table.google_ads_yaml is not None:
        official = ads_config(folder / table.google_ads_yaml, place=place)
    elif table.credentials == "google_ads":
        official = ads_config(None, place=place)
    else:
        official = AdsConfig(keeper=_keeper(table, folder))
    identity = None
    if table.credentials != "none":
        identity = credentials_from(
            official.keeper, ADS_SCOPE, place=place, impersonate=table.impersonate
        )
    token = table.developer_token
    customer = Customer(
        customer_id=table.customer_id,
        login_customer_id=table.login_customer_id or official.login_customer_id,
        linked_customer_id=table.linked_customer_id or official.linked_customer_id,
        developer_token=token.get_secret_value() if token else official.developer_token,
        variables=table.custom_variables,
    )
    is_ours = "endpoint" in table.model_fields_set
    connection = {
        "version": table.api_version,
        "endpoint": table.endpoint if is_ours else official.endpoint or table.endpoint,
        "is_plaintext": table.plaintext,
        "root_certificates": _certificates(name, table, folder),
        "proxy": official.http_proxy,
        "timeout": timedelta(seconds=table.timeout_s),
    }
    return customer, identity, connection


def _quota(table: Table, what: str) -> Quota:
    """Return what Google counts together: the requests of one kind of a Cloud project."""
    return Quota(
        project=f"{table.cloud_project} ({what})",
        per_minute=table.requests_per_minute,
        per_day=table.requests_per_day,
    )


def _certificates(name: str, table: google_tables.GoogleAdsTable, folder: Path) -> bytes | None:
    if table.ca_file is None:
        return None
    try:
        return (folder / table.ca_file).read_bytes()
    except OSError as error:
        raise OperatorError(
            f"destinations.{name}.ca_file: {folder / table.ca_file} cannot be read "
            f"({type(error).__name__})."
        ) from error


def _credentials(
    name: str, table: google_tables.DataManagerTable, folder: Path, scope: str
) -> "Credentials | None":
    from convsync.upload.google.credentials import credentials_from

    if table.credentials == "none":
        return None
    place = f"destinations.{name}.credentials"
    keeper = _keeper(table, folder)
    return credentials_from(keeper, scope, place=place, impersonate=table.impersonate)


def _keeper(table: Table, folder: Path) -> "Keeper":
    """Return where a destination's credentials are kept."""
    from convsync.upload.google.credentials import ApplicationDefault, KeyFile, RefreshToken

    if table.credentials in {"application_default", "none"}:
        return ApplicationDefault()
    if table.credentials != "refresh_token":
        return KeyFile(path=folder / table.credentials)
    assert table.client_secret is not None, "settings see to that"
    assert table.refresh_token is not None, "settings see to that"
    return RefreshToken(
        client_id=table.client_id or "",
        client_secret=table.client_secret.get_secret_value(),
        token=table.refresh_token.get_secret_value(),
        token_uri=table.token_url,
    )
