"""Secrets that programs keep: long and random, so that a fast hash is right for them.

A robot's owner may choose its secret all the same; such a one is hashed like a password.
"""

import hashlib
import hmac
import re
import secrets
import string

from auth.passwords import is_weak

_CHARACTERS = string.ascii_letters + string.digits
_TOKEN = re.compile(r"cove_[A-Za-z0-9]{40}")
_PREFIX = "sha256:"
ROBOT_SECRET_LENGTH = 32


def generate_robot_secret() -> str:
    """32 letters and digits, with some of each kind: what Harbor's rule for secrets asks for."""
    while True:
        secret = _random(ROBOT_SECRET_LENGTH)
        if not is_weak(secret):
            return secret


def generate_token() -> str:
    """A personal access token; its beginning lets people and scanners of code know what it is."""
    return f"cove_{_random(40)}"


def generate_session_secret() -> str:
    """What a browser is known by while it is signed in."""
    return _random(43)


def is_token(text: str) -> bool:
    """Whether a text has the form of a personal access token."""
    return _TOKEN.fullmatch(text) is not None


def hash_secret(secret: str) -> str:
    return _PREFIX + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_fast(stored_hash: str) -> bool:
    """Whether `hash_secret` made the hash, and not a slow function for passwords."""
    return stored_hash.startswith(_PREFIX)


def is_secret(secret: str, stored_hash: str) -> bool:
    """Whether the hash, made by `hash_secret`, is of the secret; in constant time."""
    return hmac.compare_digest(hash_secret(secret), stored_hash)


def _random(length: int) -> str:
    return "".join(secrets.choice(_CHARACTERS) for _ in range(length))
