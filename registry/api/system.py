"""What clients ask of the registry as a whole: is it there, what is it like, how much is in it."""

from importlib.metadata import version

from starlette.responses import Response

from registry.api.answers import Model, shown, time_text
from registry.api.projects import Project, show_project
from registry.contracts import BYTES, TEXT, answers
from registry.core.overviews import Overviews
from registry.core.settings import Settings
from registry.errors import BadQuery, NotFound
from registry.origins import Origin
from registry.web import Call
from storage.clock import now_ms

API_VERSION = "v2.0"
# The version of Harbor whose API this is: programs look at the first two numbers.
HARBOR_VERSION = "v2.14.0-cove" + version("cove-registry")
_PARTS = ("core", "database", "jobservice", "portal", "registry", "registryctl")


class Health(Model, kw_only=True):
    """Harbor's `OverallHealthStatus`."""

    status: str
    components: list["PartHealth"]


class PartHealth(Model, kw_only=True):
    """Harbor's `ComponentHealthStatus`."""

    name: str
    status: str
    error: str = ""


class SystemInfo(Model, kw_only=True):
    """Harbor's `GeneralInfo`; what has None is for accounts."""

    auth_mode: str
    primary_auth_mode: bool
    self_registration: bool
    banner_message: str
    oidc_provider_name: str
    harbor_version: str | None = None
    registry_url: str | None = None
    external_url: str | None = None
    project_creation_restriction: str | None = None
    has_ca_root: bool | None = None
    registry_storage_provider_name: str | None = None
    read_only: bool | None = None
    notification_enable: bool | None = None
    current_time: str | None = None


class Statistic(Model, kw_only=True):
    """Harbor's."""

    private_project_count: int
    private_repo_count: int
    public_project_count: int
    public_repo_count: int
    total_project_count: int
    total_repo_count: int
    total_storage_consumption: int


class FoundRepository(Model, kw_only=True):
    """Harbor's `SearchRepository`."""

    project_id: int
    project_name: str
    project_public: bool = False
    repository_name: str
    pull_count: int = 0
    artifact_count: int = 0


class Search(Model, kw_only=True):
    """Harbor's."""

    project: list[Project]
    repository: list[FoundRepository]


class Permission(Model, kw_only=True):
    """Harbor's."""

    resource: str
    action: str


class Permissions(Model, kw_only=True):
    """Harbor's; those in the system are null for who cannot give them."""

    system: list[Permission] | None
    project: list[Permission]


class SystemEndpoints:
    """`storage` is what keeps the blobs, by Harbor's name: `filesystem` or `s3`."""

    def __init__(self, overviews: Overviews, settings: Settings, origin: Origin, storage: str) -> None:
        self._overviews = overviews
        self._settings = settings
        self._origin = origin
        self._storage = storage

    @answers(dict[str, str])
    def version(self, _call: Call) -> Response:
        """By this, other registries learn that they speak to one with Harbor's API."""
        return shown({"version": API_VERSION})

    @answers(TEXT)
    def ping(self, _call: Call) -> Response:
        return Response("Pong", media_type="text/plain")

    @answers(Health)
    def health(self, _call: Call) -> Response:
        """The parts are Harbor's; those that Cove has no program for are well as long as it answers."""
        known = self._overviews.health()
        parts = [_part(name, is_well=known.get(name, True)) for name in _PARTS]
        return shown(Health(status=_status(is_well=all(known.values())), components=parts))

    @answers(SystemInfo)
    def info(self, call: Call) -> Response:
        values = self._settings.all()
        info = SystemInfo(
            auth_mode=str(values["auth_mode"]),
            primary_auth_mode=bool(values["primary_auth_mode"]),
            self_registration=bool(values["self_registration"]),
            banner_message=str(values["banner_message"]),
            oidc_provider_name=str(values["oidc_name"]),
        )
        if not call.actor.is_anonymous:
            url = self._origin.base(call.request)
            info.harbor_version = HARBOR_VERSION
            info.registry_url = url.partition("://")[2]
            info.external_url = url
            info.project_creation_restriction = str(values["project_creation_restriction"])
            info.has_ca_root = False
            info.registry_storage_provider_name = self._storage
            info.read_only = bool(values["read_only"])
            info.notification_enable = bool(values["notification_enable"])
            info.current_time = time_text(now_ms())
        return shown(info)

    @answers(dict[str, list[dict[str, int]]])
    def volumes(self, _call: Call) -> Response:
        return shown({"storage": [{"total": total, "free": free} for total, free in self._overviews.volumes()]})

    @answers(BYTES, refuses=(404,))
    def certificate(self, _call: Call) -> Response:
        """Harbor's own certificate authority, which Cove does not have."""
        raise NotFound("there is no root certificate of this registry")

    @answers(Statistic)
    def statistics(self, call: Call) -> Response:
        found = self._overviews.statistics(call.actor)
        return shown(
            Statistic(
                private_project_count=found.private.projects,
                private_repo_count=found.private.repositories,
                public_project_count=found.public.projects,
                public_repo_count=found.public.repositories,
                total_project_count=found.all.projects,
                total_repo_count=found.all.repositories,
                total_storage_consumption=found.used_bytes,
            )
        )

    @answers(Search, query=("q!",))
    def search(self, call: Call) -> Response:
        part = call.query("q")
        if part is None:
            raise BadQuery("q in query is required")
        found = self._overviews.search(call.actor, part)
        return shown(
            Search(
                project=[show_project(each, []) for each in found.projects],
                repository=[
                    FoundRepository(
                        project_id=each.project_id,
                        project_name=each.project,
                        project_public=each.is_public,
                        repository_name=each.name,
                        pull_count=each.pull_count,
                        artifact_count=each.manifests,
                    )
                    for each in found.repositories
                ],
            )
        )

    @answers(Permissions, refuses=(403,))
    def permissions(self, call: Call) -> Response:
        """What robots can be given, for whoever can make some."""
        granted = self._overviews.grantable(call.actor)
        found = {
            kind: [Permission(resource=each.resource, action=each.action) for each in rows]
            for kind, rows in granted.items()
        }
        return shown(Permissions(system=found.get("system"), project=found["project"]))


def _part(name: str, *, is_well: bool) -> PartHealth:
    return PartHealth(
        name=name, status=_status(is_well=is_well), error="" if is_well else "see the log of the registry"
    )


def _status(*, is_well: bool) -> str:
    return "healthy" if is_well else "unhealthy"
