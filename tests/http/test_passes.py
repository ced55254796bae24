"""Who was let in is let in again without a query, and no longer than it may be (`registry.passes`)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest

from auth.access import Actor
from auth.roles import Action
from registry.core.repositories import Repository
from registry.oci.names import RepositoryName
from registry.passes import Pass, Passes
from storage.metadata.projects import ProjectRecord
from tests.http.serving import PASSWORD, Registry

API = "/api/v2.0"
NAME = RepositoryName.parse("team/app")
SCOPE = "repository:team/app:pull,push"


def push(client: httpx.Client) -> int:
    return client.post(f"/v2/{NAME}/blobs/uploads/").status_code


def pusher(registry: Registry, name: str, secret: str) -> httpx.Client:
    """Somebody with a token, who was let in with it just now."""
    response = registry.client(name, secret).get("/service/token", params={"service": "cove", "scope": SCOPE})
    client = registry.bearer(response.json()["token"])
    assert [push(client) for _ in range(3)] == [202] * 3
    return client


ACCESS = [{"resource": "repository", "action": "push"}]


@dataclass
class Robot:
    manager: httpx.Client
    name: str

    def __post_init__(self) -> None:
        permits = [{"kind": "project", "namespace": "team", "access": ACCESS}]
        self.wanted = {"name": self.name, "level": "project", "duration": 1, "permissions": permits}
        made = self.manager.post(f"{API}/robots", json=self.wanted)
        assert made.status_code == 201, made.text
        self.id, self.full_name, self.secret = (made.json()[key] for key in ("id", "name", "secret"))

    @property
    def path(self) -> str:
        return f"{API}/robots/{self.id}"

    def disable(self) -> httpx.Response:
        return self.manager.put(self.path, json=self.wanted | {"name": self.full_name, "disable": True})

    def may_only_pull(self) -> httpx.Response:
        access = [{"resource": "repository", "action": "pull"}]
        permits = [{"kind": "project", "namespace": "team", "access": access}]
        return self.manager.put(self.path, json=self.wanted | {"name": self.full_name, "permissions": permits})

    def renew_secret(self) -> httpx.Response:
        return self.manager.patch(self.path, json={"secret": ""})

    def delete(self) -> httpx.Response:
        return self.manager.delete(self.path)


@pytest.mark.parametrize(
    ("change", "status"),
    [(Robot.disable, 401), (Robot.may_only_pull, 403), (Robot.renew_secret, 401), (Robot.delete, 401)],
)
def test_robot_is_let_in_as_long_as_it_may_be(
    registry: Registry, change: Callable[[Robot], httpx.Response], status: int
) -> None:
    robot = Robot(registry.client("pat"), change.__name__.replace("_", "-"))
    client = pusher(registry, robot.full_name, robot.secret)
    assert change(robot).status_code == 200
    assert push(client) == status


def test_personal_token_that_is_revoked_lets_nobody_in(registry: Registry) -> None:
    manager = registry.client("dev")
    made = manager.post(f"{API}/users/current/tokens", json={"name": "pass"}).json()
    client = pusher(registry, "dev", made["secret"])
    assert manager.delete(f"{API}/users/current/tokens/{made['id']}").status_code == 200
    assert push(client) == 401


def test_nobody_pushes_while_the_registry_is_read_only(registry: Registry) -> None:
    admin, client = registry.client("admin"), pusher(registry, "dev", PASSWORD)
    for is_on in (True, False):
        assert admin.put(f"{API}/configurations", json={"read_only": is_on}).status_code == 200
        assert [push(client) for _ in range(2)] == [403 if is_on else 202] * 2


# The rule itself

PROJECT = ProjectRecord(id=1, name="team", is_public=False, created_at=0)


@dataclass
class World:
    now: float = 1000.0
    generation: int | None = 1
    found: Pass = field(default_factory=lambda: Pass(Actor(good_until=1020.0), Repository(PROJECT, NAME)))
    look_ups: int = 0

    def __post_init__(self) -> None:
        self.passes = Passes(lambda: self.generation, clock=lambda: self.now)

    def look_up(self) -> Pass:
        self.look_ups += 1
        return self.found

    def enter(self, credentials: str = "Bearer x", action: Action = Action.PUSH, name: RepositoryName = NAME) -> int:
        """How many have been looked up after another request."""
        assert self.passes.enter(action, name, credentials, self.look_up) == self.found
        return self.look_ups


def test_same_request_is_looked_up_once_for_a_generation() -> None:
    world = World()
    assert [world.enter() for _ in range(3)] == [1] * 3
    world.generation = 2
    assert [world.enter() for _ in range(2)] == [2] * 2


def test_other_credentials_action_or_name_are_another_request() -> None:
    world = World()
    assert [world.enter(), world.enter("Bearer y"), world.enter(action=Action.PULL)] == [1, 2, 3]
    assert world.enter(name=RepositoryName.parse("team/app2")) == 4


def test_pass_ends_with_its_credentials_and_after_a_while() -> None:
    world = World()
    world.enter()
    world.now = 1020.0
    assert world.enter() == 2
    world.found = replace(world.found, actor=Actor(good_until=9000.0))
    assert [world.enter(), world.enter()] == [3, 3]
    world.now += 30
    assert world.enter() == 4
    world.now -= 86_400  # the clock is put back
    assert world.enter() == 5


def test_without_a_generation_or_within_a_quota_everything_is_looked_up() -> None:
    world = World(generation=None)
    assert [world.enter(), world.enter()] == [1, 2]
    world.generation, world.found = (
        1,
        replace(world.found, repository=Repository(replace(PROJECT, quota_bytes=5), NAME)),
    )
    assert [world.enter(), world.enter()] == [3, 4]


def test_what_a_change_has_overtaken_is_not_kept() -> None:
    world = World()

    def overtaken() -> Pass:
        world.generation = 2
        world.enter("Bearer y")
        return world.found

    world.passes.enter(Action.PUSH, NAME, "Bearer x", overtaken)
    assert world.enter() == 2
