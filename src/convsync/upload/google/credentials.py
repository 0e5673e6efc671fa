"""Who signs in to Google: credentials from wherever they are kept, and the messages when they fail.

The two APIs want two scopes, and credentials of a person carry only those that were asked for when
they signed in. Access tokens live an hour; they are renewed before each request that would find
them expired, so that a backfill may take all night, and failures are told apart: a
server that is away is tried again, a credential that was revoked is for a person to fix.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import google.auth
import grpc
from google.api_core import grpc_helpers
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account

from convsync.errors import OperatorError, TransientError

_SCOPES = "https://www.googleapis.com/auth/"
DATA_MANAGER_SCOPE = f"{_SCOPES}datamanager"
ADS_SCOPE = f"{_SCOPES}adwords"
CLOUD_SCOPE = f"{_SCOPES}cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a person gave an installed app: good until it is revoked."""

    client_id: str
    client_secret: str = field(repr=False)
    token: str = field(repr=False)
    token_uri: str = TOKEN_URI


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A service account's key file; `subject` is the user it acts for, where the domain lets it."""

    path: Path
    subject: str | None = None


class ApplicationDefault:
    """What `gcloud auth application-default login`, or the machine's service account, gives."""


Keeper = RefreshToken | KeyFile | ApplicationDefault
"""Where credentials are kept."""


def credentials_from(
    keeper: Keeper, scope: str, *, place: str, impersonate: str | None = None
) -> Credentials:
    """Return credentials for a scope; `place` is the setting that names them, for the error.

    With `impersonate`, a service account's e-mail, they are those of that account, which lets the
    kept ones make tokens for it.
    """
    needed = CLOUD_SCOPE if impersonate else scope
    try:
        found = _kept(keeper, needed)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise OperatorError(
            f"{place}: found no usable credentials {_where(keeper)} ({type(error).__name__}). Name "
            "a service account's key file, or run `gcloud auth application-default login "
            f"--scopes={','.join(dict.fromkeys([needed, CLOUD_SCOPE]))}`."
        ) from error
    if impersonate is None:
        return found
    return impersonated_credentials.Credentials(found, impersonate, target_scopes=[scope])


def _kept(keeper: Keeper, scope: str) -> Credentials:
    match keeper:
        case ApplicationDefault():
            found, _ = google.auth.default(scopes=[scope])
            return cast("Credentials", found)
        case KeyFile(path=path, subject=subject):
            loaded = service_account.Credentials.from_service_account_file(
                str(path), scopes=[scope], subject=subject
            )
            return cast("Credentials", loaded)
        case RefreshToken():
            return oauth2.Credentials(
                token=None,
                refresh_token=keeper.token,
                client_id=keeper.client_id,
                client_secret=keeper.client_secret,
                token_uri=keeper.token_uri,
                scopes=[scope],
            )


def _where(keeper: Keeper) -> str:
    match keeper:
        case KeyFile(path=path):
            return f"in {path}"
        case RefreshToken():
            return "in the refresh token"
        case ApplicationDefault():
            return "on this machine"


def keep_fresh(credentials: Credentials, destination: str, scope: str) -> bool:
    """Renew an access token that has run out, or is about to; return whether it was renewed.

    Raises as Destination says. Left to the client library, a revoked credential would look like a
    server that is away.
    """
    if credentials.valid:
        return False
    try:
        credentials.refresh(Request())
    except GoogleAuthError as error:
        raise sign_in_error(destination, scope, error) from error
    granted = getattr(credentials, "granted_scopes", None)  # a person's say what they may do
    if granted and scope not in granted:
        raise OperatorError(f"{destination}: the credentials lack a scope. {wants_scope(scope)}")
    return True


def raise_if_called_back(credentials: Credentials, destination: str, *, is_new: bool) -> None:
    """Raise TransientError after a refusal of a token that may only have been called back early.

    The next try makes a new one; were that refused too, the credentials themselves are.
    """
    if is_new or isinstance(credentials, AnonymousCredentials):
        return
    credentials.token = None
    raise TransientError(
        f"{destination} no longer accepts its access token; the next attempt renews it.",
        surely_not_taken=True,
    )


def signed_channel(
    endpoint: str,
    credentials: Credentials,
    scope: str,
    *,
    root_certificates: bytes | None = None,
    proxy: str | None = None,
) -> Any:
    """Return a gRPC channel over TLS whose calls carry the credentials' token."""
    return grpc_helpers.create_channel(
        endpoint,
        credentials=credentials,
        ssl_credentials=(
            grpc.ssl_channel_credentials(root_certificates) if root_certificates else None
        ),
        default_scopes=[scope],
        options=[*_ROOM, *([("grpc.http_proxy", proxy)] if proxy else [])],
    )


