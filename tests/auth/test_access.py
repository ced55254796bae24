"""Rights: by role, by the project's openness, and bounded by a token."""

from collections.abc import Iterator

import pytest

from auth.access import Access, Actor, Rights
from auth.roles import EVERYTHING, Action, Role
from auth.tokens import Grant
from storage.metadata import members, projects, users
from storage.metadata.database import Database, Transaction
from storage.metadata.users import UserRecord
from tests.storage.metadata.databases import undone

READ, WRITE = {Action.PULL}, {Action.PULL, Action.PUSH}
ALL = {*WRITE, Action.DELETE}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.open(tmp_path_factory.mktemp("data") / "cove.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    """A transaction in a database with a private and a public project; nothing of it is kept."""
    with undone(database) as tx:
        projects.add(tx, "team", is_public=False, now=1)
        projects.add(tx, "open", is_public=True, now=1)
        yield tx


def make_user(tx: Transaction, name: str, *, admin: bool = False) -> UserRecord:
    return users.add(tx, name, "hash", is_admin=admin, now=1)


def actions(tx: Transaction, actor: Actor, project: str, access: Access | None = None) -> set[Action]:
    permissions = (access or Access()).rights(tx, actor, project).permissions
    return {action for action in Action if action.permission in permissions}


@pytest.mark.parametrize(
    ("role", "private", "public"),
    [
        (None, set(), READ),
        (Role.LIMITED_GUEST, READ, READ),
        (Role.GUEST, READ, READ),
        (Role.DEVELOPER, WRITE, WRITE),
        (Role.MAINTAINER, ALL, ALL),
        (Role.PROJECT_ADMIN, ALL, ALL),
    ],
)
def test_rights_follow_from_the_role_and_the_openness_of_the_project(
    tx: Transaction, role: Role | None, private: set[Action], public: set[Action]
) -> None:
    user = make_user(tx, "dev")
    for name in ("team", "open"):
        project = projects.find(tx, name)
        if role and project:
            members.put_role(tx, project.id, user.id, role)
    assert (actions(tx, Actor(user), "team"), actions(tx, Actor(user), "open")) == (private, public)


def test_nobody_may_pull_what_is_public(tx: Transaction) -> None:
    assert (actions(tx, Actor(), "team"), actions(tx, Actor(), "open")) == (set(), READ)


def test_role_in_one_project_gives_nothing_in_another(tx: Transaction) -> None:
    user, open_project = make_user(tx, "dev"), projects.find(tx, "open")
    assert open_project
    members.put_role(tx, open_project.id, user.id, Role.PROJECT_ADMIN)
    assert actions(tx, Actor(user), "team") == set()


def test_administrator_may_do_everything_in_what_exists(tx: Transaction) -> None:
    admin = Actor(make_user(tx, "admin", admin=True))
    assert actions(tx, admin, "team") == ALL
    assert Access().rights(tx, admin, "team").permissions == EVERYTHING
    assert Access().rights(tx, admin, "none") == Rights(None, frozenset())


def test_open_registry_lets_everybody_do_everything_everywhere(tx: Transaction) -> None:
    access = Access(is_open=True)
    for project in ("team", "open", "none"):
        assert actions(tx, Actor(), project, access) == ALL
    assert access.sees_everything(Actor())


def test_lists_are_whole_for_administrators_alone(tx: Transaction) -> None:
    access = Access()
    assert access.sees_everything(Actor(make_user(tx, "admin", admin=True)))
    assert not access.sees_everything(Actor(make_user(tx, "dev")))
    assert not access.sees_everything(Actor())


def test_grant_is_for_one_name_one_kind_one_project_and_the_actions_in_it() -> None:
    actor = Actor(None, (Grant("repository", "team/app", ("pull", "push"), 7),))
    assert actor.is_granted("repository", "team/app", "pull", 7)
    assert actor.is_granted("repository", "team/app", "push", 7)
    for type_, name, action, project in [
        ("repository", "team/app", "delete", 7),
        ("repository", "team/app", "*", 7),
        ("repository", "team/app", "pull", 8),
        ("repository", "team/app", "pull", None),
        ("repository", "team/app2", "pull", 7),
        ("repository", "team", "pull", 7),
        ("registry", "team/app", "pull", 7),
    ]:
        assert not actor.is_granted(type_, name, action, project)


def test_without_a_token_nothing_bounds_and_an_empty_token_grants_nothing() -> None:
    assert Actor().is_granted("repository", "team/app", "delete", 7)
    assert not Actor(None, ()).is_granted("repository", "team/app", "pull", 7)


def test_actor_knows_who_it_is(tx: Transaction) -> None:
    user = make_user(tx, "dev")
    assert (Actor(user).name, Actor(user).user_id, Actor(user).is_admin) == ("dev", user.id, False)
    assert (Actor().name, Actor().user_id, Actor().is_admin) == ("", None, False)
