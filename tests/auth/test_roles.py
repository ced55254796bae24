"""Roles: the table, and how it is asked."""

import pytest

from auth.roles import EVERYTHING, PROJECT_PERMISSIONS, Action, Role, UnknownRole, allowed

PULL, PUSH, DELETE = (action.permission for action in (Action.PULL, Action.PUSH, Action.DELETE))
CONTENT = {PULL, PUSH, DELETE}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.PROJECT_ADMIN, {PULL, PUSH, DELETE}),
        (Role.MAINTAINER, {PULL, PUSH, DELETE}),
        (Role.DEVELOPER, {PULL, PUSH}),
        (Role.GUEST, {PULL}),
        (Role.LIMITED_GUEST, {PULL}),
    ],
)
def test_a_role_may_exactly_what_its_column_says_whether_the_project_is_public_or_not(
    role: Role, expected: set[str]
) -> None:
    assert allowed([role], public=False) & CONTENT == expected
    assert allowed([role], public=True) & CONTENT == expected


def test_a_stranger_may_pull_from_a_public_project_and_nothing_from_a_private_one() -> None:
    assert allowed([], public=True) & CONTENT == {PULL}
    assert allowed([], public=False) & CONTENT == set()


def test_several_roles_add_up() -> None:
    assert allowed([Role.GUEST, Role.DEVELOPER], public=False) & CONTENT == {PULL, PUSH}
    assert allowed(iter([Role.MAINTAINER, Role.LIMITED_GUEST]), public=False) & CONTENT == {PULL, PUSH, DELETE}


def test_every_action_but_the_catalog_has_a_row() -> None:
    assert {action for action in Action if action.permission in PROJECT_PERMISSIONS} == set(Action) - {Action.CATALOG}


@pytest.mark.parametrize(
    ("permission", "roles", "public"),
    [
        ("project:read", set(Role), True),
        ("project:update", {Role.PROJECT_ADMIN}, False),
        ("member:list", set(Role) - {Role.LIMITED_GUEST}, False),
        ("metadata:read", {Role.PROJECT_ADMIN, Role.MAINTAINER}, False),
        ("log:list", {Role.PROJECT_ADMIN}, False),
        ("repository:list", set(Role), True),
        ("repository:read", set(Role), False),
        ("repository:update", {Role.PROJECT_ADMIN, Role.MAINTAINER, Role.DEVELOPER}, False),
        ("artifact:create", {Role.PROJECT_ADMIN, Role.MAINTAINER, Role.DEVELOPER}, False),
        ("artifact:delete", {Role.PROJECT_ADMIN, Role.MAINTAINER}, False),
        ("tag-retention:operate", {Role.PROJECT_ADMIN, Role.MAINTAINER, Role.DEVELOPER}, False),
        ("robot:create", {Role.PROJECT_ADMIN}, False),
        ("notification-policy:read", {Role.PROJECT_ADMIN, Role.MAINTAINER}, False),
        ("scan:read", set(Role), True),
    ],
)
def test_rows_say_what_harbors_do(permission: str, roles: set[Role], public: bool) -> None:
    row = PROJECT_PERMISSIONS[permission]
    assert (set(row.roles), row.public) == (roles, public)


def test_nobody_lists_metadata_nor_does_what_is_in_no_row() -> None:
    assert "metadata:list" not in EVERYTHING
    assert all(allowed([role], public=True) <= EVERYTHING for role in Role)


def test_roles_have_the_numbers_and_names_that_harbors_clients_know() -> None:
    assert {role.value: role.label for role in Role} == {
        1: "projectAdmin",
        2: "developer",
        3: "guest",
        4: "maintainer",
        5: "limitedGuest",
    }


@pytest.mark.parametrize("text", ["projectAdmin", "project-admin", "project_admin", "PROJECTADMIN", "Project-Admin"])
def test_a_role_is_read_in_every_usual_spelling(text: str) -> None:
    assert Role.parse(text) is Role.PROJECT_ADMIN


@pytest.mark.parametrize("role", list(Role))
def test_a_roles_own_label_is_read_back(role: Role) -> None:
    assert Role.parse(role.label) is role


@pytest.mark.parametrize("text", ["", "admin", "1", "owner", "project admin", "gue\u017ft", "guest\n"])
def test_a_text_that_names_no_role_is_refused_with_the_names_that_do(text: str) -> None:
    with pytest.raises(UnknownRole, match="projectAdmin, developer, guest, maintainer, limitedGuest"):
        Role.parse(text)
