"""The example of each CRM: it loads with its secret set, and wires up to that CRM's adapter."""

from pathlib import Path

import pytest

from convsync import wiring
from convsync.extract.crm import CrmDeals, ForgetfulCrmDeals
from convsync.extract.dynamics import Dynamics
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
