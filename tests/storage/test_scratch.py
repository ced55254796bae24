"""Folders that are there while some work lasts."""

import stat
from pathlib import Path

import pytest

from storage.scratch import scratch


def test_folder_is_empty_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with scratch(tmp_path, "work") as folder:
        assert folder.is_relative_to(tmp_path)
        assert list(folder.iterdir()) == []
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "below").mkdir()
    assert not folder.exists()


def test_folder_is_gone_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch(tmp_path, "work") as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


def test_what_a_dead_process_left_there_is_gone(tmp_path: Path) -> None:
    (tmp_path / "work" / "name").mkdir(parents=True)
    (tmp_path / "work" / "name" / "secret").write_text("left")
    with scratch(tmp_path, "name") as folder:
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("data", [None, Path("/nowhere/at/all")])
def test_without_a_data_folder_the_system_has_one(data: Path | None) -> None:
    with scratch(data, "work") as folder, scratch(data, "work") as other:
        assert folder != other
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
