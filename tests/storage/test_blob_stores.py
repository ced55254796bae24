"""The contract of `storage.blobs`, for every store: each sentence of its docstrings is a test here."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storage.blobs import (
    BlobMissing,
    BlobStore,
    BlobStoreError,
    StagedBusy,
    StagedWriter,
    StoreFull,
    StoreUnavailable,
)
from storage.digest import Digest
from storage.disk import DiskStore
from tests.storage.pushes import content_of, put, put_staged, staged_bytes
from tests.storage.s3_server import s3_store

MIB = 1 << 20


@pytest.fixture
def locking_store(tmp_path: Path) -> BlobStore:
    """One that keeps a second writer out itself."""
    return DiskStore(tmp_path / "store")


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobStore]:
    if request.param == "disk":
        yield request.getfixturevalue("locking_store")
        return
    with s3_store(request.getfixturevalue("s3").endpoint, f"contract/{tmp_path.name}") as made:
        yield made


def test_a_store_says_whether_it_keeps_a_second_writer_out(store: BlobStore) -> None:
    staged = store.stage()
    with closing(store.open_staged(staged)):
        if store.excludes_writers:
            with pytest.raises(StagedBusy):
                store.open_staged(staged)
        else:
            store.open_staged(staged).close()


# Staged places and their writers


def test_a_new_staged_place_is_empty_and_has_a_name_of_its_own(store: BlobStore) -> None:
    first, second = store.stage(), store.stage()
    assert first != second
    with closing(store.open_staged(first)) as writer, pytest.raises(BlobMissing):
        writer.start_at(1)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind_are_appended_at_the_end(store: BlobStore, kind: Callable[[bytes], bytes]) -> None:
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(kind(b"one "))
        writer.append(kind(b""))
        writer.append(kind(b"two"))
        staged = writer.checkpoint()
    assert staged_bytes(store, staged, 7) == b"one two"


def test_a_writer_opened_again_goes_on_at_the_end(store: BlobStore) -> None:
    with closing(store.open_staged(put_staged(store, b"one "))) as writer:
        writer.append(b"two")
        staged = writer.checkpoint()
    assert staged_bytes(store, staged, 7) == b"one two"


def test_starting_at_an_offset_forgets_what_was_written_beyond_it(store: BlobStore) -> None:
    staged = put_staged(store, b"kept")
    with closing(store.open_staged(staged)) as writer:
        writer.append(b" and never acknowledged")
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(4)
        writer.append(b" new")
        staged = writer.checkpoint()
    assert staged_bytes(store, staged, 8) == b"kept new"
    with pytest.raises(BlobMissing):
        staged_bytes(store, staged, 9)


def test_starting_over_from_nothing_is_possible(store: BlobStore) -> None:
    staged = put_staged(store, b"wrong")
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(0)
        writer.append(b"right")
        staged = writer.checkpoint()
    assert staged_bytes(store, staged, 5) == b"right"


def test_starting_beyond_the_end_is_refused_and_changes_nothing(store: BlobStore) -> None:
    staged = put_staged(store, b"four")
    with closing(store.open_staged(staged)) as writer, pytest.raises(BlobMissing):
        writer.start_at(5)
    assert staged_bytes(store, staged, 4) == b"four"


def test_a_checkpoint_of_nothing_new_keeps_the_name(store: BlobStore) -> None:
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(b"something")
        staged = writer.checkpoint()
        writer.append(b"")
        assert writer.checkpoint() == staged
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(9)
        assert writer.checkpoint() == staged


def test_names_of_a_place_that_grows_lead_to_all_of_it(store: BlobStore) -> None:
    content = b"".join(number.to_bytes(8, "big") for number in range(2 * MIB))
    staged = store.stage()
    for start, end in [(0, 10), (10, 6 * MIB), (6 * MIB, 6 * MIB + 1), (6 * MIB + 1, 16 * MIB)]:
        with closing(store.open_staged(staged)) as writer:
            writer.start_at(start)
            writer.append(content[start:end])
            staged = writer.checkpoint()
    assert content_of(store, store.commit(staged, Digest.of(content), len(content))) == content


def test_a_second_writer_is_kept_out_until_the_first_closes(locking_store: BlobStore) -> None:
    store, staged = locking_store, locking_store.stage()
    with closing(store.open_staged(staged)) as writer:
        writer.append(b"mine")
        with pytest.raises(StagedBusy):
            store.open_staged(staged)
        writer.append(b" alone")
        writer.checkpoint()
    store.open_staged(staged).close()
    assert staged_bytes(store, staged, 10) == b"mine alone"


def test_closing_a_writer_twice_does_nothing_to_the_next_one(locking_store: BlobStore) -> None:
    store, staged = locking_store, locking_store.stage()
    first = store.open_staged(staged)
    first.close()
    with closing(store.open_staged(staged)):
        first.close()
        with pytest.raises(StagedBusy):
            store.open_staged(staged)


def test_of_many_threads_one_at_a_time_writes_to_a_staged_place(locking_store: BlobStore) -> None:
    store, staged = locking_store, locking_store.stage()

    def try_to_open(_: int) -> StagedWriter | None:
        try:
            return store.open_staged(staged)
        except StagedBusy:
            return None

    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            winners = [writer for writer in threads.map(try_to_open, range(8)) if writer]
        assert len(winners) == 1
        winners[0].close()


@pytest.mark.parametrize("size", [0, 7, 5 * MIB, 12 * MIB + 7])
def test_a_writer_reads_what_it_has_in_pieces_and_goes_on(store: BlobStore, size: int) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    with closing(store.open_staged(put_staged(store, content[:-3]))) as writer:
        writer.append(content[-3:])
        pieces = list(writer.read())
        assert b"".join(pieces) == content
        assert max(map(len, pieces), default=0) <= 8 * MIB
        staged = writer.checkpoint()
        writer.append(b"more")
        assert b"".join(writer.read()) == content + b"more"
    assert content_of(store, store.commit(staged, Digest.of(content), size)) == content


def test_what_a_writer_has_read_it_commits(store: BlobStore) -> None:
    content = b"x" * (11 * MIB)
    with closing(store.open_staged(put_staged(store, content))) as writer:
        assert Digest.of(b"".join(writer.read())) == Digest.of(content)
        assert content_of(store, writer.commit(Digest.of(content), len(content))) == content


def test_reading_more_than_is_staged_is_blob_missing(store: BlobStore) -> None:
    staged = put_staged(store, b"four")
    with pytest.raises(BlobMissing):
        staged_bytes(store, staged, 5)


# Commit and discard


@pytest.mark.parametrize("content", [b"", b"layer", b"x" * (9 * MIB + 1)], ids=["empty", "small", "large"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_committed_object_has_the_staged_bytes(store: BlobStore, content: bytes, algorithm: str) -> None:
    staged = put_staged(store, content)
    location = store.commit(staged, Digest.of(content, algorithm), len(content))
    assert store.size(location) == len(content)
    assert content_of(store, location) == content


def test_a_writer_commits_what_it_has_appended_and_is_closed_by_that(store: BlobStore) -> None:
    writer = store.open_staged(store.stage())
    writer.append(b"layer")
    location = writer.commit(Digest.of(b"layer"), 5)
    writer.close()
    assert content_of(store, location) == b"layer"


def test_committed_bytes_are_those_the_writer_kept_from_all_others(locking_store: BlobStore) -> None:
    store, staged = locking_store, locking_store.stage()
    writer = store.open_staged(staged)
    writer.append(b"verified")
    for attempt in (lambda: store.open_staged(staged), lambda: store.commit(staged, Digest.of(b""), 0)):
        with pytest.raises(StagedBusy):
            attempt()
    assert content_of(store, writer.commit(Digest.of(b"verified"), 8)) == b"verified"


def test_bytes_beyond_the_committed_size_are_forgotten(store: BlobStore) -> None:
    staged = put_staged(store, b"acknowledged")
    with closing(store.open_staged(staged)) as writer:
        writer.append(b" and more")
    assert content_of(store, store.commit(staged, Digest.of(b"acknowledged"), 12)) == b"acknowledged"


def test_a_commit_of_more_than_is_staged_is_blob_missing_and_can_be_put_right(store: BlobStore) -> None:
    staged = put_staged(store, b"half")
    with pytest.raises(BlobMissing):
        store.commit(staged, Digest.of(b"half of it"), 10)
    with closing(store.open_staged(staged)) as writer:
        writer.start_at(4)
        writer.append(b" of it")
        staged = writer.checkpoint()
    assert content_of(store, store.commit(staged, Digest.of(b"half of it"), 10)) == b"half of it"


def test_the_same_content_committed_again_gets_another_location(store: BlobStore) -> None:
    locations = {put(store, b"same") for _ in range(3)}
    assert len(locations) == 3
    store.delete(locations.pop())
    assert [content_of(store, location) for location in locations] == [b"same", b"same"]
    assert put(store, b"same") not in locations


def commit_it(store: BlobStore, staged: str) -> None:
    store.commit(staged, Digest.of(b"gone"), 4)


def discard_it(store: BlobStore, staged: str) -> None:
    store.discard(staged)


@pytest.mark.parametrize("end", [commit_it, discard_it])
def test_a_committed_or_discarded_staged_place_is_gone(
    locking_store: BlobStore, end: Callable[[BlobStore, str], None]
) -> None:
    store, staged = locking_store, put_staged(locking_store, b"gone")
    end(store, staged)
    with pytest.raises(BlobMissing):
        store.open_staged(staged)
    with pytest.raises(BlobMissing):
        store.commit(staged, Digest.of(b"gone"), 4)
    with pytest.raises(BlobMissing):
        staged_bytes(store, staged, 4)
    store.discard(staged)


@pytest.mark.parametrize("content", [b"gone", b"x" * (6 * MIB)], ids=["small", "large"])
def test_discarded_bytes_cannot_be_committed(store: BlobStore, content: bytes) -> None:
    staged = put_staged(store, content)
    store.discard(staged)
    store.discard(staged)
    with pytest.raises(BlobMissing):
        store.commit(staged, Digest.of(content), len(content))


@pytest.mark.parametrize("content", [b"kept", b"x" * (6 * MIB)], ids=["small", "large"])
def test_a_revoked_checkpoint_leaves_what_the_name_before_leads_to(store: BlobStore, content: bytes) -> None:
    staged = put_staged(store, content)
    writer = store.open_staged(staged)
    writer.append(b"and what nobody was told of")
    writer.checkpoint()
    writer.revoke()
    writer.close()
    assert content_of(store, store.commit(staged, Digest.of(content), len(content))) == content


@pytest.mark.parametrize("content", [b"", b"new", b"x" * (6 * MIB)], ids=["empty", "small", "large"])
def test_a_revoked_commit_leaves_no_object(store: BlobStore, content: bytes) -> None:
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(content)
        location = writer.commit(Digest.of(content), len(content))
        writer.revoke()
    with pytest.raises(BlobMissing):
        store.size(location)


def test_discarding_under_an_open_writer_leaves_it_nothing_to_commit(locking_store: BlobStore) -> None:
    store, staged = locking_store, locking_store.stage()
    with closing(store.open_staged(staged)) as writer:
        store.discard(staged)
        with pytest.raises(BlobMissing):
            writer.commit(Digest.of(b""), 0)


def test_a_commit_does_not_touch_other_staged_places_and_objects(store: BlobStore) -> None:
    earlier, other = put(store, b"earlier"), put_staged(store, b"other")
    put(store, b"new")
    assert content_of(store, earlier) == b"earlier"
    assert staged_bytes(store, other, 5) == b"other"


# Objects


def test_a_reader_knows_the_size_and_gives_any_range(store: BlobStore) -> None:
    with closing(store.open(put(store, b"0123456789"))) as reader:
        assert reader.size == 10
        assert reader.read(0, 10) == b"0123456789"
        assert reader.read(3, 4) == b"3456"
        assert reader.read(8, 100) == b"89"
        assert reader.read(10, 1) == b""
        assert reader.read(99, 1) == b""
        assert reader.read(5, 0) == b""


def test_closing_a_reader_twice_is_fine(store: BlobStore) -> None:
    reader = store.open(put(store, b"x"))
    reader.close()
    reader.close()


def test_threads_read_different_ranges_of_one_reader_at_the_same_time(store: BlobStore) -> None:
    content = b"".join(number.to_bytes(8, "big") for number in range(40_000))
    with closing(store.open(put(store, content))) as reader, ThreadPoolExecutor(4) as threads:
        pieces = threads.map(lambda offset: reader.read(offset, 8000), range(0, len(content), 8000))
        assert b"".join(pieces) == content


def test_reading_goes_on_while_the_object_is_deleted(store: BlobStore) -> None:
    content = b"abc" * MIB
    location = put(store, content)
    with closing(store.open(location)) as reader:
        begin = reader.read(0, 10)
        store.delete(location)
        assert begin + reader.read(10, len(content)) == content


def test_a_deleted_object_is_missing_and_deleting_it_again_is_fine(store: BlobStore) -> None:
    location = put(store, b"short-lived")
    store.delete(location)
    store.delete(location)
    with pytest.raises(BlobMissing):
        store.open(location)
    with pytest.raises(BlobMissing):
        store.size(location)


def test_a_location_where_nothing_was_ever_kept_is_missing(store: BlobStore) -> None:
    location = f"blobs/sha256/00/{'0' * 64}-0000000000000000"
    store.delete(location)
    with pytest.raises(BlobMissing):
        store.open(location)
    with pytest.raises(BlobMissing):
        store.size(location)


def test_locations_and_staged_names_are_short_printable_text(store: BlobStore) -> None:
    location = store.commit(put_staged(store, b"x"), Digest.of(b"x", "sha512"), 1)
    for name in (store.stage(), location):
        assert name.isascii()
        assert name.isprintable()
        assert len(name) <= 255


@pytest.mark.parametrize("error", [BlobMissing, StagedBusy, StoreFull, StoreUnavailable])
def test_every_error_is_a_blob_store_error(error: type[Exception]) -> None:
    assert issubclass(error, BlobStoreError)


# What the whole store can tell, and what nobody names


def test_a_store_that_can_be_used_passes_its_check(store: BlobStore) -> None:
    store.check()
    store.check()


LATER = 4_102_444_800_000  # the year 2100: everything is older


def naming(*names: str) -> Callable[[str], bool]:
    """What sessions with these staged names would say."""
    return lambda text: any(text in name for name in names)


def test_staged_bytes_are_swept_when_they_are_old_and_no_session_names_them(store: BlobStore) -> None:
    content = b"x" * (6 * MIB)
    kept, left, digest = put_staged(store, content), put_staged(store, content), Digest.of(content)
    location = put(store, content)
    assert store.sweep(0, naming()) == 0
    assert store.sweep(LATER, naming(kept, left)) == 0
    assert store.sweep(LATER, naming(kept)) == 1
    assert store.sweep(LATER, naming(kept)) == 0
    with pytest.raises(BlobMissing):
        store.commit(left, digest, len(content))
    assert content_of(store, store.commit(kept, digest, len(content))) == content
    assert content_of(store, location) == content


def test_sweeping_goes_on_until_nothing_is_left(store: BlobStore) -> None:
    for _ in range(3):
        put_staged(store, b"x" * (6 * MIB))
    assert store.sweep(LATER, naming()) == 3
    assert store.sweep(LATER, naming()) == 0


def test_sweeping_a_store_that_was_never_used_finds_nothing(store: BlobStore) -> None:
    assert store.sweep(LATER, naming()) == 0


def test_staged_bytes_that_a_writer_has_open_are_not_swept(locking_store: BlobStore) -> None:
    with closing(locking_store.open_staged(locking_store.stage())) as writer:
        writer.append(b"still coming in")
        assert locking_store.sweep(LATER, naming()) == 0
        assert content_of(locking_store, writer.commit(Digest.of(b"still coming in"), 15)) == b"still coming in"


# All objects, and the notes beside them


def test_every_object_is_listed_with_its_size_and_age_and_nothing_that_was_deleted(store: BlobStore) -> None:
    before = time.time() * 1000
    contents = {put(store, content): content for content in (b"", b"one", b"x" * (6 * MIB))}
    store.delete(put(store, b"deleted"))
    store.write_note("note", [b"no object"])
    found = {each.location: each for each in store.objects()}
    assert {location: each.size for location, each in found.items()} == {
        location: len(content) for location, content in contents.items()
    }
    # Services tell of whole seconds, and may begin to count a moment earlier.
    assert all(before - 5000 <= each.modified_ms <= time.time() * 1000 + 5000 for each in found.values())


def test_what_is_staged_is_no_object_unless_its_name_says_where_it_is(store: BlobStore) -> None:
    staged = [put_staged(store, b"x" * size) for size in (3, 6 * MIB)]
    assert all(any(found.location in name for name in staged) for found in store.objects())
    if store.excludes_writers:
        assert not list(store.objects())


def test_a_new_store_has_no_objects_and_no_notes(store: BlobStore) -> None:
    assert not list(store.objects())
    assert not list(store.notes())


def read_note(store: BlobStore, name: str) -> bytes:
    with closing(store.open_note(name)) as reader:
        return reader.read(0, reader.size + 1)


@pytest.mark.parametrize(
    "pieces",
    [[], [b""], [b"a", b"", b"b"], [b"x" * (5 * MIB)], [b"y" * MIB] * 11, [b"z" * (10 * MIB + 1)]],
    ids=["nothing", "empty", "small", "a part", "pieces", "one piece"],
)
def test_a_note_has_what_was_written(store: BlobStore, pieces: list[bytes]) -> None:
    store.write_note("some/where/note.gz", iter(pieces))
    assert read_note(store, "some/where/note.gz") == b"".join(pieces)
    assert [(found.location, found.size) for found in store.notes()] == [("some/where/note.gz", len(b"".join(pieces)))]


def test_a_note_written_again_has_the_new_content_alone(store: BlobStore) -> None:
    store.write_note("registry-id", [b"the longer one"])
    store.write_note("registry-id", [b"short"])
    assert read_note(store, "registry-id") == b"short"
    assert len(list(store.notes())) == 1


def test_notes_are_found_by_the_beginning_of_their_names(store: BlobStore) -> None:
    for name in ("snapshots/1", "snapshots/2", "snap", "other/snapshots/3"):
        store.write_note(name, [name.encode()])
    assert {found.location for found in store.notes("snapshots/")} == {"snapshots/1", "snapshots/2"}
    assert {found.location for found in store.notes("snap")} == {"snap", "snapshots/1", "snapshots/2"}
    assert len(list(store.notes())) == 4
    assert not list(store.notes("nothing"))


def test_a_deleted_note_is_missing_and_deleting_it_again_is_fine(store: BlobStore) -> None:
    store.write_note("registry-id", [b"short-lived"])
    for _ in range(2):
        store.delete_note("registry-id")
        with pytest.raises(BlobMissing):
            store.open_note("registry-id")
    assert not list(store.notes())


@pytest.mark.parametrize("sent", [1, 12 * MIB])
@pytest.mark.parametrize("earlier", [None, b"earlier"], ids=["new", "again"])
def test_a_note_whose_content_breaks_off_leaves_what_was_there(
    store: BlobStore, sent: int, earlier: bytes | None
) -> None:
    def content() -> Iterator[bytes]:
        yield b"x" * sent
        raise ConnectionError("broken off")

    if earlier is not None:
        store.write_note("note", [earlier])
    with pytest.raises(ConnectionError):
        store.write_note("note", content())
    if earlier is not None:
        assert read_note(store, "note") == earlier
    else:
        assert not list(store.notes())
    assert store.sweep(LATER, naming()) == 0


@pytest.mark.parametrize(
    "name",
    ["", "/note", "note/", "a//b", ".", "..", "a/../b", ".hidden", "a b", "a\0", "a\n", "ä", "x" * 201],
)
def test_a_name_that_could_lead_elsewhere_is_refused(store: BlobStore, name: str) -> None:
    for use in (store.open_note, store.delete_note, lambda name: store.write_note(name, [b"x"])):
        with pytest.raises(BlobStoreError, match="is not a name for a note"):
            use(name)


# A staged place against a model


class StagedPlace(RuleBasedStateMachine):
    """Chunks come and go, writers are closed in the middle: what the last checkpoint kept is there whatever happens."""

    store: ClassVar[BlobStore]

    @initialize()
    def stage(self) -> None:
        self.staged = self.store.stage()
        self.writer: StagedWriter | None = None
        self.written = bytearray()
        self.kept = 0

    @rule(data=st.binary(max_size=200) | st.integers(1, 3).map(lambda n: b"\xa5" * (n << 20)))
    @precondition(lambda self: self.writer)
    def append(self, data: bytes) -> None:
        assert self.writer
        self.writer.append(data)
        self.written += data

    @rule()
    @precondition(lambda self: self.writer)
    def checkpoint(self) -> None:
        assert self.writer
        self.staged = self.writer.checkpoint()
        self.kept = len(self.written)

    @rule()
    @precondition(lambda self: self.writer)
    def read(self) -> None:
        assert self.writer
        assert b"".join(self.writer.read()) == self.written
        self.checkpoint()

    @rule()
    @precondition(lambda self: self.writer)
    def close(self) -> None:
        assert self.writer
        self.writer.close()
        self.writer = None

    @rule()
    @precondition(lambda self: self.writer)
    def revoke(self) -> None:
        """A checkpoint that could not be saved: the name before it is still good."""
        assert self.writer
        self.writer.checkpoint()
        self.writer.revoke()
        self.writer = None

    @rule(over=st.booleans())
    def start(self, over: bool) -> None:
        self.writer = self.writer or self.store.open_staged(self.staged)
        offset = 0 if over else self.kept
        self.writer.start_at(offset)
        del self.written[offset:]
        if over:
            self.checkpoint()

    @rule(excess=st.integers(1, 1 << 40))
    @precondition(lambda self: self.writer)
    def start_too_far(self, excess: int) -> None:
        assert self.writer
        with pytest.raises(BlobMissing):
            self.writer.start_at(len(self.written) + excess)

    def teardown(self) -> None:
        if self.writer:
            self.writer.close()
        size = self.kept
        location = self.store.commit(self.staged, Digest.of(bytes(self.written[:size])), size)
        assert content_of(self.store, location) == self.written[:size]
        self.store.delete(location)


def test_a_staged_place_behaves_like_a_bytearray_with_save_points(store: BlobStore) -> None:
    machine = type("StagedPlaceOfThisStore", (StagedPlace,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40 if store.excludes_writers else 15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def test_many_objects_are_deleted_at_once_and_those_that_cannot_be_are_told(store: BlobStore) -> None:
    kept, *gone = [put(store, b"%d" % number) for number in range(5)]
    failed = store.delete_all([*gone, gone[0], "../outside"])
    assert list(failed) == ["../outside"]
    assert isinstance(failed["../outside"], BlobStoreError)
    assert store.delete_all(gone) == {}
    for location in gone:
        with pytest.raises(BlobMissing):
            store.size(location)
    assert content_of(store, kept) == b"0"
