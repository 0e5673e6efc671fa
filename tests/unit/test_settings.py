"""The configuration: where a value comes from, and what is said about a mistake."""

import os
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from convsync import wiring
from convsync.errors import OperatorError
from convsync.extract.sql import SqlDeals
from convsync.sandbox.living import config_for
from convsync.settings import Settings, google_tables, load_settings, source_tables
from convsync.settings.crms import CRMS
from convsync.settings.platforms import OF_KIND

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLES = sorted(CONFIG.glob("*.toml"))
SECRET = "hunter2-s3cret"

GOOD = """
[company]
time_zone = "Europe/Berlin"

[store]
url = "sqlite:///ledger.db"

[deals.crm]
kind = "csv"
path = "deals.csv"
columns = { deal_id = "ID" }
milestones = { mql = "MQL", won = "Won", lost = "Lost" }

[rules.won]
milestone = "won"
action_id = 111

[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVSYNC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "convsync.toml"
    path.write_text(GOOD)
    return path


def with_mistake(config: Path, old: str, new: str) -> str:
    """Load the good configuration with one thing changed; return what is said about it."""
    assert old in GOOD
    config.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(OperatorError) as raised:
        load_settings(config)
    return str(raised.value)


# --- where a value comes from --------------------------------------------------------------------


@pytest.fixture
def secrets(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what an example leaves out because it is secret."""
    table = tomllib.loads(example.read_text())["deals"]["crm"]
    crm = CRMS.get(example.stem)
    for key in (one for one in crm.sign_in if one not in crm.hints) if crm else ():
        if key not in table:
            monkeypatch.setenv(f"CONVSYNC_DEALS__CRM__{key.upper()}", "s3cret")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.usefixtures("secrets")
def test_every_example_loads_and_can_be_wired(example: Path) -> None:
    services = wiring.services_of(load_settings(example))
    assert services.rules
    assert services.deal_sources


def test_there_is_an_example_for_every_kind_of_source_and_for_the_sandbox() -> None:
    names = {path.stem for path in EXAMPLES}
    assert names >= {"sandbox", "csv", "sql", *CRMS}


