"""Blobs on their way from one store to another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.blobs import BlobMissing, StoreFull, StoreUnavailable
from storage.copies import PIECE, BlobDamaged, CopyJournal, copy_blob
from storage.digest import Digest
from storage.disk import DiskReader, DiskStore
from storage.locks import Held

CONTENT = bytes(range(256)) * 8192 + b"the end"  # more than two pieces
DIGEST = Digest.of(CONTENT)


@pytest.fixture
def source(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "old")


@pytest.fixture
def target(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "new")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[CopyJournal]:
    with CopyJournal.open(tmp_path / "journal") as journal:
        yield journal


def keep(store: DiskStore, content: bytes, digest: Digest) -> str:
    staged = store.stage()
    writer = store.open_staged(staged)
    writer.append(content)
    return writer.commit(digest, len(content))


def read(store: DiskStore, location: str) -> bytes:
    reader = store.open(location)
    try:
        return reader.read(0, reader.size)
    finally:
        reader.close()


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, b"x" * PIECE])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_copy_has_the_same_bytes_and_is_in_the_journal(
    source: DiskStore, target: DiskStore, journal: CopyJournal, content: bytes, algorithm: str
) -> None:
    digest = Digest.of(content, algorithm)
    location = keep(source, content, digest)
    copied = copy_blob(source, location, target, journal, digest=digest, size=len(content))
    assert read(target, copied) == content
    assert read(source, location) == content
    assert journal.locations == {str(digest): copied}
    assert journal.unfinished == set()


def must_leave_nothing(target: Path, journal: CopyJournal) -> None:
    assert files(target) == []
    assert journal.locations == {}


DAMAGED = {
    CONTENT[:-1] + b"!": f"has the digest {Digest.of(CONTENT[:-1] + b'!')}",
    CONTENT[:-1]: f"has {len(CONTENT) - 1} bytes instead of {len(CONTENT)}",
    CONTENT + b"!": f"has {len(CONTENT) + 1} bytes instead of {len(CONTENT)}",
}


@pytest.mark.parametrize("kept", DAMAGED, ids=["other bytes", "too few bytes", "too many bytes"])
def test_damaged_blob_is_not_copied(
    source: DiskStore, target: DiskStore, journal: CopyJournal, tmp_path: Path, kept: bytes
) -> None:
    location = keep(source, kept, DIGEST)
    with pytest.raises(BlobDamaged, match=DAMAGED[kept]):
        copy_blob(source, location, target, journal, digest=DIGEST, size=len(CONTENT))
    must_leave_nothing(tmp_path / "new", journal)


def test_missing_blob_is_damaged(source: DiskStore, target: DiskStore, journal: CopyJournal, tmp_path: Path) -> None:
    with pytest.raises(BlobDamaged, match="cannot be read: nothing is kept at"):
        copy_blob(source, "blobs/none", target, journal, digest=DIGEST, size=1)
    must_leave_nothing(tmp_path / "new", journal)


def test_blob_that_shrinks_while_it_is_read_is_damaged(
    source: DiskStore, target: DiskStore, journal: CopyJournal, tmp_path: Path
) -> None:
    location = keep(source, CONTENT, DIGEST)

    def cut(_: int) -> None:
        with (tmp_path / "old" / location).open("r+b") as file:
            file.truncate(PIECE + 1)

    with pytest.raises(BlobDamaged, match=f"ends after {PIECE + 1} bytes instead of {len(CONTENT)}"):
        copy_blob(source, location, target, journal, digest=DIGEST, size=len(CONTENT), progress=cut)
    must_leave_nothing(tmp_path / "new", journal)


def test_store_that_does_not_answer_is_not_a_damaged_blob(
    source: DiskStore, target: DiskStore, journal: CopyJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: DiskReader, _offset: int, _length: int) -> bytes:
        raise StoreUnavailable("not now")

    location = keep(source, CONTENT, DIGEST)
    monkeypatch.setattr(DiskReader, "read", fail)
    with pytest.raises(StoreUnavailable):
        copy_blob(source, location, target, journal, digest=DIGEST, size=len(CONTENT))
    must_leave_nothing(tmp_path / "new", journal)


def test_full_store_ends_the_copy_and_keeps_nothing_of_it(
    source: DiskStore, journal: CopyJournal, tmp_path: Path
) -> None:
    location = keep(source, CONTENT, DIGEST)
    full = DiskStore(tmp_path / "new", reserve=1 << 60)
    with pytest.raises(StoreFull):
        copy_blob(source, location, full, journal, digest=DIGEST, size=len(CONTENT))
    must_leave_nothing(tmp_path / "new", journal)


def test_copy_that_cannot_be_noted_is_taken_back(
    source: DiskStore, target: DiskStore, journal: CopyJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the journal's disk is full")

    location = keep(source, CONTENT, DIGEST)
    monkeypatch.setattr(CopyJournal, "add", fail)
    with pytest.raises(OSError, match="journal's disk"):
        copy_blob(source, location, target, journal, digest=DIGEST, size=len(CONTENT))
    must_leave_nothing(tmp_path / "new", journal)


def test_progress_is_every_byte_and_may_give_up(
    source: DiskStore, target: DiskStore, journal: CopyJournal, tmp_path: Path
) -> None:
    location, seen = keep(source, CONTENT, DIGEST), list[int]()
    copied = copy_blob(source, location, target, journal, digest=DIGEST, size=len(CONTENT), progress=seen.append)
    assert sum(seen) == len(CONTENT)
    target.delete(copied)

    def give_up(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_blob(source, location, target, journal, digest=DIGEST, size=len(CONTENT), progress=give_up)
    assert files(tmp_path / "new") == []


def test_journal_is_read_again(tmp_path: Path, source: DiskStore, target: DiskStore) -> None:
    location = keep(source, b"x", Digest.of(b"x"))
    with CopyJournal.open(tmp_path / "journal") as journal:
        copied = copy_blob(source, location, target, journal, digest=Digest.of(b"x"), size=1)
        journal.begin("uploads/broken")
    with CopyJournal.open(tmp_path / "journal") as journal:
        assert journal.locations == {str(Digest.of(b"x")): copied}
        assert journal.unfinished == {"uploads/broken"}


def test_torn_line_costs_that_copy_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = json.dumps({"digest": str(DIGEST), "location": "a", "staged": "s"})
    path.write_text(f"{whole}\n{whole[:30]}")
    with CopyJournal.open(path) as journal:
        journal.add(Digest.of(b"x"), "b", "t")
    with CopyJournal.open(path) as journal:
        assert journal.locations == {str(DIGEST): "a", str(Digest.of(b"x")): "b"}


def test_journal_belongs_to_one_process(tmp_path: Path) -> None:
    with CopyJournal.open(tmp_path / "journal"), pytest.raises(Held), CopyJournal.open(tmp_path / "journal"):
        pass


def test_staged_place_of_a_copy_that_was_killed_can_be_discarded(target: DiskStore, tmp_path: Path) -> None:
    staged = target.stage()
    with CopyJournal.open(tmp_path / "journal") as journal:
        journal.begin(staged)
    with CopyJournal.open(tmp_path / "journal") as journal:
        for place in journal.unfinished:
            target.discard(place)
    with pytest.raises(BlobMissing):
        target.open_staged(staged)
