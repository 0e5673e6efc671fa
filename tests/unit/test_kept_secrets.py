"""Secrets that nobody types, in a folder and in a keyring alike."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from convsync.errors import OperatorError
from convsync.settings import load_settings
from convsync.settings.kept_secrets import (
    SIGN_INS,
    Folder,
    Keeper,
    Keyring,
    SignIn,
    forget_sign_in,
    keep_sign_in,
    sign_ins,
    variable,
)

TOKEN = variable("deals.crm", "refresh_token")


class Ring(KeyringBackend):
    """A keyring in memory, as an operating system has one."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise KeyringLocked
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, ours = keyring.get_keyring(), Ring()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


@pytest.fixture(params=["folder", "keyring"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path, ring: Ring) -> Keeper:
    return Folder(tmp_path / "secrets") if request.param == "folder" else Keyring("convsync")


def signed_in(place: str, at: datetime = datetime(2026, 3, 1, tzinfo=UTC)) -> SignIn:
    return SignIn(
        place=place,
        command="zoho",
        vendor="Zoho",
        names=(variable(place, "refresh_token"),),
        agreed_at=at,
        ends_at=None,
        ends="never",
    )


def test_what_is_kept_is_read_again_until_it_is_removed(keeper: Keeper) -> None:
    assert keeper.read() == {}
    keeper.write({"A": "1", "B": "2"})
    keeper.write({"B": "3"})
    assert keeper.read() == {"A": "1", "B": "3"}
    keeper.remove(["A", "never-there"])
    assert keeper.read() == {"B": "3"}


def test_a_second_sign_in_for_a_table_replaces_the_first(keeper: Keeper) -> None:
    later = signed_in("deals.crm", datetime(2026, 4, 1, tzinfo=UTC))
    keep_sign_in(keeper, signed_in("deals.crm"), {TOKEN: "old"})
    keep_sign_in(keeper, signed_in("deals.other"), {variable("deals.other", "refresh_token"): "x"})
    keep_sign_in(keeper, later, {TOKEN: "new"})
    assert sign_ins(keeper) == [later, signed_in("deals.other")]
    assert keeper.read()[TOKEN] == "new"

    forget_sign_in(keeper, later)
    assert sign_ins(keeper) == [signed_in("deals.other")]
    assert TOKEN not in keeper.read()


def test_a_list_of_sign_ins_that_was_spoilt_is_named_with_the_fix(keeper: Keeper) -> None:
    keeper.write({SIGN_INS: "{"})
    with pytest.raises(OperatorError, match="Delete it, and sign in again"):
        sign_ins(keeper)


def test_files_are_readable_only_by_their_owner(tmp_path: Path) -> None:
    Folder(tmp_path / "secrets").write({TOKEN: "x"})
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "secrets" / TOKEN).stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file")
    with pytest.raises(OperatorError, match="cannot be written"):
        Folder(tmp_path / "secrets").write({TOKEN: "x"})


def test_a_locked_keyring_is_told_with_the_way_out(ring: Ring) -> None:
    ring.is_locked = True
    with pytest.raises(OperatorError, match="Unlock it"):
        Keyring("convsync").read()


CONFIG = """
[deals.crm]
kind = "zoho"
client_id = "1000.A"
client_secret = "in the file, which the keyring overrides"
milestones = { won = { outcome = "won" } }
[rules.won]
milestone = "won"
action_id = 1
[destinations.google]
kind = "data_manager"
operating_account = "1234567890"
"""


def test_a_config_is_completed_from_the_keyring_and_a_folder_goes_before_it(
    ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = tmp_path / "convsync.toml", tmp_path / "secrets"
    path.write_text(CONFIG)
    secret = variable("deals.crm", "client_secret")
    Keyring("mine").write({TOKEN: "from the ring", secret: "from the ring", SIGN_INS: "[]"})
    Folder(folder).write({secret: "from the folder"})
    monkeypatch.setattr(
        "os.environ", {"CONVSYNC_KEYRING": "mine", "CONVSYNC_SECRETS_DIR": str(folder)}
    )
    table = load_settings(path).deals["crm"]
    assert table.refresh_token.get_secret_value() == "from the ring"  # type: ignore[union-attr]
    assert table.client_secret.get_secret_value() == "from the folder"  # type: ignore[union-attr]
