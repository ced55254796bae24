"""Whether servers run over a folder, and which places a registry has left."""

from pathlib import Path

import pytest

from registry.core.presence import leave, must_be_here, nobody_serving, serving
from registry.errors import Conflict


def test_servers_run_side_by_side_and_keep_a_move_from_its_last_step(tmp_path: Path) -> None:
    refused = pytest.raises(Conflict, match="a server runs over")
    with serving(tmp_path), serving(tmp_path), refused, nobody_serving(tmp_path):
        pass
    with nobody_serving(tmp_path):
        pass


def test_last_step_of_a_move_keeps_servers_from_starting(tmp_path: Path) -> None:
    with nobody_serving(tmp_path), pytest.raises(Conflict, match="is being moved"), serving(tmp_path):
        pass


def test_registry_without_a_folder_is_not_watched(tmp_path: Path) -> None:
    with serving(tmp_path / "none"), nobody_serving(tmp_path / "none"):
        leave(tmp_path / "none", ["a"], for_places=["b"])
    must_be_here(tmp_path / "none", ["a"])


def test_places_that_were_left_are_refused_until_the_registry_comes_back(tmp_path: Path) -> None:
    must_be_here(tmp_path, ["disk", "sqlite"])
    leave(tmp_path, ["disk"], for_places=["s3", "sqlite"])
    must_be_here(tmp_path, ["s3", "sqlite"])
    with pytest.raises(Conflict, match="was moved from here"):
        must_be_here(tmp_path, ["disk", "sqlite"])
    leave(tmp_path, ["sqlite"], for_places=["s3", "postgres"])
    with pytest.raises(Conflict):
        must_be_here(tmp_path, ["s3", "sqlite"])
    leave(tmp_path, ["s3", "postgres"], for_places=["disk", "sqlite"])
    must_be_here(tmp_path, ["disk", "sqlite"])
    with pytest.raises(Conflict):
        must_be_here(tmp_path, ["s3"])


def test_no_address_is_written_down(tmp_path: Path) -> None:
    leave(tmp_path, ["postgresql://cove:secret@host/cove"], for_places=[])
    assert "secret" not in (tmp_path / "moved-from").read_text()
