"""The keys that sign tokens, as they are replaced."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth.tokens import REFRESH_SECONDS, SigningKey
from registry.core.keys import SLACK_SECONDS, Keys
from storage.metadata import signing_keys
from storage.metadata.database import Database
from tests.clocks import Clock

TOKEN_SECONDS = 1800
OVERLAP_MS = (TOKEN_SECONDS + SLACK_SECONDS) * 1000


@pytest.fixture
def clock() -> Clock[int]:
    return Clock(1_800_000_000_000)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def first(database: Database, clock: Clock[int]) -> str:
    """The key of the first start."""
    key = SigningKey.generate()
    with database.write() as tx:
        signing_keys.add(tx, key.kid, key.private_pem, clock.now)
    return key.kid


@pytest.fixture
def keys(database: Database, clock: Clock[int], first: str) -> Keys:
    return Keys(database, token_seconds=TOKEN_SECONDS, refreshable=False, clock=clock)


def current(keys: Keys) -> list[str]:
    return [key.kid for key in keys.current()]


def test_only_key_signs_and_has_no_end(keys: Keys, first: str, clock: Clock[int]) -> None:
    clock.now += 10 * OVERLAP_MS
    [status] = keys.list_all()
    assert (status.id, status.accepted_until) == (first, None)
    assert current(keys) == [first]


def test_new_key_signs_and_the_one_before_is_accepted_for_as_long_as_its_tokens_last(
    keys: Keys, first: str, clock: Clock[int]
) -> None:
    clock.now += 5000
    newest, older = keys.rotate()
    assert newest.accepted_until is None
    assert newest.created_at == clock.now
    assert (older.id, older.accepted_until) == (first, clock.now + OVERLAP_MS)
    assert current(keys) == [newest.id, first]
    clock.now += OVERLAP_MS - 1
    assert current(keys) == [newest.id, first]
    clock.now += 1
    assert current(keys) == [newest.id]


def test_key_that_lapsed_is_listed_until_the_next_rotation_removes_it(
    keys: Keys, first: str, clock: Clock[int]
) -> None:
    second = keys.rotate()[0].id
    clock.now += OVERLAP_MS + 1
    assert [key.id for key in keys.list_all()] == [second, first]
    third = keys.rotate()[0].id
    assert [key.id for key in keys.list_all()] == [third, second]


def test_keys_in_their_overlap_survive_rotations(keys: Keys, first: str) -> None:
    second = keys.rotate()[0].id
    third = keys.rotate()[0].id
    assert current(keys) == [third, second, first]


def test_revoking_removes_every_older_key_at_once(keys: Keys) -> None:
    keys.rotate()
    [only] = keys.rotate(revoke=True)
    assert current(keys) == [only.id]
    assert only.accepted_until is None


def test_refresh_tokens_make_the_overlap_as_long_as_they_last(
    database: Database, clock: Clock[int], first: str
) -> None:
    keys = Keys(database, token_seconds=TOKEN_SECONDS, refreshable=True, clock=clock)
    clock.now += 1
    assert keys.rotate()[1].accepted_until == clock.now + (REFRESH_SECONDS + SLACK_SECONDS) * 1000


def test_key_of_a_machine_whose_clock_is_behind_is_the_newest_all_the_same(keys: Keys, clock: Clock[int]) -> None:
    clock.now -= 3_600_000
    newest = keys.rotate()[0].id
    assert current(keys)[0] == newest


def test_current_keys_are_those_that_were_made(keys: Keys, first: str) -> None:
    [key] = keys.current()
    assert SigningKey.load(key.private_pem).kid == first