@pytest.mark.parametrize("crm", CRMS)
def test_the_sandbox_has_a_table_for_every_crm(crm: str, tmp_path: Path) -> None:
    path = tmp_path / "convsync.toml"
    path.write_text(config_for(crm, {"http": "http://127.0.0.1:1", "grpc": "127.0.0.1:2"}))
    services = wiring.services_of(load_settings(path))
    assert [source.name for source in services.deal_sources] == ["crm"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.usefixtures("secrets")
def test_every_example_says_what_its_milestones_mean_and_who_owns_them(example: Path) -> None:
    settings = load_settings(example)
    counted = {rule.milestone for rule in settings.rules.values()}
    for name in counted | set(settings.milestones):
        assert settings.milestones[name].definition, name
        assert settings.milestones[name].owner, name


def test_the_examples_explain_every_key_there_is() -> None:
    text = "".join(path.read_text() for path in EXAMPLES if path.stem != "sandbox")
    words = set(re.findall(r"[a-z_]+", text))
    assert set(_keys(Settings)) - {"folder"} - words == set()


def test_the_query_of_the_warehouse_yields_every_mapped_column() -> None:
    source = load_settings(CONFIG / "sql.toml").deals["crm"]
    assert isinstance(source, source_tables.SqlDealsTable)
    written = tomllib.loads((CONFIG / "sql.toml").read_text())["deals"]["crm"]
    mapped = {*written["columns"].values(), *written["milestones"].values()}
    assert {column for column in mapped if not re.search(rf"\b{column}\b", source.query)} == set()


def _keys(model: Any) -> Iterator[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield name
            yield from _keys(field.annotation)
    elif get_origin(model) is not None:
        for argument in get_args(model):
            yield from _keys(argument)


def test_a_variable_overrides_the_file_key_by_key(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_DESTINATIONS__GOOGLE__OPERATING_ACCOUNT", "999-888-7777")
    monkeypatch.setenv("CONVSYNC_LIMITS__FACTOR", "9")
    monkeypatch.setenv("CONVSYNC_RULES__WON__AMOUNTS__ZERO", "12.50")
    settings = load_settings(config)
    google = settings.destinations["google"]
    assert isinstance(google, google_tables.DataManagerTable)
    assert google.operating_account == "9998887777"
    assert google.event_source == "OTHER"
    assert settings.limits.factor == 9
    assert str(settings.rules["won"].amounts.zero) == "12.50"
    assert settings.rules["won"].action_id == "111"


def test_a_variable_goes_before_a_secret_and_a_secret_before_the_file(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "CONVSYNC_STORE__URL").write_text("sqlite:///from-secret.db\n")
    (secrets / "CONVSYNC_LIMITS__SMALL").write_text("7\n")
    monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("CONVSYNC_LIMITS__SMALL", "8")
    settings = load_settings(config)
    assert settings.store.url.get_secret_value() == "sqlite:///from-secret.db"
    assert settings.limits.small == 8


def test_the_command_lines_own_variables_are_no_settings(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_CONFIG", str(config))
    monkeypatch.setenv("CONVSYNC_SANDBOX_TOKEN", SECRET)
    assert load_settings(config).rules


@pytest.mark.parametrize("place", ["variable", "secret"])
def test_a_misspelt_table_in_a_variable_or_a_secret_is_not_passed_over(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    name = "CONVSYNC_DESTINATION__GOOGLE__OPERATING_ACCOUNT"
    if place == "variable":
        monkeypatch.setenv(name, SECRET)
    else:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / name).write_text(SECRET)
        monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(tmp_path / "secrets"))
    with pytest.raises(OperatorError, match=r"Did you mean CONVSYNC_DESTINATIONS__") as raised:
        load_settings(config)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda path: None, "not a folder", id="missing"),
        pytest.param(lambda path: path.write_text("x"), "not a folder", id="a file"),
        pytest.param(
            lambda path: path.mkdir() or (path / "CONVSYNC_STORE__URL").write_bytes(b"\xff\xfe"),
            "UTF-8",
            id="not text",
        ),
    ],
)
def test_an_unusable_secrets_directory_is_named(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, said: str
) -> None:
    make(tmp_path / "secrets")
    monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(tmp_path / "secrets"))
    with pytest.raises(OperatorError, match=said) as raised:
        load_settings(config)
    assert "CONVSYNC_SECRETS_DIR" in str(raised.value)


def test_relative_paths_start_from_the_configs_folder(config: Path, tmp_path: Path) -> None:
    text = GOOD.replace('kind = "csv"\npath = "deals.csv"', 'kind = "sql"\nQUERY')
    config.write_text(text.replace("QUERY", 'url = "sqlite:///warehouse.db"\nquery = "deals"'))
    services = wiring.services_of(load_settings(config))
    source = services.deal_sources[0]
    assert isinstance(source, SqlDeals)
    assert source.url == f"sqlite:///{tmp_path}/warehouse.db"
    assert services.database.name == f"sqlite:///{tmp_path}/ledger.db"
    config.write_text(GOOD)
    csv_source: Any = wiring.services_of(load_settings(config)).deal_sources[0]
    assert csv_source.path == tmp_path / "deals.csv"


