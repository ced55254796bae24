"""Guessing passwords is slowed down, and nobody else notices."""

from collections.abc import Iterator

import httpx
import pytest

from registry.config import Config
from registry.values import networks
from tests.http.conftest import Make
from tests.http.serving import PASSWORD, Registry, running

FREE = 10


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Addresses come from X-Forwarded-For here, as from behind a proxy."""
    folder = tmp_path_factory.mktemp("registry")
    config = Config(data=folder / "data", admin_password=PASSWORD, trusted_proxies=networks("127.0.0.1"))
    with running(config) as registry:
        yield registry


@pytest.fixture
def registry(served: Registry) -> Registry:
    """Nobody has failed yet, and no password of the user `dev`, who is new, was checked yet."""
    with served.database.write() as tx:
        tx.exec_driver_sql("DELETE FROM login_failures")
    if any(user.name == "dev" for user in served.users.list()):
        served.users.delete("dev")
    served.users.create("dev", PASSWORD)
    return served


def attempt(registry: Registry, password: str, *, user: str = "dev", address: str = "192.0.2.1") -> httpx.Response:
    headers = {"X-Forwarded-For": address}
    return registry.client(user, password).get("/service/token", headers=headers)


def guess(registry: Registry, times: int, *, user: str = "dev", address: str = "192.0.2.1") -> list[int]:
    return [attempt(registry, "Wrong-horse1", user=user, address=address).status_code for _ in range(times)]


@pytest.mark.parametrize("user", ["dev", "nobody-here"])
def test_ten_failures_are_free_and_the_next_must_wait_whoever_it_is(registry: Registry, user: str) -> None:
    assert guess(registry, FREE, user=user) == [401] * FREE
    response = attempt(registry, "Wrong-horse1", user=user)
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 60
    [error] = response.json()["errors"]
    assert error["code"] == "TOOMANYREQUESTS"
    assert "too many failed sign-ins" in error["message"]


def test_right_password_waits_too_from_there_but_not_from_elsewhere(registry: Registry) -> None:
    guess(registry, FREE)
    assert attempt(registry, PASSWORD).status_code == 429
    assert attempt(registry, PASSWORD, address="192.0.2.2").status_code == 200


def test_every_way_in_is_held_up_alike(registry: Registry) -> None:
    guess(registry, FREE)
    headers = {"X-Forwarded-For": "192.0.2.1"}
    form = {"grant_type": "password", "username": "dev", "password": PASSWORD}
    assert registry.client().post("/service/token", data=form, headers=headers).status_code == 429
    response = registry.client("dev").get("/v2/", headers=headers)
    assert response.status_code == 429
    assert "www-authenticate" not in response.headers


def test_client_whose_password_was_right_a_moment_ago_is_not_held_up(registry: Registry) -> None:
    assert attempt(registry, PASSWORD).status_code == 200
    assert guess(registry, FREE + 1) == [401] * FREE + [429]
    assert attempt(registry, PASSWORD).status_code == 200
    assert registry.client("dev").get("/v2/", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


def test_token_is_not_held_up(registry: Registry) -> None:
    token = registry.bearer(registry.token("dev"))
    guess(registry, FREE)
    assert token.get("/v2/", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


def test_success_forgets_the_failures_before_it(registry: Registry) -> None:
    guess(registry, FREE - 1)
    assert attempt(registry, PASSWORD).status_code == 200
    assert guess(registry, FREE) == [401] * FREE


def test_other_accounts_from_the_same_address_go_on(registry: Registry) -> None:
    guess(registry, FREE)
    assert attempt(registry, PASSWORD, user="admin").status_code == 200


def test_addresses_that_a_client_claims_do_not_reset_its_count(make_registry: Make) -> None:
    registry = make_registry()
    claimed = [guess(registry, 1, address=f"192.0.2.{number}")[0] for number in range(FREE + 1)]
    assert claimed == [401] * FREE + [429]


def test_addresses_that_a_client_claims_before_the_proxys_do_not_reset_its_count(registry: Registry) -> None:
    def claim(number: int) -> int:
        headers = [("X-Forwarded-For", f"198.51.100.{number}"), ("X-Forwarded-For", "192.0.2.1")]
        return registry.client("dev", "Wrong-horse1").get("/v2/", headers=headers).status_code

    assert [claim(number) for number in range(FREE + 1)] == [401] * FREE + [429]
    assert guess(registry, 1, address="203.0.113.7, 192.0.2.1") == [429]


def test_two_servers_over_the_same_data_count_together(make_registry: Make) -> None:
    one, two = make_registry(), make_registry()
    assert guess(one, 5, user="admin") + guess(two, 5, user="admin") == [401] * FREE
    assert guess(one, 1, user="admin") + guess(two, 1, user="admin") == [429, 429]


def test_malformed_credentials_are_not_counted_as_guesses(registry: Registry) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1", "Authorization": "Basic !!!"}
    assert {registry.client().get("/v2/", headers=headers).status_code for _ in range(FREE + 2)} == {401}
    assert attempt(registry, PASSWORD).status_code == 200
