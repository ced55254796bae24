import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.digest import HEX_LENGTHS, Digest, InvalidDigest, new_hasher

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("text", [f"sha256:{EMPTY}", "sha512:" + "0f" * 64])
def test_a_digest_reads_back_as_it_was_written(text: str) -> None:
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        EMPTY,
        f":{EMPTY}",
        f"md5:{'0' * 32}",
        f"sha384:{'0' * 96}",
        f"SHA256:{EMPTY}",
        f"sha256:{EMPTY.upper()}",
        f"sha256:{EMPTY[:-1]}",
        f"sha256:{EMPTY}0",
        f"sha512:{EMPTY}",
        f"sha256:{EMPTY[:-1]}g",
        f"sha256:{EMPTY[:-1]}\n",
        f"sha256:{EMPTY}\n",
        f" sha256:{EMPTY}",
        f"sha256:{EMPTY[:-1]}\N{FULLWIDTH DIGIT FIVE}",
        f"sha256:../{EMPTY[3:]}",
        f"sha256::{EMPTY[1:]}",
        f"sha256+b64:{EMPTY}",
    ],
)
def test_text_that_is_no_canonical_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidDigest, match="is not a sha256 or sha512 digest"):
        Digest.parse(text)


def test_the_refusal_quotes_only_the_beginning_of_an_endless_text() -> None:
    with pytest.raises(InvalidDigest) as refusal:
        Digest.parse("x" * 1_000_000)
    assert len(str(refusal.value)) < 250


@given(st.binary())
def test_the_digest_of_content_is_its_hash_in_both_algorithms(content: bytes) -> None:
    assert str(Digest.of(content)) == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert str(Digest.of(content, "sha512")) == f"sha512:{hashlib.sha512(content).hexdigest()}"


@given(st.text())
def test_whatever_parses_is_written_the_same_way(text: str) -> None:
    try:
        parsed = Digest.parse(text)
    except InvalidDigest:
        return
    assert str(parsed) == text


@pytest.mark.parametrize("algorithm", HEX_LENGTHS)
def test_a_hasher_is_fed_in_pieces_and_its_copy_goes_its_own_way(algorithm: str) -> None:
    hasher = new_hasher(algorithm)
    hasher.update(b"one")
    copy = hasher.copy()
    copy.update(bytearray(b" two"))
    assert Digest(algorithm, hasher.hexdigest()) == Digest.of(b"one", algorithm)
    assert Digest(algorithm, copy.hexdigest()) == Digest.of(b"one two", algorithm)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "SHA256", "", "x" * 10_000])
def test_an_algorithm_outside_the_two_has_no_hasher(algorithm: str) -> None:
    with pytest.raises(InvalidDigest, match="is not a supported digest algorithm") as refusal:
        new_hasher(algorithm)
    assert len(str(refusal.value)) < 120


def test_digests_are_values_that_compare_sort_and_index() -> None:
    low, high = Digest("sha256", "0" * 64), Digest("sha256", "f" * 64)
    assert sorted([high, low]) == [low, high]
    assert {Digest("sha256", "0" * 64): "found"}[low] == "found"