def test_an_absolute_path_stays_where_it_is(config: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    config.write_text(GOOD.replace("sqlite:///ledger.db", f"sqlite:///{elsewhere}"))
    assert wiring.database_of(load_settings(config)).name == f"sqlite:///{elsewhere}"


def test_how_often_a_request_is_tried_can_be_set(config: Path) -> None:
    config.write_text(f"{GOOD}\n[retry]\nattempts = 1\n")
    assert wiring.services_of(load_settings(config)).retry.attempts == 1


def test_a_sale_is_undone_by_a_later_loss_and_a_lead_is_not(config: Path) -> None:
    mql = '\n[rules.mql]\nmilestone = "mql"\naction_id = 222\n'
    config.write_text(GOOD + mql)
    rules = {rule.name: rule for rule in wiring.rules_of(load_settings(config))}
    assert rules["won"].is_undone_by_loss
    assert not rules["mql"].is_undone_by_loss
    assert rules["won"].lookback == timedelta(days=90)


# --- what is said about a mistake ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            'kind = "data_manager"',
            'kind = "data_manager"\nenhanced_conversion = true',
            "destinations.google.enhanced_conversion: unknown key. "
            "Did you mean enhanced_conversions?",
            id="unknown key",
        ),
        pytest.param(
            "[store]",
            "[stor]",
            "stor: unknown key. Did you mean store?",
            id="unknown table",
        ),
        pytest.param(
            'path = "deals.csv"', "", "deals.crm.path: is missing.", id="a key that is missing"
        ),
        pytest.param(
            'kind = "csv"',
            "",
            "deals.crm.kind: must be one of csv, google_template, sql, hubspot,",
            id="no kind of source",
        ),
        pytest.param(
            'kind = "csv"',
            'kind = "cvs"',
            "deals.crm.kind: must be one of csv, google_template, sql, hubspot,",
            id="no such kind of source",
        ),
        pytest.param(
            "action_id = 111",
            "action_id = 111\nvalue = { amount = 5 }",
            "rules.won.value.kind: must be one of amount, fixed, table, expected, revenue.",
            id="no kind of value",
        ),
        pytest.param(
            "action_id = 111",
            'action_id = "ctId 111"',
            "rules.won.action_id: 'ctId 111' is not a number; copy the digits from Google Ads.",
            id="an action that is not a number",
        ),
        pytest.param(
            '[rules.won]\nmilestone = "won"\naction_id = 111',
            '[rules.sql]\nmilestone = "won"\naction_id = "x"',
            "rules.sql.action_id: 'x' is not a number",
            id="a rule whose name is also a kind of source",
        ),
        pytest.param(
            "123-456-7890", "123-456-789", "it has ten digits: 123-456-7890", id="short account"
        ),
        pytest.param(
            "Europe/Berlin",
            "Europe/Berlim",
            "company.time_zone: there is no time zone 'Europe/Berlim'",
            id="a zone that does not exist",
        ),
        pytest.param(
            "[company]",
            '[company]\ncountry = "UK"',
            "company.country: 'UK' is no country's code of ISO 3166; write GB",
            id="a country by another code",
        ),
        pytest.param(
            "[company]",
            '[company]\ncountry = "XX"',
            "'XX' is no country's code of ISO 3166; write one such as DE",
            id="a country that does not exist",
        ),
        pytest.param(
            "Europe/Berlin",
            "../etc/passwd",
            "there is no time zone '../etc/passwd'",
            id="a zone that is a path",
        ),
        pytest.param(
            "[rules.won]",
            '[rules.won]\nmilestone = "mql"\naction_id = 5\n[rules.won]',
            "[rules.won] appears twice; give each its own name.",
            id="two rules of one name",
        ),
        pytest.param(
            "[rules.won]", "[rules.Won]", "rules.Won: names are lower case", id="a capital"
        ),
        pytest.param(
            'milestone = "won"',
            'milestone = "closed"',
            "rules.won.milestone: no deal source has 'closed'; there are: lost, mql, won.",
            id="a milestone that no source has",
        ),
        pytest.param(
            'milestone = "won"',
            'milestone = "lost"\nundone_by_loss = true',
            "rules.won.undone_by_loss: a loss cannot undo itself",
            id="a loss undone by itself",
        ),
        pytest.param(
            "action_id = 111",
            'action_id = 111\ndestination = "bing"',
            "rules.won.destination: there is no destination 'bing'; there are: google.",
            id="a destination that is not there",
        ),
        pytest.param(
            "action_id = 111",
            "action_id = 111\nlookback_days = inf",
            "rules.won.lookback_days",
            id="an endless window",
        ),
        pytest.param(
            "action_id = 111",
            'action_id = 111\namounts = { zero = "nan" }',
            "rules.won.amounts.zero: 'nan' is neither",
            id="an amount that is not a number",
        ),
        pytest.param(
            "action_id = 111",
            "action_id = 111\namounts = { missing = -5 }",
            "rules.won.amounts.missing: '-5' is neither",
            id="an amount below zero",
        ),
        pytest.param(
            "action_id = 111",
            'action_id = 111\nvalue = { kind = "fixed", amount = 1e40, currency = "EUR" }',
            "rules.won.value.amount",
            id="an amount no ledger holds",
        ),
        pytest.param(
            "action_id = 111",
            'action_id = 111\nvalue = { kind = "fixed", amount = 5, currency = "euro" }',
            "rules.won.value.currency: 'euro' is not an ISO 4217 currency",
            id="a currency that is none",
        ),
        pytest.param(
            "[rules.won]",
            '[clicks.crm]\nkind = "csv"\ncolumns = { gclid = "G" }\n[rules.won]',
            "clicks.crm: deals and clicks may not share a name.",
            id="two sources of one name",
        ),
        pytest.param(
            '[deals.crm]\nkind = "csv"\npath = "deals.csv"',
            '[[deals.crm]]\nkind = "csv"\npath = "deals.csv"',
            "deals.crm: must be a table, [deals.crm].",
            id="a list of tables",
        ),
        pytest.param("[store]", "[store", "is not TOML", id="not TOML"),
        pytest.param(
            'kind = "data_manager"',
            'kind = "google"',
            f"destinations.google.kind: must be one of {', '.join(OF_KIND)}.",
            id="no such road to Google",
        ),
        pytest.param(
            'kind = "data_manager"',
            'kind = "data_manager"\nretract_with = "zero"',
            "destinations.google.retract_with: must be one of value_zero.",
            id="a retraction by a road that is not there",
        ),
        pytest.param(
            'kind = "data_manager"',
            'kind = "data_manager"\ncredentials = "refresh_token"',
            "destinations.google.refresh_token: is missing.",
            id="a refresh token that is none",
        ),
        pytest.param(
            'kind = "data_manager"',
            'kind = "data_manager"\ncredentials = "google_ads"',
            'destinations.google.credentials: "google_ads" is for a destination of that kind.',
            id="another road's credentials",
        ),
        pytest.param(
            'kind = "data_manager"\noperating_account',
            'kind = "google_ads"\noperating_account',
            "destinations.google.customer_id: is missing.",
            id="another road's account",
        ),
        pytest.param(
            'action_id = 111\n\n[destinations.google]\nkind = "data_manager"\noperating_account',
            'action_id = 111\ndays_to_close_variable = "days"\n\n[destinations.google]\n'
            'kind = "google_ads"\ncustomer_id',
            "rules.won.days_to_close_variable: the Google Ads API needs the number of 'days'",
            id="a custom variable without a number",
        ),
        pytest.param(
            "action_id = 111",
            "action_id = 111\nestimated_days_to_close = true",
            "rules.won.estimated_days_to_close: no days are sent",
            id="estimated days that are not sent at all",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_fix(
    config: Path, old: str, new: str, said: str
) -> None:
    message = with_mistake(config, old, new)
    assert said in message
    assert str(config) in message


def test_all_mistakes_are_reported_at_once(config: Path) -> None:
    text = GOOD.replace("Europe/Berlin", "Nowhere").replace("111", '"x"')
    text = text.replace('path = "deals.csv"', 'paht = "deals.csv"').replace('"won"', '"wno"')
    config.write_text(text)
    with pytest.raises(OperatorError) as raised:
        load_settings(config)
    message = str(raised.value)
    assert "has 5 mistake(s)" in message
    for place in (
        "company.time_zone",
        "rules.won.action_id",
        "deals.crm.paht",
        "deals.crm.path",
        "rules.won.milestone",
    ):
        assert f"  - {place}: " in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "There is no config file", id="missing"),
        pytest.param(b"\xff\xfe\x00", "cannot be read", id="not text"),
        pytest.param(b"", "rules: is missing", id="empty"),
    ],
)
def test_a_config_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OperatorError, match=said) as raised:
        load_settings(path)
    assert str(path) in str(raised.value)


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_byte_order_mark_is_no_mistake(config: Path) -> None:
    config.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_settings(config).rules


