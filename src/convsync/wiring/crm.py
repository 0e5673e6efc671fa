"""Settings → the sources over a CRM's API: who signs in, and which adapter speaks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from convsync.extract.crm import CrmDeals, ForgetfulCrmDeals
from convsync.extract.crm_adapter import Crm
from convsync.extract.funnel import MilestoneStages, StageOutcome
from convsync.extract.mapping import (
    CellFormat,
    CrmMapping,
    MilestoneField,
    OnCreation,
    RecordFields,
)
from convsync.extract.oauth import Fetch, TokenKeeper
from convsync.http import Authorisation, FixedHeader, Http, Judge, basic
from convsync.retrying import RetryPolicy
from convsync.settings import Settings, crm_tables
from convsync.wiring.values import customer_words, minutes


def crm_source(
    name: str, table: crm_tables.CrmDeals, settings: Settings, policy: RetryPolicy
) -> CrmDeals:
    """Return the source of one CRM's deals. Nothing is asked of it yet."""
    mapping = mapping_of(table)
    company = settings.company
    cells = CellFormat(
        time_zone=table.time_zone or company.time_zone,
        date_formats=table.date_formats,
        blank_words=frozenset(table.blank_words),
        currency=table.currency,
        phone_region=table.country or company.country,
        granted_words=frozenset(table.consent.granted),
        denied_words=frozenset(table.consent.denied),
        customer_words=customer_words(table.customer_type),
    )
    forgets = isinstance(table, crm_tables.DynamicsDeals | crm_tables.OdooDeals)
    source = ForgetfulCrmDeals if forgets else CrmDeals
    return source(
        name,
        crm_of(table, mapping, settings.folder, policy),
        mapping,
        cells,
        lag=minutes(table.lag_minutes),
        overlap=minutes(table.overlap_minutes),
    )


def crm_of(
    table: crm_tables.CrmDeals, mapping: CrmMapping, folder: Path, policy: RetryPolicy
) -> Crm:
    """Return a vendor's adapter, signed in as its table says."""
    file = None if table.token_file is None else folder / table.token_file
    keeper = partial(TokenKeeper, file=file)
    match table:
        case crm_tables.HubSpotDeals():
            return _hubspot(table, mapping, policy, keeper)
        case crm_tables.DynamicsDeals():
            return _dynamics(table, mapping, policy, keeper)
        case crm_tables.PipedriveDeals():
            return _pipedrive(table, mapping, policy, keeper)
        case crm_tables.OdooDeals():
            return _odoo(table, mapping, policy)
        case crm_tables.ZohoDeals():
            return _zoho(table, mapping, policy, file)
        case crm_tables.SalesforceDeals():
            return _salesforce(table, mapping, folder, policy, keeper)


def mapping_of(table: crm_tables.AnyCrmDeals) -> CrmMapping:
    """Return what the stages and fields of a CRM mean."""
    return CrmMapping(
        milestones={name: _milestone(how) for name, how in table.milestones.items()},
        deal=_fields(table.deal),
        contact=_fields(table.contact),
        lead=_fields(table.lead),
        amount=table.deal.amount,
        currency=table.deal.currency,
        customer_type=table.deal.customer_type,
        segments=table.segments,
    )


def _milestone(how: crm_tables.CrmMilestone) -> MilestoneStages | MilestoneField | OnCreation:
    if how.created:
        return OnCreation()
    if how.field is not None:
        return MilestoneField(how.field)
    outcome = None if how.outcome is None else StageOutcome(how.outcome)
    return MilestoneStages(stages=how.stages, outcome=outcome)


def _fields(table: crm_tables.RecordFields) -> RecordFields:
    return RecordFields(
        gclid=table.gclid,
        gbraid=table.gbraid,
        wbraid=table.wbraid,
        landing_url=table.landing_url,
        clicked_at=table.clicked_at,
        emails=table.email,
        phones=table.phone,
        country=table.country,
        ad_user_data=table.ad_user_data,
        ad_personalization=table.ad_personalization,
        crm_keys=table.crm_key,
        visitors=table.visitor,
    )


Keeper = Callable[[Fetch], TokenKeeper]


def _hubspot(
    table: crm_tables.HubSpotDeals, mapping: CrmMapping, policy: RetryPolicy, keeper: Keeper
) -> Crm:
    from convsync.extract import hubspot

    def http(authorisation: Authorisation | None = None) -> Http:
        return _http("HubSpot", table.url, hubspot.judge, policy, authorisation)

    if table.token is not None:
        who: Authorisation = FixedHeader("Authorization", f"Bearer {_secret(table.token)}")
    else:
        words = table.client_id or "", _secret(table.client_secret), _secret(table.refresh_token)
        who = keeper(hubspot.refreshing(http(), *words))
    return hubspot.HubSpot(http(who), mapping)


