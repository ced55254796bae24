import json
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import ManifestInvalid
from registry.oci.documents import parse_object

SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
)
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab\\"{}[],é'), inner))
OBJECT = st.dictionaries(st.text('ab\\"{}[],é'), VALUE, max_size=5)


def nested(levels: int) -> bytes:
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


@settings(max_examples=30)
@given(OBJECT, st.booleans())
def test_document_that_json_can_write_is_read_as_it_was(document: dict[str, object], ascii_only: bool) -> None:
    assert parse_object(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"x",
        b"null",
        b"[]",
        b'"a"',
        b"1",
        b"{",
        b'{"a":1}x',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":"\x01"}',
        b'{"a":"\n"}',
        b'{"a":1}\x00',
        b'\\"[',
    ],
)
def test_text_that_is_not_one_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse_object(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32-be"),
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xed\xa0\x80"}',
    ],
)
def test_encoding_other_than_plain_utf8_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse_object(content)


@pytest.mark.parametrize(
    "content",
    [b'{"layers":[],"layers":[1]}', b'{"a":{"b":1,"b":1}}', b'{"a":[{"b":1,"\\u0062":2}]}', b'{"":0,"":0}'],
)
def test_key_named_twice_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="twice"):
        parse_object(content)


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e9999",
        "-1e9999",
        "9007199254740993",
        "-9007199254740993",
        "1" * 5000,
        "9" * 400 + ".0",
    ],
)
def test_number_that_readers_disagree_about_is_refused(number: str) -> None:
    with pytest.raises(ManifestInvalid):
        parse_object(f'{{"a":[{number}]}}'.encode())


@pytest.mark.parametrize("number", [0, 2**53, -(2**53), 1.5, 1e300])
def test_other_numbers_are_read(number: float) -> None:
    assert parse_object(json.dumps({"a": number}).encode()) == {"a": number}


@pytest.mark.parametrize(
    "escape",
    [
        r"\u0000",
        r"\ud800",
        r"\udc00",
        r"\uDFFF",
        r"\ud83d\ud83d\ude00",
        r"\ud83d\ude00\ude00",
        r"\ude00\ud83d",
        r"\ud83dx\ude00",
        r"\ud83d\\\ude00",
        r"\ud83d\n\ude00",
        r"\\\u0000",
        r"\"\u0000",
    ],
)
def test_nul_and_half_a_surrogate_pair_are_refused_in_values_and_keys(escape: str) -> None:
    for content in (f'{{"a":["{escape}"]}}', f'{{"{escape}":1}}'):
        with pytest.raises(ManifestInvalid, match="NUL"):
            parse_object(content.encode())


@pytest.mark.parametrize(
    ("escape", "text"),
    [
        (r"\ud83d\ude00", "😀"),
        (r"\uD83D\uDE00\ud83d\ude00", "😀😀"),
        (r"\\u0000", "\\u0000"),
        (r"\\\\ud800", "\\\\ud800"),
        (r"\u00e9\ue000", "é\ue000"),
    ],
)
def test_other_escapes_are_read(escape: str, text: str) -> None:
    assert parse_object(f'{{"a":"{escape}"}}'.encode()) == {"a": text}


def test_nesting_goes_64_levels_deep() -> None:
    assert "a" in parse_object(nested(64))


@pytest.mark.parametrize(
    "content", [nested(65), nested(1000), nested(100_000), b'{"a":' * 70 + b"1" + b"}" * 70, b"[" * 90_000]
)
def test_deeper_nesting_is_refused_whatever_the_interpreter_would_bear(content: bytes) -> None:
    with pytest.raises(ManifestInvalid, match="deeper"):
        parse_object(content)


def test_brackets_in_strings_do_not_nest() -> None:
    text = '[{"\\' * 1000
    assert parse_object(json.dumps({text: text}).encode()) == {text: text}


def test_brackets_behind_escaped_quotes_and_backslashes_are_still_seen() -> None:
    with pytest.raises(ManifestInvalid, match="deeper"):
        parse_object(b'{"\\\\":"\\"\\\\","b":' + b"[" * 64 + b"]" * 64 + b"}")


@pytest.mark.parametrize(
    "build",
    [
        lambda count: b'{"a":[' + b"{}," * (count - 3) + b"{}]}",
        lambda count: b'{"a":[' + b"0," * (count * 2) + b"0]}",
        lambda count: b"{" + b",".join(b'"%x":""' % key for key in range(count + 1)) + b"}",
        lambda count: b'{"a":[' + b'"",' * (count * 2) + b'""]}',
    ],
)
def test_more_values_than_any_manifest_has_are_refused(build: Callable[[int], bytes]) -> None:
    with pytest.raises(ManifestInvalid, match="262,144 values"):
        parse_object(build(262_144))


@pytest.mark.parametrize("value", [b"{}", b'""'])
def test_document_of_nothing_but_tiny_values_is_refused_before_it_takes_memory(value: bytes) -> None:
    content = b'{"a":[' + (value + b",") * 1_390_000 + value + b"]}"
    tracemalloc.start()
    try:
        with pytest.raises(ManifestInvalid):
            parse_object(content)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(content)
    finally:
        tracemalloc.stop()


def test_as_many_values_as_the_limit_are_read() -> None:
    document = parse_object(b'{"a":[' + b"0," * (262_144 - 3) + b"0]}")
    assert document == {"a": [0] * (262_144 - 2)}
    pairs = {f"{key:x}": "" for key in range(262_143)}
    assert parse_object(json.dumps(pairs).encode()) == pairs


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0d8c1e-+.NaI \n', max_size=60).map(str.encode))
def test_no_bytes_get_another_error_out_of_a_document(content: bytes) -> None:
    try:
        document = parse_object(content)
    except ManifestInvalid:
        return
    assert document == json.loads(content)
