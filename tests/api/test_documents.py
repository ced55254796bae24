"""The document of the API, made of the table of routes."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from registry.web import TOKEN_PATH
from tests.api.conftest import Api
from tests.api.documented import NotDocumented, check_status
from tests.http.serving import Registry


@pytest.fixture(scope="module")
def document(registry: Registry) -> Any:
    response = registry.client().get("/api/openapi.json")
    assert response.headers["content-type"] == "application/json"
    return response.json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_document_has_the_management_api_the_registry_and_the_token_service(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    found = {(method, path) for method, path, _ in operations(document)}
    assert {
        ("get", "/api/v2.0/projects"),
        ("put", "/v2/{name}/manifests/{reference}"),
        ("get", TOKEN_PATH),
        ("post", "/c/login"),
        ("get", "/api/openapi.json"),
    } <= found
    assert len(found) > 230


def test_each_operation_has_a_name_of_its_own_its_variables_and_what_it_needs(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for _, path, operation in operations(document):
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert "Needs: " in operation["description"]


def test_every_reference_of_the_document_leads_somewhere(document: Any) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from [inner] if name == "$ref" else references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    named = set(references(document))
    assert named
    assert {each.rpartition("/")[2] for each in named} <= document["components"]["schemas"].keys()


def test_page_to_read_names_every_address_and_loads_nothing(api: Api, registry: Registry, document: Any) -> None:
    response = registry.client().get("/api/docs")
    assert response.headers.get_list("content-security-policy")[0].startswith("default-src 'none'; style-src 'sha256-")
    assert len(response.headers.get_list("content-security-policy")) == 1
    assert "<script" not in response.text
    for path in document["paths"]:
        assert path.replace("{name}", "{name:path}") in response.text or path in response.text


def test_status_that_the_document_does_not_name_is_noticed(registry: Registry) -> None:
    request = httpx.Request("GET", f"{registry.url}/api/v2.0/projects/team")
    check_status(httpx.Response(404, request=request))
    with pytest.raises(NotDocumented):
        check_status(httpx.Response(409, request=request))
