"""What every answer says of itself, whatever it answers to."""

from dataclasses import fields
from typing import get_type_hints

import httpx
import pytest

from registry.headers import EVERYWHERE
from registry.routes import Endpoints, rules
from registry.server import bind
from registry.web import TOKEN_PATH, Rule
from tests.http.pushes import CONFIG_TYPE, Repo, basic, descriptor, document, fresh, port
from tests.http.raw import Client, get
from tests.http.serving import MANIFEST_TYPE, Registry

KINDS = get_type_hints(Endpoints)
RULES = rules(Endpoints(**{row.name: KINDS[row.name].__new__(KINDS[row.name]) for row in fields(Endpoints)}))
ON_EVERYTHING = {name.decode(): value.decode() for name, value in EVERYWHERE}


def shown(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def address(rule: Rule, repo: Repo) -> str:
    """The address of the route with things in its place that are there."""
    content = repo.image()
    repo.push("1", content)
    upload = repo.begin().rpartition("/")[2]
    layer = repo.push_blob(b"a layer that no manifest names")
    return (
        rule.path.replace("{name:path}", repo.name)
        .replace("{digest}", str(layer))
        .replace("{reference}", "1")
        .replace("{upload}", upload)
    )


def must_say_what_everything_says(response: httpx.Response) -> None:
    for name, value in ON_EVERYTHING.items():
        assert response.headers.get_list(name) == [value], (name, response.request.url)
    assert len(response.headers.get_list("cache-control")) == 1
    assert "set-cookie" not in response.headers
    assert "server" not in response.headers


def send(http: httpx.Client, rule: Rule, path: str, content: bytes) -> httpx.Response:
    body = content if rule.method in ("PUT", "PATCH", "POST") else None
    return http.request(rule.method, path, content=body, headers={"Content-Type": MANIFEST_TYPE} if body else {})


@pytest.mark.parametrize("rule", RULES, ids=shown)
def test_every_route_says_it_when_it_gives_what_was_asked_for_and_when_it_does_not(
    registry: Registry, rule: Rule
) -> None:
    repo = fresh(registry)
    path = address(rule, repo)
    content = repo.image() if "manifests" in path else b""
    for http in (registry.client(), registry.client("eve"), repo.as_user(registry, "stan").http, repo.http):
        must_say_what_everything_says(send(http, rule, path, content))


def test_pages_that_nobody_may_keep_are_all_but_content(registry: Registry) -> None:
    kept = {}
    for rule in (rule for rule in RULES if rule.method == "GET"):
        repo = fresh(registry)
        response = send(repo.http, rule, address(rule, repo), b"")
        assert response.status_code in (200, 204), shown(rule)
        if response.headers["cache-control"] != "no-store":
            kept[rule.path] = response.headers["cache-control"]
    assert kept == {
        "/v2/{name:path}/blobs/{digest}": "private, max-age=31536000, immutable",
        "/v2/{name:path}/manifests/{reference}": "private, no-cache",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v2/team/App/tags/list", 400),
        ("DELETE", "/v2/", 405),
        ("TRACE", "/v2/", 405),
        ("OPTIONS", "/v2/", 405),
        ("GET", "/v2/team/none/tags/list", 404),
        ("POST", TOKEN_PATH, 400),
    ],
)
def test_errors_say_it_and_are_kept_by_nobody(registry: Registry, method: str, path: str, status: int) -> None:
    response = fresh(registry).http.request(method, path)
    assert response.status_code == status
    must_say_what_everything_says(response)
    assert response.headers["cache-control"] == "no-store"


