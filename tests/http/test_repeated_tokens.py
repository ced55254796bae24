"""The same request for a token gets the same token again, for as long as the registry would give it one like that."""

import itertools
from dataclasses import dataclass, field

import httpx
import pytest

from auth.roles import Role
from tests.http.serving import PASSWORD, Registry

_numbers = itertools.count(1)


@dataclass
class Person:
    """Somebody with a private project, who asks for a token to pull from it."""

    registry: Registry
    name: str = field(default_factory=lambda: f"repeated{next(_numbers)}")

    def __post_init__(self) -> None:
        self.registry.users.create(self.name, PASSWORD)
        self.registry.projects.create(self.name)
        self.http = self.registry.client(self.name)

    def join(self, role: Role = Role.GUEST) -> None:
        self.registry.members.add(self.name, self.name, role)

    def ask(self, actions: str = "pull") -> httpx.Response:
        scope = f"repository:{self.name}/app:{actions}"
        return self.http.get("/service/token", params={"service": "cove", "scope": scope})

    def warm(self) -> str:
        """Ask until the same token comes twice in a row."""
        tokens = [self.ask().json()["token"] for _ in range(5)]
        assert tokens[-1] == tokens[-2]
        token: str = tokens[-1]
        return token


@pytest.fixture
def person(registry: Registry) -> Person:
    return Person(registry)


def test_token_that_is_repeated_is_a_good_one(person: Person) -> None:
    person.join()
    pull = person.registry.bearer(person.warm()).get(f"/v2/{person.name}/app/manifests/v1")
    assert pull.status_code == 404  # let in, and there is nothing


def test_another_password_is_another_request(person: Person) -> None:
    person.join()
    person.warm()
    person.http = person.registry.client(person.name, "Wrong-horse1")
    assert person.ask().status_code == 401


def test_password_that_was_changed_gets_no_token_any_more(person: Person) -> None:
    person.join()
    person.warm()
    person.registry.users.set_password(person.name, "Another-horse1")
    assert person.ask().status_code == 401


def test_member_who_was_removed_is_granted_nothing_any_more(person: Person) -> None:
    person.join()
    person.warm()
    person.registry.members.remove(person.name, person.name)
    assert person.ask().json()["scope"] == ""


def test_what_was_not_granted_is_granted_as_soon_as_it_may_be(person: Person) -> None:
    assert [person.ask("pull,push").json()["scope"] for _ in range(4)] == [""] * 4
    person.join(Role.DEVELOPER)
    assert person.ask("pull,push").json()["scope"] == f"repository:{person.name}/app:pull,push"
