"""What failed and interrupted system calls leave behind on disk: strace makes the real ones fail."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.blobs import BlobMissing
from storage.digest import Digest
from storage.disk import WRITEBACK_STEP, DiskStore
from tests.storage.processes import run, script
from tests.storage.pushes import content_of, put, put_staged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> DiskStore:
    return DiskStore(root)


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


# System calls and their faults


@pytest.fixture(scope="module")
def strace() -> str:
    path = shutil.which("strace")
    if not path:
        pytest.skip("strace is not installed")
    if subprocess.run([path, "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace processes here")
    return path


APPEND_AND = """
staged = sys.argv[2]
with closing(store.open_staged(staged)) as writer:
    writer.start_at(5)
    writer.append(b" later")
    try:
        print(writer.{end})
    except BlobStoreError as error:
        print(type(error).__name__)
"""
CHECKPOINT = APPEND_AND.format(end="checkpoint()")
COMMIT = APPEND_AND.format(end="commit(Digest.of(b'early later'), 11)")
# Not every architecture has every spelling of a call; `?` makes strace leave out those it does not know.
CALLS = {
    "fsync": "fsync,fdatasync",
    "mkdir": "?mkdir,mkdirat",
    "rename": "?rename,?renameat,renameat2",
    "unlink": "?unlink,unlinkat",
}
STEPS = ",".join(CALLS.values())


@dataclass(frozen=True, slots=True)
class Traced:
    """What a script printed and how it ended, and its traced system calls: `fsync uploads/1f..`, `rename blobs/..`."""

    printed: str
    returncode: int
    calls: list[str]


def trace(strace: str, text: str, root: Path, staged: str, *options: str, calls: str = STEPS) -> Traced:
    log = root.parent / "strace.log"
    under = (strace, "-f", "-qq", "-y", "-s", "4096", "-e", "signal=none", "-e", f"trace={calls}", "-o", str(log))
    result = run(script(text, root, staged, under=(*under, *options)))
    steps = []
    for line in log.read_text().splitlines():
        _, call, arguments = re.split(r" +|\(", line, maxsplit=2)
        if paths := re.findall(rf"[<\"]{re.escape(str(root))}/?([^>\"]*)[>\"]", arguments):
            steps.append(f"{re.sub('at2?$', '', call)} {paths[-1] or '.'}")
    return Traced(result.stdout.strip(), result.returncode, steps)


@pytest.fixture
def staged(store: DiskStore) -> str:
    return put_staged(store, b"early")


def test_a_commit_renames_the_file_then_syncs_it_then_the_folders_from_its_own_to_the_first_new_one(
    strace: str, root: Path, staged: str
) -> None:
    traced = trace(strace, COMMIT, root, staged)
    folder = str(Path(traced.printed).parent)
    assert traced.calls == [
        "mkdir blobs",
        "mkdir blobs/sha256",
        f"mkdir {folder}",
        f"rename {traced.printed}",
        f"fsync {traced.printed}",
        f"fsync {folder}",
        "fsync .",
        "fsync blobs",
        "fsync blobs/sha256",
    ]


def test_a_note_is_synced_before_it_takes_the_place_of_another(strace: str, root: Path, store: DiskStore) -> None:
    store.write_note("kept", [b"before"])
    traced = trace(strace, 'store.write_note(sys.argv[2], [b"after"])', root, "kept")
    [staged] = [call.removeprefix("fsync ") for call in traced.calls if call.startswith("fsync uploads/")]
    steps = [call for call in traced.calls if call.endswith((staged, "notes/kept", "fsync notes"))]
    assert steps == [f"fsync {staged}", "rename notes/kept", "fsync notes"]


def test_each_process_makes_folder_names_durable_itself_even_if_the_folders_are_there(
    strace: str, root: Path, store: DiskStore, staged: str
) -> None:
    put(store, b"early later")
    traced = trace(strace, COMMIT, root, staged)
    synced = [call.removeprefix("fsync ") for call in traced.calls if call.startswith("fsync")]
    assert synced == [traced.printed, str(Path(traced.printed).parent), ".", "blobs", "blobs/sha256"]


@pytest.mark.parametrize("begin", ["", "writer.start_at(0)"])
def test_a_checkpoint_syncs_the_file_and_once_its_name(strace: str, root: Path, store: DiskStore, begin: str) -> None:
    text = f"""
    with closing(store.open_staged(sys.argv[2])) as writer:
        {begin}
        for _ in range(3):
            writer.append(b"x")
            writer.checkpoint()
    """
    staged = store.stage()
    assert trace(strace, text, root, staged).calls == [f"fsync {staged}", "fsync uploads"] + 2 * [f"fsync {staged}"]


def test_a_deleted_file_is_gone_for_good_when_delete_returns(strace: str, root: Path, store: DiskStore) -> None:
    location = put(store, b"x")
    calls = trace(strace, "store.delete(sys.argv[2])", root, location).calls
    assert calls == [f"unlink {location}", f"fsync {Path(location).parent}"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sync_file_range")
def test_write_back_is_really_started(strace: str, root: Path, staged: str) -> None:
    text = f"with closing(store.open_staged(sys.argv[2])) as writer: writer.append(bytes({WRITEBACK_STEP}))"
    traced = trace(strace, text, root, staged, calls="?sync_file_range,?sync_file_range2")
    assert [call.split()[1] for call in traced.calls] == [staged]


def test_a_failed_checkpoint_is_final_and_the_staged_place_is_gone(
    strace: str, root: Path, store: DiskStore, staged: str
) -> None:
    traced = trace(strace, CHECKPOINT, root, staged, "-e", "inject=fsync,fdatasync:error=EIO:when=1")
    assert (traced.printed, traced.returncode) == ("BlobStoreError", 0)
    assert traced.calls == [f"fsync {staged}", f"unlink {staged}"]
    with pytest.raises(BlobMissing):
        store.open_staged(staged)


@pytest.mark.parametrize("reason", ["ENOSPC", "EDQUOT"])
def test_a_checkpoint_on_a_full_disk_keeps_what_was_acknowledged_and_nothing_else(
    strace: str, root: Path, store: DiskStore, staged: str, reason: str
) -> None:
    traced = trace(strace, CHECKPOINT, root, staged, "-e", f"inject=fsync,fdatasync:error={reason}:when=1")
    assert (traced.printed, traced.returncode) == ("StoreFull", 0)
    assert traced.calls == [f"fsync {staged}"]
    assert (root / staged).read_bytes() == b"early"
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(5)
        writer.append(b" later")
        location = writer.commit(Digest.of(b"early later"), 11)
    assert content_of(store, location) == b"early later"


def test_bytes_that_a_failed_commit_may_have_lost_are_never_committed_by_the_next(
    strace: str, root: Path, store: DiskStore, staged: str
) -> None:
    traced = trace(strace, COMMIT, root, staged, "-e", "inject=fsync:error=ENOSPC:when=1")
    assert traced.printed == "StoreFull"
    with pytest.raises(BlobMissing):
        store.commit(staged, Digest.of(b"early later"), 11)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A commit of `early later` with a fault at one step."""

    store: DiskStore
    root: Path
    staged: str
    printed: str

    def commit_again(self) -> bytes:
        location = self.store.commit(self.staged, Digest.of(b"early later"), 11)
        return content_of(self.store, location)


