"""Files of a backup: there whole, or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.archives import Archive, blob_name
from storage.blobs import BlobMissing, BlobStoreError, StoreFull
from storage.digest import Digest


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def read(archive: Archive, name: str) -> bytes:
    with closing(archive.open(name)) as reader:
        return reader.read(0, reader.size)


def parts(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "archive" / "parts").iterdir())


@pytest.mark.parametrize("name", ["top", "one/two/three"])
def test_file_is_kept_in_place_of_the_one_before(archive: Archive, name: str, tmp_path: Path) -> None:
    for content in ([b"first"], [b"sec", b"", b"ond"], []):
        archive.put(name, content)
        assert read(archive, name) == b"".join(content)
    assert parts(tmp_path) == []


def test_file_and_folders_are_for_their_owner_alone(archive: Archive, tmp_path: Path) -> None:
    archive.put("folder/file", [b"x"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "archive").rglob("*")}
    assert modes == {"folder": 0o700, "file": 0o600, "parts": 0o700}


def test_content_that_breaks_off_leaves_the_file_before(archive: Archive, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    archive.put("file", [b"old"])
    with pytest.raises(KeyboardInterrupt):
        archive.put("file", broken())
    assert read(archive, "file") == b"old"
    assert parts(tmp_path) == []


def test_full_disk_leaves_the_file_before(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device")

    archive.put("file", [b"old"])
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill_up)
        with pytest.raises(StoreFull):
            archive.put("file", [b"new"])
    assert read(archive, "file") == b"old"
    assert parts(tmp_path) == []


def test_disk_that_takes_a_part_at_a_time_gets_everything(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    archive.put("file", [b"0123456789"])
    assert read(archive, "file") == b"0123456789"


def test_file_is_there_only_with_its_size(archive: Archive) -> None:
    archive.put("file", [b"123"])
    assert archive.has("file", 3)
    assert not archive.has("file", 2)
    assert not archive.has("other", 3)
    assert not archive.has("file/below", 3)


def test_removed_file_is_gone_and_a_second_time_is_fine(archive: Archive) -> None:
    archive.put("file", [b"123"])
    for _ in range(2):
        archive.remove("file")
    with pytest.raises(BlobMissing):
        archive.open("file")


def test_blobs_are_listed_by_their_digests_and_other_files_are_none(archive: Archive, tmp_path: Path) -> None:
    digests = {Digest.of(b"a"), Digest.of(b"b", "sha512")}
    assert list(archive.blobs()) == []
    for digest in digests:
        archive.put(blob_name(digest), [b"x"])
    archive.put("blobs/sha256/ab/no-digest", [b"x"])
    archive.put("blobs/stray", [b"x"])
    archive.put("blobs/sha256/stray", [b"x"])
    assert set(archive.blobs()) == digests


def test_what_a_dead_process_was_writing_is_dropped(archive: Archive, tmp_path: Path) -> None:
    archive.drop_parts()
    archive.put("file", [b"x"])
    (tmp_path / "archive" / "parts" / "half").write_bytes(b"half")
    archive.drop_parts()
    assert parts(tmp_path) == []
    assert list(archive.names("parts")) == []


def test_file_in_place_of_a_folder_is_an_error(archive: Archive) -> None:
    archive.put("name", [b"x"])
    with pytest.raises(BlobStoreError):
        archive.put("name/below", [b"x"])
