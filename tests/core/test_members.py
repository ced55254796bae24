"""Memberships."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth.roles import Role
from registry.core.members import Members
from registry.core.projects import Projects
from registry.core.users import Users
from registry.errors import Conflict, NotFound
from storage.disk import DiskStore
from storage.metadata.database import Database
from storage.metadata.members import MemberRecord


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With the project `team`, and with dev and ann, who are no members yet."""
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    Projects(database, DiskStore(tmp_path / "blobs")).create("team")
    for name in ("dev", "ann"):
        Users(database).create(name, "Correct-horse1")
    yield database
    database.close()


@pytest.fixture
def members(database: Database) -> Members:
    return Members(database)


def test_members_are_listed_by_name(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    assert members.add("team", "ann", Role.GUEST) == MemberRecord("ann", Role.GUEST)
    assert members.list("team") == [MemberRecord("ann", Role.GUEST), MemberRecord("dev", Role.DEVELOPER)]


def test_member_is_not_added_again(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    with pytest.raises(Conflict, match="user 'dev' is a member of project 'team' already"):
        members.add("team", "dev", Role.PROJECT_ADMIN)
    assert members.list("team") == [MemberRecord("dev", Role.DEVELOPER)]


def test_member_has_one_role_the_last_that_was_given(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    members.set_role("team", "dev", Role.MAINTAINER)
    assert members.list("team") == [MemberRecord("dev", Role.MAINTAINER)]


def test_removed_member_is_none_and_can_be_added_again(members: Members) -> None:
    members.add("team", "dev", Role.DEVELOPER)
    assert members.remove("team", "dev") == MemberRecord("dev", Role.DEVELOPER)
    assert members.list("team") == []
    members.add("team", "dev", Role.GUEST)


def test_who_is_no_member_can_be_neither_changed_nor_removed(members: Members) -> None:
    with pytest.raises(NotFound, match="user 'dev' is not a member of project 'team'"):
        members.set_role("team", "dev", Role.GUEST)
    with pytest.raises(NotFound, match="user 'dev' is not a member of project 'team'"):
        members.remove("team", "dev")


@pytest.mark.parametrize(
    ("project", "user", "words"), [("none", "dev", "project 'none'"), ("team", "nobody", "user 'nobody'")]
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
