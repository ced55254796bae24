"""Every address of the registry on one page. A row cannot be written without saying what its route needs.

HEAD stands before GET: Starlette would otherwise answer it by reading the whole of the content. `end-N` are the
endpoints of the distribution spec, section "Endpoints".
"""

from dataclasses import dataclass

from auth.roles import Action
from registry.v2.base import BaseEndpoints
from registry.v2.blobs import BlobEndpoints
from registry.v2.lists import ListEndpoints
from registry.v2.manifests import ManifestEndpoints
from registry.v2.tokens import TokenEndpoints
from registry.v2.uploads import UploadEndpoints
from registry.web import TOKEN_PATH, Entry, Handler, Needs, Rule


@dataclass(frozen=True, slots=True)
class Endpoints:
    base: BaseEndpoints
    tokens: TokenEndpoints
    blobs: BlobEndpoints
    uploads: UploadEndpoints
    manifests: ManifestEndpoints
    lists: ListEndpoints


def on(method: str, path: str, handler: Handler, *, needs: Needs, **more: bool) -> Rule:
    return Rule(method, path, handler, needs, **more)


def rules(to: Endpoints) -> list[Rule]:
    """The rows, the more special of two that match first."""
    manifest = "/v2/{name:path}/manifests/{reference}"
    blob = "/v2/{name:path}/blobs/{digest}"
    uploads = "/v2/{name:path}/blobs/uploads"
    upload = f"{uploads}/{{upload}}"
    return [
        on("GET", "/healthz", to.base.health, needs=Entry.ANYBODY),
        on("GET", "/readyz", to.base.ready, needs=Entry.ANYBODY),
        on("GET", "/metrics", to.base.metrics, needs=Entry.ANYBODY),
        on("GET", TOKEN_PATH, to.tokens.get, needs=Entry.ANYBODY),
        on("POST", TOKEN_PATH, to.tokens.post, needs=Entry.ANYBODY, hashes=True),
        on("GET", "/v2/", to.base.ping, needs=Entry.AUTHENTICATED),  # end-1
        on("GET", "/v2", to.base.ping, needs=Entry.AUTHENTICATED),
        on("GET", "/v2/_catalog", to.lists.catalog, needs=Action.CATALOG),
        on(
            "POST", "/v2/{name:path}/blobs/uploads/", to.uploads.post, needs=Action.PUSH, stores=True
        ),  # end-4a, end-4b, end-11
        on("POST", uploads, to.uploads.post, needs=Action.PUSH, stores=True),
        on("GET", upload, to.uploads.get, needs=Action.PUSH),  # end-13
        on("PATCH", upload, to.uploads.patch, needs=Action.PUSH, stores=True),  # end-5
        on("PUT", upload, to.uploads.put, needs=Action.PUSH, stores=True),  # end-6
        on("DELETE", upload, to.uploads.delete, needs=Action.PUSH),  # end-14
        on("HEAD", blob, to.blobs.head, needs=Action.PULL, repeatable=True),  # end-2
        on("GET", blob, to.blobs.get, needs=Action.PULL, repeatable=True),  # end-2
        on("DELETE", blob, to.blobs.delete, needs=Action.DELETE),  # end-10
        on("HEAD", manifest, to.manifests.head, needs=Action.PULL, repeatable=True),  # end-3
        on("GET", manifest, to.manifests.get, needs=Action.PULL, repeatable=True),  # end-3
        on("PUT", manifest, to.manifests.put, needs=Action.PUSH),  # end-7
        on("DELETE", manifest, to.manifests.delete, needs=Action.DELETE),  # end-9
        on("GET", "/v2/{name:path}/tags/list", to.lists.tags, needs=Action.PULL),  # end-8
        on("GET", "/v2/{name:path}/referrers/{digest}", to.lists.referrers, needs=Action.PULL),  # end-12
    ]
