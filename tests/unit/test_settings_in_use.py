"""Nothing in a config file is accepted and ignored: every setting is read when things are wired.

Whether each then does what it says is for the tests of its part. This one finds those nobody reads.
"""

import json
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from convsync import wiring
from convsync.settings import Settings, load_settings
from convsync.settings.money_tables import EcbRatesTable
from convsync.settings.platforms import OF_KIND
from convsync.settings.values import Table
from convsync.upload.ad_account import CannotAsk
from convsync.wiring import formats_of, watch
from convsync.wiring.collecting import sites_of
from convsync.wiring.rates import rates_file

READ_BY_CHECKS = {"counts_beside", "reads_beside", "customer_match_terms_accepted"}
"""Settings that say a contradiction is meant: the checks of the file read them, nobody else."""

EVERYTHING = """
[rules.mql]
milestone = "mql"
action_id = 1
destination = "data_manager"
value = { kind = "fixed", amount = 5, currency = "EUR" }
[rules.sql]
milestone = "sql"
action_id = 2
destination = "data_manager"
value = { kind = "table", segment = "region", amounts = { N = 5 }, currency = "EUR" }
[rules.won]
milestone = "won"
action_id = 3
destination = "google_ads"

[milestones.mql]
definition = "Fits."
owner = "marketing"
next_within_days = 14

[tell]
owner = "region"
[tell.routes.sales]
urls = "json://localhost"

[audiences.everybody]
destination = "data_manager"
state = "won"
amount_at_least = 5
currency = "EUR"

[audit]
[limits]
[retry]
[store]
[company]
time_zone = "Europe/Berlin"
currency = "EUR"

[digest]

[serve.proxy]
addresses = "10.0.0.7"
viewers = "*"

[serve.oidc]
issuer = "https://login.example.com"
client_id = "convsync"
url = "https://convsync.example.com"
operators = "ops"

[rates]
kind = "csv"
path = "rates.csv"
base = "EUR"
columns = { day = "Day", currency = "Currency", rate = "Rate" }
rate_is = "price"

[revenue.invoices]
kind = "csv"
path = "invoices.csv"
columns = { line = "No", paid_at = "Paid", amount = "Amount", deal_id = "Deal" }

[revenue.shop]
kind = "sql"
url = "sqlite:///warehouse.db"
query = "SELECT * FROM payments"
columns = { line = "No", paid_at = "Paid", amount = "Amount", customer = "Customer" }

[rules.paid]
milestone = "won"
action_id = 4
destination = "google_ads"
value = { kind = "revenue", within_days = 90 }

[collect.website]
url = "https://collect.example.com"
key = "site-key-1"
origins = "https://www.example.com"
fields = { "00N0001" = "gclid" }

[deals.csv]
kind = "csv"
path = "deals.csv"
columns = { deal_id = "ID", created_at = { column = "Created", is_date = true } }
milestones = { mql = "MQL", sql = "SQL", won = { column = "Close", when = { Stage = "Won" } } }
segments = { region = "Region" }

[deals.sql]
kind = "sql"
url = "sqlite:///warehouse.db"
query = "SELECT * FROM deals"
columns = { deal_id = "ID" }
milestones = { won = "Won" }

[deals.template]
kind = "google_template"
path = "template.csv"
milestones = { won = "Offline sale" }

[deals.hubspot]
kind = "hubspot"
client_id = "i"
client_secret = "s"
refresh_token = "r"
milestones = { won = "Won", mql = { field = "mql_at" } }
write_back = { click_id = "a", campaign = "b", keyword = "c", first_click = "d", platform = "e",\
 score = "f", expected_value = "g" }

[deals.salesforce]
kind = "salesforce"
url = "https://company.my.salesforce.com"
client_id = "i"
username = "u"
private_key_file = "key.pem"
milestones = { won = { outcome = "won" } }

[deals.pipedrive]
kind = "pipedrive"
url = "https://company.pipedrive.com"
client_id = "i"
client_secret = "s"
refresh_token = "r"
milestones = { mql = { created = true } }

[deals.zoho]
kind = "zoho"
client_id = "i"
client_secret = "s"
refresh_token = "r"
milestones = { won = "Won" }

[deals.dynamics]
kind = "dynamics"
url = "https://org.crm.dynamics.com"
tenant_id = "t"
client_id = "i"
client_secret = "s"
milestones = { won = "Won" }

[deals.odoo]
kind = "odoo"
url = "https://company.odoo.com"
database = "d"
api_key = "k"
username = "u"
api = "jsonrpc"
milestones = { won = "Won" }

[clicks.log]
kind = "csv"
path = "clicks.csv"
columns = { gclid = "GCLID" }

[clicks.web]
kind = "access_log"
path = "access.log*"

[clicks.query]
kind = "sql"
url = "sqlite:///warehouse.db"
query = "SELECT * FROM clicks"
columns = { gclid = "GCLID" }

[destinations.data_manager]
kind = "data_manager"
operating_account = 1111111111
customer_match_terms_accepted = true
credentials = "refresh_token"
client_id = "i"
client_secret = "s"
refresh_token = "r"

[destinations.google_ads]
kind = "google_ads"
customer_id = 2222222222
developer_token = "t"
credentials = "refresh_token"
client_id = "i"
client_secret = "s"
refresh_token = "r"
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A config with a table of every kind."""
    for name in [name for name in os.environ if name.startswith("CONVSYNC_")]:
        monkeypatch.delenv(name)
    (tmp_path / "key.pem").write_text("a key")
    path = tmp_path / "convsync.toml"
    path.write_text(EVERYTHING)
    platforms = {key: table for key, table in destinations_of_examples() if key not in EVERYTHING}
    for name, table in platforms.items():
        for key, value in table.items():
            written = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"CONVSYNC_DESTINATIONS__{name.upper()}__{key.upper()}", written)
        for key, written in (("milestone", "won"), ("action_id", "1"), ("destination", name)):
            monkeypatch.setenv(f"CONVSYNC_RULES__TO_{name.upper()}__{key.upper()}", written)
    return load_settings(path)


