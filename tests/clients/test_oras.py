"""ORAS: artifacts that are no images, and what refers to them."""

import json
import uuid
from pathlib import Path

import pytest

from tests.clients.programs import Client, SignIn
from tests.clients.registries import Registry

pytestmark = pytest.mark.clients

PLAIN = "--plain-http"
NOTE = "application/vnd.example.note"


def push(oras: Client, remote: str, *options: str) -> str:
    """Push a file with new content as an artifact; gives the manifest's digest."""
    (oras.home / "note.txt").write_text(uuid.uuid4().hex)
    return str(
        json.loads(oras.run("push", PLAIN, "--format", "json", *options, remote, "note.txt:text/plain"))["digest"]
    )


def attach(oras: Client, remote: str, kind: str) -> str:
    """Attach a new file to what `remote` names; gives the digest of what was attached."""
    (oras.home / "more.txt").write_text(uuid.uuid4().hex)
    options = (PLAIN, "--format", "json", "--artifact-type", kind)
    return str(json.loads(oras.run("attach", *options, remote, "more.txt:text/plain"))["digest"])


def discover(oras: Client, remote: str, *options: str) -> set[str]:
    found = json.loads(oras.run("discover", PLAIN, "--format", "json", *options, remote))
    return {referrer["digest"] for referrer in found.get("referrers") or found.get("manifests") or []}


def test_artifact_is_pushed_and_pulled_by_a_guest(oras: SignIn, registry: Registry, name: str) -> None:
    alice, gus, remote = oras("alice"), oras("gus"), f"{registry.address}/team/{name}:1"
    push(alice, remote, "--artifact-type", NOTE)
    gus.run("pull", PLAIN, remote)
    assert (gus.home / "note.txt").read_text() == (alice.home / "note.txt").read_text()


def test_what_is_attached_is_discovered(oras: SignIn, registry: Registry, name: str) -> None:
    alice, remote = oras("alice"), f"{registry.address}/team/{name}:1"
    push(alice, remote, "--artifact-type", NOTE)
    attached = {
        attach(alice, remote, "application/vnd.example.signature"),
        attach(alice, remote, "application/vnd.example.sbom"),
    }
    assert discover(oras("gus"), remote) == attached


def test_discovery_is_filtered_by_artifact_type(oras: SignIn, registry: Registry, name: str) -> None:
    alice, remote = oras("alice"), f"{registry.address}/team/{name}:1"
    push(alice, remote, "--artifact-type", NOTE)
    signature = attach(alice, remote, "application/vnd.example.signature")
    attach(alice, remote, "application/vnd.example.sbom")
    assert discover(alice, remote, "--artifact-type", "application/vnd.example.signature") == {signature}


def test_attaching_writes_no_fallback_tag(oras: SignIn, registry: Registry, name: str) -> None:
    alice, repository = oras("alice"), f"{registry.address}/team/{name}"
    push(alice, f"{repository}:1", "--artifact-type", NOTE)
    attach(alice, f"{repository}:1", "application/vnd.example.signature")
    assert alice.run("repo", "tags", PLAIN, repository).split() == ["1"]


def test_artifact_is_copied_with_what_refers_to_it(oras: SignIn, registry: Registry, name: str) -> None:
    alice, repository = oras("alice"), f"{registry.address}/team/{name}"
    push(alice, f"{repository}:1", "--artifact-type", NOTE)
    attached = attach(alice, f"{repository}:1", "application/vnd.example.signature")
    plain = ("--from-plain-http", "--to-plain-http")
    alice.run("copy", "--recursive", *plain, f"{repository}:1", f"{repository}-copy:1")
    assert discover(alice, f"{repository}-copy:1") == {attached}


def test_blob_is_pushed_and_fetched(oras: SignIn, registry: Registry, name: str, tmp_path: Path) -> None:
    alice, repository = oras("alice"), f"{registry.address}/team/{name}"
    (tmp_path / "blob").write_text(uuid.uuid4().hex)
    pushed = json.loads(alice.run("blob", "push", PLAIN, "--descriptor", repository, tmp_path / "blob"))
    alice.run("blob", "fetch", PLAIN, "--output", tmp_path / "back", f"{repository}@{pushed['digest']}")
    assert (tmp_path / "back").read_text() == (tmp_path / "blob").read_text()


def test_administrator_of_a_project_deletes_a_manifest(oras: SignIn, registry: Registry, name: str) -> None:
    pat, repository = oras("pat"), f"{registry.address}/conf/{name}"
    digest = push(pat, f"{repository}:1", "--artifact-type", NOTE)
    pat.run("manifest", "delete", PLAIN, "--force", f"{repository}@{digest}")
    assert "not found" in pat.fail("manifest", "fetch", PLAIN, f"{repository}:1")


def test_guest_may_not_push_and_is_told_why(oras: SignIn, registry: Registry, name: str) -> None:
    gus = oras("gus")
    (gus.home / "note.txt").write_text("note")
    said = gus.fail("push", PLAIN, f"{registry.address}/team/{name}:1", "note.txt:text/plain")
    assert "denied" in said
    assert "gus" in said


def test_login_with_a_wrong_password_fails(oras: SignIn, registry: Registry) -> None:
    login = ("login", PLAIN, "--username", "alice", "--password-stdin", registry.address)
    assert "incorrect username or password" in oras().fail(*login, stdin="not it\n")
