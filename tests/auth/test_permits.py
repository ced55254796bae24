"""Permissions that are written down, and what robots and personal tokens may do by them."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from auth.access import Access, Actor
from auth.accounts import Accounts, subject_of
from auth.basic import BadCredentials, Credentials
from auth.passwords import PasswordChecker, hash_password
from auth.permits import GRANTABLE, Permits
from auth.roles import EVERYTHING, Role
from auth.secrets import generate_robot_secret, generate_token, hash_secret, is_token
from auth.tokens import BadToken, SigningKey, TokenIssuer
from storage.metadata import access_tokens, members, projects, robots, users
from storage.metadata.access_tokens import AccessTokenRecord
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from storage.metadata.robots import RobotRecord
from storage.metadata.users import UserRecord
from tests.storage.metadata.databases import robot_row

HERE = "192.0.2.1"


def permit(namespace: str, *permissions: str, kind: str = "project", effect: str = "allow") -> dict[str, object]:
    access = [dict(zip(("resource", "action"), each.split(":"), strict=True), effect=effect) for each in permissions]
    return {"kind": kind, "namespace": namespace, "access": access}


def written(*permits: dict[str, object]) -> str:
    return json.dumps(permits)


def test_permits_are_read_by_project_and_for_all_of_them() -> None:
    permits = Permits.read(written(permit("team", "repository:pull"), permit("*", "tag:list")))
    assert permits.within("team") == {"repository:pull", "tag:list"}
    assert permits.within("other") == {"tag:list"}
    assert permits.system == frozenset()


def test_who_may_push_may_pull() -> None:
    assert Permits.read(written(permit("team", "repository:push"))).within("team") == {
        "repository:push",
        "repository:pull",
    }


def test_what_is_not_allowed_grants_nothing() -> None:
    assert Permits.read(written(permit("team", "repository:push", effect="deny"))).within("team") == frozenset()


def test_permits_cover_what_is_no_more_than_they() -> None:
    wide = Permits.read(written(permit("*", "repository:pull"), permit("team", "tag:list")))
    assert wide.covers(Permits.read(written(permit("team", "tag:list", "repository:pull"))))
    assert not wide.covers(Permits.read(written(permit("*", "tag:list"))))
    assert not wide.covers(Permits.read(written(permit("other", "tag:list"))))
    assert not wide.covers(Permits.read(written(permit("/", "catalog:read", kind="system"))))


@pytest.mark.parametrize("text", ["", "{}", '[{"kind": 1}]', "[1]"])
def test_text_that_is_no_list_of_permissions_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        Permits.read(text)


def test_what_can_be_granted_in_a_project_is_what_roles_have_and_the_list_of_metadata() -> None:
    granted = {each.permission for each in GRANTABLE["project"]}
    assert granted - EVERYTHING == {"metadata:list"}


def test_secrets_are_long_and_random_and_tokens_are_known_by_their_form() -> None:
    assert len({generate_robot_secret() for _ in range(9)}) == 9
    assert len(generate_robot_secret()) == 32
    assert is_token(generate_token())
    assert not is_token(generate_token() + "x")
    assert not is_token(generate_robot_secret())


class World:
    """Two projects, a developer of one of them, an administrator, and robots and tokens that tests make."""

    def __init__(self, path: Path) -> None:
        self.database = Database.open(path)
        self.database.migrate()
        self.now = 1_000_000
        self.issuer = TokenIssuer([SigningKey.generate()])
        self.accounts = Accounts(self.database, PasswordChecker(), self.issuer, clock=lambda: self.now)
        with self.database.write() as tx:
            team = projects.add(tx, "team", is_public=False, now=1)
            projects.add(tx, "other", is_public=False, now=1)
            projects.add(tx, "open", is_public=True, now=1)
            self.dev = users.add(tx, "dev", hash_password("Right-horse1"), is_admin=False, now=1)
            self.admin = users.add(tx, "admin", "hash", is_admin=True, now=1)
            members.put_role(tx, team.id, self.dev.id, Role.DEVELOPER)

    def robot(self, *permits: dict[str, object], secret: str = "", **values: object) -> RobotRecord:
        own = hash_secret(secret) if secret else hash_password("Chosen-secret1")
        row = robot_row(secret_hash=own, permissions=written(*permits))
        with self.database.write() as tx:
            return robots.add(tx, row | values)

    def token(self, user: UserRecord, secret: str, *permits: dict[str, object], **values: object) -> AccessTokenRecord:
        row: dict[str, object] = {
            "user_id": user.id,
            "name": "laptop",
            "secret_hash": hash_secret(secret),
            "permissions": written(*permits) if permits else None,
            "created_at": 1,
            "expires_at": None,
            "used_at": None,
        }
        with self.database.write() as tx:
            return access_tokens.add(tx, row | values)

    def sign_in(self, name: str, secret: str) -> Actor:
        return self.accounts.sign_in(Credentials(name, secret), HERE)

    def refuses(self, name: str, secret: str) -> None:
        with pytest.raises(BadCredentials):
            self.sign_in(name, secret)

    def rights(self, actor: Actor, project: str) -> frozenset[str]:
        with self.database.read() as tx:
            return Access().rights(tx, actor, project).permissions

    def bearer(self, actor: Actor) -> str:
        subject, version = subject_of(actor)
        return self.issuer.issue(subject, version=version, access=[])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "cove.db")
    yield world
    world.database.close()


def change(world: World, robot: RobotRecord, **values: object) -> None:
    with world.database.write() as tx:
        robots.change(tx, robot.id, **values)


def test_robot_signs_in_by_its_whole_name_and_a_secret_that_was_made_or_chosen(world: World) -> None:
    made = generate_robot_secret()
    world.robot(permit("team", "repository:pull"), secret=made)
    world.robot(permit("team", "repository:pull"), name="team+own")
    assert world.sign_in("robot$ci", made).name == "robot$ci"
    assert world.sign_in("robot$team+own", "Chosen-secret1").robot
    world.refuses("ci", made)
    world.refuses("robot$ci", "Chosen-secret1")
    world.refuses("robot$none", made)


def test_robot_may_do_exactly_what_it_was_given_beside_what_everybody_may(world: World) -> None:
    world.robot(permit("team", "repository:push"), permit("/", "project:create", kind="system"))
    robot = world.sign_in("robot$ci", "Chosen-secret1")
    assert world.rights(robot, "team") == {"repository:push", "repository:pull"}
    assert world.rights(robot, "other") == frozenset()
    assert "repository:pull" in world.rights(robot, "open")
    assert Access().may_in_system(robot, "project:create")
    assert not Access().may_in_system(robot, "user:list")
    assert not robot.is_admin


def test_robot_that_is_disabled_or_expired_signs_in_no_more_and_its_tokens_are_void(world: World) -> None:
    robot = world.robot(permit("team", "repository:pull"), expires_at=world.now + 1)
    bearer = world.bearer(world.sign_in("robot$ci", "Chosen-secret1"))
    assert world.accounts.by_token(bearer).name == "robot$ci"
    change(world, robot, is_disabled=True)
    world.refuses("robot$ci", "Chosen-secret1")
    with pytest.raises(BadToken):
        world.accounts.by_token(bearer)
    change(world, robot, is_disabled=False)
    world.now += 1
    world.refuses("robot$ci", "Chosen-secret1")
    with pytest.raises(BadToken):
        world.accounts.by_token(bearer)


def test_new_secret_of_a_robot_voids_the_old_one_and_its_tokens(world: World) -> None:
    robot, fresh = world.robot(permit("team", "repository:pull")), generate_robot_secret()
    bearer = world.bearer(world.sign_in("robot$ci", "Chosen-secret1"))
    with world.database.write() as tx:
        robots.set_secret(tx, robot.id, hash_secret(fresh), world.now)
    world.refuses("robot$ci", "Chosen-secret1")
    with pytest.raises(BadToken):
        world.accounts.by_token(bearer)
    assert world.sign_in("robot$ci", fresh).robot


def test_personal_token_stands_for_the_password_and_tells_when_it_was_used(world: World) -> None:
    secret = generate_token()
    token = world.token(world.dev, secret)
    actor = world.sign_in("dev", secret)
    assert actor.user == world.dev
    assert world.rights(actor, "team") == world.rights(Actor(world.dev), "team")
    with world.database.read() as tx:
        assert (found := access_tokens.find_by_id(tx, token.id))
        assert found.used_at == world.now
    world.refuses("admin", secret)
    world.refuses("dev", generate_token())


@pytest.mark.parametrize("secret", [generate_robot_secret(), "Chosen-secret1"], ids=["made", "chosen"])
def test_robot_is_noted_when_it_signs_in_and_from_where_but_not_each_time(world: World, secret: str) -> None:
    robot = world.robot(permit("team", "repository:pull"), secret=secret if len(secret) > 20 else "")

    def noted() -> tuple[int | None, str | None]:
        with world.database.read() as tx:
            found = robots.find_by_id(tx, robot.id)
        assert found
        return found.used_at, found.used_from

    world.refuses("robot$ci", "Another-secret1")
    assert noted() == (None, None)
    first = world.now
    assert world.sign_in("robot$ci", secret).robot
    assert noted() == (first, HERE)
    world.now += 1000
    world.accounts.sign_in(Credentials("robot$ci", secret), "192.0.2.2")
    assert noted() == (first, HERE)
    world.now += 5 * 60 * 1000
    world.accounts.sign_in(Credentials("robot$ci", secret), "192.0.2.2")
    assert noted() == (world.now, "192.0.2.2")


def test_personal_token_is_bounded_by_the_account_and_by_itself(world: World) -> None:
    secret = generate_token()
    world.token(world.dev, secret, permit("*", "repository:pull", "robot:create"))
    actor = world.sign_in("dev", secret)
    assert world.rights(actor, "team") == {"repository:pull"}
    assert world.rights(actor, "other") == frozenset()


def test_token_of_an_administrator_makes_no_administrator_unless_it_is_unbounded(world: World) -> None:
    bounded, whole = generate_token(), generate_token()
    world.token(world.admin, bounded, permit("team", "repository:pull"), permit("/", "user:list", kind="system"))
    world.token(world.admin, whole, name="whole")
    actor = world.sign_in("admin", bounded)
    assert not actor.is_admin
    assert world.rights(actor, "team") == {"repository:pull"}
    assert world.rights(actor, "other") == frozenset()
    assert Access().may_in_system(actor, "user:list")
    assert not Access().may_in_system(actor, "user:create")
    assert world.sign_in("admin", whole).is_admin


def test_personal_token_that_expired_or_was_removed_signs_in_no_more_and_what_it_got_is_void(world: World) -> None:
    secret = generate_token()
    token = world.token(world.dev, secret, expires_at=world.now + 1)
    bearer = world.bearer(world.sign_in("dev", secret))
    assert world.accounts.by_token(bearer).name == "dev"
    world.now += 1
    world.refuses("dev", secret)
    with pytest.raises(BadToken):
        world.accounts.by_token(bearer)
    world.now -= 1
    with world.database.write() as tx:
        access_tokens.remove(tx, token.id)
    world.refuses("dev", secret)
    with pytest.raises(BadToken):
        world.accounts.by_token(bearer)


def names(world: World, actor: Actor) -> list[str]:
    """Projects within the sight of somebody."""
    with world.database.read() as tx:
        found, _ = projects.list_page(tx, Access().sight(actor, "repository:pull"), Listing())
        return [each.project.name for each in found]


def test_lists_show_a_robot_and_a_token_the_projects_that_they_name_and_the_public_ones(world: World) -> None:
    bounded, secret = generate_token(), generate_token()
    world.robot(permit("team", "repository:pull"), permit("other", "tag:list"))
    world.robot(permit("*", "repository:pull"), name="all")
    world.token(world.dev, bounded, permit("other", "repository:pull"))
    world.token(world.dev, secret, permit("*", "repository:pull"), name="every")
    assert names(world, world.sign_in("robot$ci", "Chosen-secret1")) == ["open", "team"]
    assert names(world, world.sign_in("robot$all", "Chosen-secret1")) == ["open", "other", "team"]
    assert names(world, world.sign_in("dev", bounded)) == ["open"]
    assert names(world, world.sign_in("dev", secret)) == ["open", "team"]
    assert names(world, Actor()) == ["open"]


def tokens_of(tx: Transaction, user: UserRecord) -> list[str]:
    return [token.name for token in access_tokens.list_of(tx, user.id)]


def test_tokens_go_with_their_account(world: World) -> None:
    world.token(world.dev, generate_token())
    with world.database.write() as tx:
        assert tokens_of(tx, world.dev) == ["laptop"]
        users.remove(tx, world.dev.id)
        assert tokens_of(tx, world.dev) == []
