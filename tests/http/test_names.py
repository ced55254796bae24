import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPResponse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.digest import Digest
from tests.http.pushes import ABSENT, CONFIG_TYPE, Repo, basic, document, fresh, image, port
from tests.http.raw import Answer, Client
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry

PLACES = [
    ("POST", "blobs/uploads/"),
    ("POST", "blobs/uploads"),
    ("POST", f"blobs/uploads/?mount={ABSENT}"),
    ("GET", "blobs/uploads/x"),
    ("PATCH", "blobs/uploads/x"),
    ("PUT", f"blobs/uploads/x?digest={ABSENT}"),
    ("DELETE", "blobs/uploads/x"),
    ("HEAD", f"blobs/{ABSENT}"),
    ("GET", f"blobs/{ABSENT}"),
    ("DELETE", f"blobs/{ABSENT}"),
    ("HEAD", "manifests/v1"),
    ("GET", "manifests/v1"),
    ("PUT", "manifests/v1"),
    ("DELETE", "manifests/v1"),
    ("GET", "tags/list"),
    ("GET", f"referrers/{ABSENT}"),
]

BAD_NAMES = {
    "nothing": "",
    "slash before": "/team",
    "slash after": "team/",
    "two slashes": "team//x",
    "dot": ".",
    "dots": "..",
    "traversal": "team/../other/x",
    "traversal to the front": "../../etc/passwd",
    "encoded dots": "team/%2e%2e/other/x",
    "encoded traversal": "team/%2e%2e%2fother/x",
    "here": "team/./x",
    "encoded slash": "team%2fx",
    "encoded slash in upper case": "team%2Fx",
    "encoded slash further on": "team/x%2fy",
    "encoded backslash": "team%5cx",
    "backslash": "team\\x",
    "twice encoded": "team%252fx",
    "nul": "team/x%00",
    "nul in front": "%00team/x",
    "return after": "team/x%0d",
    "tab": "team/x%09y",
    "escape": "team/%1b[31m",
    "space": "team/%20x",
    "plus": "team/a+b",
    "upper case": "Team/x",
    "upper case further on": "team/X",
    "colon": "team/x:v1",
    "at": "team/x@y",
    "percent": "team/x%25",
    "quote": "team/x%22",
    "tag of html": "team/%3Cb%3E",
    "dot in front": "team/.x",
    "dot after": "team/x.",
    "two dots": "team/a..b",
    "dash in front": "team/-x",
    "dash after": "team/x-",
    "three underlines": "team/a___b",
    "underline in front": "_team/x",
    "mixed separators": "team/a._b",
    "unicode": "team/%E2%98%83",
    "letter that folds to ascii": "team/%E2%84%AA",
    "fullwidth letter": "team/%EF%BD%81",
    "digit of another script": "team/%D9%A3",
    "no utf-8": "team/%FF%FE",
    "overlong utf-8": "team/%C0%AE%C0%AE",
    "surrogate": "team/%ED%A0%80",
    "too long": "team/" + "x" * 251,
    "much too long": "team/" + "x" * 4000,
    "too many segments": "a/" * 128 + "a",
    "too long with its project": "x" * 248,
}


@pytest.fixture(scope="module")
def repo(registry: Registry) -> Repo:
    repo = fresh(registry)
    repo.push_image("v1")
    return repo


@pytest.fixture(scope="module")
def line(registry: Registry) -> Iterator["Line"]:
    with Line(registry) as line:
        yield line


class Line:
    """Requests as bytes, for HTTP libraries tidy up what they are given; on one connection, as long as it lasts."""

    def __init__(self, registry: Registry) -> None:
        self._port = port(registry)
        self._client: Client | None = None

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            self._client.sock.close()

    def ask(self, method: str, target: str | bytes, *fields: str, body: bytes = b"") -> Answer:
        """The response; one of an error has the form of the spec, section "Error Codes", unless it has no content."""
        encoded = target.encode() if isinstance(target, str) else target
        head = "\r\n".join(["", "Host: cove", basic(), f"Content-Length: {len(body)}", *fields, "", ""]).encode()
        answer = self._exchange(method, method.encode() + b" " + encoded + b" HTTP/1.1" + head + body)
        assert answer.status < 500, answer
        if answer.status >= 400 and answer.body:
            assert answer.headers["content-type"] == "application/json"
            assert all(set(entry) == {"code", "message", "detail"} for entry in answer.json()["errors"])
        return answer

    def _exchange(self, method: str, request: bytes) -> Answer:
        client = self._client or Client(self._port)
        self._client = client
        client.send(request)
        with closing(HTTPResponse(client.sock, method=method)) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, headers, response.read())
        if response.will_close:
            client.sock.close()
            self._client = None
        return answer


