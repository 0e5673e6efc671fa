"""Where secrets are kept that nobody types: a folder of files, or the system's keyring.

Both hold them under the names of their variables, such as `CONVSYNC_DEALS__CRM__REFRESH_TOKEN`, and
are read with the configuration. Beside them stands what is known of each sign-in (`SIGN_INS`): when
somebody agreed, and when that ends; it holds no secret.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

import msgspec

from convsync.errors import OperatorError
from convsync.process.private_file import replacing
from convsync.settings.tables import PREFIX

SECRETS_DIR: Final = "CONVSYNC_SECRETS_DIR"
KEYRING: Final = "CONVSYNC_KEYRING"
"""Names the service under which the keyring keeps them; without it the keyring is not asked."""
SIGN_INS: Final = "sign-ins.json"
_INDEX: Final = "convsync"
"""The one entry of a keyring: keyrings cannot be listed, so all secrets stand in it."""


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token that is kept: for which table, since when and until when (aware UTC).

    `command` is the word of `auth` that got it, `names` are those of its secrets.
    """

    place: str
    command: str
    vendor: str
    names: tuple[str, ...]
    agreed_at: datetime
    ends_at: datetime | None
    ends: str


class Keeper(Protocol):
    """Keeps secrets by the names of their variables. All raise OperatorError where it cannot."""

    def read(self) -> Mapping[str, str]:
        """Return every secret that is kept."""

    def write(self, secrets: Mapping[str, str]) -> None:
        """Keep these, in place of those of the same names."""

    def remove(self, names: Iterable[str]) -> None:
        """Keep these no longer."""


class Folder:
    """A folder with a file for each secret, which only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> Mapping[str, str]:
        """Return every secret that is kept."""
        with _told("read", self.path):
            files = [*self.path.iterdir()] if self.path.is_dir() else []
            return {file.name: file.read_text(encoding="utf-8") for file in files if file.is_file()}

    def write(self, secrets: Mapping[str, str]) -> None:
        """Keep these, in place of those of the same names, each whole or not at all."""
        with _told("written", self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, value in secrets.items():
                with replacing(self.path / name) as file:
                    file.write(value)

    def remove(self, names: Iterable[str]) -> None:
        """Keep these no longer."""
        with _told("written", self.path):
            for name in names:
                (self.path / name).unlink(missing_ok=True)


class Keyring:
    """The system's keyring: macOS Keychain, Windows Credential Locker, Secret Service."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __str__(self) -> str:
        return f"the keyring, under {self._service}"

    def read(self) -> Mapping[str, str]:
        """Return every secret that is kept."""
        written = self._asked(lambda ring: ring.get_password(self._service, _INDEX))
        return dict(json.loads(written)) if written else {}

    def write(self, secrets: Mapping[str, str]) -> None:
        """Keep these, in place of those of the same names."""
        self._keep({**self.read(), **secrets})

    def remove(self, names: Iterable[str]) -> None:
        """Keep these no longer."""
        gone = set(names)
        self._keep({name: value for name, value in self.read().items() if name not in gone})

    def _keep(self, secrets: Mapping[str, str]) -> None:
        self._asked(lambda ring: ring.set_password(self._service, _INDEX, json.dumps(secrets)))

    def _asked(self, ask: Callable[[ModuleType], Any]) -> Any:
        try:
            import keyring
        except ImportError:
            raise OperatorError(
                f"{KEYRING} needs the package keyring: pip install 'convsync[keyring]'."
            ) from None
        try:
            return ask(keyring)
        except keyring.errors.KeyringError as error:
            raise OperatorError(
                f"The system's keyring cannot be used ({type(error).__name__}). Unlock it, or keep"
                f" secrets in a folder: unset {KEYRING}."
            ) from None


@contextmanager
def _told(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"The secrets in {path} cannot be {what} ({type(error).__name__}): they are files of"
            " UTF-8 text, in a folder that this user may use."
        ) from None


def nested(secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return secrets by the tables that their names lead to; what is named otherwise is left."""
    tables: dict[str, Any] = {}
    for name, value in secrets.items():
        if name.startswith(PREFIX):
            *path, key = name.removeprefix(PREFIX).lower().split("__")
            reduce(lambda table, part: table.setdefault(part, {}), path, tables)[key] = value
    return tables


def variable(place: str, key: str) -> str:
    """Return the name of the variable that sets a key of a table."""
    return f"{PREFIX}{place.replace('.', '__')}__{key}".upper()


def sign_ins(keeper: Keeper) -> list[SignIn]:
    """Return the sign-ins whose tokens a keeper holds, by place."""
    written = keeper.read().get(SIGN_INS, "[]")
    try:
        kept = msgspec.json.decode(written, type=list[SignIn])
    except msgspec.MsgspecError:
        raise OperatorError(
            f"{SIGN_INS} in {keeper} cannot be read. Delete it, and sign in again."
        ) from None
    return sorted(kept, key=lambda one: one.place)


def ends_of_sign_ins() -> dict[str, datetime]:
    """Return when each sign-in ends that this process reads, by place, where that is known."""
    keepers: list[Keeper] = []
    if service := os.environ.get(KEYRING):
        keepers.append(Keyring(service))
    if folder := os.environ.get(SECRETS_DIR):
        keepers.append(Folder(Path(folder)))
    kept = [one for keeper in keepers for one in sign_ins(keeper)]
    return {one.place: one.ends_at for one in kept if one.ends_at is not None}


def keep_sign_in(keeper: Keeper, kept: SignIn, secrets: Mapping[str, str]) -> None:
    """Keep a sign-in with its secrets, in place of an earlier one for the same table."""
    keeper.write({**secrets, SIGN_INS: _written([*_others(keeper, kept), kept])})


def forget_sign_in(keeper: Keeper, gone: SignIn) -> None:
    """Keep a sign-in no longer, nor its secrets."""
    keeper.remove(gone.names)
    keeper.write({SIGN_INS: _written(_others(keeper, gone))})


def _others(keeper: Keeper, one: SignIn) -> list[SignIn]:
    return [other for other in sign_ins(keeper) if other.place != one.place]


def _written(kept: list[SignIn]) -> str:
    return msgspec.json.format(msgspec.json.encode(kept)).decode()