def destinations_of_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield, by its kind, the first table of each that the examples have, with its secrets."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(Path("config").glob("*.toml")):
        tables = tomllib.loads(path.read_text()).get("destinations", {})
        for table in tables.values():
            if "kind" in table:
                found.setdefault(table["kind"], table)
    for kind, table in found.items():
        (model,) = [one for one in OF_KIND[kind].tables if kind in get_args(kind_of(one))]
        secrets = {
            name: "s" for name, it in model.model_fields.items() if SecretStr in of(it.annotation)
        }
        yield kind, {**secrets, **table}


def kind_of(table: type[BaseModel]) -> Any:
    """Return the annotation of a table's kind."""
    return table.model_fields["kind"].annotation


def of(annotation: Any) -> tuple[Any, ...]:
    """Return an annotation and what it is made of."""
    return (annotation, *get_args(annotation))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> set[tuple[str, str]]:
    """Which fields of which tables have been read since the config was loaded."""
    assert settings
    found: set[tuple[str, str]] = set()

    def noting(get: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
        def noted(table: Any, name: str) -> Any:
            found.add((type(table).__name__, name))
            return get(table, name)

        return noted

    for model in (Table, Settings):
        monkeypatch.setattr(model, "__getattribute__", noting(model.__getattribute__))
    return found


def test_every_setting_is_read_when_things_are_wired(
    settings: Settings, read: set[tuple[str, str]]
) -> None:
    wiring.services_of(settings)
    wiring.company_zone(settings)
    wiring.moved_of(settings)
    wiring.audit_settings_of(settings)
    wiring.run_limits_of(settings)
    wiring.cost_terms_of(settings)
    wiring.learning_terms_of(settings)
    watch.watch_of(settings)
    watch.metrics_token_of(settings)
    watch.digest_times_of(settings)
    wiring.proxy_terms_of(settings)
    wiring.oidc_terms_of(settings)
    wiring.let_sandbox_follow(settings, None)
    sites_of(settings)
    formats_of(settings)
    for table in (settings.rates, EcbRatesTable(kind="ecb", path=Path("rates.csv"))):
        assert table is not None
        rates_file(table, settings.folder)
    for name in settings.destinations:
        wiring.destinations_of(settings)(name)
    for account in wiring.accounts_of(settings):
        if account.destination == "data_manager":
            assert isinstance(account.received(), CannotAsk)
    unread = {
        f"{model.__name__}.{name}"
        for model in tables_in(Settings)
        for name in model.model_fields
        if (model.__name__, name) not in read and name not in READ_BY_CHECKS | {"kind"}
    }
    assert unread == set()


def tables_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield every kind of table that a config may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from tables_in(field.annotation)
            for extra in field.metadata:
                yield from tables_in(extra)
        return
    for argument in get_args(annotation):
        yield from tables_in(argument)
