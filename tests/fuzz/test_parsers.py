"""Whatever strangers send, each parser takes it or raises what it documents, in a time that its length bounds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutants import CORPUS, mutants, seeds
from tests.fuzz.targets import TARGETS
from tests.torture.amounts import FULL, some

EACH = pytest.mark.parametrize("target", TARGETS)
LONG = 50_000


@EACH
def test_inputs_of_the_corpus_are_taken_or_refused_as_documented(target: str) -> None:
    taken = [TARGETS[target](content) for content in seeds(target)]
    assert any(taken) != (target == "token"), "the corpus has something that is taken, unless nothing can be"


@EACH
@settings(max_examples=some(100, 20_000), derandomize=not FULL, database=None)
@given(data=st.data())
def test_anything_near_the_corpus_is_taken_or_refused_as_documented(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(mutants(target)))


@pytest.mark.timeout(60)
@EACH
def test_long_inputs_take_no_longer_than_their_length_explains(target: str) -> None:
    """A pattern that backtracks would take years for these."""
    for content in seeds(target):
        for long in (
            content * (LONG // max(len(content), 1)),
            content + content[-1:] * LONG,
            content[:1] * LONG + content,
        ):
            TARGETS[target](long[:LONG])


def test_every_corpus_belongs_to_a_target() -> None:
    assert {path.stem for path in CORPUS.glob("*.jsonl")} == {*TARGETS, "connection"}
