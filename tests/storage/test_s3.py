"""What is special about S3: how often and how much is sent, what is left behind, and a service that fails."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from storage import s3_buckets, s3_parts
from storage.blobs import BlobMissing, BlobStoreError, StoreFull, StoreUnavailable
from storage.digest import Digest
from storage.s3 import S3Store
from storage.s3_checks import Check
from storage.s3_options import S3Options
from tests.storage import s3_server
from tests.storage.pushes import content_of, put, put_staged, staged_bytes
from tests.storage.s3_server import BUCKET, MIB, PART, Answer, Proxy, S3Server, proxy_before, s3_store

PROJECT = Path(__file__).parents[2]
LATER = 4_102_444_800_000  # the year 2100: everything is older


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """A place of the test's own in the bucket."""
    return f"s3/{tmp_path.name}"


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    with proxy_before(s3.endpoint) as running:
        yield running


@pytest.fixture
def store(proxy: Proxy, prefix: str) -> Iterator[S3Store]:
    with s3_store(proxy.endpoint, prefix) as made:
        proxy.requests.clear()
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are tried twice only."""
    monkeypatch.setattr(s3_buckets, "ATTEMPTS", 2)


@pytest.fixture
def hasty(impatient: None, proxy: Proxy, prefix: str) -> Iterator[S3Store]:
    with s3_store(proxy.endpoint, prefix, timeout_seconds=1) as made:
        proxy.requests.clear()
        yield made


def content_of_size(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


# What is sent


@pytest.mark.parametrize(
    ("size", "patch", "put"),
    [
        (0, [], ["PutObject"]),
        (100, ["PutObject"], ["HeadObject"]),
        (PART, ["CreateMultipartUpload", "UploadPart"], ["CompleteMultipartUpload"]),
        (3 * PART, ["CreateMultipartUpload", *["UploadPart"] * 3], ["CompleteMultipartUpload"]),
        (
            PART + 100,
            ["CreateMultipartUpload", "UploadPart", "PutObject"],
            ["GetObject", "UploadPart", "CompleteMultipartUpload", "DeleteObject"],
        ),
    ],
)
def test_push_in_a_patch_and_an_empty_put_costs_these_calls(
    store: S3Store, proxy: Proxy, size: int, patch: list[str], put: list[str]
) -> None:
    content = content_of_size(size)
    staged = put_staged(store, content)
    assert proxy.operations() == patch
    assert proxy.received() == size
    proxy.requests.clear()
    location = store.commit(staged, Digest.of(content), size)
    assert proxy.operations() == put
    assert content_of(store, location) == content


@pytest.mark.parametrize("size", [100, PART, 2 * PART + 100])
def test_push_by_one_request_sends_each_byte_once(
    store: S3Store, proxy: Proxy, s3: S3Server, prefix: str, size: int
) -> None:
    content = content_of_size(size)
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(content)
        location = writer.commit(Digest.of(content), size)
    names = sum(len(tag) for tag in proxy.operations() if tag == "CompleteMultipartUpload")
    assert size <= proxy.received() <= size + names + 1000
    assert s3.objects(prefix) == {location}


def test_layer_is_sent_in_a_patch_with_little_more_than_its_bytes(store: S3Store, proxy: Proxy) -> None:
    """Whatever the size, at most the last part is sent twice, and here that is one in seventeen."""
    size = 16 * PART + 100
    staged = store.stage()
    with closing(store.open_staged(staged)) as writer:
        for start in range(0, size, MIB):
            writer.append(bytes(min(MIB, size - start)))
        staged = writer.checkpoint()
    store.commit(staged, Digest.of(bytes(size)), size)
    assert proxy.received() < size * 1.02


def test_nothing_is_left_of_an_upload_but_its_object(store: S3Store, s3: S3Server, prefix: str) -> None:
    content, staged = content_of_size(2 * PART + 300), store.stage()
    for start, end in [(0, 10), (10, 200), (200, PART + 100), (PART + 100, 2 * PART + 300)]:
        with closing(store.open_staged(staged)) as writer:
            writer.append(content[start:end])
            writer.checkpoint()
            writer.append(b"")
            staged = writer.checkpoint()
    location = store.commit(staged, Digest.of(content), len(content))
    assert s3.objects(prefix) == {location}
    assert content_of(store, location) == content
    assert s3.uploads(prefix) == []


@pytest.mark.parametrize("size", [100, PART, PART + 100])
def test_nothing_is_left_of_a_discarded_place(store: S3Store, s3: S3Server, prefix: str, size: int) -> None:
    staged = put_staged(store, content_of_size(size))
    assert s3.objects(prefix) or s3.uploads(prefix)
    store.discard(staged)
    assert s3.objects(prefix) == set()
    assert s3.uploads(prefix) == []


@pytest.mark.parametrize("size", [100, PART, PART + 100])
def test_nothing_is_left_of_what_was_never_given_a_name(store: S3Store, s3: S3Server, prefix: str, size: int) -> None:
    with closing(store.open_staged(store.stage())) as writer:
        writer.append(content_of_size(size))
    assert s3.objects(prefix) == set()
    assert s3.uploads(prefix) == []


def test_parts_have_one_size_however_the_content_comes_in(store: S3Store, proxy: Proxy) -> None:
    with closing(store.open_staged(store.stage())) as writer:
        for size in (1, 3 * MIB, 9 * MIB, 7, 4 * MIB):
            writer.append(bytes(size))
            writer.checkpoint()
    parts = [request.received for request in proxy.requests if request.operation == "UploadPart"]
    assert parts == [PART] * 3


def test_place_keeps_the_part_size_that_it_began_with(s3: S3Server, prefix: str) -> None:
    content = content_of_size(2 * PART + 100)
    with s3_store(s3.endpoint, prefix) as before:
        staged = put_staged(before, content[:-200])
    with s3_store(s3.endpoint, prefix, part_bytes=7 * MIB, buffer_bytes=7 * MIB) as after:
        with closing(after.open_staged(staged)) as writer:
            writer.append(content[-200:])
            location = writer.commit(Digest.of(content), len(content))
        assert content_of(after, location) == content


def test_content_of_too_many_parts_is_refused(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_parts, "MOST_PARTS", 2)
    exactly = content_of_size(2 * PART)
    assert content_of(store, put(store, exactly)) == exactly
    with closing(store.open_staged(store.stage())) as writer, pytest.raises(BlobStoreError, match="s3_part_bytes"):
        writer.append(content_of_size(3 * PART))


def test_object_is_written_as_the_settings_say_and_without_new_checksums(proxy: Proxy, prefix: str) -> None:
    options = {"storage_class": "STANDARD_IA", "encryption": "AES256"}
    with s3_store(proxy.endpoint, prefix, **options) as store:
        put(store, b"small")
        put(store, content_of_size(PART))
    written = [request for request in proxy.requests if request.operation in {"PutObject", "CreateMultipartUpload"}]
    assert len(written) == 2
    for request in written:
        assert request.headers["x-amz-storage-class"] == "STANDARD_IA"
        assert request.headers["x-amz-server-side-encryption"] == "AES256"
    for request in proxy.requests:
        assert not [name for name in request.headers if "checksum" in name.lower() or name.lower() == "x-amz-trailer"]
        assert "AWS4-HMAC-SHA256" in request.headers["Authorization"]


# Reading


def test_reads_in_sequence_are_one_request(store: S3Store, proxy: Proxy) -> None:
    content = content_of_size(3 * MIB + 7)
    location = put(store, content)
    proxy.requests.clear()
    with closing(store.open(location)) as reader:
        pieces = [reader.read(offset, MIB // 4) for offset in range(0, len(content), MIB // 4)]
    assert b"".join(pieces) == content
    assert proxy.operations() == ["HeadObject", "GetObject"]


@pytest.mark.parametrize(
    "fault",
    [s3_server.cut_after(MIB), s3_server.cut_after(0), s3_server.stall_after(MIB, 3)],
    ids=["cut", "0", "stall"],
)
def test_answer_that_breaks_off_is_continued(hasty: S3Store, proxy: Proxy, fault: Answer) -> None:
    content = content_of_size(5 * MIB)
    location = put(hasty, content)
    proxy.requests.clear()
    proxy.fail("GetObject", fault, times=2)
    with closing(hasty.open(location)) as reader:
        pieces = [reader.read(offset, MIB // 4) for offset in range(0, len(content), MIB // 4)]
    assert b"".join(pieces) == content
    assert proxy.operations().count("GetObject") == 3


def test_answer_that_breaks_off_again_and_again_is_never_taken_for_the_whole(hasty: S3Store, proxy: Proxy) -> None:
    location = put(hasty, content_of_size(MIB))
    proxy.fail("GetObject", s3_server.cut_after(0), times=99)
    with closing(hasty.open(location)) as reader, pytest.raises(StoreUnavailable):
        reader.read(0, 100)


def test_object_shorter_than_it_was_is_never_taken_for_the_whole(hasty: S3Store, s3: S3Server, prefix: str) -> None:
    location = put(hasty, content_of_size(MIB))
    with closing(hasty.open(location)) as reader:
        reader.read(0, 10)
        reader.close()
        (s3.folder / BUCKET / prefix / location).write_bytes(b"short")
        with pytest.raises(BlobStoreError):
            reader.read(10, MIB)


# Addresses for clients


def test_address_lets_anybody_read_the_object_and_no_more(store: S3Store, s3: S3Server, prefix: str) -> None:
    location = put(store, b"public for a minute")
    url = store.url(location, 60)
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, b"public for a minute")
    assert "X-Amz-Expires=60" in url
    assert httpx.get(url, headers={"Range": "bytes=7-9"}).content == b"for"
    assert httpx.put(url, content=b"x").status_code == 403
    assert httpx.get(url.replace("Expires=60", "Expires=61")).status_code == 403
    assert s3.objects(prefix) == {location}


def test_address_is_at_the_public_endpoint(s3: S3Server, prefix: str) -> None:
    with s3_store(s3.endpoint, prefix, public_endpoint="https://content.example") as store:
        assert store.url(put(store, b"x"), 60).startswith(f"https://content.example/{BUCKET}/{prefix}/o/")


# Several writers: S3 has no locks, so what happens after somebody was wrong about being alone


def test_what_a_dead_writer_sent_without_a_name_is_not_in_the_way(store: S3Store) -> None:
    staged = put_staged(store, content_of_size(PART + 10))
    dead = store.open_staged(staged)
    dead.append(bytes(2 * PART))
    dead.start_at(PART + 10)  # waits for what it sends
    content = content_of_size(3 * PART + 10)
    with closing(store.open_staged(staged)) as writer:
        writer.append(content[PART + 10 :])
        location = writer.commit(Digest.of(content), len(content))
    assert content_of(store, location) == content
    dead.close()
    assert content_of(store, location) == content


def test_part_that_a_late_writer_sends_over_another_makes_the_upload_begin_again(store: S3Store) -> None:
    staged = put_staged(store, content_of_size(PART + 10))
    late, writer = store.open_staged(staged), store.open_staged(staged)
    content = content_of_size(3 * PART + 10)
    writer.append(content[PART + 10 :])
    writer.checkpoint()
    late.append(bytes(2 * PART))
    late.start_at(PART + 10)  # waits for what it sends
    with pytest.raises(BlobMissing):
        writer.commit(Digest.of(content), len(content))
    late.close()


def test_writer_that_wakes_up_after_the_commit_of_another_cannot_harm_it(store: S3Store) -> None:
    staged = put_staged(store, b"small")
    late = store.open_staged(staged)
    location = store.commit(staged, Digest.of(b"small"), 5)
    assert late.commit(Digest.of(b"small"), 5) == location
    late.revoke()
    assert content_of(store, location) == b"small"


# A service that fails


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])
@pytest.mark.parametrize(
    "fault",
    [
        s3_server.refuse(503, "SlowDown"),
        s3_server.refuse(500, "InternalError"),
        s3_server.hang_up,
    ],
    ids=["slow-down", "500", "hang-up"],
)
def test_call_that_fails_is_tried_again(store: S3Store, proxy: Proxy, operation: str, fault: Answer) -> None:
    proxy.fail(operation, fault)
    content = content_of_size(2 * PART + 100)
    assert content_of(store, put(store, content)) == content
    assert proxy.operations().count(operation) >= 2


@pytest.mark.parametrize(
    "fault",
    [
        s3_server.do_and_say(200, "InternalError"),
        s3_server.do_and_say(503, "SlowDown"),
        s3_server.do_and_hang_up,
        s3_server.refuse(200, "InternalError"),
    ],
    ids=["200 with an error", "503", "no answer", "200 with an error, undone"],
)
def test_completion_in_doubt_is_decided_by_the_object(store: S3Store, proxy: Proxy, fault: Answer) -> None:
    content = content_of_size(PART + 1)
    proxy.fail("CompleteMultipartUpload", fault)
    assert content_of(store, put(store, content)) == content


def test_completion_that_never_comes_is_unavailable_and_leaves_no_object(
    hasty: S3Store, proxy: Proxy, s3: S3Server, prefix: str
) -> None:
    staged = put_staged(hasty, content_of_size(PART))
    proxy.fail("CompleteMultipartUpload", s3_server.refuse(200, "InternalError"), times=2)
    with pytest.raises(StoreUnavailable):
        hasty.commit(staged, Digest.of(b""), PART)
    assert s3.objects(prefix) == set()
    assert hasty.size(hasty.commit(staged, Digest.of(b""), PART)) == PART


@pytest.mark.parametrize("operation", ["PutObject", "CreateMultipartUpload", "UploadPart"])
def test_service_that_stays_away_is_unavailable_and_what_was_kept_goes_on(
    hasty: S3Store, proxy: Proxy, s3: S3Server, prefix: str, operation: str
) -> None:
    staged = put_staged(hasty, b"kept")
    proxy.fail(operation, s3_server.refuse(503, "SlowDown"), times=99)
    writer = hasty.open_staged(staged)
    with pytest.raises(StoreUnavailable):
        _append_and_keep(writer.append, writer.checkpoint)
    writer.close()
    proxy.faults.clear()
    assert staged_bytes(hasty, staged, 4) == b"kept"
    assert s3.uploads(prefix) == []
    assert len(s3.objects(prefix)) == 1


def _append_and_keep(append: Callable[[bytes], None], checkpoint: Callable[[], str]) -> None:
    append(content_of_size(2 * PART + 1))
    checkpoint()


@pytest.mark.parametrize("ask", [S3Store.size, S3Store.open])
def test_object_cannot_be_told_missing_by_a_service_that_fails(
    hasty: S3Store, proxy: Proxy, ask: Callable[[S3Store, str], object]
) -> None:
    proxy.fail("HeadObject", s3_server.refuse(503, "SlowDown"), times=99)
    with pytest.raises(StoreUnavailable):
        ask(hasty, put(hasty, b"there"))


def test_full_service_is_store_full(store: S3Store, proxy: Proxy) -> None:
    proxy.fail("PutObject", s3_server.refuse(507, "XMinioStorageFull"), times=99)
    with closing(store.open_staged(store.stage())) as writer, pytest.raises(StoreFull):
        _append_and_keep(writer.append, writer.checkpoint)


def test_garbage_that_cannot_be_dropped_does_not_undo_a_commit(hasty: S3Store, proxy: Proxy) -> None:
    content = content_of_size(PART + 1)
    staged = put_staged(hasty, content)
    proxy.fail("DeleteObject", s3_server.refuse(503, "SlowDown"), times=99)
    assert content_of(hasty, hasty.commit(staged, Digest.of(content), len(content))) == content


def test_discarding_at_a_service_that_fails_is_unavailable(hasty: S3Store, proxy: Proxy) -> None:
    staged = put_staged(hasty, b"x")
    proxy.fail("DeleteObject", s3_server.refuse(503, "SlowDown"), times=99)
    with pytest.raises(StoreUnavailable):
        hasty.discard(staged)


# Memory


def test_uploads_wait_for_memory_and_give_up_when_none_comes_free(s3: S3Server, prefix: str) -> None:
    with s3_store(s3.endpoint, prefix, buffer_bytes=PART, timeout_seconds=1) as store:
        holder = store.open_staged(store.stage())
        holder.append(bytes(2 * MIB))
        with closing(store.open_staged(store.stage())) as other, pytest.raises(StoreUnavailable, match="memory"):
            other.append(bytes(2 * MIB))
        assert content_of(store, put(store, bytes(MIB))) == bytes(MIB), "a mebibyte needs no leave"
        holder.close()
        assert len(content_of(store, put(store, bytes(2 * MIB)))) == 2 * MIB


def test_many_uploads_end_with_memory_for_one_part(s3: S3Server, prefix: str) -> None:
    content = content_of_size(2 * PART + 100)
    with (
        s3_store(s3.endpoint, prefix, buffer_bytes=PART, timeout_seconds=30) as store,
        ThreadPoolExecutor(6) as threads,
    ):
        locations = list(threads.map(lambda _: put(store, content), range(6)))
        assert [content_of(store, location) == content for location in locations] == [True] * 6


# Names


@pytest.mark.parametrize(
    "staged",
    [
        "",
        "uploads/0123456789abcdef0123456789abcdef",
        "[]",
        "{}",
        '{"key":"o/00/00000000000000000000000000000000","parts":[]}',
        '{"key":"docker/registry/v2/blobs","part_bytes":1,"parts":[]}',
        '{"key":"o/00/00000000000000000000000000000000","part_bytes":1,"parts":[],"tail":"../x"}',
        '{"key":"o/00/00000000000000000000000000000000","part_bytes":0,"parts":[]}',
        '{"key":"o/00/00000000000000000000000000000000","part_bytes":1,"parts":[],"more":1}',
    ],
)
def test_what_is_not_the_name_of_a_staged_place_is_refused(store: S3Store, proxy: Proxy, staged: str) -> None:
    for attempt in (store.open_staged, store.discard):
        with pytest.raises(BlobStoreError, match="is not a staged place"):
            attempt(staged)
    assert proxy.requests == []


@pytest.mark.parametrize("location", ["", "/etc/passwd", "../other/o/x", "o/../../x", "o/\0"])
def test_location_that_could_lead_out_of_the_prefix_is_refused(store: S3Store, proxy: Proxy, location: str) -> None:
    for attempt in (store.open, store.size, store.delete):
        with pytest.raises(BlobStoreError, match="is not a location"):
            attempt(location)
    assert proxy.requests == []


def test_object_of_an_adopted_storage_is_read_and_deleted(store: S3Store, s3: S3Server, prefix: str) -> None:
    location = "docker/registry/v2/blobs/sha256/ab/abcd/data"
    s3.put(f"{prefix}/{location}", b"adopted")
    assert content_of(store, location) == b"adopted"
    store.delete(location)
    with pytest.raises(BlobMissing):
        store.size(location)


def test_without_a_prefix_objects_are_at_the_top_of_the_bucket(s3: S3Server) -> None:
    with s3_store(s3.endpoint, "") as store:
        location = put(store, b"top")
        assert (s3.folder / BUCKET / location).read_bytes() == b"top"
        store.delete(location)


# The start


def test_bucket_that_does_not_exist_is_told_at_the_start(s3: S3Server) -> None:
    with pytest.raises(BlobStoreError, match=f"there is no bucket nowhere at {s3.endpoint}"):
        S3Store("nowhere", "", S3Options(endpoint=s3.endpoint))


def test_wrong_credentials_are_told_at_the_start(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-these-tests-at-all")
    with pytest.raises(BlobStoreError, match="S3 denies access to bucket blobs"):
        S3Store(BUCKET, "", S3Options(endpoint=s3.endpoint))


def test_missing_credentials_are_told_at_the_start(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(BlobStoreError, match="S3 cannot be used: Partial credentials"):
        S3Store(BUCKET, "", S3Options(endpoint=s3.endpoint))


def test_service_that_is_not_there_is_told_at_the_start(s3: S3Server, impatient: None) -> None:
    with pytest.raises(StoreUnavailable, match="S3 does not answer for bucket blobs"):
        S3Store(BUCKET, "", S3Options(endpoint="http://127.0.0.1:9"))


# Checks, and what crashed processes leave


def test_check_asks_once_in_a_while_however_often_it_is_made() -> None:
    now, asked = [0.0], []
    check = Check(lambda: asked.append(now[0]), clock=lambda: now[0])
    for now[0] in (0, 0.5, 1.9, 2, 2.1, 10):
        check.must_succeed()
    assert asked == [0, 2, 10]


def test_check_that_failed_fails_for_a_while_and_then_asks_again() -> None:
    now, problems = [0.0], ["no answer"]

    def ask() -> None:
        if problems:
            raise StoreUnavailable(problems.pop())

    check = Check(ask, clock=lambda: now[0])
    for now[0] in (0, 1.9):
        with pytest.raises(BlobStoreError, match="no answer"):
            check.must_succeed()
    now[0] = 2
    check.must_succeed()


@pytest.mark.parametrize("fault", [s3_server.refuse(503, "SlowDown"), s3_server.refuse(403, "AccessDenied")])
def test_service_that_fails_is_found_by_a_check(store: S3Store, proxy: Proxy, fault: Answer) -> None:
    proxy.fail("HeadBucket", fault, times=99)
    with pytest.raises(BlobStoreError, match=f"bucket {BUCKET}"):
        store.check()
    assert set(proxy.operations()) == {"HeadBucket"}


def test_check_does_not_wait_as_long_as_other_calls(proxy: Proxy, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_buckets, "CHECK_SECONDS", 0.2)
    with s3_store(proxy.endpoint, prefix, timeout_seconds=3600) as store:
        proxy.fail("HeadBucket", s3_server.forward_after(3), times=99)
        with pytest.raises(BlobStoreError, match="S3 does not answer"):
            store.check()


def test_sweeping_aborts_what_lies_under_the_own_prefix_and_is_an_upload_of_a_store(
    store: S3Store, s3: S3Server, prefix: str
) -> None:
    put_staged(store, content_of_size(PART + 1))
    theirs = [f"{prefix}-other/o/aa/{'a' * 32}", f"{prefix}/docker/registry/v2/x", f"{prefix}/o/notes"]
    s3.begin(*theirs)
    before = s3.objects(prefix)
    assert store.sweep(LATER, lambda _: False) == 1
    assert sorted(s3.uploads(prefix)) == sorted(theirs)
    assert s3.objects(prefix) == before


def test_sweeping_finds_more_than_one_page_of_uploads(s3: S3Server, store: S3Store, prefix: str) -> None:
    s3.begin(*(f"{prefix}/o/aa/{number:032x}" for number in range(1010)))
    assert store.sweep(LATER, lambda _: False) == 1010
    assert s3.uploads(prefix) == []


def test_upload_that_ends_while_it_is_swept_is_fine(store: S3Store) -> None:
    content = content_of_size(PART + 1)
    staged = put_staged(store, content)
    locations = []

    def commit_meanwhile(_key: str) -> bool:
        locations.append(store.commit(staged, Digest.of(content), len(content)))
        return False

    assert store.sweep(LATER, commit_meanwhile) == 1
    assert content_of(store, locations[0]) == content


@pytest.mark.parametrize("operation", ["ListMultipartUploads", "AbortMultipartUpload"])
def test_sweeping_at_a_service_that_fails_is_unavailable(hasty: S3Store, proxy: Proxy, operation: str) -> None:
    put_staged(hasty, content_of_size(PART + 1))
    proxy.fail(operation, s3_server.refuse(503, "SlowDown"), times=99)
    with pytest.raises(StoreUnavailable):
        hasty.sweep(LATER, lambda _: False)


def test_missing_package_is_told_at_the_start() -> None:
    done = _python(
        "import sys; sys.modules['boto3'] = None\n"
        "from storage.stores import open_store\n"
        "try: open_store('s3://bucket')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    assert done == "BlobStoreError S3 takes packages that are not installed: install cove-registry[s3]"


def test_registry_on_a_disk_does_not_load_the_library(tmp_path: Path) -> None:
    done = _python(
        "import sys, registry.cli\n"
        "from storage.stores import open_store\n"
        "open_store(sys.argv[1])\n"
        "print([name for name in sys.modules if name.startswith(('boto', 'urllib3'))])",
        str(tmp_path / "store"),
    )
    assert done == "[]"


def _python(text: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-B", "-c", text, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()
