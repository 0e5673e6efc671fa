"""A file that takes the place of another, whole and for its owner alone."""

import stat
from pathlib import Path

import pytest

from convsync.process.private_file import replacing


def test_the_new_file_is_there_once_it_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    with replacing(path) as file:
        file.write("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_unchanged_and_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    with pytest.raises(OSError, match="no room"):
        _fail_half_way(path)
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]
    assert path.read_text() == "before"


def _fail_half_way(path: Path) -> None:
    with replacing(path) as file:
        file.write("af")
        raise OSError("no room")
