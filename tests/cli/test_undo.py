"""The commands that list, delete and restore what was pushed, beside a running server."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from click.testing import CliRunner, Result

from auth.access import OPERATOR
from registry.cli import main
from storage.digest import Digest
from tests.cli.running import Server, start
from tests.http.serving import MANIFEST_TYPE, image_manifest

Cove = Callable[..., Result]

_numbers = itertools.count(1)


@dataclass
class Repo:
    """A repository of the test's own, as a client sees it."""

    http: httpx.Client
    name: str

    def push(self, tag: str, layer: bytes = b"layer") -> str:
        """An image of one layer; gives its digest."""
        digests = [Digest.of(content) for content in (b"{}", layer)]
        for digest, content in zip(digests, (b"{}", layer), strict=True):
            uploads = f"/v2/{self.name}/blobs/uploads/"
            self.http.post(uploads, params={"digest": str(digest)}, content=content).raise_for_status()
        manifest = image_manifest(digests[0], 2, digests[1], len(layer))
        address = f"/v2/{self.name}/manifests/{tag}"
        self.http.put(address, content=manifest, headers={"Content-Type": MANIFEST_TYPE}).raise_for_status()
        return str(Digest.of(manifest))

    def delete(self, reference: str) -> None:
        self.http.delete(f"/v2/{self.name}/manifests/{reference}").raise_for_status()

    def pull(self, reference: str) -> str | None:
        """The digest of what comes, if anything does."""
        response = self.http.get(f"/v2/{self.name}/manifests/{reference}")
        return str(Digest.of(response.content)) if response.status_code == 200 else None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ExitStack() as stack:
        yield start(stack, tmp_path_factory.mktemp("server") / "log", (), {})


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, auth=("admin", server.password)) as client:
        yield client


@pytest.fixture
def repo(http: httpx.Client) -> Repo:
    return Repo(http, f"library/app-{next(_numbers)}")


@pytest.fixture
def cove(server: Server, monkeypatch: pytest.MonkeyPatch) -> Cove:
    """Run a command on the data of the server."""
    monkeypatch.setenv("COVE_DATA", str(server.log.parent / "cove-data"))
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="cove")


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def failure(result: Result) -> str:
    """The one line of a command that failed."""
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    return line


def test_moved_tag_goes_back(repo: Repo, cove: Cove) -> None:
    first = repo.push("v1", b"1")
    repo.push("v1", b"2")
    assert done(cove("tag", "restore", f"{repo.name}:v1")) == f"Tag {repo.name}:v1 points to {first} now.\n"
    assert repo.pull("v1") == first


def test_deleted_image_comes_back_by_its_tag_or_its_digest(repo: Repo, cove: Cove) -> None:
    digest = repo.push("v1")
    repo.delete(digest)
    expected = f"Tag {repo.name}:v1 points to {digest} now. 1 manifest came back.\n"
    assert done(cove("tag", "restore", f"{repo.name}:v1")) == expected
    assert repo.pull("v1") == digest
    repo.delete(digest)
    expected = f"Manifest {repo.name}@{digest} was restored: 1 manifest and 1 tag came back.\n"
    assert done(cove("manifest", "restore", f"{repo.name}@{digest}")) == expected
    assert repo.pull("v1") == digest


def test_tag_goes_to_a_digest_or_a_time_of_its_history(repo: Repo, cove: Cove) -> None:
    first, second, third = (repo.push("v1", layer) for layer in (b"1", b"2", b"3"))
    done(cove("tag", "restore", f"{repo.name}:v1", "--to", first))
    assert repo.pull("v1") == first
    done(cove("tag", "restore", f"{repo.name}:v1", "--before", "9999-12-31"))
    assert repo.pull("v1") == first
    history = json.loads(done(cove("tag", "history", f"{repo.name}:v1", "--json")))
    assert [(change["digest"], change["user"], change["restorable"]) for change in history] == [
        (first, OPERATOR.name, True),
        (third, "admin", True),
        (second, "admin", True),
        (first, "admin", True),
    ]
    assert len(done(cove("tag", "history", f"{repo.name}:v1", "--last", "2")).splitlines()) == 1 + 2


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "1970-01-01", "1970-01-01T01:00:00+01:00"])
def test_time_is_read_in_any_form_of_iso_8601(repo: Repo, cove: Cove, time: str) -> None:
    repo.push("v1")
    assert "at that time" in failure(cove("tag", "restore", f"{repo.name}:v1", "--before", time))


def test_time_that_is_none_and_two_goals_at_once_cannot_be_read(repo: Repo, cove: Cove) -> None:
    digest = repo.push("v1")
    result = cove("tag", "restore", f"{repo.name}:v1", "--before", "yesterday")
    assert (result.exit_code, "not a time such as" in result.stderr) == (2, True)
    result = cove("tag", "restore", f"{repo.name}:v1", "--before", "2026-01-01", "--to", digest)
    assert (result.exit_code, "exclude each other" in result.stderr) == (2, True)


