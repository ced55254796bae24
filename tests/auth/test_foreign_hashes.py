"""Hashes that other programs made: which are taken, and how they are checked."""

import bcrypt
import pytest

from auth.passwords import BCRYPT_BYTES, ForeignHash, check_foreign_hash, hash_password, is_outdated, verify_password

RIGHT = "pässword"
SALT = b"$2b$04$" + b"O" * 22  # one that stays: the hashes name tests
HASH = bcrypt.hashpw(RIGHT.encode(), SALT).decode()


@pytest.mark.parametrize("name", ["2a", "2b", "2y"])
def test_every_name_of_bcrypt_is_taken_and_checked(name: str) -> None:
    stored = f"${name}{HASH[3:]}"
    check_foreign_hash(stored)
    assert is_outdated(stored)
    assert verify_password(RIGHT, stored)
    assert not verify_password("password", stored)


def test_own_hash_is_not_outdated() -> None:
    assert not is_outdated(hash_password("Correct1horse"))


def test_password_of_as_many_bytes_as_bcrypt_looks_at_is_right_and_a_longer_one_is_wrong() -> None:
    longest = "é" * (BCRYPT_BYTES // 2)
    stored = bcrypt.hashpw(longest.encode(), SALT).decode()
    assert verify_password(longest, stored)
    assert not verify_password(f"{longest}x", stored)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not bcrypt's"),
        ("$apr1$GEGSIHRu$E9e3uL2LlwgnqjEs7SHyT0", "not bcrypt's"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "not bcrypt's"),
        ("$5$salt$hash", "not bcrypt's"),
        ("rqXexS6ZhobKA", "not bcrypt's"),
        ("plain", "not bcrypt's"),
        ("$2x$" + HASH[4:], "not bcrypt's"),
        (HASH[:-1], "not bcrypt's"),
        (HASH + ".", "not bcrypt's"),
        (HASH + "\n", "not bcrypt's"),
        ("$2y$03$" + HASH[7:], "a cost of 3:"),
        ("$2y$15$" + HASH[7:], "a cost of 15:"),
        ("$2y$04$" + "a" * 22 + HASH[29:], "damaged"),
    ],
)
def test_other_hash_is_refused_and_not_repeated(text: str, reason: str) -> None:
    with pytest.raises(ForeignHash, match=reason) as refused:
        check_foreign_hash(text)
    assert not text or text not in str(refused.value)
