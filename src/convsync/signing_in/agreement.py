"""Asking a person to agree, and what the vendor gives for it: OAuth 2.0, RFC 6749, 7636 and 8628.

The words of the protocol are Authlib's; requests go through `http`, with its bounds and its errors.
What comes back to the loopback is tied to what was asked by its state, and the code to this process
by PKCE; a vendor that does not know that ignores it (RFC 6749, 3.1 and 3.2).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.parameters import (
    parse_authorization_code_response,
    prepare_grant_uri,
)
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from convsync.errors import OperatorError, UnexpectedResponseError
from convsync.http import Answer, Authorisation, Http, Verdict, basic
from convsync.signing_in.way import App, Way
from convsync.vendor_words import code_in, code_of

_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER: Final = timedelta(seconds=5)
"""https://www.rfc-editor.org/rfc/rfc8628#section-3.5"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a vendor gave: the token that is kept, and when it ends (aware UTC), if that is known.

    `missing` are scopes that were asked for and not given: some pages let people leave some out.
    """

    refresh_token: str = field(repr=False)
    missing: tuple[str, ...]
    ends_at: datetime | None


class Agreement:
    """One person's agreement to what one app asks for. Calls raise what `Http` raises, too."""

    def __init__(self, way: Way, app: App, redirect_uri: str) -> None:
        self._way = way
        self._app = app
        self._redirect_uri = redirect_uri
        self._http = _http(way, app)
        self.state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(64)

    def url(self) -> str:
        """Return the address of the page on which the person agrees."""
        way = self._way
        proof = {
            "code_challenge": _challenge_of(self._verifier),
            "code_challenge_method": "S256",
        }
        address: str = prepare_grant_uri(
            way.page_url,
            self._app.client_id,
            "code",
            redirect_uri=self._redirect_uri,
            scope=way.scope,
            state=self.state,
            **way.asks,
            **proof,
        )
        return address

    def exchange(self, address: str) -> Granted:
        """Return what the vendor gives for the address that the browser came back to.

        Raises OperatorError where the person refused, the address answers another question, or
        the vendor does not give a token that lasts.
        """
        for refusal in parse_qs(urlsplit(address).query).get("error", ()):
            raise self._refused(code_of(refusal))
        try:
            code = parse_authorization_code_response(address, self.state)["code"]
        except OAuth2Error as error:
            raise self._refused(code_of(error.error)) from None
        return self._granted(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect_uri,
                "code_verifier": self._verifier,
            }
        )

    def by_device(
        self, show: Callable[[str, str], None], pause: Callable[[float], None]
    ) -> Granted:
        """Have a code typed on another machine; `show` is handed the address and the code.

        Raises OperatorError where the vendor has no such way, or nobody typed it in time.
        """
        if self._way.device_url is None:
            raise OperatorError(
                f"{self._way.vendor} knows no device codes. Use --no-browser: the page is opened on"
                " another machine, and the address it ends at is pasted here."
            )
        form = {"client_id": self._app.client_id, "scope": self._way.scope or ""}
        answer = self._http.form(urlsplit(self._way.device_url).path, form)
        try:
            device_code, every = str(answer["device_code"]), float(answer.get("interval", 5))
            ends_at = self._http.clock() + timedelta(seconds=int(answer["expires_in"]))
            show(str(answer["verification_uri"]), str(answer["user_code"]))
        except (KeyError, TypeError, ValueError):
            raise UnexpectedResponseError(f"{self._way.vendor} gave no device code.") from None
        return self._polled(device_code, every, ends_at, pause)

    def _polled(
        self, device_code: str, every: float, ends_at: datetime, pause: Callable[[float], None]
    ) -> Granted:
        while self._http.clock() < ends_at:
            pause(every)
            try:
                return self._granted({"grant_type": _DEVICE, "device_code": device_code})
            except PendingError as pending:
                every += _SLOWER.total_seconds() if pending.is_too_fast else 0
        raise OperatorError("Nobody typed the code in time. Begin again.")

    def _granted(self, form: Mapping[str, str]) -> Granted:
        path = urlsplit(self._way.token_url).path
        answer = self._http.answer("POST", path, data={**form, **_shown(self._way, self._app)})
        body = answer.body if isinstance(answer.body, dict) else {}
        if (error := body.get("error")) in ("authorization_pending", "slow_down"):
            raise PendingError(is_too_fast=error == "slow_down")
        if error or answer.status >= 400:
            raise self._refused(code_in(body))
        return self._kept(body, answer.sent_at)

    def _kept(self, body: Mapping[str, Any], asked_at: datetime) -> Granted:
        token = body.get("refresh_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise OperatorError(
                f"{self._way.vendor} gave no refresh token: somebody would have to agree every"
                " night. Give the app the right to ask for one, and begin again."
            )
        lasts_s = body.get("refresh_token_expires_in")
        lasts = timedelta(seconds=int(lasts_s)) if lasts_s else self._way.unused_for
        return Granted(
            refresh_token=token,
            missing=self._missing(body.get("scope")),
            ends_at=None if lasts is None else asked_at + lasts,
        )

    def _missing(self, given: object) -> tuple[str, ...]:
        """Return what was asked for and not given, where the vendor lists what it gives."""
        if not isinstance(given, str):
            return ()
        known = given.replace(",", " ").split()
        return tuple(scope for scope in self._way.scopes if scope not in known)

    def _refused(self, code: str) -> OperatorError:
        if code == "access_denied":
            return OperatorError(f"{self._way.vendor}: access was denied on its page.")
        return OperatorError(
            f"{self._way.vendor} did not sign the app in ({code or 'no code'}). Check the client ID"
            f" and secret, and that {self._redirect_uri} is registered as its redirect address;"
            " then begin again."
        )


class PendingError(Exception):
    """Nobody has typed the code yet."""

    def __init__(self, *, is_too_fast: bool) -> None:
        super().__init__()
        self.is_too_fast = is_too_fast


def give_back(way: Way, app: App, token: str) -> bool:
    """Give a refresh token back (RFC 7009); False: the vendor takes none, or knows it no more.

    Raises what `Http` raises where the vendor does not answer.
    """
    if way.revoke_url is None:
        return False
    form = {"token": token, "token_type_hint": "refresh_token", **_shown(way, app)}
    answer = _http(way, app).answer("POST", urlsplit(way.revoke_url).path, data=form)
    return answer.status < 400


def _challenge_of(verifier: str) -> str:
    challenge: str = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call]
    return challenge


def _shown(way: Way, app: App) -> Mapping[str, str]:
    if way.shows_app_in_header:
        return {}
    secret = {} if app.client_secret is None else {"client_secret": app.client_secret}
    return {"client_id": app.client_id, **secret}


def _http(way: Way, app: App) -> Http:
    """Return a session with the vendor's token endpoint; its refusals are read here."""
    address = urlsplit(way.token_url)
    return Http(
        name=way.vendor,
        base_url=f"{address.scheme}://{address.netloc}",
        judge=_refusals_are_read,
        authorisation=_app_in_header(app) if way.shows_app_in_header else None,
    )


def _app_in_header(app: App) -> Authorisation:
    return basic(app.client_id, app.client_secret or "")


def _refusals_are_read(answer: Answer) -> Verdict:
    return "fine" if answer.status in (400, 401, 403) and isinstance(answer.body, dict) else None
