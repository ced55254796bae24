"""Finding what somebody may see, by whatever of its name is at hand: a part of it, a digest, or what clients print."""

import re
from dataclasses import dataclass, field

from auth.access import Access, Actor
from storage.metadata import overviews, projects, searches, users
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Filter, Listing
from storage.metadata.overviews import FoundRepository
from storage.metadata.projects import ListedProject
from storage.metadata.searches import FoundArtifact, FoundTag
from storage.metadata.users import UserRecord

COUNT = 8
"""Things of each kind that are told of."""
_TEXT_LIMIT = 512
_COMMAND = re.compile(r"^(docker|podman|nerdctl|crictl|helm|oras|skopeo) +(pull|push|inspect|copy) +")
_SCHEME = re.compile(r"^(https?|oci|docker)://")
_HOST = re.compile(r"^(localhost|[^/]*:[0-9]+)/")  # no name has a colon there
_DIGEST = re.compile(r"(?:(sha256|sha512):)?([0-9a-f]{12,128})")


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found. `exact` is the artifact that was named to the letter, if it is only one."""

    projects: list[ListedProject] = field(default_factory=list)
    repositories: list[FoundRepository] = field(default_factory=list)
    tags: list[FoundTag] = field(default_factory=list)
    artifacts: list[FoundArtifact] = field(default_factory=list)
    users: list[UserRecord] = field(default_factory=list)
    exact: FoundArtifact | FoundTag | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.projects or self.repositories or self.tags or self.artifacts or self.users)


class Searches:
    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def find(self, actor: Actor, text: str, *, host: str = "") -> Hits:
        """Up to `COUNT` of each kind. A command that pulls an image, and its name at the `host`, are understood too."""
        wanted = plain(text, host)
        if not wanted:
            return Hits()
        with self._database.read() as tx:
            for by in (self._by_digest, self._by_tag):
                found = by(tx, actor, wanted)
                if found:
                    return found
            return self._by_part(tx, actor, wanted)

    def _by_digest(self, tx: Transaction, actor: Actor, wanted: str) -> Hits | None:
        repository, at, text = wanted.rpartition("@")
        match = _DIGEST.fullmatch(text)
        if match is None:
            return None
        digest = f"{match[1] or 'sha256'}:{match[2]}"
        sight = self._access.sight(actor, "artifact:list")
        found = searches.find_artifacts(tx, sight, digest, count=COUNT)
        if at:
            found = [each for each in found if each.repository == repository]
        if not found and not (at or match[1]):
            return None  # a name may have only such letters
        return Hits(artifacts=found, exact=found[0] if len(found) == 1 else None)

    def _by_tag(self, tx: Transaction, actor: Actor, wanted: str) -> Hits | None:
        repository, colon, tag = wanted.rpartition(":")
        if not (colon and repository):
            return None
        sight = self._access.sight(actor, "artifact:list")
        found = searches.find_tags(tx, sight, repository.lower(), tag, count=COUNT)
        exact = [each for each in found if each.tag == tag]
        return Hits(tags=found, exact=exact[0] if len(exact) == 1 else None)

    def _by_part(self, tx: Transaction, actor: Actor, wanted: str) -> Hits:
        access, named = self._access, Listing((Filter("name", "contains", (wanted,)),), size=COUNT)
        found, _ = projects.list_page(tx, access.sight(actor, "project:read"), named)
        people: list[UserRecord] = []
        if access.may_in_system(actor, "user:list"):
            people, _ = users.list_page(tx, Listing((Filter("username", "contains", (wanted,)),), size=COUNT))
        sight = access.sight(actor, "repository:list")
        return Hits(found, overviews.find_repositories(tx, sight, wanted, count=COUNT), users=people)


def plain(text: str, host: str = "") -> str:
    """Without what stands around a name in a command or an address: `docker pull reg.lan:5000/team/app:1`."""
    wanted = _SCHEME.sub("", _COMMAND.sub("", text.strip()[:_TEXT_LIMIT].replace("\0", "")))
    return _HOST.sub("", wanted.removeprefix(f"{host}/") if host else wanted).strip("/ ")
