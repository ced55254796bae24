"""What only the disk store promises: its layout, its locks between processes, its care with large content."""

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import storage.disk
import storage.disk_files
from storage.blobs import BlobMissing, BlobStoreError, StagedBusy, StoreUnavailable
from storage.digest import Digest
from storage.disk import WRITEBACK_STEP, DiskStore
from tests.storage.processes import line_of, run, script, started
from tests.storage.pushes import content_of, put, put_staged

MIB = 1 << 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> DiskStore:
    return DiskStore(root)


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


# Layout


def test_an_object_lies_under_its_digest_with_a_random_end(store: DiskStore, root: Path) -> None:
    digest = Digest.of(b"layer")
    location = put(store, b"layer")
    assert re.fullmatch(rf"blobs/sha256/{digest.hex[:2]}/{digest.hex}-[0-9a-f]{{16}}", location)
    assert files_in(root) == [root / location]
    assert re.fullmatch(r"uploads/[0-9a-f]{32}", store.stage())


def test_files_and_folders_are_for_the_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = DiskStore(tmp_path / "new" / "store")
        put(store, b"private")
        store.stage()
    finally:
        os.umask(before)
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "new").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}


def test_objects_of_an_adopted_registry_are_read_and_deleted_in_place(store: DiskStore, root: Path) -> None:
    location = f"docker/registry/v2/blobs/sha256/ab/ab{'0' * 62}/data"
    (root / location).parent.mkdir(parents=True)
    (root / location).write_bytes(b"adopted")
    assert store.size(location) == 7
    assert content_of(store, location) == b"adopted"
    store.delete(location)
    with pytest.raises(BlobMissing):
        store.open(location)