def commits_with_a_fault(strace: str, folder: Path, call: str, fault: str) -> Iterator[Interrupted]:
    """A commit for each time that it makes the system call, with the fault just there."""
    for number in range(1, 20):
        root = folder / f"{call}{number}" / "store"
        store = DiskStore(root)
        staged = put_staged(store, b"early")
        traced = trace(strace, COMMIT, root, staged, "-e", f"inject={CALLS[call]}:{fault}:when={number}")
        if traced.printed.startswith("blobs/"):
            return
        yield Interrupted(store, root, staged, traced.printed)
    pytest.fail("the commit never ran to its end")


@pytest.mark.parametrize(
    ("call", "error", "times", "outcome"),
    [
        ("fsync", "EIO", 5, "BlobStoreError"),
        ("fsync", "ENOSPC", 5, "StoreFull"),
        ("mkdir", "ENOSPC", 3, "StoreFull"),
        ("rename", "EROFS", 1, "BlobStoreError"),
    ],
)
def test_a_commit_that_fails_at_any_step_leaves_no_object_and_may_be_tried_again(
    strace: str, tmp_path: Path, *, call: str, error: str, times: int, outcome: str
) -> None:
    failed = list(commits_with_a_fault(strace, tmp_path, call, f"error={error}"))
    assert [commit.printed for commit in failed] == [outcome] * times
    for commit in failed:
        if files_in(commit.root):
            assert files_in(commit.root) == [commit.root / commit.staged]
        try:
            assert commit.commit_again() == b"early later"
        except BlobMissing:
            assert call == "fsync"


@pytest.mark.parametrize(("call", "times"), [("fsync", 5), ("mkdir", 3), ("rename", 1)])
def test_a_commit_that_is_killed_at_any_step_loses_nothing(strace: str, tmp_path: Path, call: str, times: int) -> None:
    killed = list(commits_with_a_fault(strace, tmp_path, call, "signal=KILL"))
    assert len(killed) == times
    for commit in killed:
        [left] = files_in(commit.root)
        assert left.read_bytes() == b"early later"
        if left == commit.root / commit.staged:
            assert commit.commit_again() == b"early later"


def test_a_file_that_reaches_the_size_limit_of_its_medium_is_refused(root: Path, store: DiskStore) -> None:
    staged = put_staged(store, b"early")
    text = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
    """
    result = run(script(textwrap.dedent(text) + CHECKPOINT, root, staged))
    assert result.returncode == 1
    assert "storage.blobs.BlobStoreError" in result.stderr
    assert "File too large" in result.stderr
    with pytest.raises(BlobMissing):
        store.open_staged(staged)


def test_an_object_that_cannot_be_read_is_an_error_and_not_missing(strace: str, root: Path, store: DiskStore) -> None:
    location = put(store, b"unreadable")
    text = """
    with closing(store.open(sys.argv[2])) as reader:
        try:
            reader.read(0, 10)
        except BlobStoreError as error:
            print(type(error).__name__)
    """
    path = str(root / location)
    traced = trace(strace, text, root, location, "-P", path, "-e", "inject=pread64:error=EIO", calls="pread64")
    assert traced.printed == "BlobStoreError"
