"""The example of each CRM: it loads with its secret set, and wires up to that CRM's adapter."""

from pathlib import Path

import pytest

from convsync import wiring
from convsync.errors import OperatorError
from convsync.extract.crm import CrmDeals, ForgetfulCrmDeals
from convsync.extract.dynamics import Dynamics
from convsync.extract.odoo import Odoo
from convsync.extract.pipedrive import Pipedrive
from convsync.extract.salesforce import Salesforce
from convsync.extract.zoho import Zoho
from convsync.settings import load_settings

CONFIG = Path(__file__).parents[2] / "config"
SECRET = "hunter2-s3cret"


def test_salesforce_by_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__CLIENT_SECRET", SECRET)
    (source,) = wiring.services_of(load_settings(CONFIG / "salesforce.toml")).deal_sources
    assert isinstance(source, CrmDeals)
    assert isinstance(source.crm, Salesforce)
    assert source.mapping.lead.gclid == "GCLID__c"


def test_salesforce_by_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__USERNAME", "convsync@acme.example")
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__PRIVATE_KEY_FILE", "salesforce.key")
    (source,) = wiring.services_of(load_settings(CONFIG / "salesforce.toml")).deal_sources
    assert isinstance(source, CrmDeals)
    assert isinstance(source.crm, Salesforce)


@pytest.mark.parametrize(
    "secrets",
    [
        pytest.param({"TOKEN": SECRET}, id="an API token"),
        pytest.param(
            {"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": SECRET}, id="an app"
        ),
    ],
)
def test_pipedrive_by_either_way_to_sign_in(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secrets.items():
        monkeypatch.setenv(f"CONVSYNC_DEALS__CRM__{name}", value)
    (source,) = wiring.services_of(load_settings(CONFIG / "pipedrive.toml")).deal_sources
    assert isinstance(source, CrmDeals)
    assert isinstance(source.crm, Pipedrive)
    assert source.mapping.contact.gclid == "GCLID"


@pytest.mark.parametrize("version", [{}, {"API": "jsonrpc", "USERNAME": "bot@acme.example"}])
def test_odoo_over_either_api(version: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"API_KEY": SECRET, **version}.items():
        monkeypatch.setenv(f"CONVSYNC_DEALS__CRM__{key}", value)
    (source,) = wiring.services_of(load_settings(CONFIG / "odoo.toml")).deal_sources
    assert isinstance(source, ForgetfulCrmDeals)
    assert isinstance(source.crm, Odoo)
    assert source.mapping.deal.emails == ("email_from",)


def test_odoo_before_19_needs_to_know_whose_key_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__API_KEY", SECRET)
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__API", "jsonrpc")
    with pytest.raises(OperatorError, match="username"):
        load_settings(CONFIG / "odoo.toml")


def test_dynamics_by_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__CLIENT_SECRET", SECRET)
    (source,) = wiring.services_of(load_settings(CONFIG / "dynamics.toml")).deal_sources
    assert isinstance(source, ForgetfulCrmDeals), "it keeps no trace of deleted deals"
    assert isinstance(source.crm, Dynamics)
    assert source.mapping.lead.gclid == "new_gclid"


def test_zoho_by_a_refresh_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__CLIENT_SECRET", SECRET)
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__REFRESH_TOKEN", SECRET)
    (source,) = wiring.services_of(load_settings(CONFIG / "zoho.toml")).deal_sources
    assert isinstance(source, CrmDeals)
    assert isinstance(source.crm, Zoho)
    assert source.mapping.lead.gclid == "GCLID"
