"""The page on which a vendor asks a person whether an app may read, and what comes of a yes.

Every vendor shows the same plain page here; what it insists on is the protocol's: an app it knows,
an address on the loopback to go back to, a code that is good once and for a minute, a proof that
who redeems it is who asked (PKCE). https://www.rfc-editor.org/rfc/rfc6749#section-4.1
"""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

_A_CODE_LASTS: Final = timedelta(minutes=1)
_A_DEVICE_CODE_LASTS: Final = timedelta(minutes=15)
_KEPT: Final = (
    *("client_id", "redirect_uri", "response_type", "scope", "state"),
    *("code_challenge", "code_challenge_method"),
)


class ConsentRefused(Exception):  # noqa: N818 - the vendor's answer
    """No page, or no token; `error` is one of OAuth's codes."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    redirect_uri: str
    challenge: str
    scope: str
    ends_at: datetime


@dataclass(slots=True, kw_only=True)
class _Device:
    user_code: str
    scope: str
    ends_at: datetime
    is_agreed: bool = False


class ConsentDesk:
    """One vendor's page, and the refresh tokens that people's agreement led to.

    `left_out` are scopes that people do not tick on the page.
    """

    def __init__(self, vendor: str, client: tuple[str, str], *refresh_tokens: str) -> None:
        self.left_out: frozenset[str] = frozenset()
        self.refresh_tokens = {*refresh_tokens}
        self._vendor = vendor
        self._client = client
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}

    def page(self, query: Mapping[str, str]) -> bytes:
        """Return the page for what an app asks, or raise ConsentRefused."""
        self._raise_unless_known(query)
        kept = "".join(
            f'<input type=hidden name="{name}" value="{escape(query.get(name, ""))}">'
            for name in _KEPT
        )
        asked = "".join(f"<li>{escape(one)}" for one in _scopes(query.get("scope", "")))
        return (
            f"<!doctype html><meta charset=utf-8><title>{self._vendor}</title>"
            f"<h1>{self._vendor} (sandbox)</h1><p>convsync would like to read:<ul>{asked}</ul>"
            f"<form method=post>{kept}<button name=decision value=allow>Allow</button> "
            "<button name=decision value=deny>Deny</button></form>"
        ).encode()

    def decided(self, form: Mapping[str, str], now: datetime) -> str:
        """Return where the browser goes after somebody decided, or raise ConsentRefused."""
        self._raise_unless_known(form)
        state = {"state": form["state"]} if form.get("state") else {}
        if form.get("decision") != "allow":
            return f"{form['redirect_uri']}?{urlencode({'error': 'access_denied', **state})}"
        code = secrets.token_urlsafe(16)
        given = [one for one in _scopes(form.get("scope", "")) if one not in self.left_out]
        self._codes[code] = _Code(
            redirect_uri=form["redirect_uri"],
            challenge=form.get("code_challenge", ""),
            scope=" ".join(given),
            ends_at=now + _A_CODE_LASTS,
        )
        return f"{form['redirect_uri']}?{urlencode({'code': code, **state})}"

    def redeem(self, form: Mapping[str, str], now: datetime) -> tuple[str, str]:
        """Return a new refresh token, and its scopes, for a code; or raise ConsentRefused."""
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or now > code.ends_at or form.get("redirect_uri") != code.redirect_uri:
            raise ConsentRefused("invalid_grant")
        if code.challenge and _challenge(form.get("code_verifier", "")) != code.challenge:
            raise ConsentRefused("invalid_grant")
        return self._new(), code.scope

    def device(self, form: Mapping[str, str], now: datetime, page: str) -> dict[str, object]:
        """Return a code for a machine without a browser, and the one that a person types."""
        if form.get("client_id") != self._client[0]:
            raise ConsentRefused("invalid_client")
        device_code = secrets.token_urlsafe(16)
        device = _Device(
            user_code=secrets.token_hex(4).upper(),
            scope=form.get("scope", ""),
            ends_at=now + _A_DEVICE_CODE_LASTS,
        )
        self._devices[device_code] = device
        return {
            "device_code": device_code,
            "user_code": device.user_code,
            "verification_uri": page,
            "expires_in": int(_A_DEVICE_CODE_LASTS.total_seconds()),
            "interval": 5,
        }

    def typed(self, user_code: str) -> bool:
        """Take a code that a person typed on another machine; return whether it is one."""
        found = [one for one in self._devices.values() if one.user_code == user_code]
        for one in found:
            one.is_agreed = True
        return bool(found)

    def redeem_device(self, form: Mapping[str, str], now: datetime) -> tuple[str, str]:
        """Return what `redeem` does, once the other code was typed; or raise ConsentRefused."""
        device = self._devices.get(form.get("device_code", ""))
        if device is None or now > device.ends_at:
            raise ConsentRefused("expired_token")
        if not device.is_agreed:
            raise ConsentRefused("authorization_pending")
        self._devices.pop(form["device_code"])
        return self._new(), device.scope

    def revoke(self, token: str) -> bool:
        """Take a refresh token back; return whether it was one."""
        is_known = token in self.refresh_tokens
        self.refresh_tokens.discard(token)
        return is_known

    def _new(self) -> str:
        token = f"refresh-{secrets.token_urlsafe(16)}"
        self.refresh_tokens.add(token)
        return token

    def _raise_unless_known(self, asked: Mapping[str, str]) -> None:
        if asked.get("client_id") != self._client[0]:
            raise ConsentRefused("invalid_client")
        if urlsplit(asked.get("redirect_uri", "")).hostname not in ("localhost", "127.0.0.1"):
            raise ConsentRefused("redirect_uri_mismatch")
        if asked.get("response_type") != "code":
            raise ConsentRefused("unsupported_response_type")


def _scopes(written: str) -> list[str]:
    return written.replace(",", " ").split()


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
