"""What the endpoints of all sides are made of."""

from dataclasses import dataclass
from pathlib import Path

from auth.access import Access
from auth.accounts import Accounts
from auth.tokens import TokenIssuer
from registry.browsers import Browsers, SignIns
from registry.callers import Callers
from registry.config import Config
from registry.core.artifacts import Artifacts
from registry.core.blobs import Blobs
from registry.core.cleaning import Rules
from registry.core.days import Days
from registry.core.files import Files
from registry.core.gate import Gate
from registry.core.layers import Layers
from registry.core.ldap import LdapSignIn
from registry.core.new_projects import NewProjects
from registry.core.oidc import OidcSignIn
from registry.core.overviews import Overviews
from registry.core.projects import Projects
from registry.core.pulls import Pulls
from registry.core.sessions import Sessions
from registry.core.settings import Settings
from registry.core.spaces import Spaces
from registry.core.transfers import Transfers
from registry.origins import Origin
from registry.outgoing import Reach
from storage.blobs import BlobStore
from storage.metadata.database import Database


def sign_in_reach(config: Config) -> Reach:
    """Where the servers may be that people sign in with."""
    return Reach(config.sign_in_allowed_networks, "sign_in_allowed_networks")


@dataclass(frozen=True, slots=True)
class Parts:
    """`blob_folder` is where the blobs are on a disk, None where they are elsewhere; `cleanliness` says how long things
    stay.
    """

    config: Config
    database: Database
    store: BlobStore
    blob_folder: Path | None
    origin: Origin
    access: Access
    issuer: TokenIssuer
    ldap: LdapSignIn
    oidc: OidcSignIn
    accounts: Accounts
    projects: Projects
    pulls: Pulls
    transfers: Transfers
    cleanliness: Rules
    layers: Layers
    files: Files
    spaces: Spaces

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.database)

    @property
    def browsers(self) -> Browsers:
        return Browsers(self.origin)

    @property
    def sign_ins(self) -> SignIns:
        return SignIns(self.accounts, self.sessions, self.browsers, self.origin)

    @property
    def callers(self) -> Callers:
        is_open = self.access.is_open
        return Callers(self.accounts, self.sessions, self.browsers, self.origin, is_open=is_open)

    @property
    def artifacts(self) -> Artifacts:
        return Artifacts(self.database, Blobs(self.database, self.store, self.access))

    @property
    def new_projects(self) -> NewProjects:
        return NewProjects(self.database, self.access, quota=self.config.quota_bytes)

    @property
    def overviews(self) -> Overviews:
        return Overviews(self.database, self.store, self.access, self.blob_folder)

    @property
    def days(self) -> Days:
        return Days(self.database, self.access, self.blob_folder)

    @property
    def settings(self) -> Settings:
        """What the registry was started with stands above what administrators say."""
        seconds, quota = self.config.token_seconds, self.config.quota_bytes
        fixed = {"token_expiration": seconds and -(-seconds // 60), "storage_per_project": quota}
        return Settings(self.database, {name: value for name, value in fixed.items() if value is not None})

    @property
    def gate(self) -> Gate:
        return Gate(self.database, self.access, self.projects)
