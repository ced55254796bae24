import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.errors import BlobUploadInvalid, RangeNotSatisfiable
from registry.oci.ranges import Slice, parse_content_range, parse_range

POSITION = st.none() | st.integers(0, 30)
PAIR = st.tuples(POSITION, POSITION).filter(lambda pair: pair != (None, None))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-", [(0, 2999)]),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=500-1499", [(500, 1499)]),
        ("bytes=500-", [(500, 2999)]),
        ("bytes=-500", [(2500, 2999)]),
        ("bytes=-5000", [(0, 2999)]),
        ("bytes=2000-5000", [(2000, 2999)]),
        ("bytes=2999-99999999999999999999", [(2999, 2999)]),
        ("Bytes=0-1", [(0, 1)]),
        ("bytes=0-1,3-4", [(0, 1), (3, 4)]),
        ("bytes=10-11, 0-1 ,\t5-6", [(10, 11), (0, 1), (5, 6)]),
        ("bytes=0-1,1-2,2-2", [(0, 1), (1, 2), (2, 2)]),
        ("bytes=0-0,-1", [(0, 0), (2999, 2999)]),
        ("bytes=,0-1,,", [(0, 1)]),
    ],
)
def test_ranges_are_taken_in_the_order_asked_and_clipped_to_the_content(
    header: str, expected: list[tuple[int, int]]
) -> None:
    assert parse_range(header, 3000) == expected


@pytest.mark.parametrize("header", ["bytes=3000-", "bytes=5000-10000", "bytes=500-0", "bytes=-0", "bytes=3000-,4000-"])
def test_range_without_a_byte_of_the_content_is_refused_and_tells_the_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, 3000)
    assert caught.value.headers == {"Content-Range": "bytes */3000"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-1;2-3",
        "bytes=0--1",
        "bytes=--1",
        "bytes=+0-1",
        "bytes=0 - 1",
        "bytes=0x0-1",
        "bytes=\u0661-\u0662",
        "bytes=1.0-2",
        "bytes=0-1,x",
        "bytes 0-1",
        "bytes =0-1",
        "items=0-1",
        "bytes=0-1=",
        "bytes=0-" + "9" * 5000,
    ],
)
def test_header_that_is_no_byte_range_is_ignored(header: str | None) -> None:
    assert parse_range(header, 3000) is None


@pytest.mark.parametrize("header", ["bytes=0-1,3000-", "bytes=0-1,5-2", "bytes=-0,0-1"])
def test_set_with_a_part_that_does_not_exist_gets_the_whole(header: str) -> None:
    assert parse_range(header, 3000) is None


@pytest.mark.parametrize("header", ["bytes=0-,0-0", "bytes=0-1999,1000-2999", "bytes=0-,0-,0-"])
def test_set_larger_than_the_content_gets_the_whole(header: str) -> None:
    assert parse_range(header, 3000) is None


def test_adjacent_ranges_that_cover_the_content_stay_apart() -> None:
    assert parse_range("bytes=0-1499,1500-2999", 3000) == [(0, 1499), (1500, 2999)]


def test_empty_content_is_sent_whole_whatever_the_range() -> None:
    assert parse_range("bytes=0-", 0) is None


def test_1024_ranges_are_answered_and_one_more_is_not() -> None:
    ranges = [f"{position}-{position}" for position in range(1025)]
    assert parse_range("bytes=" + ",".join(ranges[:1024]), 3000) == [(place, place) for place in range(1024)]
    assert parse_range("bytes=" + ",".join(ranges), 3000) is None
    assert parse_range("bytes=" + ",".join(["0-"] * 5000), 3000) is None


def test_slice_knows_its_length() -> None:
    assert Slice(5, 5).length == 1
    assert Slice(0, 2999).length == 3000


def selected(first: int | None, last: int | None, size: int) -> list[int]:
    """The positions a range selects, one by one."""
    if first is None:
        return list(range(size))[-(last or 0) :] if last else []
    return [place for place in range(size) if first <= place and (last is None or place <= last)]


@given(st.integers(1, 20), st.lists(PAIR))
def test_ranges_select_what_a_naive_model_selects(size: int, pairs: list[tuple[int | None, int | None]]) -> None:
    specs = ["-".join("" if place is None else str(place) for place in pair) for pair in pairs]
    wanted = [selected(first, last, size) for first, last in pairs]
    if wanted and not any(wanted):
        with pytest.raises(RangeNotSatisfiable):
            parse_range("bytes=" + ",".join(specs), size)
        return
    found = parse_range("bytes=" + ",".join(specs), size)
    if not wanted or not all(wanted) or sum(map(len, wanted)) > size:
        assert found is None
    else:
        assert [list(range(part.start, part.end + 1)) for part in found or []] == wanted


@given(
    st.text("bytes=0123456789-, x\t", max_size=30).map(lambda text: "bytes=" + text) | st.text(max_size=30),
    st.integers(0, 50),
)
def test_no_header_gets_another_error_or_a_byte_outside_the_content(header: str, size: int) -> None:
    try:
        slices = parse_range(header, size) or []
    except RangeNotSatisfiable:
        return
    assert all(0 <= part.start <= part.end < size for part in slices)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("0-0", (0, 0)),
        ("0-9", (0, 9)),
        ("10-1048575", (10, 1048575)),
        ("bytes 0-9/*", (0, 9)),
        ("bytes 0-9/10", (0, 9)),
        ("bytes=0-9", (0, 9)),
        ("bytes 5-9", (5, 9)),
        ("0-9/*", (0, 9)),
        ("0-999999999999999999", (0, 999999999999999999)),
    ],
)
def test_chunk_range_has_the_forms_that_clients_send(header: str | None, expected: tuple[int, int] | None) -> None:
    assert parse_content_range(header) == expected


@pytest.mark.parametrize(("header", "expected"), [("0--1", (0, -1)), ("10-9", (10, 9)), ("bytes 10-9/10", (10, 9))])
def test_empty_chunk_ends_one_before_it_starts(header: str, expected: tuple[int, int]) -> None:
    assert parse_content_range(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "-",
        "0-",
        "-9",
        "9-7",
        "1--1",
        "0--2",
        "a-b",
        "0-9\n",
        " 0-9",
        "+0-9",
        "0 - 9",
        "\u0660-\u0669",
        "bytes  0-9",
        "items 0-9/*",
        "bytes */10",
        "bytes 0-9/",
        "bytes 0-9/9",
        "bytes 0-9/x",
        "0-9,10-19",
        "0-1000000000000000000",
        "0-" + "9" * 5000,
    ],
)
def test_other_chunk_range_is_refused(header: str) -> None:
    with pytest.raises(BlobUploadInvalid):
        parse_content_range(header)


@given(st.text(max_size=20) | st.text("bytes =-0123456789/*", max_size=20))
@example("bytes 0-0/1")
def test_no_chunk_range_gets_another_error_or_a_negative_length(header: str) -> None:
    try:
        found = parse_content_range(header)
    except BlobUploadInvalid:
        return
    assert found is not None
    assert found[1] - found[0] + 1 >= 0
    assert re.search(r"\d", header)