@pytest.mark.parametrize("name", ["", ".", "/etc/passwd", "..", "../x", "blobs/../../x", "blobs/sha256/a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(store: DiskStore, name: str) -> None:
    attempts: list[Callable[[str], object]] = [store.open, store.size, store.delete, store.open_staged, store.discard]
    for attempt in attempts:
        with pytest.raises(BlobStoreError, match="is not a location"):
            attempt(name)


def test_an_object_is_not_taken_for_a_staged_place(store: DiskStore) -> None:
    location = put(store, b"immutable")
    attempts: list[Callable[[], object]] = [
        lambda: store.open_staged(location),
        lambda: store.commit(location, Digest.of(b""), 0),
        lambda: store.discard(location),
    ]
    for attempt in attempts:
        with pytest.raises(BlobStoreError, match="is not a staged place"):
            attempt()
    assert content_of(store, location) == b"immutable"


def replace_by_symlink(path: Path) -> None:
    target = path.with_name("secret")
    path.rename(target)
    path.symlink_to(target)


def replace_by_dangling_symlink(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_folder_by_file(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.touch()


REPLACEMENTS = [
    replace_by_symlink,
    replace_by_dangling_symlink,
    replace_by_pipe,
    replace_by_folder,
    replace_folder_by_file,
]


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_what_is_no_regular_file_is_no_object(store: DiskStore, root: Path, replace: Callable[[Path], None]) -> None:
    location = put(store, b"secret")
    replace(root / location)
    with pytest.raises(BlobMissing):
        store.open(location)
    with pytest.raises(BlobMissing):
        store.size(location)


@pytest.mark.parametrize("replace", REPLACEMENTS)
def test_what_is_no_regular_file_is_no_staged_place(
    store: DiskStore, root: Path, replace: Callable[[Path], None]
) -> None:
    staged = put_staged(store, b"secret")
    replace(root / staged)
    with pytest.raises(BlobMissing):
        store.open_staged(staged)


def test_deleting_a_symlink_leaves_its_target(store: DiskStore, root: Path, tmp_path: Path) -> None:
    location = put(store, b"x")
    (tmp_path / "target").write_bytes(b"not ours")
    (root / location).unlink()
    (root / location).symlink_to(tmp_path / "target")
    store.delete(location)
    assert not (root / location).is_symlink()
    assert (tmp_path / "target").read_bytes() == b"not ours"


def test_a_folder_in_place_of_an_object_survives_its_deletion(store: DiskStore, root: Path) -> None:
    put(store, b"x")
    store.delete("blobs/sha256")
    assert len(files_in(root)) == 1


def test_folders_that_somebody_tidied_away_are_made_again(store: DiskStore, root: Path) -> None:
    store.delete(put(store, b"x"))
    shutil.rmtree(root / "blobs")
    shutil.rmtree(root / "uploads")
    assert content_of(store, put(store, b"x")) == b"x"


def test_a_root_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BlobStoreError, match="File exists"):
        DiskStore(tmp_path / "file")


# Staged files


@pytest.mark.parametrize("replace", [lambda root: None, lambda root: root.write_text("no folder")])
def test_a_root_that_is_gone_fails_the_check_until_it_is_back(
    store: DiskStore, root: Path, replace: Callable[[Path], None]
) -> None:
    elsewhere = root.rename(root.with_name("elsewhere"))
    replace(root)
    with pytest.raises(BlobStoreError, match="is no folder that blobs can be written to"):
        store.check()
    root.unlink(missing_ok=True)
    elsewhere.rename(root)
    store.check()


def test_nothing_is_staged_in_another_folder_than_at_the_start(store: DiskStore, root: Path) -> None:
    """As when the disk that was mounted there is not any more."""
    elsewhere = root.rename(root.with_name("elsewhere"))
    root.mkdir()
    for use in (store.check, store.stage, lambda: store.write_note("note", [b"x"])):
        with pytest.raises(StoreUnavailable, match="is another folder than it was at the start"):
            use()
    assert not list(root.iterdir())
    root.rmdir()
    elsewhere.rename(root)
    store.check()
    assert content_of(store, put(store, b"back again")) == b"back again"


def test_sweeping_leaves_what_is_no_staged_place(store: DiskStore, root: Path) -> None:
    store.stage()
    uploads = root / "uploads"
    strange = [uploads / "notes.txt", uploads / f"{'a' * 32}.bak"]
    for file in strange:
        file.write_text("not ours")
    (uploads / ("b" * 32)).symlink_to(strange[0])
    (uploads / ("c" * 32)).mkdir()
    assert store.sweep(1 << 42, lambda _: False) == 1
    assert len(list(uploads.iterdir())) == 4


def test_staged_file_is_as_old_as_its_last_byte(store: DiskStore, root: Path) -> None:
    staged = put_staged(store, b"half")
    os.utime(root / staged, ns=(0, 5_000_000_000))
    assert store.sweep(5000, lambda _: False) == 0
    assert store.sweep(5001, lambda _: False) == 1


def test_a_staged_name_that_is_taken_is_refused_and_not_shared(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda length: "0" * 2 * length)
    store.stage()
    with pytest.raises(BlobStoreError, match="File exists"):
        store.stage()


def test_a_writer_can_go_back_to_any_byte_that_is_there(store: DiskStore) -> None:
    staged = put_staged(store, b"0123456789")
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(3)
        writer.append(b"x")
        writer.start_at(2)
    with closing(store.open_staged(staged)) as writer:
        assert b"".join(writer.read()) == b"01"


def test_reading_bytes_that_go_while_a_writer_has_them_is_blob_missing(store: DiskStore, root: Path) -> None:
    staged = put_staged(store, b"0123456789")
    with closing(store.open_staged(staged)) as writer:
        os.truncate(root / staged, 4)
        with pytest.raises(BlobMissing, match="has 4 bytes, not 10"):
            list(writer.read())


def test_staged_bytes_that_a_crash_took_are_missing(store: DiskStore, root: Path) -> None:
    staged = put_staged(store, b"0123456789")
    os.truncate(root / staged, 4)
    with closing(store.open_staged(staged)) as writer, pytest.raises(BlobMissing, match="has 4 bytes, not 10"):
        writer.start_at(10)


@pytest.mark.parametrize("end", [DiskStore.discard, lambda store, staged: store.commit(staged, Digest.of(b""), 0)])
def test_a_staged_place_that_ends_between_open_and_lock_is_missing(
    store: DiskStore, end: Callable[[DiskStore, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = store.stage()
    lock = storage.disk._lock

    def end_and_lock(*arguments: object) -> None:
        monkeypatch.setattr(storage.disk, "_lock", lock)
        end(store, staged)
        lock(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(storage.disk, "_lock", end_and_lock)
    with pytest.raises(BlobMissing):
        store.open_staged(staged)


def test_a_child_process_does_not_keep_a_closed_staged_place_locked(store: DiskStore) -> None:
    staged = store.stage()
    writer = store.open_staged(staged)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[writer._file.fileno()]):
        writer.close()
        store.open_staged(staged).close()


def test_two_processes_cannot_write_to_one_staged_place(store: DiskStore, root: Path) -> None:
    staged = put_staged(store, b"acknowledged")
    holder = script(
        """
        writer = store.open_staged(sys.argv[2])
        writer.append(b" by the other process")
        print("locked", flush=True)
        sys.stdin.read()
        writer.close()
        print("closed", flush=True)
        """,
        root,
        staged,
    )
    with started(holder) as process:
        assert line_of(process) == "locked"
        with pytest.raises(StagedBusy):
            store.open_staged(staged)
        with pytest.raises(StagedBusy):
            store.commit(staged, Digest.of(b"acknowledged"), 12)
        assert process.stdin
        process.stdin.close()
        assert line_of(process) == "closed"
    assert content_of(store, store.commit(staged, Digest.of(b"acknowledged"), 12)) == b"acknowledged"


def test_a_killed_writer_leaves_the_staged_place_open_to_the_next(store: DiskStore, root: Path) -> None:
    staged = put_staged(store, b"acknowledged")
    holder = script(
        """
        writer = store.open_staged(sys.argv[2])
        writer.append(b" and in the middle of a chunk")
        print("locked", flush=True)
        signal.pause()
        """,
        root,
        staged,
    )
    with started(holder) as process:
        assert line_of(process) == "locked"
        with pytest.raises(StagedBusy):
            store.open_staged(staged)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with closing(store.open_staged(staged)) as writer:
            writer.start_at(12)
            writer.append(b", continued")
            location = writer.commit(Digest.of(b"acknowledged, continued"), 23)
    assert content_of(store, location) == b"acknowledged, continued"


def test_writers_of_different_staged_places_do_not_wait_for_each_other(store: DiskStore) -> None:
    content = {letter: letter.encode() * MIB for letter in "abcd"}
    locations: dict[str, str] = {}

    def push(letter: str) -> None:
        locations[letter] = put(store, content[letter])

    threads = [threading.Thread(target=push, args=letter) for letter in content]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {letter: content_of(store, location) for letter, location in locations.items()} == content


# Large content


def test_a_layer_passes_in_constant_memory(root: Path) -> None:
    """A quarter of a gibibyte may cost no more than a few pieces of a mebibyte."""
    result = run(
        script(
            """
            import resource
            def used_mib():
                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            piece, count = bytes(1 << 20), 256
            before = used_mib()
            staged = store.stage()
            with closing(store.open_staged(staged)) as writer:
                for _ in range(count):
                    writer.append(piece)
                writer.checkpoint()
                assert sum(map(len, writer.read())) == count << 20
                location = writer.commit(Digest.of(b""), count << 20)
            with closing(store.open(location)) as reader:
                assert all(reader.read(number << 20, 1 << 20) == piece for number in range(count))
            print(used_mib() - before)
            """,
            root,
        )
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < 32


def test_ten_gibibytes_are_committed_and_read_beyond_every_32_bit_limit(store: DiskStore, root: Path) -> None:
    staged, size = store.stage(), 10 << 30
    with (root / staged).open("r+b") as sparse:
        sparse.truncate(size - 3)
    with closing(store.open_staged(staged)) as writer:
        writer.append(b"end")
        location = writer.commit(Digest.of(b"ten"), size)
    assert store.size(location) == size
    with closing(store.open(location)) as reader:
        assert reader.read(size - 4, 10) == b"\0end"
        assert reader.read((4 << 30) - 1, 2) == b"\0\0"


@pytest.fixture
def writebacks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(storage.disk, "start_writeback", lambda _, start, end: seen.append((start, end)))
    return seen


def test_write_back_starts_after_every_few_mebibytes_and_misses_none(
    store: DiskStore, writebacks: list[tuple[int, int]]
) -> None:
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(bytes(WRITEBACK_STEP - 1))
        assert writebacks == []
        writer.append(b"12")
        writer.append(bytes(2 * WRITEBACK_STEP))
    assert writebacks == [(0, WRITEBACK_STEP + 1), (WRITEBACK_STEP + 1, 3 * WRITEBACK_STEP + 1)]


def test_a_system_without_early_write_back_stores_the_same_bytes(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.disk_files, "_sync_file_range", None)
    content = b"y" * (WRITEBACK_STEP + 1)
    assert content_of(store, put(store, content)) == content