# --- secrets, and what may leave this machine unprotected ----------------------------------------


def test_no_secret_is_in_the_settings_repr_or_the_database_name(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql+psycopg://convsync:{SECRET}@db.internal/convsync?password={SECRET}"
    monkeypatch.setenv("CONVSYNC_STORE__URL", url)
    sql = f'kind = "sql"\nquery = "deals"\nurl = "postgresql://r:{SECRET}@w/a?password={SECRET}"'
    config.write_text(GOOD.replace('kind = "csv"\npath = "deals.csv"', sql))
    settings = load_settings(config)
    services = wiring.services_of(settings)
    for shown in (repr(settings), str(settings), repr(services), services.database.name):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            'url = "sqlite:///ledger.db"',
            f'url = "sqlite:///ledger.db"\nurl = "postgresql://u:{SECRET}@h/d"',
            id="a key that is there twice",
        ),
        pytest.param('url = "sqlite:///ledger.db"', f"url = {{ x = '{SECRET}' }}", id="a table"),
        pytest.param('url = "sqlite:///ledger.db"', f"password = '{SECRET}'", id="unknown key"),
        pytest.param('url = "sqlite:///ledger.db"', f"url = {SECRET}", id="without quotes"),
        pytest.param('url = "sqlite:///ledger.db"', f'url = "{SECRET}\n"', id="broken off"),
    ],
)
def test_no_secret_is_in_the_error_about_it(config: Path, old: str, new: str) -> None:
    assert SECRET not in with_mistake(config, old, new)


