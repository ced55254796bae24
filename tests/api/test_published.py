"""That an answer which is not as Harbor publishes it is noticed."""

from typing import Any

import httpx
import pytest

from tests.api.published import OPERATIONS, NotAsPublished, check, find_operation

LABEL = {
    "id": 1,
    "name": "a",
    "scope": "g",
    "creation_time": "2026-01-02T03:04:05.000Z",
    "update_time": "2026-01-02T03:04:05.000Z",
}


def answer(method: str, path: str, status: int, content: Any = None, **headers: str) -> httpx.Response:
    request = httpx.Request(method, f"http://cove.example/api/v2.0/{path}")
    sent = {"X-Request-Id": "1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if content is None:
        return httpx.Response(status, request=request, headers=sent)
    return httpx.Response(status, request=request, headers=sent, json=content)


def test_answers_as_published_pass() -> None:
    check(answer("GET", "labels/1", 200, LABEL))
    check(answer("GET", "labels", 200, [LABEL, LABEL | {"project_id": 3, "scope": "p"}]))
    check(answer("GET", "system/gc/schedule", 200, {}))
    check(answer("POST", "labels", 201, Location="/api/v2.0/labels/1"))
    check(answer("GET", "labels/9", 404, {"errors": [{"code": "NOT_FOUND", "message": "label 9 not found"}]}))


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (answer("GET", "labels/1", 200, LABEL | {"colour": "red"}), "has no"),
        (answer("GET", "labels/1", 200, LABEL | {"id": "1"}), "is no i64"),
        (answer("GET", "labels/1", 200, LABEL | {"description": ""}), "left out"),
        (answer("GET", "labels/1", 200, LABEL | {"creation_time": "2026-01-02 03:04:05"}), "is no time"),
        (answer("GET", "labels/1", 202, LABEL), "answers with one of"),
        (answer("GET", "labels", 200, LABEL), "list of Label"),
        (answer("GET", "health", 200, {"status": "healthy"}), "always there"),
        (answer("GET", "systeminfo/volumes", 200, {"storage": [{"total": True}]}), "is no int"),
        (answer("GET", "system/scanAll/schedule", 200, {"schedule": {"type": "Yearly"}}), "Hourly"),
        (answer("DELETE", "labels/1", 200, {"deleted": 1}), "no body"),
        (answer("POST", "labels", 201, Location="https://cove.example/api/v2.0/labels/1"), "Location"),
        (answer("GET", "labels/1", 404, {"error": "x"}), "has no"),
    ],
)
def test_answer_that_is_not_as_published_is_noticed(response: httpx.Response, reason: str) -> None:
    with pytest.raises(NotAsPublished, match=reason):
        check(response)


def test_address_without_variables_is_found_before_one_with_them() -> None:
    assert find_operation("GET", "/users/current") is OPERATIONS["GET", ("users", "current")]
    assert find_operation("GET", "/users/7//") is OPERATIONS["GET", ("users", "{}")]
    assert find_operation("GET", "/users/7/tokens") is None
