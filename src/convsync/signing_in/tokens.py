"""Access tokens that expire: fetched when needed, renewed before their end, kept where configured.

Some vendors give out only so many tokens in ten minutes, or a new refresh token with each, so a
token can be kept in a file, which only its owner may read (mode 0600) and which is replaced whole.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from convsync.clock import Clock, system_clock
from convsync.errors import OperatorError
from convsync.http import Http
from convsync.process.private_file import replacing

EARLY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token; `refresh_token` and `api_url` are there where the vendor gave them."""

    access_token: str
    expires_at: datetime
    refresh_token: str | None = None
    api_url: str | None = None

    def is_for(self, url: str) -> bool:
        """Return whether the token may be sent to this API: its own, if the vendor named one."""
        return self.api_url is None or urlsplit(self.api_url).netloc == urlsplit(url).netloc

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at.isoformat()})"


Fetch = Callable[[Token | None], Token]
"""Gets a new token. It is handed the last one: its refresh token may be newer than the config's."""


def granted(http: Http, path: str, form: Mapping[str, str]) -> Token:
    """Return the token that a token endpoint gives for a form (RFC 6749, 5.1).

    Raises what `Http` raises, and OperatorError where the answer holds no token.
    """
    asked_at = http.clock()
    answer = http.form(path, form)
    try:
        return Token(
            access_token=access_token_in(answer, http.name),
            expires_at=asked_at + timedelta(seconds=int(answer["expires_in"])),
            refresh_token=answer.get("refresh_token"),
            api_url=answer.get("api_domain"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        raise _without_token(http.name) from None


def access_token_in(answer: Any, name: str) -> str:
    """Return the access token of an answer, or raise OperatorError where it holds none."""
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise _without_token(name)
    return token


def _without_token(name: str) -> OperatorError:
    return OperatorError(
        f"{name} returned no access token: its token endpoint answered without one. Check the"
        " credentials."
    )


class TokenKeeper:
    """An Authorisation that keeps one access token fresh. Safe across threads.

    `scheme` is the word before the token. With `api_url`, a token in the file that was made for
    another API is left unused. Raises OperatorError where the file cannot be used.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        scheme: str = "Bearer",
        file: Path | None = None,
        api_url: str | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._fetch = fetch
        self._scheme = scheme
        self._file = file
        self._api_url = api_url
        self._clock = clock
        self._lock = Lock()
        self._token: Token | None = None
        self._is_loaded = False

    def headers(self) -> Mapping[str, str]:
        """Return the header of a request, with a token that has not expired."""
        return self._shown(self.token())

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Get a new token although that of these headers has not expired by our clock.

        Where another thread has got one meanwhile, that is it.
        """
        with self._lock:
            if self._token is None or self._shown(self._token) == refused:
                self._renewed()
        return True

    def _shown(self, token: Token) -> Mapping[str, str]:
        return {"Authorization": f"{self._scheme} {token.access_token}"}

    def token(self) -> Token:
        """Return a token that has not expired."""
        with self._lock:
            if not self._is_loaded:
                self._token, self._is_loaded = self._loaded(), True
            if self._token is None or self._token.expires_at - EARLY <= self._clock():
                return self._renewed()
            return self._token

    def _renewed(self) -> Token:
        before = self._token
        token = self._fetch(before)
        if token.refresh_token is None and before is not None:
            token = replace(token, refresh_token=before.refresh_token)
        self._token = token
        self._keep(token)
        return token

    def _loaded(self) -> Token | None:
        if self._file is None or not self._file.exists():
            return None
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            expires_at = datetime.fromisoformat(kept.pop("expires_at"))
            token = Token(expires_at=expires_at, **kept)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OperatorError(
                f"The token file {self._file} cannot be read ({type(error).__name__}). Delete it:"
                " a new one is fetched."
            ) from None
        is_ours = self._api_url is None or token.is_for(self._api_url)
        return token if is_ours else None

    def _keep(self, token: Token) -> None:
        if self._file is None:
            return
        kept = {**asdict(token), "expires_at": token.expires_at.isoformat()}
        try:
            with replacing(self._file) as file:
                json.dump(kept, file)
        except OSError as error:
            raise OperatorError(
                f"The token file {self._file} cannot be written ({type(error).__name__}):"
                " correct token_file, or the rights on its folder."
            ) from None
