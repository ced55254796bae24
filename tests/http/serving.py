"""A real server on a port, with the people and projects that the tests are about."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import httpx
import uvicorn

from auth.access import OPERATOR
from auth.roles import Role
from registry.app import create, prepare
from registry.config import Config
from registry.core.members import Memberships
from registry.core.people import People
from registry.core.projects import Projects
from registry.guard import Limits, guard
from registry.places import open_database, open_storage
from registry.server import bind
from storage.digest import Digest
from storage.metadata.database import Database
from storage.metadata.listings import Listing
from storage.metadata.users import UserRecord

PASSWORD = "Correct-horse1"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
TLS = ssl.create_default_context()  # one for all clients: each would spend longer on its own than on a request


class Users:
    """Accounts, as commands manage them."""

    def __init__(self, database: Database) -> None:
        self._people = People(database)
        self.list, self.find = self._people.list, self._people.get

    def create(self, name: str, password: str = PASSWORD, *, admin: bool = False) -> UserRecord:
        return self._people.register(OPERATOR, name, password, admin=admin)

    def set_password(self, name: str, password: str) -> UserRecord:
        return self._people.set_password(OPERATOR, name, password)

    def disable(self, name: str) -> UserRecord:
        return self._people.disable(OPERATOR, name)

    def enable(self, name: str) -> UserRecord:
        return self._people.enable(OPERATOR, name)

    def delete(self, name: str) -> UserRecord:
        return self._people.delete(OPERATOR, name)


class Members:
    """Roles of users, as commands give and take them."""

    def __init__(self, database: Database, projects: Projects) -> None:
        self._memberships = Memberships(database)
        self._find = projects.find

    def list(self, project: str) -> list[tuple[str, int]]:
        found, _ = self._memberships.page(self._find(project).id, Listing(size=0))
        return [(member.name, member.role) for member in found]

    def add(self, project: str, user: str, role: Role) -> tuple[str, int]:
        self._memberships.add_user(OPERATOR, self._find(project), user, role)
        return user, role

    def set_role(self, project: str, user: str, role: Role) -> None:
        self._memberships.set_role(OPERATOR, self._find(project), user, role)

    def remove(self, project: str, user: str) -> None:
        self._memberships.remove(OPERATOR, self._find(project), user)


@dataclass
class Registry:
    """A running server, its data, and shortcuts for what tests do all the time."""

    url: str
    config: Config
    database: Database
    users: Users
    projects: Projects
    members: Members
    clients: list[httpx.Client] = field(default_factory=list)
    # What looks at every answer before the test does.
    watchers: ClassVar[list[Callable[[httpx.Response], None]]] = []

    def client(self, user: str | None = None, password: str = PASSWORD) -> httpx.Client:
        """A client that sends Basic credentials, or none."""
        return self._made(auth=(user, password) if user else None)

    def token(self, user: str | None, *scopes: str) -> str:
        """A token from the token service, for a user or for nobody."""
        response = self.client(user).get("/service/token", params={"service": "cove", "scope": list(scopes)})
        assert response.status_code == 200, response.text
        token: str = response.json()["token"]
        return token

    def bearer(self, token: str) -> httpx.Client:
        return self._made(headers={"Authorization": f"Bearer {token}"})

    def _made(self, **how: Any) -> httpx.Client:
        hooks = {"response": self.watchers}
        client = httpx.Client(base_url=self.url, timeout=30, verify=TLS, event_hooks=hooks, **how)
        self.clients.append(client)
        return client

    def push_blob(self, repository: str, content: bytes, user: str = "admin") -> Digest:
        digest = Digest.of(content)
        response = self.client(user).post(
            f"/v2/{repository}/blobs/uploads/", params={"digest": str(digest)}, content=content
        )
        assert response.status_code == 201, response.text
        return digest

    def push_image(self, repository: str, tag: str, layer: bytes = b"layer", user: str = "admin") -> Digest:
        """An image of one layer; returns the digest of its manifest."""
        config, layer_digest = self.push_blob(repository, b"{}", user), self.push_blob(repository, layer, user)
        manifest = image_manifest(config, 2, layer_digest, len(layer))
        response = self.client(user).put(
            f"/v2/{repository}/manifests/{tag}", content=manifest, headers={"Content-Type": MANIFEST_TYPE}
        )
        assert response.status_code == 201, response.text
        return Digest.of(manifest)


def image_manifest(config: Digest, config_size: int, layer: Digest, layer_size: int) -> bytes:
    return (
        f'{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}",'
        f'"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":{config_size}}},'
        f'"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer}","size":{layer_size}}}]}}'
    ).encode()


class Records:
    """Where servers keep their records: in their data folder, or with TEST_DATABASE=postgres in a database each."""

    make_database: Callable[[], str] | None = None
    _addresses: ClassVar[dict[Path, str]] = {}

    @classmethod
    def place(cls, config: Config) -> Config:
        if cls.make_database is None or config.database_url:
            return config
        address = cls._addresses.get(config.data) or cls.make_database()
        cls._addresses[config.data] = address
        return replace(config, database_url=address)


@contextmanager
def running(config: Config, limits: Limits | None = None) -> Iterator[Registry]:
    """A server over `config` in a thread of this process; the port is any that is free."""
    config = Records.place(config)
    prepare(config)
    sock = bind("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(
            create(config),
            http=guard(limits or Limits()),  # type: ignore[arg-type]
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
    )
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    database = open_database(config)
    projects = Projects(database, open_storage(config))
    registry = Registry(
        f"http://127.0.0.1:{sock.getsockname()[1]}",
        config,
        database,
        Users(database),
        projects,
        Members(database, projects),
    )
    try:
        yield registry
    finally:
        for client in registry.clients:
            client.close()
        server.should_exit = True
        thread.join(30)
        database.close()
        sock.close()


def populate(registry: Registry) -> None:
    """pat runs project `team`, mia maintains it, dev develops, gus and lim are guests, stan is a stranger to it.

    `team` is private, `open` is public, and `other` is another private project, of which stan is a developer.
    """
    registry.projects.create("team")
    registry.projects.create("other")
    registry.projects.create("open", public=True)
    people = {
        "pat": Role.PROJECT_ADMIN,
        "mia": Role.MAINTAINER,
        "dev": Role.DEVELOPER,
        "gus": Role.GUEST,
        "lim": Role.LIMITED_GUEST,
    }
    for name, role in people.items():
        registry.users.create(name, PASSWORD)
        registry.members.add("team", name, role)
    registry.users.create("stan", PASSWORD)
    registry.members.add("other", "stan", Role.DEVELOPER)
    registry.members.add("open", "dev", Role.DEVELOPER)
