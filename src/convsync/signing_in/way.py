"""What differs between vendors where a person lets an app in: addresses, scopes, and habits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an app gets a refresh token from one vendor, by OAuth 2.0's authorization code.

    `scopes` are what is asked for, each with the reason that people are shown; `lasting` are those
    that ask for the refresh token itself. Without `sends_scopes` they are the app's own, chosen in
    its console. `asks` are parameters of the page that only this vendor knows. `device_url` is
    where a code is had that a person types on another machine (RFC 8628), `revoke_url` where a
    token is given back (RFC 7009); None: the vendor has none. With `shows_app_in_header` the app
    signs in to the token endpoint by Basic authentication, otherwise in the form. `ends` says when
    the token ends, in words, and `unused_for` after how long without use it does.
    """

    vendor: str
    page_url: str
    token_url: str
    scopes: Mapping[str, str]
    ends: str
    lasting: tuple[str, ...] = ()
    sends_scopes: bool = True
    separator: str = " "
    asks: Mapping[str, str] = field(default_factory=dict)
    device_url: str | None = None
    revoke_url: str | None = None
    shows_app_in_header: bool = False
    unused_for: timedelta | None = None

    @property
    def scope(self) -> str | None:
        """Return what is asked for as the page wants it written; None: it wants nothing."""
        return self.separator.join((*self.scopes, *self.lasting)) if self.sends_scopes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app that a vendor's console made; some have no secret."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)


Answers = Mapping[str, str]
"""What is known of an app and its vendor's addresses, by the keys of the config."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """One vendor as `auth` sees it: what to ask, which way leads in, and what shows that it did.

    `places` are the tables of the config that the token is for, `keys` what is asked for, `known`
    what is known of these. `prove` is handed the answers with the refresh token, makes a call, and
    returns what that showed; it raises what the call raises. `hint` is for the config, if anything.
    """

    places: tuple[str, ...]
    keys: tuple[str, ...]
    secret_keys: frozenset[str]
    known: Answers = field(repr=False)
    way: Callable[[Answers], Way]
    prove: Callable[[Answers], str]
    hint: str = ""
