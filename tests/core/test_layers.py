"""Layers are read once, in the background, and what is in them is kept as long as they are."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from registry.core.artifacts import Artifacts
from registry.core.files import Change, Files
from registry.core.layers import WAITING_LIMIT, Layers, LayerState
from registry.errors import BadQuery, NotFound
from registry.oci.names import Reference
from registry.oci.tars import Entry
from registry.oci.trees import Difference
from registry.oci.unpacking import LayerBounds
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, layers
from storage.metadata.database import Database
from tests.core.images import INDEX_TYPE, index
from tests.core.small_registries import SmallRegistry
from tests.oci.tar_files import layer, member

APK = "lib/apk/db/installed"
BASE = gzip.compress(layer(member("etc/hosts", b"one"), member(APK, b"P:musl\nV:1.1\n\nP:old\nV:1\n")))
TOP = layer(member(APK, b"P:musl\nV:1.2\n"), member("app", b"12345"))


@pytest.fixture
def registry(tmp_path: Path, empty_records: Path) -> Iterator[SmallRegistry]:
    with closing(Database.open(copyfile(empty_records, tmp_path / "cove.db"))) as database:
        yield SmallRegistry(database, DiskStore(tmp_path / "store")).begin()


def reader(registry: SmallRegistry, seconds: float = 600) -> Layers:
    return Layers(registry.database, registry.blobs, seconds=seconds)


def files(registry: SmallRegistry, layers: Layers) -> Files:
    return Files(registry.database, Artifacts(registry.database, registry.blobs), layers)


def states(registry: SmallRegistry, layers: Layers, *contents: bytes) -> list[LayerState]:
    return layers.states(registry.repository(), [str(Digest.of(content)) for content in contents])


def test_layer_waits_until_it_has_been_read_and_is_read_once(registry: SmallRegistry) -> None:
    registry.push("1", BASE, TOP)
    reading = reader(registry)
    assert states(registry, reading, BASE, TOP) == [LayerState("waiting"), LayerState("waiting")]
    assert states(registry, reading, TOP) == [LayerState("waiting")]
    assert reading.read_waiting() == 2
    assert states(registry, reading, BASE, TOP) == [LayerState("ready", entries=4), LayerState("ready", entries=3)]
    assert reading.read_waiting() == 0


def test_layer_that_another_process_has_read_meanwhile_is_not_read_again(registry: SmallRegistry) -> None:
    registry.push("1", BASE)
    first, second = reader(registry), reader(registry, seconds=-1)
    for each in (first, second):
        states(registry, each, BASE)
    first.read_waiting()
    second.read_waiting()
    assert states(registry, second, BASE) == [LayerState("ready", entries=4)]


def test_layer_that_cannot_be_read_says_why_and_is_not_tried_again(registry: SmallRegistry) -> None:
    registry.push("1", b"no archive" * 100)
    reading = reader(registry)
    states(registry, reading, b"no archive" * 100)
    reading.read_waiting()
    [state] = states(registry, reading, b"no archive" * 100)
    assert (state.status, state.reason) == (
        "unreadable",
        "it is no tar archive, or a damaged one: a number is none",
    )
    assert reading.read_waiting() == 0


def test_layer_that_takes_too_long_is_given_up(registry: SmallRegistry) -> None:
    registry.push("1", BASE)
    reading = reader(registry, seconds=-1)
    states(registry, reading, BASE)
    reading.read_waiting()
    assert states(registry, reading, BASE)[0].reason == "reading it takes longer than -1 seconds"


def test_layer_that_is_not_in_the_repository_is_neither_read_nor_told_of(registry: SmallRegistry) -> None:
    registry.push("1", BASE, name="team/other")
    reading = reader(registry)
    states_elsewhere = reading.states(registry.repository("team/other"), [str(Digest.of(BASE))])
    reading.read_waiting()
    registry.push("1", TOP)
    assert states_elsewhere == [LayerState("waiting")]
    assert states(registry, reading, BASE) == [LayerState("unreadable", "its content is not here")]


def test_layer_whose_bytes_are_gone_is_told_to_be_gone(registry: SmallRegistry) -> None:
    registry.push("1", BASE)
    reading = reader(registry)
    states(registry, reading, BASE)
    registry.store.delete(registry.location(BASE))
    reading.read_waiting()
    assert states(registry, reading, BASE) == [LayerState("unreadable", "its content is not here")]


def test_server_that_stops_leaves_the_layer_for_the_next_one(registry: SmallRegistry) -> None:
    registry.push("1", BASE)
    reading = reader(registry)
    states(registry, reading, BASE)
    stopped = threading.Event()
    opened = registry.blobs.open

    def stop_then_open(*what: object) -> object:
        reading.stop()
        stopped.set()
        return opened(*what)  # type: ignore[arg-type]  # what it was called with

    registry.blobs.open = stop_then_open  # type: ignore[method-assign, assignment]  # stopped just then
    assert reading.read_waiting() == 0
    assert stopped.is_set()
    assert states(registry, reading, BASE) == [LayerState("waiting")]
    assert reading.read_waiting() == 0


def test_no_more_layers_wait_than_may(registry: SmallRegistry) -> None:
    contents = [b"%d" % number for number in range(3)]
    registry.push("1", *contents)
    reading = reader(registry)
    reading._waiting.update((str(number), registry.repository()) for number in range(WAITING_LIMIT - 1))
    states(registry, reading, *contents)
    assert len(reading._waiting) == WAITING_LIMIT


def test_what_is_known_of_a_layer_goes_with_it(registry: SmallRegistry) -> None:
    registry.push("1", BASE)
    reading, digest = reader(registry), str(Digest.of(BASE))
    states(registry, reading, BASE)
    reading.read_waiting()
    with registry.database.write() as tx:
        record = blobs.find(tx, digest)
        assert record
        tx.exec_driver_sql("DELETE FROM repository_blobs")
        tx.exec_driver_sql(f"DELETE FROM blobs WHERE id = {record.id}")
        assert tx.exec_driver_sql("SELECT count(*) FROM layer_indexes").scalar() == 0
        layers.put(tx, digest, entries=1, content=b"", reason=None)
        assert list(layers.contents(tx, [digest])) == [None]


def test_image_is_a_tree_once_all_of_its_layers_have_been_read(registry: SmallRegistry) -> None:
    registry.push("1", BASE, TOP)
    reading = reader(registry)
    look = files(registry, reading)
    assert look.get(registry.repository(), Reference.parse("1")).merged is None
    reading.read_waiting()
    image = look.get(registry.repository(), Reference.parse("1"))
    assert image.merged
    assert sorted(image.must_find("").children) == ["app", "etc", "lib"]
    assert image.merged.packages == {"musl": "1.2"}
    assert look.get(registry.repository(), Reference.parse("1")).merged is image.merged
    with pytest.raises(NotFound, match="no folder 'app'"):
        image.must_find("app")


def test_unreadable_layer_leaves_the_others_to_be_seen(registry: SmallRegistry) -> None:
    registry.push("1", BASE, b"no archive" * 100)
    reading = reader(registry)
    look = files(registry, reading)
    look.get(registry.repository(), Reference.parse("1"))
    reading.read_waiting()
    image = look.get(registry.repository(), Reference.parse("1"))
    assert [state.status for _, state in image.layers] == ["ready", "unreadable"]
    assert image.must_find("etc").total == 3


def test_images_differ_in_layers_packages_and_files(registry: SmallRegistry) -> None:
    registry.push("1", BASE)
    registry.push("2", BASE, TOP)
    reading = reader(registry)
    look = files(registry, reading)
    found = look.compare(registry.repository(), Reference.parse("1"), Reference.parse("2"))
    assert (found.is_known, found.packages, found.files) == (False, (), ())
    reading.read_waiting()
    found = look.compare(registry.repository(), Reference.parse("1"), Reference.parse("2"))
    assert found.layers_of_one == ([], [str(Digest.of(TOP))])
    assert found.packages == [Change("musl", "1.1", "1.2"), Change("old", "1", None)]
    assert [each.path for each in found.files] == ["app", APK]
    [only] = found.files_below("lib")
    assert isinstance(only, Difference)
    assert isinstance(only.before, Entry)


def test_what_has_too_many_files_is_not_put_into_a_tree(
    registry: SmallRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.push("1", BASE, TOP)
    reading = Layers(registry.database, registry.blobs, bounds=LayerBounds(headers=2))
    look = files(registry, reading)
    look.get(registry.repository(), Reference.parse("1"))
    reading.read_waiting()
    for limit in ("registry.oci.trees.NODES_LIMIT", "registry.core.files.ENTRIES_LIMIT"):
        with monkeypatch.context() as lowered:
            lowered.setattr(limit, 6)
            with pytest.raises(BadQuery, match="too many files"):
                look.get(registry.repository(), Reference.parse("1"))
    assert look.get(registry.repository(), Reference.parse("1")).merged


def test_index_without_an_image_that_is_here_has_no_files(registry: SmallRegistry) -> None:
    from auth.access import Actor

    registry.push("1", BASE)
    empty = index()
    registry.manifests.push(Actor(), registry.repository(), Reference.parse("all"), INDEX_TYPE, empty)
    with pytest.raises(BadQuery, match="no image"):
        files(registry, reader(registry)).get(registry.repository(), Reference.parse("all"))
