"""[schedule], [alerts] and [metrics]: what may stand there, and what is said about a mistake."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from convsync.errors import OperatorError
from convsync.settings import load_settings
from convsync.wiring import watch

EXAMPLE = Path(__file__).parents[2] / "config" / "sandbox.toml"
NOW = datetime(2026, 3, 3, 1, tzinfo=UTC)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "convsync.toml"
    path.write_text(f"{EXAMPLE.read_text()}\n{text}\n")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[schedule]\nat = "26:00"', "'26:00' is not a time of day such as 02:00"),
        ('[schedule]\nevery = "15"', "'15' is not a time such as 15m or 2h"),
        ('[schedule]\nevery = "25h"', "from one minute to a day"),
        ('[schedule]\nat = "02:00"\nevery = "15m"', "at and every exclude one another"),
        ('[alerts]\nquiet_hours = "22:00"', "'22:00' is not a span of hours such as 22:00-07:00"),
        ('[alerts]\nping_url = "http://h.example/x"', "alerts.ping_url: it must begin with https"),
    ],
)
def test_a_mistake_is_named_with_the_fix(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OperatorError) as raised:
        load_settings(written(tmp_path, text))
    assert said in str(raised.value)
    assert "h.example" not in str(raised.value)


def test_times_of_day_need_the_companys_clock(tmp_path: Path) -> None:
    path = written(tmp_path, '[schedule]\nat = "02:00"\n[alerts]\nquiet_hours = "22:00-07:00"')
    path.write_text(path.read_text().replace('time_zone = "Europe/Berlin"', ""))
    with pytest.raises(OperatorError) as raised:
        load_settings(path)
    for key in ("schedule.at", "alerts.quiet_hours"):
        assert f"{key}: by whose clock? Set [company] time_zone." in str(raised.value)


def test_the_schedules_zone_is_the_companys(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, '[schedule]\nat = ["02:00", "14:00"]'))
    timetable = watch.timetable_of(settings)
    assert timetable is not None
    assert timetable.next_after(NOW) == NOW + timedelta(hours=12)
    assert str(timetable) == "at 02:00 and 14:00, Europe/Berlin"


@pytest.mark.parametrize(("every", "minutes"), [("15m", 15), ("2h", 120), ("1 hour", 60)])
def test_every_so_often(tmp_path: Path, every: str, minutes: int) -> None:
    settings = load_settings(written(tmp_path, f'[schedule]\nevery = "{every}"'))
    assert watch.timetable_of(settings) is not None
    assert settings.schedule.every == minutes


def test_urls_are_several_with_blanks_between_them_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "CONVSYNC_ALERTS__URLS").write_text("json://a.example/hunter2\nslack://b/hunter2\n")
    monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(secrets))
    settings = load_settings(written(tmp_path, ""))
    targets = watch.watch_of(settings).alarm.targets
    assert [target.name for target in targets] == [
        "alert target 1 (json://…)",
        "alert target 2 (slack://…)",
    ]
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(targets)