def test_bug_says_it_too(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.core.tags.Tags.list", None)
    response = fresh(registry).http.get("/v2/team/app/tags/list")
    assert response.status_code == 500
    must_say_what_everything_says(response)


@pytest.mark.parametrize("request_", [b"nonsense\r\n\r\n", get("/", "X: " + "x" * 70_000), get("/" + "x" * 9000)])
def test_refusal_of_what_is_no_request_says_it_too(registry: Registry, request_: bytes) -> None:
    with Client(port(registry)) as client:
        client.send(request_)
        headers = client.answer().headers
    assert ON_EVERYTHING.items() <= headers.items()
    assert headers["cache-control"] == "no-store"


def test_content_that_looks_like_a_page_is_sent_as_a_file(registry: Registry) -> None:
    repo = fresh(registry)
    digest = repo.push_blob(b"<html><script>alert(1)</script></html>")
    for response in (
        repo.blob(digest, Accept="text/html"),
        repo.blob(digest, Range="bytes=0-5"),
        repo.http.head(repo.url(f"blobs/{digest}")),
    ):
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"] == "attachment"


def test_content_that_is_not_sent_again_is_as_good_as_it_was(registry: Registry) -> None:
    repo = fresh(registry)
    digest = repo.push_image("1")
    for path in (repo.url("manifests/1"), repo.url(f"manifests/{digest}")):
        whole = repo.http.get(path)
        unchanged = repo.http.get(path, headers={"If-None-Match": whole.headers["etag"]})
        assert unchanged.status_code == 304
        assert unchanged.headers["cache-control"] == whole.headers["cache-control"]


def test_header_of_a_client_never_becomes_one_of_an_answer(registry: Registry) -> None:
    """CVE-2020-7695: line ends that a client encodes stay encoded wherever an answer repeats them."""
    with Client(port(registry)) as client:
        for path in (
            "/v2/team/x%0d%0aEvil:%20yes/tags/list",
            "/v2/_catalog?n=1&last=%0d%0aEvil:%20yes",
            "/v2/team/app/referrers/sha256:" + "0" * 64 + "?artifactType=%0d%0aEvil:%20yes",
            "/service/token?service=%0d%0aEvil:%20yes",
        ):
            client.send(get(path, basic(), "X-Request-Id: a%0d%0aEvil: yes"))
            assert "evil" not in client.answer().headers


def test_every_address_that_an_answer_gives_is_on_this_host(registry: Registry) -> None:
    """Clients would take their credentials along to another host (CVE-2020-15157, CVE-2026-49349)."""
    repo = fresh(registry)
    digest = repo.push_image("1")
    repo.push("2", repo.image(annotations={"number": "2"}))
    layer = repo.push_blob(b"layer")
    mount = {"mount": str(layer), "from": repo.name}
    answers = [
        repo.http.post(repo.url("blobs/uploads/"), headers={"Host": "elsewhere.example"}),
        repo.http.post(repo.url("blobs/uploads/"), params=mount),
        repo.patch(repo.begin(), b"x"),
        repo.finish(repo.begin(), layer, b"layer"),
        repo.put("3", repo.image()),
        repo.http.get(repo.url("tags/list?n=1"), headers={"X-Forwarded-Host": "elsewhere.example"}),
        repo.http.get("/v2/_catalog?n=1"),
        repo.http.get(repo.url(f"manifests/{digest}")),
    ]
    given = [answer.headers[name] for answer in answers for name in ("location", "link") if name in answer.headers]
    assert len(given) == 7
    assert {address.removeprefix("<")[:4] for address in given} == {"/v2/"}
    assert not any("elsewhere" in address for address in given)


def test_addresses_in_a_manifest_are_kept_as_text_and_asked_for_by_nobody(registry: Registry) -> None:
    repo = fresh(registry)
    config = repo.push_blob(b"{}")
    foreign = descriptor(b"elsewhere", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    with bind("127.0.0.1", 0) as trap:
        foreign["urls"] = [f"http://127.0.0.1:{trap.getsockname()[1]}/layer"]
        content = document(
            mediaType=MANIFEST_TYPE, config=descriptor(b"{}", CONFIG_TYPE), layers=[foreign], annotations={"a": "b"}
        )
        repo.push("1", content)
        assert repo.manifest("1").content == content
        assert repo.blob(config).status_code == 200
        assert repo.blob(str(foreign["digest"])).status_code == 404
        trap.settimeout(0)
        with pytest.raises(BlockingIOError):
            trap.accept()
