"""Texts that mean something to a database, a shell, a log or a template mean nothing here."""

from urllib.parse import quote

import pytest

from storage.metadata.tables import metadata
from tests.http.pushes import ABSENT, document, fresh, image, port
from tests.http.raw import Client
from tests.http.serving import Registry

HOSTILE = [
    "'",
    '"',
    "' OR '1'='1",
    "x') OR 1=1--",
    "1; DROP TABLE users",
    "1' UNION SELECT password_hash FROM users--",
    "%' ESCAPE '",
    "_%",
    "\\",
    "x\x00y",
    "\x1b[31m",
    "\r\nSet-Cookie: a=b",
    "9223372036854775808",
    "-1",
    "1e309",
    "NaN",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(id)",
    "`id`",
    "|id",
    "<script>",
    "\U0001f600",
    "\u202e",
    "\u017f",
    "\u212a",
    "x" * 3000,
]
PLACES = [
    ("GET", "/v2/{}/app/tags/list"),
    ("GET", "/v2/team/{}/tags/list"),
    ("GET", "/v2/team/app/manifests/{}"),
    ("DELETE", "/v2/team/app/manifests/{}"),
    ("GET", "/v2/team/app/blobs/{}"),
    ("GET", "/v2/team/app/blobs/sha256:{}"),
    ("GET", "/v2/team/app/blobs/uploads/{}"),
    ("DELETE", "/v2/team/app/blobs/uploads/{}"),
    ("POST", "/v2/team/app/blobs/uploads/?mount={}"),
    ("POST", "/v2/team/app/blobs/uploads/?mount=" + str(ABSENT) + "&from={}"),
    ("POST", "/v2/team/app/blobs/uploads/?digest={}"),
    ("POST", "/v2/team/app/blobs/uploads/?digest-algorithm={}"),
    ("GET", "/v2/_catalog?n={}"),
    ("GET", "/v2/_catalog?last={}"),
    ("GET", "/v2/team/app/tags/list?n={}"),
    ("GET", "/v2/team/app/tags/list?last={}"),
    ("GET", "/v2/team/app/referrers/{}"),
    ("GET", f"/v2/team/app/referrers/{ABSENT}?artifactType={{}}"),
    ("GET", f"/v2/team/app/referrers/{ABSENT}?last={{}}"),
    ("GET", "/service/token?service={}"),
    ("GET", "/service/token?scope={}"),
    ("GET", "/service/token?scope=repository:{}:pull"),
    ("GET", "/service/token?account={}"),
]


def rows(registry: Registry) -> dict[str, int]:
    """How many rows each table has, but for those that may come from asking, or that the server adds by itself."""
    others = {"login_failures", "uploads", "repositories", "leases", "daily_counts", "disk_samples", "layer_indexes"}
    with registry.database.read() as tx:
        return {
            table: tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in sorted(set(metadata.tables) - others)
        }


@pytest.fixture(scope="module", autouse=True)
def image_of_the_team(registry: Registry) -> None:
    registry.push_image("team/app", "1")


@pytest.mark.parametrize(("method", "place"), PLACES)
def test_text_in_an_address_changes_and_breaks_nothing(registry: Registry, method: str, place: str) -> None:
    http, before = fresh(registry).http, rows(registry)
    for text in HOSTILE:
        address = place.format(quote(text, safe=""))
        response = http.request(method, address)
        assert response.status_code < 500, address
        assert "$argon2" not in response.text
        assert "set-cookie" not in response.headers
        if response.status_code == 202:
            assert http.delete(response.headers["location"]).status_code == 204
    assert rows(registry) == before


@pytest.mark.parametrize(
    "field",
    ["Authorization", "Content-Type", "Content-Range", "Range", "If-None-Match", "If-Range", "X-Request-Id", "Accept",
     "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Expect", "Cookie", "Forwarded"],
)  # fmt: skip
def test_text_in_a_header_field_changes_and_breaks_nothing(registry: Registry, field: str) -> None:
    before = rows(registry)
    for text in HOSTILE:
        value = text.encode().replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"")
        for method, path in (("GET", "/v2/team/app/manifests/1"), ("PUT", "/v2/team/app/manifests/2")):
            with Client(port(registry)) as client:
                head = f"{method} {path} HTTP/1.1\r\nHost: cove\r\nContent-Length: 0\r\n{field}: "
                client.send(head.encode() + value + b"\r\n\r\n")
                answer = client.answer()
            assert answer.status < 500, (field, text)
    assert rows(registry) == before


def test_text_in_a_manifest_is_kept_and_given_back_as_it_is(registry: Registry) -> None:
    repo = fresh(registry)
    digest = repo.push_image("1")
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": str(digest), "size": len(image())}
    for number, text in enumerate(text for text in HOSTILE if "\x00" not in text):
        content = repo.image(annotations={text: text}, subject=subject)
        repo.push(f"t{number}", content)
        assert repo.manifest(f"t{number}").content == content
    listed = repo.http.get(repo.url(f"referrers/{digest}")).json()["manifests"]
    assert {text for entry in listed for text in entry["annotations"]} == {t for t in HOSTILE if "\x00" not in t}


def test_text_in_a_form_buys_nothing(registry: Registry) -> None:
    for text in HOSTILE[::4]:
        value = text.encode()
        for form in (
            {"grant_type": value},
            {"grant_type": b"password", "username": value, "password": b"x"},
            {"grant_type": b"password", "username": b"admin", "password": value},
            {"grant_type": b"refresh_token", "refresh_token": value},
        ):
            body = b"&".join(name.encode() + b"=" + quote(given, safe="").encode() for name, given in form.items())
            response = registry.client().post("/service/token", content=body)
            assert response.status_code in (400, 401, 429), text


def test_document_that_is_not_json_for_everybody_is_refused(registry: Registry) -> None:
    repo = fresh(registry)
    repo.image()
    good = image()
    for content in (
        b"\xef\xbb\xbf" + good,
        good.decode().encode("utf-16"),
        good.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "schemaVersion": 2'),
        good.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "x": NaN'),
        good.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "x": 1e9999'),
        good.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "x": "\\ud800"'),
        good.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "x": "\\u0000"'),
        good.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "x": ' + b"[" * 1000 + b"]" * 1000),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{" + b'"a":{},' * 600_000,
        document(x=10**400),
    ):
        assert content != good
        response = repo.put("1", content)
        assert (response.status_code, response.json()["errors"][0]["code"]) in (
            (400, "MANIFEST_INVALID"),
            (413, "SIZE_INVALID"),
        ), content[:80]
