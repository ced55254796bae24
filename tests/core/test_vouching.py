"""When the system that somebody comes from is asked for them, and what its answer means."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from registry.core.vouching import EVERY_MS, LONGEST_SILENCE_MS, Vouching
from registry.errors import Unauthorized, Unavailable
from storage.metadata import users, vouchings
from storage.metadata.database import Database
from storage.metadata.users import UserRecord
from storage.metadata.vouchings import VouchingRecord

START = 1_000_000_000_000


@dataclass
class System:
    """One that people come from, and that is asked or not, answers or not."""

    is_in_use: bool = True
    answer: Callable[[], None] = lambda: None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def is_asked(self, _tx: object) -> bool:
        return self.is_in_use

    def confirm(self, user: UserRecord, *token: str) -> None:
        self.asked.append((user.name, *token))
        self.answer()


@dataclass
class World:
    database: Database
    ldap: System
    oidc: System
    now: int = START

    def vouching(self) -> Vouching:
        return Vouching(self.database, cast("Any", self.ldap), cast("Any", self.oidc), clock=lambda: self.now)

    def user(self, source: str = "ldap", *, token: str = "") -> UserRecord:
        with self.database.write() as tx:
            made = users.add(tx, "ann", "", is_admin=False, now=START, source=source, external_id="x")
            vouchings.put_record(tx, VouchingRecord(made.id, START, START, provider_token=token))
            return made

    def record(self, user: UserRecord) -> VouchingRecord:
        with self.database.read() as tx:
            found = vouchings.find(tx, user.id)
        assert found
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(Database.open(tmp_path / "cove.db")) as database:
        database.migrate()
        yield World(database, System(), System())


def refuse() -> None:
    raise Unauthorized("gone")


def be_silent() -> None:
    raise Unavailable("no answer")


def test_system_is_asked_once_an_hour(world: World) -> None:
    user = world.user()
    assert world.vouching().renewed(user) == user
    world.now += EVERY_MS - 1
    assert world.vouching().renewed(user) == user
    assert world.ldap.asked == []
    world.now += 1
    assert [world.vouching().renewed(user) for _ in range(3)] == [user] * 3
    assert world.ldap.asked == [("ann",)]


def test_who_is_gone_is_refused_until_the_next_answer(world: World) -> None:
    user, world.ldap.answer = world.user(), refuse
    world.now += EVERY_MS
    assert [world.vouching().renewed(user) for _ in range(3)] == [None] * 3
    assert len(world.ldap.asked) == 1
    assert world.record(user).is_gone
    world.now, world.ldap.answer = world.now + EVERY_MS, lambda: None
    assert world.vouching().renewed(user) == user


def test_silence_changes_nothing_for_a_day_and_is_asked_about_again_soon(world: World) -> None:
    user, world.ldap.answer = world.user(), be_silent
    world.now += EVERY_MS
    assert [world.vouching().renewed(user) for _ in range(2)] == [user] * 2
    world.now += EVERY_MS // 10
    assert world.vouching().renewed(user) == user
    assert len(world.ldap.asked) == 2
    world.now = START + LONGEST_SILENCE_MS
    with pytest.raises(Unavailable):
        world.vouching().renewed(user)


def test_after_a_day_of_silence_nobody_is_let_in_also_between_two_questions(world: World) -> None:
    user, world.ldap.answer = world.user(), be_silent
    world.now = START + LONGEST_SILENCE_MS
    for _ in range(3):
        with pytest.raises(Unavailable):
            world.vouching().renewed(user)
    assert len(world.ldap.asked) == 1


def test_who_comes_back_after_days_is_not_refused_while_the_system_is_asked(world: World) -> None:
    user = world.user()
    inner: list[UserRecord | None] = []

    def look() -> None:
        inner.append(world.vouching().renewed(user))

    world.now, world.ldap.answer = START + 2 * LONGEST_SILENCE_MS, look
    assert world.vouching().renewed(user) == user
    assert inner == [user]


def test_silence_brings_nobody_back(world: World) -> None:
    user, world.ldap.answer = world.user(), refuse
    world.now += EVERY_MS
    assert world.vouching().renewed(user) is None
    world.now, world.ldap.answer = world.now + EVERY_MS, be_silent
    assert world.vouching().renewed(user) is None


def test_one_asks_at_a_time(world: World) -> None:
    """Whoever comes meanwhile goes on: some providers take a token only once."""
    user, inner = world.user("oidc", token="t"), []

    def look() -> None:
        inner.append(world.vouching().renewed(user))

    world.now, world.oidc.answer = world.now + EVERY_MS, look
    assert world.vouching().renewed(user) == user
    assert (inner, world.oidc.asked) == ([user], [("ann", "t")])


def test_provider_that_gave_nothing_to_ask_with_is_not_asked(world: World) -> None:
    user = world.user("oidc")
    world.now += EVERY_MS
    assert world.vouching().renewed(user) == user
    assert world.oidc.asked == []


@pytest.mark.parametrize("source", ["ldap", "oidc"])
def test_system_that_is_not_in_use_is_not_asked(world: World, source: str) -> None:
    user = world.user(source, token="t")
    world.ldap.is_in_use = world.oidc.is_in_use = False
    world.now += EVERY_MS
    assert world.vouching().renewed(user) == user
    assert (world.ldap.asked, world.oidc.asked) == ([], [])


def test_who_is_gone_does_not_come_back_when_the_system_is_in_use_no_more(world: World) -> None:
    user, world.ldap.answer = world.user(), refuse
    world.now += EVERY_MS
    assert world.vouching().renewed(user) is None
    world.ldap.is_in_use = False
    assert world.vouching().renewed(user) is None


def test_account_of_which_nothing_is_noted_is_as_it_was(world: World) -> None:
    with world.database.write() as tx:
        user = users.add(tx, "ann", "", is_admin=False, now=START, source="ldap", external_id="x")
    assert world.vouching().renewed(user) == user


def test_token_to_ask_with_is_not_shown() -> None:
    assert "secret" not in repr(replace(VouchingRecord(1, 1, 1), provider_token="secret"))