def test_no_secret_is_in_the_error_about_a_variable(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_STORE", f'{{"url": "{SECRET}')
    with pytest.raises(OperatorError, match="CONVSYNC_… variable") as raised:
        load_settings(config)
    assert SECRET not in str(raised.value)


def test_no_secret_is_in_the_error_about_an_invalid_url(config: Path) -> None:
    config.write_text(GOOD.replace("sqlite:///ledger.db", SECRET))
    with pytest.raises(
        OperatorError, match=r"store\.url: the address is not a database URL"
    ) as raised:
        wiring.database_of(load_settings(config))
    assert SECRET not in str(raised.value)


LOCAL = 'endpoint = "127.0.0.1:8471"\nrest_endpoint = "http://127.0.0.1:8470"\n'


@pytest.mark.parametrize(
    "local",
    [
        LOCAL,
        LOCAL.replace("127.0.0.1", "localhost"),
        LOCAL.replace("127.0.0.1", "[::1]"),
    ],
    ids=["127.0.0.1", "localhost", "::1"],
)
def test_the_sandbox_on_this_machine_needs_neither_tls_nor_credentials(
    config: Path, local: str
) -> None:
    config.write_text(f'{GOOD}{local}plaintext = true\ncredentials = "none"\n')
    google = load_settings(config).destinations["google"]
    assert isinstance(google, google_tables.DataManagerTable)
    assert google.plaintext


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        pytest.param('plaintext = "yes"', "plaintext", id="plaintext to Google"),
        pytest.param(
            'endpoint = "10.0.0.5:8471"\nplaintext = true', "plaintext", id="to another machine"
        ),
        pytest.param(
            'endpoint = "127.0.0.1.evil.example:443"\nplaintext = true',
            "plaintext",
            id="to one that is named like this",
        ),
        pytest.param('credentials = "none"', "credentials", id="nobody to Google"),
        pytest.param(
            'endpoint = "127.0.0.1:1"\ncredentials = "none"', "credentials", id="nobody for status"
        ),
        pytest.param(
            'rest_endpoint = "http://datamanager.googleapis.com"',
            "rest_endpoint",
            id="a token in plaintext",
        ),
    ],
)
def test_nothing_leaves_this_machine_unprotected(config: Path, keys: str, place: str) -> None:
    config.write_text(f"{GOOD}{keys}\n")
    with pytest.raises(OperatorError, match=rf"destinations\.google\.{place}: "):
        load_settings(config)


