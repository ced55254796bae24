"""The order in which people read tags."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.metadata.natural import sort_key


@pytest.mark.parametrize(
    "names",
    [
        ["v1.9", "v1.10", "1.11", "v2.0"],
        ["1", "1.0-rc.2", "1.0", "1.0.0", "1.0.1"],
        # Semantic Versioning 2.0.0, section 11.4.
        ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0"],
        ["1.2-alpine3.9", "1.2-alpine3.18", "1.2", "1.2_build.7", "1.2.1"],
        ["build-7", "build-80", "build-900", "latest", "main-2"],
        ["20231231", "20240101", "202401010000", "main"],
    ],
)
def test_names_stand_in_the_order_that_people_expect(names: list[str]) -> None:
    keys = [sort_key(name) for name in names]
    assert all(one < other for one, other in pairwise(keys)), keys


def test_zeros_before_a_number_and_a_v_before_a_version_do_not_count() -> None:
    assert sort_key("v1.02") == sort_key("1.2")
    assert sort_key("v") != sort_key("")


@given(st.integers(0, 10**60), st.integers(0, 10**60))
def test_numbers_of_any_length_are_compared_by_what_they_count(one: int, other: int) -> None:
    keys = sort_key(f"nightly-{one}-x"), sort_key(f"nightly-{other}-x")
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (one < other, one == other)