def plaintext_channel(endpoint: str) -> Any:
    """Return a gRPC channel for the loopback: no TLS, no token, no proxy."""
    return grpc.insecure_channel(endpoint, options=[*_ROOM, ("grpc.enable_http_proxy", 0)])


_ROOM = (
    ("grpc.max_metadata_size", 16 * 1024 * 1024),  # a refusal of 2,000 rows comes as metadata
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


def sign_in_error(
    destination: str, scope: str, error: GoogleAuthError
) -> OperatorError | TransientError:
    """Return what an error of the authentication library is to us; what it quotes is left out."""
    what = type(error).__name__
    if isinstance(error, TransportError) or error.retryable:
        message = f"{destination}: Google's sign-in did not answer ({what})."
        return TransientError(message, surely_not_taken=True)
    code = _oauth_code(error)
    return OperatorError(
        f"{destination}: the credentials do not work ({code or what}). {wants_scope(scope)}"
    )


def _oauth_code(error: GoogleAuthError) -> str:
    """Return the OAuth error code of a refused refresh, which is a word of the standard's."""
    bodies = error.args[1:] if isinstance(error, RefreshError) else ()
    for body in bodies:
        if isinstance(body, Mapping) and body.get("error") in _OAUTH_CODES:
            return str(body["error"])
    return ""


_OAUTH_CODES = frozenset(
    {
        "invalid_grant",
        "invalid_client",
        "invalid_scope",
        "invalid_request",
        "unauthorized_client",
        "access_denied",
        "deleted_client",
    }
)


def wants_scope(scope: str) -> str:
    """Return the fix for credentials that are refused."""
    return (
        f"The credentials must carry the scope {scope} ({_OTHER[scope]} is another one), and their "
        "e-mail must be a user of the account: Admin › Access and security. A person's credentials "
        "carry only the scopes named at `gcloud auth application-default login --scopes=…`."
    )


_OTHER = {DATA_MANAGER_SCOPE: "adwords", ADS_SCOPE: "datamanager"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsConfig:
    """What a google-ads.yaml, or the GOOGLE_ADS_* variables, hold of use here."""

    keeper: Keeper
    login_customer_id: str | None = None
    linked_customer_id: str | None = None
    developer_token: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    http_proxy: str | None = None


def ads_config(yaml: Path | None, *, place: str) -> AdsConfig:
    """Return the official client's own configuration: a file's, or with None the environment's.

    Which credentials win is as there: application default, then refresh token, then key file.
    """
    from google.ads.googleads import config

    where = f"in {yaml}" if yaml else "in the GOOGLE_ADS_* variables"
    try:
        found = config.load_from_env() if yaml is None else config.load_from_yaml_file(str(yaml))
        return _as_config(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise OperatorError(f"{place}: no usable credentials {where}: {reason}") from None
    except Exception as error:  # noqa: BLE001 - PyYAML's own, which quote the file
        raise OperatorError(
            f"{place}: {yaml} cannot be read ({type(error).__name__}); it must be YAML, as the "
            "official client's google-ads.yaml."
        ) from None


def _as_config(found: Mapping[str, Any]) -> AdsConfig:
    return AdsConfig(
        keeper=_keeper_in(found),
        login_customer_id=found.get("login_customer_id"),
        linked_customer_id=found.get("linked_customer_id"),
        developer_token=found.get("developer_token"),
        endpoint=found.get("endpoint"),
        http_proxy=found.get("http_proxy"),
    )


_INSTALLED_APP = ("client_id", "client_secret", "refresh_token")


def _keeper_in(found: Mapping[str, Any]) -> Keeper:
    if found.get("use_application_default_credentials"):
        return ApplicationDefault()
    if all(found.get(key) for key in _INSTALLED_APP):
        return RefreshToken(
            client_id=str(found["client_id"]),
            client_secret=str(found["client_secret"]),
            token=str(found["refresh_token"]),
        )
    if path := found.get("json_key_file_path"):
        return KeyFile(path=Path(str(path)).expanduser(), subject=found.get("impersonated_email"))
    raise ValueError(
        "neither use_application_default_credentials, nor client_id, client_secret and "
        "refresh_token, nor json_key_file_path"
    )