def test_a_variable_cannot_switch_protection_off(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_DESTINATIONS__GOOGLE__PLAINTEXT", "on")
    with pytest.raises(OperatorError, match="plaintext"):
        load_settings(config)


ADS = GOOD.replace('kind = "data_manager"\noperating_account', 'kind = "google_ads"\ncustomer_id')


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        pytest.param('endpoint = "10.0.0.5:1"\nplaintext = true', "plaintext", id="plaintext"),
        pytest.param('credentials = "none"', "credentials", id="nobody to Google"),
    ],
)
def test_by_the_google_ads_api_nothing_leaves_this_machine_unprotected_either(
    config: Path, keys: str, place: str
) -> None:
    config.write_text(f"{ADS}{keys}\n")
    with pytest.raises(OperatorError, match=rf"destinations\.google\.{place}: "):
        load_settings(config)


def test_the_official_client_s_file_is_used_and_our_config_takes_precedence(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "google-ads.yaml").write_text(
        f"use_proto_plus: true\nlogin_customer_id: 1112223333\nlinked_customer_id: 4445556666\n"
        f"client_id: app\nclient_secret: {SECRET}\nrefresh_token: {SECRET}\n"
    )
    monkeypatch.setenv("CONVSYNC_DESTINATIONS__GOOGLE__LOGIN_CUSTOMER_ID", "777-888-9999")
    config.write_text(f'{ADS}google_ads_yaml = "google-ads.yaml"\n')
    road: Any = wiring.destinations_of(load_settings(config))("google")
    assert dict(road._customer.headers) == {
        "login-customer-id": "7778889999",
        "linked-customer-id": "4445556666",
    }
    road.close()


def test_an_authority_that_is_not_there_is_named(config: Path, tmp_path: Path) -> None:
    config.write_text(f'{ADS}credentials = "none"\nendpoint = "localhost:1"\nca_file = "ca.pem"\n')
    with pytest.raises(OperatorError, match=r"destinations\.google\.ca_file: .*ca\.pem"):
        wiring.destinations_of(load_settings(config))("google")


def test_missing_credentials_are_named_with_where_they_were_looked_for(
    config: Path, tmp_path: Path
) -> None:
    config.write_text(f'{GOOD}credentials = "key.json"\n')
    (tmp_path / "key.json").write_text(f'{{"private_key": "{SECRET}"}}')
    settings = load_settings(config)
    with pytest.raises(OperatorError, match=r"destinations\.google\.credentials") as raised:
        wiring.destinations_of(settings)("google")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("address", ["http://u:{}@crm.example", "https://u:p@{}@crm.example"])
def test_an_address_of_a_crm_shows_no_part_of_a_password(config: Path, address: str) -> None:
    crm = f'[deals.hub]\nkind = "hubspot"\nurl = "{address.format(SECRET)}"\ntoken = "t"\n'
    config.write_text(f'{GOOD}\n{crm}[deals.hub.milestones]\nwon = {{ outcome = "won" }}\n')
    with pytest.raises(OperatorError, match=r"deals\.hub\.url: the address holds an @") as raised:
        load_settings(config)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("secret", ["one\ntwo", "ends so \n", "es\x1bcape"])
def test_a_secret_that_no_header_takes_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("CONVSYNC_DEALS__CRM__TOKEN", secret)
    with pytest.raises(OperatorError, match="CONVSYNC_DEALS__CRM__TOKEN") as refused:
        load_settings(CONFIG / "hubspot.toml")
    assert secret not in str(refused.value)
