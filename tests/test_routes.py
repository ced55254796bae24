"""The table of routes: what each row needs, in which order they stand, and that nobody slips through."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from auth.roles import Action
from registry.config import Config
from registry.routes import Endpoints, rules
from registry.web import TOKEN_PATH, Entry, Rule
from tests.http.serving import PASSWORD, Registry, running

KINDS = get_type_hints(Endpoints)
# Only their methods are named in the table; nothing is called.
RULES = rules(Endpoints(**{row.name: KINDS[row.name].__new__(KINDS[row.name]) for row in fields(Endpoints)}))
PINGS = {"/v2/", "/v2"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    data = tmp_path_factory.mktemp("registry") / "data"
    config = Config(data=data, database_url=f"sqlite:///{data / 'cove.db'}", admin_password=PASSWORD)
    with running(config) as running_registry:
        running_registry.projects.create("team")
        yield running_registry


def shown(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def test_every_row_names_what_it_needs() -> None:
    assert all(isinstance(rule.needs, Action | Entry) for rule in RULES)


def test_anybody_may_ask_for_health_numbers_and_a_token_and_nothing_else() -> None:
    open_to_all = {shown(rule) for rule in RULES if rule.needs is Entry.ANYBODY}
    assert open_to_all == {"GET /healthz", "GET /readyz", "GET /metrics", f"GET {TOKEN_PATH}", f"POST {TOKEN_PATH}"}


def test_rows_about_a_repository_need_an_action_and_no_others_do() -> None:
    for rule in RULES:
        about_one = isinstance(rule.needs, Action) and rule.needs is not Action.CATALOG
        assert about_one == ("{name" in rule.path), shown(rule)
    assert {rule.path for rule in RULES if rule.needs is Entry.AUTHENTICATED} == PINGS


def test_reading_needs_pull_writing_push_and_removing_content_delete() -> None:
    for rule in (rule for rule in RULES if "{name" in rule.path):
        if "/uploads" in rule.path:
            expected = Action.PUSH
        else:
            expected = {"DELETE": Action.DELETE, "PUT": Action.PUSH}.get(rule.method, Action.PULL)
        assert rule.needs is expected, shown(rule)


def test_head_stands_before_get_of_the_same_address() -> None:
    order = [(rule.method, rule.path) for rule in RULES]
    heads = [path for method, path in order if method == "HEAD"]
    assert len(heads) == 2
    assert all(order.index(("HEAD", path)) < order.index(("GET", path)) for path in heads)


def test_no_row_is_there_twice() -> None:
    assert len({shown(rule) for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.path.startswith("/v2/") and rule.path not in PINGS], ids=shown
)
def test_nobody_is_let_in_to_a_private_project(registry: Registry, rule: Rule) -> None:
    path = rule.path.replace("{name:path}", "team/app").replace("{digest}", "sha256:" + "0" * 64)
    path = path.replace("{reference}", "1").replace("{upload}", "none")
    assert "{" not in path
    response = registry.client().request(rule.method, path, content=b"x" if rule.method in ("PUT", "PATCH") else None)
    assert response.status_code == 401
    assert 'scope="' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "path", ["/", "/v1/", "/v2x", "/v2/x", "/favicon.ico", "/docs", "/openapi.json", "/service/token/", "/healthz/"]
)
def test_address_that_is_in_no_row_is_404_in_the_usual_form(registry: Registry, path: str) -> None:
    response = registry.client().get(path)
    assert response.status_code == 404
    assert response.json()["errors"][0]["code"] == "NOT_FOUND"


def test_data_folder_is_not_served(registry: Registry) -> None:
    assert Path(registry.config.data, "cove.db").exists()
    for path in ("/cove.db", "/data/cove.db", "/v2/../cove.db", "/%2e%2e/cove.db"):
        assert registry.client("admin").get(path).status_code == 404