def _pipedrive(
    table: crm_tables.PipedriveDeals, mapping: CrmMapping, policy: RetryPolicy, keeper: Keeper
) -> Crm:
    from convsync.extract import pipedrive, pipedrive_api

    if table.token is not None:
        who: Authorisation = FixedHeader("x-api-token", _secret(table.token))
    else:
        app = basic(table.client_id or "", _secret(table.client_secret))
        login = _http("Pipedrive", table.login_url, pipedrive_api.judge, policy, app)
        who = keeper(pipedrive_api.refreshing(login, _secret(table.refresh_token)))
    http = _http("Pipedrive", table.url, pipedrive_api.judge, policy, who)
    return pipedrive.Pipedrive(pipedrive_api.Api(http), mapping)


def _dynamics(
    table: crm_tables.DynamicsDeals, mapping: CrmMapping, policy: RetryPolicy, keeper: Keeper
) -> Crm:
    from convsync.extract import dynamics, dynamics_api
    from convsync.extract.dynamics_history import History

    login = _http("Microsoft Entra", table.login_url, dynamics_api.judge_login, policy)
    words = table.tenant_id, table.client_id, _secret(table.client_secret), table.url
    who = keeper(dynamics_api.client_credentials(login, *words))
    base_url = f"{table.url.rstrip('/')}/{dynamics_api.PATH}"
    api = dynamics_api.Api(_http("Dynamics 365", base_url, dynamics_api.judge, policy, who))
    history = History(
        api,
        processes=table.processes,
        stage_order=table.stage_order,
        has_audit=table.audit,
        close_time=table.close_time,
    )
    return dynamics.Dynamics(api, history, mapping, has_stakeholders=table.stakeholders)


def _salesforce(
    table: crm_tables.SalesforceDeals,
    mapping: CrmMapping,
    folder: Path,
    policy: RetryPolicy,
    keeper: Keeper,
) -> Crm:
    from convsync.extract import salesforce, salesforce_api

    def http(authorisation: Authorisation | None = None) -> Http:
        return _http("Salesforce", table.url, salesforce_api.judge, policy, authorisation)

    if table.client_secret is not None:
        secret = _secret(table.client_secret)
        fetch = salesforce_api.client_credentials(http(), table.client_id, secret)
    else:
        assert table.username is not None, "settings see to that"
        assert table.private_key_file is not None, "settings see to that"
        key_file = folder / table.private_key_file
        words = table.client_id, table.username, key_file, table.audience
        fetch = salesforce_api.jwt_bearer(http(), *words)
    api = salesforce_api.Api(http(keeper(fetch)), table.api_version)
    return salesforce.Salesforce(api, mapping, bulk_above=table.bulk_above)


def _zoho(
    table: crm_tables.ZohoDeals, mapping: CrmMapping, policy: RetryPolicy, file: Path | None
) -> Crm:
    from convsync.extract import zoho, zoho_api

    login = _http("Zoho", table.login_url, zoho_api.judge, policy)
    secrets = _secret(table.client_secret), _secret(table.refresh_token)
    fetch = zoho_api.refreshing(login, table.client_id, *secrets)
    who = TokenKeeper(fetch, scheme=zoho_api.SCHEME, file=file, api_url=table.url)
    url = table.url or zoho_api.api_of(who, table.login_url)
    api = zoho_api.Api(_http("Zoho", url, zoho_api.judge, policy, who))
    return zoho.Zoho(api, mapping, reads_roles=table.contact_roles)


def _odoo(table: crm_tables.OdooDeals, mapping: CrmMapping, policy: RetryPolicy) -> Crm:
    from convsync.extract import odoo, odoo_api

    key = _secret(table.api_key)
    if table.api == "json2":
        who = FixedHeader("Authorization", f"bearer {key}")
        http = _http("Odoo", table.url, odoo_api.judge, policy, who)
        transport: odoo_api.Transport = odoo_api.Json2(http, table.database)
    else:
        http = _http("Odoo", table.url, odoo_api.judge, policy)
        transport = odoo_api.JsonRpc(http, table.database, table.username or "", key)
    return odoo.Odoo(transport, mapping, history=table.history)


def _http(
    name: str,
    url: str | Callable[[], str],
    judge: Judge,
    policy: RetryPolicy,
    authorisation: Authorisation | None = None,
) -> Http:
    return Http(name=name, base_url=url, judge=judge, policy=policy, authorisation=authorisation)


def _secret(secret: SecretStr | None) -> str:
    assert secret is not None, "settings see to that"
    return secret.get_secret_value()
