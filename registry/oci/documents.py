"""Strict JSON for documents that strangers push.

The standard library's parser is used because it shows duplicate keys, to a hook. The other hooks and a scan beforehand
refuse what two readers could understand differently (RFC 8259, sections 4, 6, 7 and 8), and what would take far more
memory than it has bytes.
"""

import json
import math
import re
from itertools import accumulate

from registry.errors import ManifestInvalid
from registry.oci.bounds import DEPTH

INTEGER_LIMIT = 2**53  # beyond it, readers that use doubles see another number
VALUES_LIMIT = 262_144  # a manifest of 16,384 descriptors has half as many; without a limit 4 MiB of `{}` take 100 MB

# Outside of strings only these count: +1 and -1 as signed bytes for brackets, zero for what separates values.
_STEPS = bytes.maketrans(b"[{]},", b"\x01\x01\xff\xff\x00")
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[{]},")

# Applied when escaped backslashes are gone: NUL, and halves of surrogate pairs that stand alone.
_BAD_ESCAPE = re.compile(
    r"\\u(?:0000|d[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2}\\u)d[c-f])", re.ASCII | re.IGNORECASE
)


def parse_object(content: bytes, *, depth: int = DEPTH) -> dict[str, object]:
    """The JSON object that `content` is, in UTF-8 without a byte order mark.

    Raises `ManifestInvalid` for anything else, duplicate keys, NaN and infinities, integers beyond 2^53, lone
    surrogates, NUL characters, nesting beyond `depth` levels and more than 262,144 values.
    """
    _must_be_moderate(content, depth)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ManifestInvalid(f"the document is not UTF-8: byte {error.start} cannot be decoded") from None
    _must_have_sound_escapes(text)
    return _parse(text)


def _must_be_moderate(content: bytes, depth: int) -> None:
    """Bound depth and number of values before anything is built; what is not JSON is left to the parser.

    Backslashes stand only in strings, so without escapes every second part between quotes is outside of strings.
    """
    plain = content.replace(rb"\\", b"").replace(rb"\"", b"")
    _must_count(plain.count(b'"') // 4)  # a key and a string
    steps = b"".join(plain.split(b'"')[::2]).translate(_STEPS, _OTHERS)
    _must_count(len(steps) - steps.count(b"\xff"))
    if max(accumulate(memoryview(steps).cast("b")), default=0) > depth:
        raise ManifestInvalid(f"the document is nested deeper than {depth} levels")


def _must_count(values: int) -> None:
    if values > VALUES_LIMIT:
        raise ManifestInvalid(f"the document has more than {VALUES_LIMIT:,} values")


def _must_have_sound_escapes(text: str) -> None:
    if "\\u" in text and _BAD_ESCAPE.search(text.replace(r"\\", "  ")):
        raise ManifestInvalid("the document has a NUL character or half of a surrogate pair in a string")


def _parse(text: str) -> dict[str, object]:
    try:
        document: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ManifestInvalid(f"the document is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ManifestInvalid("the document is not a JSON object")
    return document


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ManifestInvalid("the document names a key twice in one object")
    return found


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= 17 else INTEGER_LIMIT + 1
    if abs(number) > INTEGER_LIMIT:
        raise ManifestInvalid(f"the document has an integer beyond 2^53: {digits[:40]}")
    return number


def _real(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ManifestInvalid(f"the document has a number that is too large: {digits[:40]}")
    return number


def _constant(name: str) -> object:
    raise ManifestInvalid(f"the document has {name}, which is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant)
