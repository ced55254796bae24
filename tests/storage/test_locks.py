"""Files that processes hold: alone, or together."""

import os
from pathlib import Path

import pytest

from storage.locks import Held, held


def test_file_that_is_held_alone_is_held_by_nobody_else(tmp_path: Path) -> None:
    with held(tmp_path / "lock", alone=True):
        for alone in (True, False):
            with pytest.raises(Held), held(tmp_path / "lock", alone=alone):
                pass
    with held(tmp_path / "lock", alone=True):
        pass


def test_file_that_is_held_by_several_is_not_to_be_had_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with held(path, alone=False), held(path, alone=False), pytest.raises(Held), held(path, alone=True):
        pass


def test_file_is_its_owners_alone_and_no_link_is_followed(tmp_path: Path) -> None:
    with held(tmp_path / "lock", alone=False) as descriptor:
        assert os.fstat(descriptor).st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    with pytest.raises(OSError, match="symbolic links"), held(tmp_path / "link", alone=False):
        pass
