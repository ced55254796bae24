"""Inputs that are nearly those of the corpus: pieces removed, repeated, replaced, or taken from another input."""

import json
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).with_name("corpus")
Edit = tuple[str, int, int, bytes]

# Bytes that mean something to somebody.
_SINGLE = [bytes([byte]) for byte in b'\0\n\t ,:/%"\\=-{[]}0\xff']
_TELLING = st.sampled_from(
    [*_SINGLE, b"\r\n", b"..", b"\xc3\xa9", b"\xf0\x9f\x98\x80", b"-1", b"9" * 20, b"null", b"\\u0000", b"\\ud800"]
)
_EDITS = st.tuples(
    st.sampled_from(["cut", "repeat", "insert", "replace"]),
    st.integers(0, 500),
    st.integers(1, 40),
    _TELLING | st.binary(min_size=1, max_size=4),
)


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    lines = (CORPUS / f"{target}.jsonl").read_text().splitlines()
    return tuple(json.loads(line).encode("latin-1") for line in lines)


def mutants(target: str) -> st.SearchStrategy[bytes]:
    """Nearly what the corpus of the target has, and now and then anything at all."""
    seed = st.sampled_from(seeds(target))
    crossed = st.tuples(seed, seed, st.integers(0, 500)).map(lambda two: two[0][: two[2]] + two[1][two[2] :])
    return st.tuples(seed | crossed, st.lists(_EDITS, max_size=5)).map(_edited) | st.binary(max_size=100)


def _edited(given: tuple[bytes, list[Edit]]) -> bytes:
    content, edits = given
    for edit in edits:
        content = _apply(content, edit)
    return content


def _apply(content: bytes, edit: Edit) -> bytes:
    kind, position, length, inserted = edit
    start = position % (len(content) + 1)
    before, piece, after = content[:start], content[start : start + length], content[start + length :]
    match kind:
        case "cut":
            return before + after
        case "repeat":
            return before + piece * 3 + after
        case "insert":
            return before + inserted + piece + after
    return before + inserted + after
