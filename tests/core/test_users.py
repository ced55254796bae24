"""Accounts, as an administrator manages them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth.passwords import verify_password
from registry.core.users import NAME_LIMIT
from registry.errors import Conflict, Denied, NotFound, RequestInvalid
from storage.metadata.database import Database
from tests.http.serving import Users

PASSWORD = "Correct-horse1"


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    yield Users(database)
    database.close()


def test_created_user_is_active_and_no_administrator(users: Users) -> None:
    user = users.create("dev", PASSWORD)
    assert (user.name, user.is_admin, user.is_disabled) == ("dev", False, False)
    assert users.list() == [user]
    assert verify_password(PASSWORD, user.password_hash)


def test_repr_of_a_user_has_no_hash(users: Users) -> None:
    assert "argon2" not in repr(users.create("dev", PASSWORD))


def test_users_are_listed_in_bytewise_order(users: Users) -> None:
    for name in ("b", "a", "Z", "é"):
        users.create(name, PASSWORD)
    assert [user.name for user in users.list()] == ["Z", "a", "b", "é"]


def test_name_that_is_taken_is_a_conflict(users: Users) -> None:
    users.create("dev", PASSWORD)
    with pytest.raises(Conflict, match="user dev already exists"):
        users.create("dev", PASSWORD)


@pytest.mark.parametrize("name", ["dev", "a b", "Zoë", "a@b.example", "x" * NAME_LIMIT, "o'neil", "用户"])
def test_usual_names_are_taken(users: Users, name: str) -> None:
    assert users.create(name, PASSWORD).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * (NAME_LIMIT + 1),
        "a:b",
        "robot$ci",
        "a#b",
        "a%b",
        "a~b",
        "a,b",
        'a"b',
        " a",
        "a ",
        "a\nb",
        "a\0b",
        "\u202ea",
    ],
)
def test_name_outside_the_rule_is_refused(users: Users, name: str) -> None:
    with pytest.raises(RequestInvalid, match="is not a user name"):
        users.create(name, PASSWORD)
    assert users.list() == []


@pytest.mark.parametrize(
    "password", ["", "Short1", "nouppercase1", "NOLOWERCASE1", "NoNumber", "Aa1" * 50, "Aa1\0xxxx"]
)
def test_weak_password_is_refused_without_being_repeated(users: Users, password: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        users.create("dev", password)
    assert not password or password not in refused.value.message
    assert users.list() == []


def test_weak_password_does_not_replace_a_good_one(users: Users) -> None:
    before = users.create("dev", PASSWORD)
    with pytest.raises(RequestInvalid):
        users.set_password("dev", "weak")
    assert users.list() == [before]


def test_every_change_of_standing_makes_a_new_version(users: Users) -> None:
    versions = [
        users.create("dev", PASSWORD).credential_version,
        users.set_password("dev", PASSWORD + "2").credential_version,
        users.disable("dev").credential_version,
        users.enable("dev").credential_version,
    ]
    assert versions == sorted(set(versions))


def test_disabled_user_is_enabled_again(users: Users) -> None:
    users.create("dev", PASSWORD)
    assert users.disable("dev").is_disabled
    assert not users.enable("dev").is_disabled


def test_user_of_an_old_name_gets_a_new_id(users: Users) -> None:
    users.create("first", PASSWORD)
    old = users.create("dev", PASSWORD)
    assert users.delete("dev") == old
    assert users.create("dev", PASSWORD).id != old.id


def test_last_active_administrator_can_be_neither_disabled_nor_deleted(users: Users) -> None:
    users.create("admin", PASSWORD, admin=True)
    users.create("dev", PASSWORD)
    for change in (users.disable, users.delete):
        with pytest.raises(Denied, match="last active administrator"):
            change("admin")
    users.create("second", PASSWORD, admin=True)
    users.disable("admin")
    for change in (users.disable, users.delete):
        with pytest.raises(Denied):
            change("second")
    users.enable("admin")
    users.delete("second")
    assert [user.name for user in users.list()] == ["admin", "dev"]


def test_disabled_administrator_can_be_deleted(users: Users) -> None:
    users.create("admin", PASSWORD, admin=True)
    users.create("second", PASSWORD, admin=True)
    users.disable("second")
    users.delete("second")
    assert [user.name for user in users.list()] == ["admin"]


def test_first_account_cannot_be_deleted_though_another_is_an_administrator(users: Users) -> None:
    users.create("admin", PASSWORD, admin=True)
    users.create("second", PASSWORD, admin=True)
    with pytest.raises(Denied, match="the first administrator's account"):
        users.delete("admin")


@pytest.mark.parametrize("change", ["disable", "enable", "delete"])
def test_user_that_does_not_exist_is_named(users: Users, change: str) -> None:
    with pytest.raises(NotFound, match="user nobody not found"):
        getattr(users, change)("nobody")


def test_password_of_a_user_that_does_not_exist_is_not_set(users: Users) -> None:
    with pytest.raises(NotFound):
        users.set_password("nobody", PASSWORD)
