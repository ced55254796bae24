from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import PageInvalid
from registry.oci.paging import next_link, parse_count


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, 100), ("0", 0), ("1", 1), ("007", 7), ("1000", 1000), ("1001", 1000), ("9" * 18, 1000)],
)
def test_count_has_a_default_and_is_cut_to_the_most(text: str | None, expected: int) -> None:
    assert parse_count(text, default=100, most=1000) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "+5", "1.5", "1e3", "x", "0x10", "1 ", "1\n", "1_0", "\u0663", "\u00b2", "9" * 19, "None"]
)
def test_count_that_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(PageInvalid):
        parse_count(text, default=100, most=1000)


@given(st.text(max_size=25))
def test_no_count_gets_another_error_or_leaves_its_bounds(text: str) -> None:
    try:
        count = parse_count(text, default=100, most=1000)
    except PageInvalid:
        return
    assert 0 <= count <= 1000


def test_link_to_the_next_page_is_relative_to_the_host() -> None:
    assert next_link("/v2/a/b/tags/list", n=10, last="v1.0") == '</v2/a/b/tags/list?n=10&last=v1.0>; rel="next"'


def test_link_leaves_out_what_is_not_asked_for() -> None:
    link = next_link("/v2/a/referrers/sha256:0a", artifactType=None, last="x")
    assert link == '</v2/a/referrers/sha256:0a?last=x>; rel="next"'


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_in_a_query_or_path_escapes_from_the_link(value: str, segment: str) -> None:
    link = next_link("/v2/" + segment, last=value)
    url = link.removeprefix("<").removesuffix('>; rel="next"')
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set('<>" \\')
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == [("last", value)]
