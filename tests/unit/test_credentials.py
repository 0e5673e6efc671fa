"""Who signs in: wherever the credentials are kept, for how long they last, and how they fail."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import responses
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account

from convsync.errors import OperatorError, TransientError
from convsync.upload.google.credentials import (
    ADS_SCOPE,
    DATA_MANAGER_SCOPE,
    TOKEN_URI,
    ApplicationDefault,
    KeyFile,
    RefreshToken,
    ads_config,
    credentials_from,
    keep_fresh,
    raise_if_called_back,
)

SECRET = "hunter2-s3cret"
PLACE = "destinations.ads.credentials"
PERSON = RefreshToken(client_id="app", client_secret=SECRET, token=f"1//{SECRET}")


@pytest.fixture
def google() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = tmp_path_factory.mktemp("key") / "key.json"
    account = {
        "type": "service_account",
        "client_email": "convsync@project.iam.gserviceaccount.com",
        "private_key": pem,
        "token_uri": TOKEN_URI,
    }
    path.write_text(json.dumps(account))
    return path


def a_token(google: responses.RequestsMock, **fields: Any) -> None:
    google.post(TOKEN_URI, json={"access_token": "t", "expires_in": 3599, **fields})


# --- where they are kept -------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [ADS_SCOPE, DATA_MANAGER_SCOPE])
def test_a_refresh_token_is_exchanged_for_the_scope_of_the_api(
    google: responses.RequestsMock, scope: str
) -> None:
    a_token(google)
    credentials = credentials_from(PERSON, scope, place=PLACE)
    assert keep_fresh(credentials, "ads", scope)
    body = str(google.calls[0].request.body)
    assert f"scope={quote(scope, safe='')}" in body
    assert credentials.token == "t"


def test_a_service_accounts_key_file_signs_for_the_scope_and_for_whom_it_acts(
    key_file: Path, google: responses.RequestsMock
) -> None:
    a_token(google)
    keeper = KeyFile(path=key_file, subject="ann@example.com")
    credentials: Any = credentials_from(keeper, ADS_SCOPE, place=PLACE)
    assert isinstance(credentials, service_account.Credentials)
    assert keep_fresh(credentials, "ads", ADS_SCOPE)
    assert credentials.scopes == [ADS_SCOPE]


def test_an_impersonated_account_gets_the_scope_and_the_kept_one_the_clouds(
    key_file: Path, google: responses.RequestsMock
) -> None:
    who = "uploader@project.iam.gserviceaccount.com"
    a_token(google)
    google.post(
        f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{who}"
        ":generateAccessToken",
        json={"accessToken": "theirs", "expireTime": "2099-01-01T00:00:00Z"},
    )
    credentials = credentials_from(
        KeyFile(path=key_file), DATA_MANAGER_SCOPE, place=PLACE, impersonate=who
    )
    assert keep_fresh(credentials, "google", DATA_MANAGER_SCOPE)
    assert credentials.token == "theirs"
    asked = json.loads(google.calls[-1].request.body or b"")
    assert asked["scope"] == [DATA_MANAGER_SCOPE]


@pytest.mark.parametrize("scope", [ADS_SCOPE, DATA_MANAGER_SCOPE])
def test_credentials_that_are_nowhere_are_named_with_the_command_that_makes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scope: str
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(OperatorError) as raised:
        credentials_from(ApplicationDefault(), scope, place=PLACE)
    message = str(raised.value)
    assert message.startswith(f"{PLACE}: found no usable credentials on this machine")
    assert f"--scopes={scope}," in message


def test_an_invalid_key_file_is_named_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"private_key": SECRET}))
    with pytest.raises(OperatorError, match=r"key\.json") as raised:
        credentials_from(KeyFile(path=path), ADS_SCOPE, place=PLACE)
    assert SECRET not in str(raised.value)


# --- how long they last --------------------------------------------------------------------------


def test_a_token_is_kept_as_long_as_it_lasts(google: responses.RequestsMock) -> None:
    a_token(google)
    credentials = credentials_from(PERSON, ADS_SCOPE, place=PLACE)
    assert [keep_fresh(credentials, "ads", ADS_SCOPE) for _ in range(5)] == [True] + [False] * 4
    assert len(google.calls) == 1


def test_a_long_backfill_renews_its_token_whenever_it_runs_out(
    google: responses.RequestsMock,
) -> None:
    a_token(google)
    credentials = credentials_from(PERSON, ADS_SCOPE, place=PLACE)
    for _ in range(3):
        assert keep_fresh(credentials, "ads", ADS_SCOPE)
        credentials.expiry -= timedelta(hours=1)
    assert len(google.calls) == 3


def test_a_token_that_is_called_back_early_is_renewed_by_the_next_try(
    google: responses.RequestsMock,
) -> None:
    a_token(google)
    credentials = credentials_from(PERSON, ADS_SCOPE, place=PLACE)
    keep_fresh(credentials, "ads", ADS_SCOPE)
    with pytest.raises(TransientError, match="the next attempt renews it"):
        raise_if_called_back(credentials, "ads", is_new=False)
    assert keep_fresh(credentials, "ads", ADS_SCOPE)
    raise_if_called_back(credentials, "ads", is_new=True)  # then it is the credentials' fault


def test_anonymous_credentials_are_not_renewed() -> None:
    assert not keep_fresh(AnonymousCredentials(), "ads", ADS_SCOPE)
    raise_if_called_back(AnonymousCredentials(), "ads", is_new=False)


# --- how they fail -------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_scope", "unauthorized_client"])
@pytest.mark.parametrize(
    ("scope", "other"), [(ADS_SCOPE, "datamanager"), (DATA_MANAGER_SCOPE, "adwords")]
)
def test_a_refused_refresh_names_the_code_and_the_scope_and_nothing_secret(
    google: responses.RequestsMock, code: str, scope: str, other: str
) -> None:
    google.post(
        TOKEN_URI, status=400, json={"error": code, "error_description": f"{SECRET} is no good"}
    )
    with pytest.raises(OperatorError) as raised:
        keep_fresh(credentials_from(PERSON, scope, place=PLACE), "ads", scope)
    message = str(raised.value)
    assert f"({code})" in message
    assert f"the scope {scope} ({other} is another one)" in message
    assert SECRET not in message


def test_a_token_without_the_scope_is_found_out_before_it_is_used(
    google: responses.RequestsMock,
) -> None:
    a_token(google, scope=DATA_MANAGER_SCOPE)
    with pytest.raises(OperatorError, match="auth/adwords"):
        keep_fresh(credentials_from(PERSON, ADS_SCOPE, place=PLACE), "ads", ADS_SCOPE)


def test_a_sign_in_that_does_not_answer_is_tried_again(google: responses.RequestsMock) -> None:
    google.post(TOKEN_URI, body=requests.ConnectionError(SECRET))
    with pytest.raises(TransientError, match="sign-in did not answer") as raised:
        keep_fresh(credentials_from(PERSON, ADS_SCOPE, place=PLACE), "ads", ADS_SCOPE)
    assert SECRET not in str(raised.value)


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    yaml = tmp_path / "google-ads.yaml"
    yaml.write_text(f"use_proto_plus: true\ndeveloper_token: {SECRET}\n{INSTALLED_APP}")
    assert SECRET not in repr(PERSON) + repr(ads_config(yaml, place=PLACE))


# --- the official client's own configuration -----------------------------------------------------

INSTALLED_APP = f"client_id: app\nclient_secret: {SECRET}\nrefresh_token: 1//{SECRET}\n"


@pytest.mark.parametrize(
    ("written", "keeper"),
    [
        pytest.param(INSTALLED_APP, PERSON, id="installed app"),
        pytest.param(
            "json_key_file_path: /run/key.json\nimpersonated_email: ann@example.com\n",
            KeyFile(path=Path("/run/key.json"), subject="ann@example.com"),
            id="service account",
        ),
        pytest.param(
            "path_to_private_key_file: /run/key.json\n",
            KeyFile(path=Path("/run/key.json")),
            id="the old name of the key file",
        ),
        pytest.param(
            f"{INSTALLED_APP}json_key_file_path: /run/key.json\n", PERSON, id="app before account"
        ),
    ],
)
def test_a_google_ads_yaml_is_taken_as_it_is(tmp_path: Path, written: str, keeper: Any) -> None:
    path = tmp_path / "google-ads.yaml"
    path.write_text(f"use_proto_plus: True\nlogin_customer_id: 1234567890\n{written}")
    config = ads_config(path, place=PLACE)
    assert config.keeper == keeper
    assert (config.login_customer_id, config.linked_customer_id) == ("1234567890", None)


def test_the_clients_variables_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "USE_PROTO_PLUS": "true",
        "USE_APPLICATION_DEFAULT_CREDENTIALS": "true",
        "LOGIN_CUSTOMER_ID": "1234567890",
        "HTTP_PROXY": "http://proxy:3128",
    }.items():
        monkeypatch.setenv(f"GOOGLE_ADS_{name}", value)
    config = ads_config(None, place=PLACE)
    assert isinstance(config.keeper, ApplicationDefault)
    assert config.login_customer_id == "1234567890"
    assert config.http_proxy == "http://proxy:3128"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param(None, "FileNotFoundError", id="missing"),
        pytest.param("use_proto_plus: true\n", "neither use_application_default", id="nobody"),
        pytest.param(INSTALLED_APP, "use_proto_plus", id="what the client itself requires"),
        pytest.param(f"a: b: {SECRET}", "must be YAML", id="no YAML"),
        pytest.param(f"- {SECRET}", "no usable credentials", id="a list"),
    ],
)
def test_a_google_ads_yaml_that_cannot_be_used_is_named_and_not_quoted(
    tmp_path: Path, written: str | None, said: str
) -> None:
    path = tmp_path / "google-ads.yaml"
    if written is not None:
        path.write_text(written)
    with pytest.raises(OperatorError, match=said) as raised:
        ads_config(path, place=PLACE)
    assert str(path) in str(raised.value)
    assert SECRET not in str(raised.value)
