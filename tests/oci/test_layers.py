import gzip

import pytest

from registry.oci.layers import LayerIndex, pack_index, read_layer, unpack_index
from registry.oci.unpacking import LayerBounds, LayerUnreadable
from tests.oci.tar_files import layer, member

STATUS = b"Package: bash\nStatus: install ok installed\nVersion: 5.2\n"
LISTS = (member("var/lib/dpkg/status", STATUS), member("lib/apk/db/installed", b"P:musl\nV:1.2\n"))


def test_layer_is_read_with_its_packages_and_without_the_content_of_their_lists() -> None:
    index = read_layer([gzip.compress(layer(member("etc/hosts", b"here"), *LISTS))])
    assert [(entry.path, entry.size, entry.content) for entry in index.entries] == [
        ("etc/hosts", 4, None),
        ("var/lib/dpkg/status", len(STATUS), None),
        ("lib/apk/db/installed", 13, None),
    ]
    assert index.lists == {"var/lib/dpkg/status": {"bash": "5.2"}, "lib/apk/db/installed": {"musl": "1.2"}}


def test_what_was_packed_is_unpacked_as_it_was() -> None:
    index = read_layer([layer(member("a", b"x"), member(".wh.b"), *LISTS)])
    assert unpack_index(pack_index(index)) == index
    assert unpack_index(pack_index(LayerIndex([], {}))) == LayerIndex([], {})


def test_layer_with_more_packages_than_it_may_have_is_given_up() -> None:
    for bounds in (LayerBounds(packages=1), LayerBounds(list_bytes=60)):
        with pytest.raises(LayerUnreadable, match="packages, or are too large"):
            read_layer([layer(*LISTS)], bounds)
