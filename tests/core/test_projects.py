"""Projects, as an administrator manages them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auth.access import Access, Actor
from registry.core.blobs import Blobs
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.errors import Conflict, NameInvalid, NotFound
from registry.oci.names import RepositoryName
from storage.disk import DiskStore
from storage.metadata import manifests, repositories
from storage.metadata.database import Database
from storage.metadata.projects import ProjectRecord


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "blobs")


@pytest.fixture
def projects(database: Database, store: DiskStore) -> Projects:
    return Projects(database, store, clock=lambda: 1234)


def put_image(database: Database, project: ProjectRecord, name: str) -> None:
    with database.write() as tx:
        row = repositories.get_or_create(tx, project.id, name, 1)
        manifests.add(
            tx, row.id, digest="sha256:1", media_type="x", artifact_type=None, subject=None, annotations={},
            content=b"{}", references={}, now=1,
        )  # fmt: skip


def test_project_is_private_unless_it_is_said_to_be_public(projects: Projects) -> None:
    assert projects.create("team") == ProjectRecord(1, "team", is_public=False, created_at=1234, updated_at=1234)
    assert projects.create("open", public=True).is_public
    assert [project.name for project in projects.list()] == ["open", "team"]


@pytest.mark.parametrize("name", ["", "Team", "a/b", "a__b", "-a", "a-", "a..b", "x" * 256, "a b", "a\n", "é"])
def test_name_outside_the_rule_is_refused(projects: Projects, name: str) -> None:
    with pytest.raises(NameInvalid):
        projects.create(name)
    assert projects.list() == []


def test_name_that_is_taken_is_a_conflict(projects: Projects) -> None:
    projects.create("team")
    with pytest.raises(Conflict, match="The project named team already exists"):
        projects.create("team", public=True)


def test_project_is_opened_and_closed(projects: Projects) -> None:
    projects.create("team")
    assert projects.set_public("team", public=True).is_public
    assert not projects.set_public("team", public=False).is_public


def test_project_that_is_ensured_is_made_once(projects: Projects) -> None:
    made = projects.ensure_public("team")
    assert made.is_public
    assert projects.ensure_public("team") == made


def test_project_that_does_not_exist_is_named(projects: Projects) -> None:
    with pytest.raises(NotFound, match="project 'none' does not exist"):
        projects.set_public("none", public=True)
    with pytest.raises(NotFound):
        projects.delete("none")


def test_project_with_images_is_not_deleted_without_force(projects: Projects, database: Database) -> None:
    team = projects.create("team")
    put_image(database, team, "team/a")
    with pytest.raises(Conflict, match=r"still holds 1 repository$"):
        projects.delete("team")
    put_image(database, team, "team/b")
    with pytest.raises(Conflict, match=r"still holds 2 repositories$"):
        projects.delete("team")
    assert [project.id for project in projects.list()] == [team.id]
    assert projects.delete("team", force=True).id == team.id
    assert projects.list() == []
    with database.read() as tx:
        assert repositories.find(tx, "team/a") is None


def test_project_of_an_old_name_is_another_one(projects: Projects) -> None:
    old = projects.create("team")
    projects.delete("team")
    assert projects.create("team").id != old.id


def test_staged_bytes_of_uploads_go_with_their_project(
    projects: Projects, database: Database, store: DiskStore, tmp_path: Path
) -> None:
    uploads = Uploads(database, store, Blobs(database, store, Access()), expiry_seconds=60)
    staged = {}
    for name in ("team", "other"):
        repository = Repository(projects.create(name), RepositoryName.parse(f"{name}/app"))
        staged[name] = uploads.start(Actor(), repository).staged
    projects.delete("team", force=True)
    left = [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert not any(staged["team"].endswith(name) for name in left)
    assert any(staged["other"].endswith(name) for name in left)
