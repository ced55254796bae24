"""A full disk and a loss of power, real ones: a small tmpfs, and a disk image that is copied while it is mounted."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage.blobs import StoreFull, StoreUnavailable
from storage.digest import Digest
from storage.disk import DiskStore
from tests.storage.processes import line_of, script, started
from tests.storage.pushes import content_of, put, put_staged, staged_bytes

MIB = 1 << 20


# A full disk


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def skip_unless_mountable(folder: Path, *options: str) -> None:
    try:
        with mounted(folder, *options):
            pass
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting is not possible here: {getattr(error, 'stderr', None) or error}")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[DiskStore]:
    """A store on a disk of one mebibyte and ten files and folders."""
    mount = (tmp_path / "tiny", "-t", "tmpfs", "-o", "size=1m,nr_inodes=10", "tiny")
    skip_unless_mountable(*mount)
    with mounted(*mount) as folder:
        yield DiskStore(folder)


def test_a_folder_whose_disk_is_not_mounted_any_more_takes_nothing_until_it_is(tmp_path: Path) -> None:
    disk, root = tmp_path / "disk", tmp_path / "root"
    disk.mkdir()
    mount = (root, "--bind", str(disk))
    skip_unless_mountable(*mount)
    with mounted(*mount):
        store = DiskStore(root)
        location = put(store, b"layer")
    for use in (store.check, store.stage):
        with pytest.raises(StoreUnavailable, match="is its disk mounted"):
            use()
    assert not list(root.iterdir())
    with mounted(*mount):
        store.check()
        assert content_of(store, location) == b"layer"
        assert content_of(store, put(store, b"another")) == b"another"


def fill_with_files(folder: Path) -> list[Path]:
    made: list[Path] = []
    while True:
        path = folder / f"filler{len(made)}"
        try:
            path.touch()
        except OSError:
            return made
        made.append(path)


def test_an_append_to_a_full_disk_keeps_what_was_acknowledged_and_frees_the_rest(tiny: DiskStore) -> None:
    staged = put_staged(tiny, b"early")
    with closing(tiny.open_staged(staged)) as writer, pytest.raises(StoreFull, match="no space is left"):
        writer.append(bytes(2 * MIB))
    with closing(tiny.open_staged(staged)) as writer:
        assert b"".join(writer.read()) == b"early"
    location = put(tiny, bytes(MIB // 2))
    assert tiny.size(location) == MIB // 2
    with closing(tiny.open_staged(staged)) as writer:
        writer.start_at(5)
        writer.append(b" later")
        assert content_of(tiny, writer.commit(Digest.of(b"early later"), 11)) == b"early later"


def test_a_full_disk_takes_no_acknowledged_byte_from_a_writer_that_began_at_the_end(tiny: DiskStore) -> None:
    staged = put_staged(tiny, b"early")
    with closing(tiny.open_staged(staged)) as writer, pytest.raises(StoreFull):
        writer.append(bytes(2 * MIB))
    assert content_of(tiny, tiny.commit(staged, Digest.of(b"early"), 5)) == b"early"


def test_a_full_disk_leaves_exactly_the_bytes_of_the_last_checkpoint(tiny: DiskStore, tmp_path: Path) -> None:
    staged = put_staged(tiny, b"early, and a chunk without an answer")
    with closing(tiny.open_staged(staged)) as writer:
        writer.start_at(5)
        with pytest.raises(StoreFull):
            writer.append(bytes(2 * MIB))
    assert (tmp_path / "tiny" / staged).read_bytes() == b"early"
    with closing(tiny.open_staged(staged)) as writer:
        writer.append(b" later")
        writer.checkpoint()
        with pytest.raises(StoreFull):
            writer.append(bytes(2 * MIB))
    assert (tmp_path / "tiny" / staged).read_bytes() == b"early later"


def test_a_writer_that_met_a_full_disk_is_closed_and_lets_the_next_one_in(tiny: DiskStore) -> None:
    staged = tiny.stage()
    writer = tiny.open_staged(staged)
    with pytest.raises(StoreFull):
        writer.append(bytes(2 * MIB))
    with closing(tiny.open_staged(staged)), pytest.raises(ValueError, match="closed"):
        writer.append(b"more")


def test_pulls_go_on_while_the_disk_is_full(tiny: DiskStore) -> None:
    location = put(tiny, b"pulled")
    with closing(tiny.open_staged(tiny.stage())) as writer, pytest.raises(StoreFull):
        writer.append(bytes(2 * MIB))
    assert content_of(tiny, location) == b"pulled"


def test_without_room_for_another_file_nothing_is_staged(tiny: DiskStore, tmp_path: Path) -> None:
    tiny.stage()
    fill_with_files(tmp_path / "tiny")
    with pytest.raises(StoreFull):
        tiny.stage()


def test_a_commit_without_room_for_its_folder_succeeds_once_there_is(tiny: DiskStore, tmp_path: Path) -> None:
    staged = put_staged(tiny, b"layer")
    fillers = fill_with_files(tmp_path / "tiny")
    with pytest.raises(StoreFull):
        tiny.commit(staged, Digest.of(b"layer"), 5)
    for filler in fillers:
        filler.unlink()
    assert content_of(tiny, tiny.commit(staged, Digest.of(b"layer"), 5)) == b"layer"


# A loss of power


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image of an ext4 disk that writes nothing by itself during a test."""
    if not shutil.which("mkfs.ext4"):
        pytest.skip("mkfs.ext4 is not installed")
    path = tmp_path / "disk.img"
    with path.open("wb") as sparse:
        sparse.truncate(64 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True)
    skip_unless_mountable(tmp_path / "before", "-o", "loop", str(path))
    return path


PUSH_UNTIL_KILLED = """
staged = store.stage()
with closing(store.open_staged(staged)) as writer:
    writer.append(b"chunk")
    writer.checkpoint()
    print(staged, flush=True)
number = 0
while True:
    content = str(number).encode() * 50_000
    writer = store.open_staged(store.stage())
    writer.append(content)
    print(writer.commit(Digest.of(content), len(content)), flush=True)
    number += 1
    if number == 20:
        (Path(sys.argv[1]) / "unsynced").write_bytes(b"lost with the power")
        print("end", flush=True)
        signal.pause()
"""


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_loss_of_power(image: Path, tmp_path: Path) -> None:
    """The image is copied while the file system is mounted: what only memory holds is lost, as it is with the power."""
    copy = tmp_path / "after.img"
    with mounted(tmp_path / "before", "-o", "loop,commit=300", str(image)) as folder:
        with started(script(PUSH_UNTIL_KILLED, folder / "store")) as process:
            staged, *locations = iter(lambda: line_of(process), "end")
            process.send_signal(signal.SIGKILL)
            process.wait()
            subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        assert (folder / "store" / "unsynced").read_bytes() == b"lost with the power"
    assert len(locations) == 20
    with mounted(tmp_path / "after", "-o", "loop", str(copy)) as folder:
        store = DiskStore(folder / "store")
        for number, location in enumerate(locations):
            assert content_of(store, location) == str(number).encode() * 50_000
        assert staged_bytes(store, staged, 5) == b"chunk"
        lost = folder / "store" / "unsynced"
        assert not lost.exists() or lost.read_bytes() == b"", "this is no loss of power: unsynced bytes came through"
