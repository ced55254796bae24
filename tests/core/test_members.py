"""Memberships."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth.roles import Role
from registry.core.projects import Projects
from registry.errors import Conflict, NotFound
from storage.disk import DiskStore
from storage.metadata.database import Database
from tests.http.serving import Members, Users


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With the project `team`, and with dev and ann, who are no members yet."""
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    Projects(database, DiskStore(tmp_path / "blobs")).create("team")
    for name in ("admin", "dev", "ann"):
        Users(database).create(name, "Correct-horse1")
    yield database
    database.close()


@pytest.fixture
def members(database: Database, tmp_path: Path) -> Members:
    return Members(database, Projects(database, DiskStore(tmp_path / "blobs")))


def test_members_are_listed_by_name(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    members.add("team", "ann", Role.GUEST)
    assert members.list("team") == [("ann", Role.GUEST), ("dev", Role.DEVELOPER)]


def test_member_is_not_added_again(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    with pytest.raises(Conflict, match="already exist: dev"):
        members.add("team", "dev", Role.PROJECT_ADMIN)
    assert members.list("team") == [("dev", Role.DEVELOPER)]


def test_member_has_one_role_the_last_that_was_given(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    members.set_role("team", "dev", Role.MAINTAINER)
    assert members.list("team") == [("dev", Role.MAINTAINER)]


def test_removed_member_is_none_and_can_be_added_again(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    members.remove("team", "dev")
    assert members.list("team") == []
    members.add("team", "dev", Role.GUEST)


def test_who_is_no_member_can_be_neither_changed_nor_removed(members: Members) -> None:
    with pytest.raises(NotFound, match="project member dev not found"):
        members.set_role("team", "dev", Role.GUEST)
    with pytest.raises(NotFound, match="project member dev not found"):
        members.remove("team", "dev")


@pytest.mark.parametrize(
    ("project", "user", "words"), [("none", "dev", "project 'none'"), ("team", "nobody", "user nobody|member nobody")]
)
def test_unknown_project_or_user_is_named(members: Members, project: str, user: str, words: str) -> None:
    for change in (members.add, members.set_role):
        with pytest.raises(NotFound, match=words):
            change(project, user, Role.GUEST)
    with pytest.raises(NotFound, match=words):
        members.remove(project, user)


def test_members_of_an_unknown_project_are_not_listed(members: Members) -> None:
    with pytest.raises(NotFound):
        members.list("none")


def test_deleted_user_is_no_member_any_more(members: Members, database: Database) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    Users(database).delete("dev")
    assert members.list("team") == []
