import gzip
import zlib
from collections.abc import Callable, Iterator

import pytest
from backports import zstd

from registry.oci.unpacking import LayerBounds, LayerUnreadable, unpack

CONTENT = bytes(range(256)) * 40


def unpacked(*pieces: bytes, bounds: LayerBounds | None = None) -> bytes:
    return b"".join(unpack(pieces, bounds or LayerBounds()))


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, bytes], ids=["gzip", "zstd", "plain"])
@pytest.mark.parametrize("length", [1, 3, 500, 100_000])
def test_layer_is_unpacked_however_it_comes_in_pieces(pack: Callable[[bytes], bytes], length: int) -> None:
    packed = pack(CONTENT)
    pieces = [packed[start : start + length] for start in range(0, len(packed), length)]
    assert unpacked(*pieces) == CONTENT


def test_nothing_unpacks_to_nothing() -> None:
    assert unpacked() == unpacked(b"") == b""


def test_gzip_may_have_several_members_with_padding_between_and_after_them() -> None:
    assert unpacked(gzip.compress(b"one") + bytes(9) + gzip.compress(b"two") + bytes(600)) == b"onetwo"


def test_what_follows_the_end_of_gzip_has_to_be_gzip() -> None:
    with pytest.raises(LayerUnreadable, match="gzip is damaged"):
        unpacked(gzip.compress(CONTENT) + b"more")


def test_gzip_with_a_wrong_checksum_is_refused() -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[-8] ^= 1
    with pytest.raises(LayerUnreadable, match="gzip is damaged"):
        unpacked(bytes(packed))


@pytest.mark.parametrize("missing", [1, 8, 30])
def test_gzip_that_ends_too_early_is_refused(missing: int) -> None:
    with pytest.raises(LayerUnreadable, match="ends too early"):
        unpacked(gzip.compress(CONTENT)[:-missing])


def test_zstd_may_have_several_frames_with_others_between_that_hold_nothing() -> None:
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"1234"
    assert unpacked(zstd.compress(b"one") + skipped + zstd.compress(b"two") + bytes(9)) == b"onetwo"


@pytest.mark.parametrize("missing", [1, 8])
def test_zstd_that_ends_too_early_is_refused(missing: int) -> None:
    with pytest.raises(LayerUnreadable, match="ends too early"):
        unpacked(zstd.compress(CONTENT)[:-missing])


def test_zstd_that_is_damaged_is_refused() -> None:
    with pytest.raises(LayerUnreadable, match="zstd is damaged"):
        unpacked(zstd.compress(CONTENT) + b"more")


def test_zstd_that_takes_more_memory_than_programs_that_pack_layers_is_refused() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 26})
    with pytest.raises(LayerUnreadable, match="too much memory"):
        unpacked(packer.compress(CONTENT) + packer.flush())


def test_bomb_of_zstd_is_given_up_too_and_comes_in_pieces() -> None:
    given: list[int] = []
    with pytest.raises(LayerUnreadable, match="10 times"):
        given.extend(
            len(piece)
            for piece in unpack([zstd.compress(bytes(9_000_000))], LayerBounds(free_bytes=4_000_000, ratio=10))
        )
    assert max(given) <= 1 << 20


def test_bomb_is_given_up_once_it_has_unpacked_more_than_its_ratio_allows() -> None:
    bomb, given = gzip.compress(bytes(5_000_000)), list[int]()
    with pytest.raises(LayerUnreadable, match="10 times"):
        given.extend(len(piece) for piece in unpack([bomb], LayerBounds(free_bytes=1000, ratio=10)))
    assert sum(given) <= 1000 + 10 * len(bomb)


def test_layer_that_unpacks_to_more_than_it_may_is_given_up() -> None:
    with pytest.raises(LayerUnreadable, match="more than 10,239 bytes"):
        unpacked(CONTENT, bounds=LayerBounds(unpacked_bytes=len(CONTENT) - 1))
    assert unpacked(CONTENT, bounds=LayerBounds(unpacked_bytes=len(CONTENT))) == CONTENT


def test_no_piece_is_larger_than_a_mebibyte_and_none_is_read_before_it_is_needed() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(bytes(8_000_000)) + packer.flush()
    read: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number, start in enumerate(range(0, len(packed), 1000)):
            read.append(number)
            yield packed[start : start + 1000]

    bounds = LayerBounds(ratio=2000)
    iteration = unpack(pieces(), bounds)
    next(iteration)
    assert read == [0]
    assert max(map(len, iteration)) <= 1 << 20
