"""What is taken away is gone with the next request, whatever was issued before."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from auth.roles import Role
from registry.config import Config
from tests.http.conftest import Make
from tests.http.raw import Client
from tests.http.serving import PASSWORD, Registry, running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    config = Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)
    with running(replace(config, identity_tokens=True)) as running_registry:
        yield running_registry


@pytest.fixture
def vic(registry: Registry) -> Iterator[None]:
    """A user who may push to the private project `safe`, and whose password was checked a moment ago."""
    registry.users.create("vic", PASSWORD)
    registry.projects.create("safe")
    registry.members.add("safe", "vic", Role.DEVELOPER)
    yield
    if any(user.name == "vic" for user in registry.users.list()):
        registry.users.delete("vic")
    if any(project.name == "safe" for project in registry.projects.list()):
        registry.projects.delete("safe", force=True)


SCOPE = "repository:safe/app:pull,push"


def ways_in(registry: Registry) -> list[httpx.Client]:
    """A token and a remembered password, both of which work at this moment."""
    ways = [registry.bearer(registry.token("vic", SCOPE)), registry.client("vic")]
    assert [push(way) for way in ways] == [202, 202]
    return ways


def push(client: httpx.Client) -> int:
    return client.post("/v2/safe/app/blobs/uploads/").status_code


def pull(client: httpx.Client) -> int:
    return client.get("/v2/safe/app/tags/list").status_code


def ping(client: httpx.Client) -> int:
    return client.get("/v2/").status_code


def disable(registry: Registry) -> None:
    registry.users.disable("vic")


def delete(registry: Registry) -> None:
    registry.users.delete("vic")


def recreate(registry: Registry) -> None:
    registry.users.delete("vic")
    registry.users.create("vic", PASSWORD + "2")
    registry.members.add("safe", "vic", Role.DEVELOPER)


def change_password(registry: Registry) -> None:
    registry.users.set_password("vic", PASSWORD + "2")


@pytest.mark.usefixtures("vic")
@pytest.mark.parametrize("change", [disable, delete, recreate, change_password])
def test_changed_account_is_not_let_in_by_its_old_token_or_password(
    registry: Registry, change: Callable[[Registry], None]
) -> None:
    ways = ways_in(registry)
    change(registry)
    assert [push(way) for way in ways] == [401, 401]
    assert [ping(way) for way in ways] == [401, 401]
    assert registry.client("vic").get("/service/token").status_code == 401


@pytest.mark.usefixtures("vic")
@pytest.mark.parametrize("change", [disable, delete, recreate, change_password])
def test_changed_account_buys_nothing_with_its_refresh_token(
    registry: Registry, change: Callable[[Registry], None]
) -> None:
    kept = registry.client("vic").get("/service/token", params={"offline_token": "true"}).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": kept}
    assert registry.client().post("/service/token", data=form).status_code == 200
    change(registry)
    assert registry.client().post("/service/token", data=form).status_code == 401


@pytest.mark.usefixtures("vic")
def test_new_account_of_an_old_name_with_the_same_password_does_not_inherit_tokens(registry: Registry) -> None:
    token, _ = ways_in(registry)
    registry.users.delete("vic")
    registry.users.create("vic", PASSWORD)
    registry.members.add("safe", "vic", Role.DEVELOPER)
    assert push(token) == 401
    assert push(registry.client("vic")) == 202


@pytest.mark.usefixtures("vic")
def test_enabled_again_account_needs_a_new_token(registry: Registry) -> None:
    token, password = ways_in(registry)
    registry.users.disable("vic")
    registry.users.enable("vic")
    assert (push(token), push(password)) == (401, 202)


@pytest.mark.usefixtures("vic")
def test_removed_member_is_a_stranger_at_once(registry: Registry) -> None:
    ways = ways_in(registry)
    registry.members.remove("safe", "vic")
    assert [push(way) for way in ways] == [403, 403]
    assert [pull(way) for way in ways] == [403, 403]


@pytest.mark.usefixtures("vic")
def test_lowered_role_counts_at_once(registry: Registry) -> None:
    ways = ways_in(registry)
    registry.members.set_role("safe", "vic", Role.GUEST)
    assert [push(way) for way in ways] == [403, 403]
    assert [pull(way) for way in ways] == [404, 404]


@pytest.mark.usefixtures("vic")
def test_raised_role_needs_a_new_token_and_says_so(registry: Registry) -> None:
    registry.members.set_role("safe", "vic", Role.GUEST)
    token = registry.bearer(registry.token("vic", SCOPE))
    registry.members.set_role("safe", "vic", Role.DEVELOPER)
    response = token.post("/v2/safe/app/blobs/uploads/")
    assert response.status_code == 401
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


@pytest.mark.usefixtures("vic")
def test_project_turned_private_shuts_out_strangers_and_nobody_at_once(registry: Registry) -> None:
    registry.projects.set_public("safe", public=True)
    nobody = registry.bearer(registry.token(None, "repository:safe/app:pull"))
    assert [pull(nobody), pull(registry.client())] == [404, 404]
    registry.projects.set_public("safe", public=False)
    assert [pull(nobody), pull(registry.client())] == [401, 401]


@pytest.mark.usefixtures("vic")
def test_deleted_project_refuses_its_members_at_once(registry: Registry) -> None:
    ways = ways_in(registry)
    registry.projects.delete("safe", force=True)
    assert [push(way) for way in ways] == [403, 403]


@pytest.mark.usefixtures("vic")
def test_new_project_of_an_old_name_does_not_honour_tokens_for_the_old_one(registry: Registry) -> None:
    token, password = ways_in(registry)
    admin = registry.bearer(registry.token("admin", SCOPE))
    registry.projects.delete("safe", force=True)
    registry.projects.create("safe")
    assert [push(way) for way in (token, password)] == [403, 403]
    registry.members.add("safe", "vic", Role.DEVELOPER)
    assert [push(way) for way in (token, admin, password)] == [401, 401, 202]


@pytest.mark.usefixtures("vic")
def test_upload_begun_before_a_removal_cannot_be_continued(registry: Registry) -> None:
    way = registry.client("vic")
    location = way.post("/v2/safe/app/blobs/uploads/").headers["location"]
    registry.members.remove("safe", "vic")
    assert way.patch(location, content=b"more").status_code == 403


@pytest.mark.usefixtures("vic")
def test_request_that_was_let_in_is_not_cut_in_the_middle(registry: Registry) -> None:
    """Authority is asked for at the start: a long body may outlive its token."""
    token = registry.token("vic", SCOPE)
    location = registry.bearer(token).post("/v2/safe/app/blobs/uploads/").headers["location"]
    with Client(int(registry.url.rpartition(":")[2])) as client:
        head = f"PATCH {location} HTTP/1.1\r\nHost: cove\r\nAuthorization: Bearer {token}\r\nContent-Length: 8\r\n"
        client.send(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert b"100 Continue" in client.read()  # the body is asked for once the request is let in
        client.send(b"half")
        registry.users.disable("vic")
        client.send(b"rest")
        assert client.answer().status == 202
    assert registry.bearer(token).get(location).status_code == 401


def test_second_server_over_the_same_data_refuses_as_soon(make_registry: Make) -> None:
    one, two = make_registry(), make_registry()
    one.users.create("vic", PASSWORD)
    token = two.bearer(one.token("vic"))
    password = two.client("vic")
    assert (ping(token), ping(password)) == (200, 200)
    one.users.disable("vic")
    assert (ping(token), ping(password)) == (401, 401)
