"""Signing in with a password, a token or a refresh token."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auth.accounts import Accounts, Throttled
from auth.basic import BadCredentials, Credentials
from auth.passwords import MAX_WAITING, PasswordChecker, TooBusy
from auth.throttle import USUAL
from auth.tokens import BadToken, Grant, SigningKey, TokenIssuer
from storage.metadata import users
from storage.metadata.database import Database
from storage.metadata.users import UserRecord
from tests.clocks import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"
RIGHT = "Correct-horse1"


@dataclass
class Hashes:
    """Stands for argon2: a hash is the password after `hash of `; each check is remembered."""

    checked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, password: str, stored_hash: str) -> bool:
        self.checked.append((password, stored_hash))
        return stored_hash == f"hash of {password}"


@dataclass
class World:
    """Accounts over a database with one user, `dev`, and what the tests turn."""

    database: Database
    accounts: Accounts
    issuer: TokenIssuer
    hashes: Hashes
    clock: Clock[int]
    seconds: list[float]

    @property
    def dev(self) -> UserRecord:
        with self.database.read() as tx:
            found = users.find(tx, "dev")
        assert found
        return found

    def sign_in(self, password: str = RIGHT, *, name: str = "dev", address: str = HERE) -> UserRecord:
        user = self.accounts.sign_in(Credentials(name, password), address).user
        assert user
        return user

    def fail(self, times: int, *, name: str = "dev", address: str = HERE) -> None:
        for _ in range(times):
            with pytest.raises(BadCredentials):
                self.sign_in("wrong", name=name, address=address)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    with database.write() as tx:
        users.add(tx, "dev", f"hash of {RIGHT}", is_admin=False, now=1)
    issuer, hashes, clock, seconds = TokenIssuer([SigningKey.generate()]), Hashes(), Clock(1_000_000_000), [0.0]
    checker = PasswordChecker(cores=1, clock=lambda: seconds[0], verify=hashes)
    yield World(database, Accounts(database, checker, issuer, clock=clock), issuer, hashes, clock, seconds)
    database.close()


# Passwords


def test_right_password_signs_in(world: World) -> None:
    assert world.sign_in() == world.dev


def test_wrong_password_unknown_name_and_disabled_account_are_refused_alike(world: World) -> None:
    with world.database.write() as tx:
        off = users.add(tx, "off", f"hash of {RIGHT}", is_admin=False, now=1)
        users.set_disabled(tx, off.id, disabled=True)
    messages = set()
    for name, password in (("dev", "wrong"), ("nobody", RIGHT), ("off", RIGHT)):
        with pytest.raises(BadCredentials) as refused:
            world.sign_in(password, name=name)
        messages.add(str(refused.value))
    assert len(messages) == 1
    assert len(world.hashes.checked) == 3


def test_name_is_exact(world: World) -> None:
    for name in ("Dev", "dev ", "dev\0", ""):
        with pytest.raises(BadCredentials):
            world.sign_in(name=name)


def test_right_password_is_checked_once_a_minute(world: World) -> None:
    for _ in range(5):
        world.sign_in()
    assert len(world.hashes.checked) == 1
    world.seconds[0] = 61
    world.sign_in()
    assert len(world.hashes.checked) == 2


@pytest.mark.parametrize("change", ["disable", "delete", "password", "recreate"])
def test_remembered_password_does_not_outlive_a_change_of_the_account(world: World, change: str) -> None:
    old = world.sign_in()
    with world.database.write() as tx:
        if change == "disable":
            users.set_disabled(tx, old.id, disabled=True)
        elif change == "password":
            users.set_password(tx, old.id, "hash of another")
        else:
            users.remove(tx, old.id)
        if change == "recreate":
            users.add(tx, "dev", "hash of another", is_admin=False, now=2)
    with pytest.raises(BadCredentials):
        world.sign_in()


def test_too_many_who_wait_are_told_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_WAITING > 0
    monkeypatch.setattr("auth.passwords.MAX_WAITING", -1)
    with pytest.raises(TooBusy):
        world.sign_in()
    monkeypatch.undo()
    assert world.sign_in() == world.dev


# Throttling


@pytest.mark.parametrize("name", ["dev", "nobody"])
def test_guesser_must_wait_and_no_hash_is_spent_on_it(world: World, name: str) -> None:
    world.fail(USUAL.per_account, name=name)
    spent = len(world.hashes.checked)
    with pytest.raises(Throttled) as throttled:
        world.sign_in(name=name)
    assert throttled.value.retry_after == 1
    assert "again in 1 s" in str(throttled.value)
    assert len(world.hashes.checked) == spent


def test_wait_ends_and_the_right_password_signs_in(world: World) -> None:
    world.fail(USUAL.per_account)
    world.clock.now += 999
    with pytest.raises(Throttled) as throttled:
        world.sign_in()
    assert throttled.value.retry_after == 1
    world.clock.now += 1
    assert world.sign_in() == world.dev


def test_failure_after_a_wait_makes_the_next_one_longer(world: World) -> None:
    world.fail(USUAL.per_account)
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        with pytest.raises(Throttled) as throttled:
            world.sign_in()
        assert throttled.value.retry_after == wait
        world.clock.now += wait * 1000
        world.fail(1)


def test_owner_elsewhere_signs_in_meanwhile(world: World) -> None:
    world.fail(USUAL.per_account)
    assert world.sign_in(address=THERE) == world.dev


def test_password_that_was_right_a_moment_ago_is_not_held_up(world: World) -> None:
    world.sign_in()
    world.fail(USUAL.per_account)
    assert world.sign_in() == world.dev
    world.seconds[0] = 61
    with pytest.raises(Throttled):
        world.sign_in()


def test_success_makes_the_account_free_again(world: World) -> None:
    world.fail(USUAL.per_account - 1)
    world.sign_in()
    world.fail(USUAL.per_account)
    with pytest.raises(Throttled):
        world.sign_in("wrong")


# Tokens


def token(world: World, **changed: int) -> str:
    values = {"version": world.dev.credential_version, **changed}
    return world.issuer.issue(str(world.dev.id), access=[Grant("repository", "p/r", ("pull",), 1)], **values)


def test_token_speaks_for_its_account_within_its_grants(world: World) -> None:
    actor = world.accounts.by_token(token(world))
    assert actor.user == world.dev
    assert actor.is_granted("repository", "p/r", "pull", 1)
    assert not actor.is_granted("repository", "p/r", "push", 1)


def test_token_of_nobody_speaks_for_nobody(world: World) -> None:
    actor = world.accounts.by_token(world.issuer.issue("", version=0, access=[]))
    assert (actor.user, actor.grants) == (None, ())


def test_token_is_void_once_its_account_has_changed(world: World) -> None:
    issued = token(world)
    with world.database.write() as tx:
        users.set_password(tx, world.dev.id, f"hash of {RIGHT}")
    with pytest.raises(BadToken, match="has changed since"):
        world.accounts.by_token(issued)


@pytest.mark.parametrize("subject", ["999", "-1", "robot-7", "1.0", "dev"])
def test_token_for_an_account_that_is_not_there_is_void(world: World, subject: str) -> None:
    with pytest.raises(BadToken, match="has changed since"):
        world.accounts.by_token(world.issuer.issue(subject, version=1, access=[]))


def test_token_of_another_version_is_void(world: World) -> None:
    with pytest.raises(BadToken):
        world.accounts.by_token(token(world, version=2))


def test_refresh_token_tells_its_account_and_is_no_access_token(world: World) -> None:
    kept = world.issuer.issue_refresh(str(world.dev.id), version=world.dev.credential_version)
    assert world.accounts.by_refresh_token(kept).user == world.dev
    with pytest.raises(BadToken):
        world.accounts.by_token(kept)
    with pytest.raises(BadToken):
        world.accounts.by_refresh_token(token(world))
    with world.database.write() as tx:
        users.set_disabled(tx, world.dev.id, disabled=True)
    with pytest.raises(BadToken):
        world.accounts.by_refresh_token(kept)


def test_refresh_token_of_nobody_is_none(world: World) -> None:
    with pytest.raises(BadToken, match="belongs to an account"):
        world.accounts.by_refresh_token(world.issuer.issue_refresh("", version=0))