def code(answer: Answer) -> str:
    [entry] = answer.json()["errors"]
    found: str = entry["code"]
    return found


@pytest.mark.parametrize("name", BAD_NAMES)
def test_malformed_name_is_refused_everywhere(registry: Registry, line: Line, name: str) -> None:
    folders = sorted(path for path in registry.config.data.rglob("*") if path.is_dir())
    for method, place in PLACES:
        answer = line.ask(method, f"/v2/{BAD_NAMES[name]}/{place}", f"Content-Type: {MANIFEST_TYPE}", body=b"")
        assert answer.status == 400, (method, place, answer)
        if method != "HEAD":
            assert code(answer) == "NAME_INVALID", (method, place)
    assert sorted(path for path in registry.config.data.rglob("*") if path.is_dir()) == folders


@pytest.mark.parametrize("name", ["team/x%0a", "team%0a/x", "team/x%0ay", "%0ateam/x", "team/x%0d%0ay"])
def test_newline_in_a_name_leads_nowhere(line: Line, name: str) -> None:
    for method, place in PLACES:
        answer = line.ask(method, f"/v2/{name}/{place}")
        assert answer.status in (400, 404), (method, place, answer)


GOOD_NAMES = [
    "team/x",
    "team/a/b/c/d",
    "team/a.b_c__d-e--f---g",
    "team/0",
    "team/" + "x" * 250,
    "team/tags/list",
    "team/manifests",
    "team/blobs/uploads",
    "team/manifests/v1",
    "team/blobs",
    "team/referrers",
    "team/%78",
    "team/v2",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_name_may_be_anything_that_the_grammar_allows(registry: Registry, name: str) -> None:
    repo = Repo(fresh(registry).http, name)
    content = repo.image()
    repo.push("v1", content)
    assert repo.manifest("v1").content == content
    assert repo.tags() == ["v1"]
    assert repo.blob(Digest.of(b"layer")).content == b"layer"


BAD_TAGS = {
    "dot in front": ".v1",
    "dots": "..",
    "dash in front": "-v1",
    "plus": "v1+2",
    "space": "v%201",
    "newline": "v1%0A",
    "unicode": "%E2%98%83",
    "no utf-8": "%FF",
    "too long": "v" * 129,
    "at": "v1@x",
    "backslash": "v\\1",
    "percent": "v%251",
    "tilde": "v~1",
}
BAD_DIGESTS = {
    "no hex": "sha256:",
    "short": "sha256:abc",
    "too short": "sha256:" + "a" * 63,
    "too long": "sha256:" + "a" * 65,
    "upper case": "sha256:" + "A" * 64,
    "algorithm in upper case": "SHA256:" + "a" * 64,
    "no hexadecimal": "sha256:" + "g" * 64,
    "sha512 of the length of sha256": "sha512:" + "a" * 64,
    "another algorithm": "md5:" + "a" * 32,
    "unknown algorithm": "x+y:" + "a" * 64,
    "no algorithm": ":" + "a" * 64,
    "newline": "sha256:" + "a" * 64 + "%0A",
    "digits of another script": "sha256:" + "%D9%A3" * 64,
    "colon only": ":",
    "very long": "sha256:" + "a" * 7000,
    "two": f"{ABSENT}:{ABSENT}",
}


@pytest.mark.parametrize("tag", BAD_TAGS)
def test_malformed_tag_is_refused_everywhere(repo: Repo, line: Line, tag: str) -> None:
    for method in ("HEAD", "GET", "PUT", "DELETE"):
        answer = line.ask(method, repo.url(f"manifests/{BAD_TAGS[tag]}"), body=image() if method == "PUT" else b"")
        assert answer.status == 400
        if method != "HEAD":
            assert code(answer) == "TAG_INVALID"
    assert repo.tags() == ["v1"]


@pytest.mark.parametrize("digest", BAD_DIGESTS)
def test_malformed_digest_is_refused_everywhere(repo: Repo, line: Line, digest: str) -> None:
    bad = BAD_DIGESTS[digest]
    upload = repo.begin()
    requests = [(method, f"blobs/{bad}") for method in ("HEAD", "GET", "DELETE")]
    requests += [(method, f"manifests/{bad}") for method in ("HEAD", "GET", "PUT", "DELETE")]
    requests += [
        ("GET", f"referrers/{bad}"),
        ("POST", f"blobs/uploads/?digest={bad}"),
        ("POST", f"blobs/uploads/?mount={bad}"),
    ]
    requests += [("PUT", f"blobs/uploads/{upload.rpartition('/')[2]}?digest={bad}")]
    for method, place in requests:
        answer = line.ask(method, repo.url(place), body=image() if method in ("PUT", "POST") else b"")
        assert answer.status == 400, (method, place, answer)
        if method != "HEAD":
            assert code(answer) == "DIGEST_INVALID", (method, place)
    assert repo.offset(upload) == 0


ENCODED = [
    "blobs/sha256%2f",
    f"blobs/{ABSENT}%00",
    "blobs/%2e%2e%2f",
    "manifests/v1%2f",
    "manifests/v%5C1",
    "manifests/v1%00",
]


@pytest.mark.parametrize("place", ENCODED)
def test_encoded_separator_behind_the_name_is_refused(repo: Repo, line: Line, place: str) -> None:
    assert line.ask("GET", repo.url(place)).status in (400, 404)


def test_colon_of_a_digest_may_be_encoded(repo: Repo, line: Line) -> None:
    digest = str(Digest.of(b"layer")).replace(":", "%3A")
    assert line.ask("GET", repo.url(f"blobs/{digest}")).body == b"layer"


UPLOAD_IDS = ["x", "%00", "%0A", "..", "%2e%2e", "%FF", "x" * 7000, "%E2%98%83", "'%20OR%201=1", "*", "%25", "\\"]


@pytest.mark.parametrize("upload", UPLOAD_IDS)
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_upload_of_any_other_name_is_unknown(repo: Repo, line: Line, method: str, upload: str) -> None:
    answer = line.ask(method, repo.url(f"blobs/uploads/{upload}?digest={ABSENT}"), body=b"x")
    assert answer.status in (400, 404)
    assert code(answer) in ("BLOB_UPLOAD_UNKNOWN", "NAME_INVALID")


# Addresses and methods


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_base_is_there_with_and_without_its_slash(registry: Registry, path: str) -> None:
    response = fresh(registry).http.get(path)
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert not response.history


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/",
        "/v1/_ping",
        "/v2/x",
        "/v2//",
        "/v2/_catalog/",
        "/v2/team/x/tags",
        "/v2/team/x/tags/list/",
        "/v2/team/x/manifests/",
        "/v2/team/x/manifests/v1/",
        "/v2/team/x/blobs/",
        "/v2/team/x/nothing/v1",
        "/V2/",
        "/index.html",
        "//v2/",
        "/v2/../v2/",
        "/healthz/",
        "/v3/",
        "/v2/%0a",
        "/v2/_catalog%0a",
        "/v2/team/x/tags/list%0a",
    ],
)
def test_address_of_nothing_is_404_and_never_a_redirect(line: Line, path: str) -> None:
    answer = line.ask("GET", path)
    assert (answer.status, code(answer)) == (404, "NOT_FOUND")
    assert "location" not in answer.headers


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
TAKES = {
    "": {"GET", "HEAD"},
    "_catalog": {"GET", "HEAD"},
    "team/x/tags/list": {"GET", "HEAD"},
    f"team/x/referrers/{ABSENT}": {"GET", "HEAD"},
    f"team/x/blobs/{ABSENT}": {"GET", "HEAD", "DELETE"},
    "team/x/manifests/v1": {"GET", "HEAD", "PUT", "DELETE"},
    "team/x/blobs/uploads/": {"POST"},
    "team/x/blobs/uploads/x": {"GET", "HEAD", "PATCH", "PUT", "DELETE"},
}


