"""Access tokens: when they are fetched, when renewed, and how they are kept."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from convsync.errors import OperatorError
from convsync.signing_in.tokens import Token, TokenKeeper

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Office:
    """Gives out tokens, good for an hour, and remembers what it was shown."""

    def __init__(self) -> None:
        self.now = NOW
        self.shown: list[Token | None] = []
        self.api_url: str | None = None

    def fetch(self, last: Token | None) -> Token:
        self.shown.append(last)
        return Token(
            access_token=f"access-{len(self.shown)}",
            expires_at=self.now + timedelta(hours=1),
            refresh_token="rotated" if len(self.shown) == 1 else None,
            api_url=self.api_url,
        )

    def keeper(self, file: Path | None = None) -> TokenKeeper:
        return TokenKeeper(self.fetch, file=file, clock=lambda: self.now)


def test_a_token_is_fetched_once_and_used_until_it_nearly_ends() -> None:
    office = Office()
    keeper = office.keeper()
    for minutes, expected in ((0, "access-1"), (58, "access-1"), (59, "access-2")):
        office.now = NOW + timedelta(minutes=minutes)
        assert keeper.headers() == {"Authorization": f"Bearer {expected}"}


def test_a_rotated_refresh_token_is_shown_ever_after() -> None:
    office = Office()
    keeper = office.keeper()
    keeper.renew(keeper.headers())
    keeper.renew(keeper.headers())
    assert [last and last.refresh_token for last in office.shown] == [None, "rotated", "rotated"]


def test_of_two_threads_refused_with_one_token_only_the_first_fetches_another() -> None:
    office = Office()
    keeper = office.keeper()
    refused = keeper.headers()
    assert keeper.renew(refused)
    assert keeper.renew(refused)
    assert keeper.headers() == {"Authorization": "Bearer access-2"}


def test_a_kept_token_serves_the_next_run_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    office, file = Office(), tmp_path / "token.json"
    office.keeper(file).headers()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert office.keeper(file).headers() == {"Authorization": "Bearer access-1"}
    assert len(office.shown) == 1
    keeper = office.keeper(file)
    keeper.renew(keeper.headers())
    assert json.loads(file.read_text())["access_token"] == "access-2"
    assert [one.name for one in tmp_path.iterdir()] == ["token.json"], "and nothing is left beside"


def test_a_token_file_that_holds_something_else_is_named_with_the_fix(tmp_path: Path) -> None:
    file = tmp_path / "token.json"
    file.write_text("{}")
    with pytest.raises(OperatorError, match=r"token\.json cannot be read .* Delete it"):
        Office().keeper(file).headers()


def test_a_kept_token_is_never_shown_to_another_api(tmp_path: Path) -> None:
    office, file = Office(), tmp_path / "token.json"
    office.api_url = "https://www.zohoapis.eu"
    for url, expected in (
        ("https://www.zohoapis.eu", "access-1"),
        ("https://www.zohoapis.eu", "access-1"),
        ("https://evil.example", "access-2"),
    ):
        keeper = TokenKeeper(office.fetch, file=file, api_url=url, clock=lambda: NOW)
        assert keeper.headers() == {"Authorization": f"Bearer {expected}"}
    assert office.shown == [None, None], "nor is what it came with"


def test_a_token_never_shows_itself() -> None:
    assert "access-1" not in repr(Office().fetch(None))
