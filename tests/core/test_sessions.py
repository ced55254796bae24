"""Sessions of browsers: how long they last, and what ends them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import pytest

from auth.access import Actor
from registry.core.sessions import Sessions
from registry.errors import NotFound
from storage.metadata import settings, users
from storage.metadata.database import Database
from storage.metadata.users import UserRecord

MINUTE = 60_000


@dataclass
class World:
    database: Database
    user: UserRecord
    now: int = 1_000_000

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.database, clock=lambda: self.now)

    def begin(self, instead_of: str | None = None) -> str:
        return self.sessions.begin(self.user, address="192.0.2.1", agent="browser", instead_of=instead_of)

    def find(self, secret: str, *, renews: bool = True) -> Actor | None:
        return self.sessions.find(secret, renews=renews)


@pytest.fixture
def world(tmp_path: Path, empty_records: Path) -> Iterator[World]:
    copyfile(empty_records, tmp_path / "cove.db")
    with closing(Database.open(tmp_path / "cove.db")) as database:
        with database.write() as tx:
            user = users.add(tx, "ann", "hash", is_admin=False, now=1)
        yield World(database, user)


def test_session_is_found_by_its_secret_and_by_no_other(world: World) -> None:
    secret = world.begin()
    found = world.find(secret)
    assert found is not None
    assert (found.name, found.session_id) == ("ann", 1)
    assert world.find(secret[:-1] + "?") is None


def test_session_lasts_an_hour_from_its_last_use(world: World) -> None:
    secret = world.begin()
    world.now += 59 * MINUTE
    assert world.find(secret)
    world.now += 59 * MINUTE
    assert world.find(secret)
    world.now += 60 * MINUTE
    assert world.find(secret) is None


def test_look_that_does_not_count_does_not_prolong_it(world: World) -> None:
    secret = world.begin()
    world.now += 59 * MINUTE
    assert world.find(secret, renews=False)
    world.now += MINUTE
    assert world.find(secret) is None


def test_how_long_it_lasts_is_a_setting(world: World) -> None:
    with world.database.write() as tx:
        settings.put_all(tx, {"session_timeout": "5"})
    secret = world.begin()
    world.now += 5 * MINUTE
    assert world.find(secret) is None


@pytest.mark.parametrize("change", ["password", "standing", "disabled", "removed"])
def test_account_that_changes_signs_its_browsers_out(world: World, change: str) -> None:
    secret = world.begin()
    with world.database.write() as tx:
        if change == "password":
            users.set_password(tx, world.user.id, "other")
        elif change == "standing":
            users.set_admin(tx, world.user.id, admin=True)
        elif change == "disabled":
            users.set_disabled(tx, world.user.id, disabled=True)
        else:
            users.remove(tx, world.user.id)
    assert world.find(secret) is None


def test_signing_in_again_ends_the_session_before(world: World) -> None:
    old = world.begin()
    new = world.begin(instead_of=old)
    assert world.find(old) is None
    assert world.find(new)


def test_sessions_are_listed_and_ended_by_their_numbers(world: World) -> None:
    first, second = world.begin(), world.begin()
    listed = world.sessions.list_of(world.user.id)
    assert [(each.address, each.agent) for each in listed] == [("192.0.2.1", "browser")] * 2
    actor = world.find(first)
    assert actor is not None
    assert actor.session_id is not None
    with pytest.raises(NotFound):
        world.sessions.revoke(actor, world.user.id + 1, actor.session_id)
    world.sessions.revoke(actor, world.user.id, actor.session_id)
    assert world.find(first) is None
    assert world.find(second)


def test_expired_sessions_leave_nothing_behind(world: World) -> None:
    world.begin()
    world.now += 61 * MINUTE
    world.begin()
    world.now -= 60 * MINUTE
    assert len(world.sessions.list_of(world.user.id)) == 1


def test_database_does_not_have_the_secret(world: World, tmp_path: Path) -> None:
    secret = world.begin()
    world.database.close()
    assert all(secret.encode() not in path.read_bytes() for path in tmp_path.iterdir())