def test_tags_are_listed_with_what_they_point_to(repo: Repo, cove: Cove) -> None:
    first, second = repo.push("v1", b"1"), repo.push("v2", b"2")
    listed = json.loads(done(cove("tag", "list", repo.name, "--json")))
    assert [(tag["tag"], tag["digest"]) for tag in listed] == [("v1", first), ("v2", second)]
    assert done(cove("tag", "delete", f"{repo.name}:v1")) == f"Tag {repo.name}:v1 was deleted.\n"
    assert (repo.pull("v1"), repo.pull(first)) == (None, first)
    repo.delete(second)
    kept, gone = json.loads(done(cove("tag", "list", repo.name, "--deleted", "--json")))
    assert (kept["tag"], kept["digest"], kept["deleted_by"], kept["restorable_until"]) == (
        "v1",
        first,
        OPERATOR.name,
        "",
    )
    assert (gone["tag"], gone["digest"], gone["deleted_by"]) == ("v2", second, "admin")
    assert gone["restorable_until"] > gone["deleted_at"]


def test_manifests_are_listed_deleted_and_restored(repo: Repo, cove: Cove) -> None:
    first, second = repo.push("v1", b"1"), repo.push("v2", b"2")
    image = f"{repo.name}@{first}"
    assert done(cove("manifest", "delete", image)) == f"Manifest {image} was deleted.\n"
    assert repo.pull(first) is None
    [there] = json.loads(done(cove("manifest", "list", repo.name, "--json")))
    assert (there["digest"], there["media_type"]) == (second, MANIFEST_TYPE)
    [gone] = json.loads(done(cove("manifest", "list", repo.name, "--deleted", "--json")))
    assert gone["digest"] == first
    assert gone["restorable_until"] > gone["deleted_at"]
    moved = repo.push("v1", b"3")
    restored = json.loads(done(cove("manifest", "restore", image, "--json")))
    assert restored == {
        "repository": repo.name,
        "manifests": [first],
        "tags": {},
        "left_tags": ["v1"],
        "missing": [],
    }
    assert repo.pull("v1") == moved
    repo.delete(first)


def test_tags_left_alone_and_missing_layers_are_told(repo: Repo, cove: Cove) -> None:
    digest = repo.push("v1", b"alone in " + repo.name.encode())
    repo.delete(digest)
    layer = Digest.of(b"alone in " + repo.name.encode())
    repo.http.delete(f"/v2/{repo.name}/blobs/{layer}").raise_for_status()
    repo.push("v1", b"other")
    image = f"{repo.name}@{digest}"
    assert str(layer) in failure(cove("manifest", "restore", image))
    assert done(cove("manifest", "restore", image, "--force")).splitlines()[1:] == [
        "Tags that point elsewhere since, and were left alone: v1.",
        f"What manifests name and the repository lacks: {layer}.",
    ]


def test_repository_is_deleted_listed_and_restored(repo: Repo, cove: Cove) -> None:
    digest = repo.push("v1")
    repo.push("v2")
    assert {"name": repo.name, "tags": 2, "manifests": 1} in json.loads(done(cove("repository", "list", "--json")))
    expected = f"Repository {repo.name} was deleted: 1 manifest, 2 tags.\n"
    assert done(cove("repository", "delete", repo.name)) == expected
    assert repo.pull("v1") is None
    [gone] = [
        each
        for each in json.loads(done(cove("repository", "list", "--deleted", "--json")))
        if each["name"] == repo.name
    ]
    assert (gone["manifests"], gone["deleted_by"]) == (1, OPERATOR.name)
    assert gone["restorable_until"] > gone["deleted_at"]
    expected = f"Repository {repo.name} was restored: 1 manifest, 2 tags.\n"
    assert done(cove("repository", "restore", repo.name)) == expected
    assert (repo.pull("v1"), repo.pull("v2")) == (digest, digest)


def test_repository_whose_tag_was_set_anew_is_restored_by_force(repo: Repo, cove: Cove) -> None:
    digest = repo.push("v1", b"1")
    done(cove("repository", "delete", repo.name))
    repo.push("v1", b"2")
    assert "set anew: v1" in failure(cove("repository", "restore", repo.name))
    done(cove("repository", "restore", repo.name, "--force"))
    assert repo.pull("v1") == digest


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tag", "restore", "library/app"), "names no tag: write REPOSITORY:TAG"),
        (("tag", "delete", "library/app@sha256:0"), "names no tag: write REPOSITORY:TAG"),
        (("manifest", "restore", "library/app:1"), "names no manifest: write REPOSITORY@DIGEST"),
        (("tag", "history", "nowhere/app:1"), "project 'nowhere' does not exist"),
        (("repository", "restore", "library/nothing"), "there never was a repository 'library/nothing'"),
        (("repository", "delete", "library/nothing"), "repository 'library/nothing' does not exist"),
        (("tag", "list", "library/nothing"), "repository 'library/nothing' is not known to the registry"),
        (("tag", "list", "library/nothing", "--deleted"), "there never was a repository 'library/nothing'"),
        (("manifest", "list", "library/nothing"), "there never was a repository 'library/nothing'"),
    ],
)
def test_what_does_not_exist_is_named_in_one_line(cove: Cove, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in failure(cove(*arguments))
