import tarfile

import pytest

from registry.oci.tars import BLOCK, Entry, read_entries
from registry.oci.unpacking import LayerBounds, LayerUnreadable
from tests.oci.tar_files import END, entries, extension, header, layer, member, packed_by_tarfile, padded

LONG = "folder/" + "é" * 300


def paths(*members: bytes) -> list[str]:
    return [entry.path for entry in entries(*members)]


def refused(archive: bytes, why: str, bounds: LayerBounds | None = None) -> None:
    with pytest.raises(LayerUnreadable, match=why):
        list(read_entries([archive], bounds or LayerBounds()))


def test_each_kind_of_thing_is_told_with_what_belongs_to_it() -> None:
    found = entries(
        member("etc/", type_=tarfile.DIRTYPE, mode=0o755),
        member("etc/hosts", b"here"),
        member("bin/tool", type_=tarfile.LNKTYPE, target="./usr/bin/tool"),
        member("sh", type_=tarfile.SYMTYPE, target="/bin/../bin/dash"),
        member("dev/null", type_=tarfile.CHRTYPE),
        member("dev/disk", type_=tarfile.BLKTYPE),
        member("run/wait", type_=tarfile.FIFOTYPE),
    )
    assert [(each.path, each.kind, each.mode, each.size, each.target) for each in found] == [
        ("etc", "folder", 0o755, 0, ""),
        ("etc/hosts", "file", 0o644, 4, ""),
        ("bin/tool", "link", 0o644, 0, "usr/bin/tool"),
        ("sh", "symlink", 0o644, 0, "/bin/../bin/dash"),
        ("dev/null", "device", 0o644, 0, ""),
        ("dev/disk", "device", 0o644, 0, ""),
        ("run/wait", "pipe", 0o644, 0, ""),
    ]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("length", [1, 700, 1 << 20])
def test_every_format_is_read_however_it_comes_in_pieces(form: int, length: int) -> None:
    packed = packed_by_tarfile(form, a=b"1" * 1000, b=b"", c=b"3")
    pieces = [packed[start : start + length] for start in range(0, len(packed), length)]
    assert [(each.path, each.size) for each in read_entries(pieces)] == [("a", 1000), ("b", 0), ("c", 1)]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_in_full(form: int) -> None:
    packed = packed_by_tarfile(form, **{LONG: b"x", "short": b"y"})
    assert [each.path for each in read_entries([packed])] == [LONG, "short"]


def test_name_is_joined_to_its_prefix_in_ustar_alone() -> None:
    prefix = (345, b"before")
    assert paths(header(b"a", changed=[prefix])) == ["before/a"]
    assert paths(header(b"a", changed=[prefix, (257, b"ustar  \0")])) == ["a"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("./a//b/./c", "a/b/c"),
        ("../../../etc/passwd", "etc/passwd"),
        ("a/../../b", "b"),
    ],
)
def test_no_path_leaves_the_root(name: str, path: str) -> None:
    assert paths(member(name)) == [path]


def test_root_itself_is_not_told() -> None:
    assert paths(member("./", type_=tarfile.DIRTYPE), member("/", b"x"), member("a")) == ["a"]


def test_names_that_are_no_utf8_are_told_with_their_bytes() -> None:
    assert paths(header(b"a\xff")) == ["a\\xff"]


def test_whiteouts_are_of_what_they_remove_and_what_programs_noted_for_themselves_is_left_out() -> None:
    found = entries(
        member("a/.wh.old"), member("a/.wh..wh..opq"), member(".wh..wh..opq"), member(".wh.top"),
        member(".wh..wh.plnk", type_=tarfile.DIRTYPE), member(".wh..wh.aufs"), member(".wh."), member("a/.wh..."),
    )  # fmt: skip
    assert found == [Entry("a/old", "whiteout"), Entry("a", "opaque"), Entry("", "opaque"), Entry("top", "whiteout")]


def test_same_content_has_the_same_mark_wherever_it_is() -> None:
    one, other, third = entries(member("a", b"x" * 999), member("b", b"x" * 999), member("c", b"y" * 999))
    assert one.mark == other.mark != third.mark


def test_content_is_kept_where_it_is_asked_for_and_small_enough() -> None:
    archive = layer(member("keep", b"1234"), member("large", b"12345"), member("other", b"1"), member("last"))
    found = read_entries([archive], keep=lambda path: 0 if path == "other" else 4)
    assert [(each.path, each.content) for each in found] == [
        ("keep", b"1234"),
        ("large", None),
        ("other", None),
        ("last", None),
    ]


def test_links_have_no_content_though_their_size_says_so() -> None:
    assert paths(header(b"a", size=5, flag=b"1"), member("b")) == ["a", "b"]


def test_name_with_a_slash_at_its_end_is_a_folder_in_the_oldest_format() -> None:
    assert [entry.kind for entry in entries(header(b"a/", flag=b"\0"), header(b"a/", flag=b"0"))] == ["folder", "file"]