@pytest.mark.parametrize("path", TAKES)
def test_other_methods_are_refused_with_those_there_are(line: Line, path: str) -> None:
    for method in sorted(set(METHODS) - TAKES[path]):
        answer = line.ask(method, f"/v2/{path}")
        assert answer.status == 405, (method, answer)
        assert set(re.split(", *", answer.headers["allow"])) == TAKES[path], method
        if method != "HEAD":
            assert code(answer) == "UNSUPPORTED"


def test_nothing_is_a_redirect_a_cookie_or_compressed(repo: Repo) -> None:
    addresses = ["/v2/", "/v2", "/v2/_catalog", repo.url("tags/list"), repo.url("manifests/v1"), repo.url("nothing")]
    addresses += [repo.url(f"blobs/{Digest.of(b'layer')}"), repo.url(f"referrers/{ABSENT}")]
    for address in addresses:
        response = repo.http.get(address, headers={"Accept-Encoding": "gzip, br, deflate, zstd"})
        assert response.status_code in (200, 404)
        assert {"content-encoding", "set-cookie", "location"} & set(response.headers) == set(), address


# Odd requests

_TEXTS = st.sampled_from(
    [*BAD_NAMES.values(), *BAD_TAGS.values(), *BAD_DIGESTS.values(), *GOOD_NAMES[:8], *UPLOAD_IDS, str(ABSENT), "v1"]
)
_SEGMENTS = st.one_of(
    _TEXTS,
    st.sampled_from(["team", "x", "blobs", "uploads", "manifests", "tags", "list", "referrers", "_catalog", "", "."]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=20),
)
_PLACES = st.one_of(
    st.builds(lambda name, place: f"/v2/{name}/{place[1]}", _TEXTS, st.sampled_from(PLACES)),
    st.builds(lambda place: f"/v2/team/odd/{place[1]}", st.sampled_from(PLACES)),
    st.lists(_SEGMENTS, max_size=6).map(lambda segments: "/v2/" + "/".join(segments)),
    st.lists(_SEGMENTS, max_size=3).map(lambda segments: "/" + "/".join(segments)),
    st.sampled_from(["/service/token", "/service/token?scope=repository:team/x:pull", "/v2/_catalog"]),
)
_QUERIES = st.dictionaries(
    st.sampled_from(["n", "last", "digest", "mount", "from", "tag", "artifactType", "digest-algorithm", "scope", "x"]),
    st.one_of(_SEGMENTS, st.integers(-5, 10**30).map(str)),
    max_size=4,
)
_FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "Accept",
            "Content-Encoding",
            "Content-Range",
            "Content-Type",
            "Expect",
            "If-Match",
            "If-None-Match",
            "If-Range",
            "Range",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-HTTP-Method-Override",
            "X-Request-Id",
        ]
    ),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
        st.sampled_from([MANIFEST_TYPE, INDEX_TYPE, "bytes=0-", "0-5", "5-0", "bytes=5-1,2-", "*", '"x"', "gzip"]),
    ),
    max_size=4,
)
_KEYS = st.sampled_from(["schemaVersion", "config", "layers", "manifests", "subject", "digest", "size", "x"])
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner),
    max_leaves=10,
)
_BODIES = st.one_of(
    st.binary(max_size=100),
    st.sampled_from([b"", image(), document(config={"mediaType": CONFIG_TYPE}), b"[" * 5000, b"grant_type=password"]),
    _DOCUMENTS.map(lambda value: json.dumps(value).encode()),
)


@dataclass(frozen=True)
class Odd:
    """A request that no client sends."""

    method: str
    place: str
    query: dict[str, str]
    fields: dict[str, str]
    body: bytes

    @property
    def target(self) -> bytes:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        return f"{self.place}{'&' if '?' in self.place else '?'}{query}".replace(" ", "%20").encode()


_ODD = st.builds(Odd, st.sampled_from([*METHODS, "FOO"]), _PLACES, _QUERIES, _FIELDS, _BODIES)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(odd=_ODD)
def test_no_request_is_answered_with_a_fault_of_the_server(line: Line, odd: Odd) -> None:
    """`Line.ask` holds every answer to that."""
    fields = [f"{name}: {value}" for name, value in odd.fields.items()]
    assert line.ask(odd.method, odd.target, *fields, body=odd.body).status not in range(300, 304)


@pytest.mark.parametrize(
    "target", [b"/v2/\xff\xfe/tags/list", b"/v2/team/x\xc3\xa9/tags/list", b"/v2/team/x/manifests/\x80"]
)
def test_target_with_bytes_beyond_ascii_is_refused(line: Line, target: bytes) -> None:
    assert line.ask("GET", target).status == 400