def test_large_numbers_are_read_as_their_bytes() -> None:
    size = b"\x80" + (3).to_bytes(11, "big")
    assert [each.size for each in entries(header(b"a", changed=[(124, size)]) + padded(b"abc"), member("b"))] == [3, 0]


def test_checksums_of_signed_bytes_are_right_too() -> None:
    block = header(b"\xff" * 3)
    wrong = int(block[148:154], 8) - 3 * 256
    assert paths(block[:148] + b"%06o\0 " % wrong + block[156:]) == ["\\xff" * 3]


def test_old_sparse_file_has_its_full_size_and_its_further_blocks_are_no_files() -> None:
    sparse = header(b"a", size=3, flag=b"S", changed=[(482, b"\1"), (483, b"00000010000\0")])
    more = bytearray(BLOCK)
    more[504] = 1
    assert [
        (each.path, each.size) for each in entries(sparse, bytes(more), bytes(BLOCK), padded(b"abc"), member("b"))
    ] == [
        ("a", 4096),
        ("b", 0),
    ]


def test_new_sparse_file_has_its_own_name_and_its_full_size() -> None:
    record = b"26 GNU.sparse.name=real/x\n33 GNU.sparse.realsize=123456789\n"
    found = entries(extension(b"x", record), header(b"made-up", size=3), padded(b"abc"), member("b"))
    assert [(each.path, each.size) for each in found] == [("real/x", 123456789), ("b", 0)]


def test_extended_header_holds_for_the_next_file_alone_and_a_global_one_for_none() -> None:
    assert paths(extension(b"g", b"10 path=g\n"), extension(b"x", b"10 path=x\n"), member("a"), member("b")) == [
        "x",
        "b",
    ]


def test_duplicate_entries_are_all_told() -> None:
    assert paths(member("a", b"1"), member("a", b"2")) == ["a", "a"]


def test_archive_may_end_without_its_mark_and_without_its_last_padding() -> None:
    assert [each.path for each in read_entries([member("a", b"xyz")[: BLOCK + 3]])] == ["a"]
    assert list(read_entries([])) == []


def test_what_follows_the_archive_is_read_and_not_told() -> None:
    rest = iter([layer(member("a")), member("b"), b"junk"])
    assert [each.path for each in read_entries(rest)] == ["a"]
    assert next(rest, None) is None


@pytest.mark.parametrize(
    ("archive", "why"),
    [
        (member("a", b"x" * 600)[: BLOCK + 599], "ends too early"),
        (member("a")[:300], "ends too early"),
        (b"no archive" * 100, "number is none"),
        (header(b"a", changed=[(0, b"b")])[:-1] + b"x", "checksum"),
        (header(b"a", changed=[(124, b"\xff" * 12)]), "too large"),
        (header(b"a", changed=[(100, b"-000644\0")]), "number is none"),
        (header(b"a", changed=[(124, b"0000000_001\0")]), "number is none"),
        (extension(b"x", b"12 path=a\0b\n") + member("a"), "NUL"),
        (extension(b"x", b"20 size=99999999999\n") + member("a"), "ends too early"),
        (extension(b"x", b"12 size=-12\n") + member("a"), "is damaged"),
        (extension(b"L", b"a" * 5000) + member("a"), "path of more than 4,096"),
        (member("d/" * 300 + "a"), "more than 256"),
    ],
)
def test_hostile_archive_is_refused(archive: bytes, why: str) -> None:
    refused(archive, why)


@pytest.mark.parametrize(
    "records",
    [
        b"x",
        b"10 path=a",
        b"0 \n",
        b" =\n",
        b"99 path=a\n",
        b"8 path=a\n",
        b"9 no sign\n",
        b"10 path=a\nno-space=\n",
        b"+9 path=\n",
    ],
)
def test_damaged_records_of_an_extended_header_are_refused(records: bytes) -> None:
    refused(extension(b"x", records) + member("a"), "is damaged")


def test_archive_with_more_headers_than_it_may_have_is_given_up() -> None:
    archive = extension(b"g", b"") * 3 + END
    refused(archive, "more than 2 headers", LayerBounds(headers=2))
    assert list(read_entries([archive], LayerBounds(headers=3))) == []


def test_extended_header_that_is_larger_than_it_may_be_is_not_read() -> None:
    refused(extension(b"x", b"x" * 1001), "more than 1,000 bytes", LayerBounds(extension_bytes=1000))


def test_archive_whose_paths_are_longer_together_than_they_may_be_is_given_up() -> None:
    archive = layer(member("four"), member("link", type_=tarfile.SYMTYPE, target="other"))
    refused(archive, "more than 12 bytes together", LayerBounds(all_path_bytes=12))
    assert len(list(read_entries([archive], LayerBounds(all_path_bytes=13)))) == 2
