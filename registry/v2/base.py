"""`/v2/` itself, and what machines ask of a server: is it alive, is it ready, what are its numbers."""

import logging

from starlette.responses import Response

from registry.contracts import BYTES, answers
from registry.errors import Unavailable
from registry.metrics import CONTENT_TYPE, Metrics
from registry.web import Call, json_response
from storage.blobs import BlobStore, BlobStoreError
from storage.metadata.database import Database, DatabaseError

log = logging.getLogger("cove")


class BaseEndpoints:
    def __init__(self, database: Database, store: BlobStore, metrics: Metrics) -> None:
        self._database = database
        self._store = store
        self._metrics = metrics

    @answers(dict[str, str])
    def ping(self, _call: Call) -> Response:
        """Clients learn here that this is a registry and whether their credentials are good (end-1)."""
        return json_response({})

    @answers(dict[str, str])
    def health(self, _call: Call) -> Response:
        return json_response({"status": "ok"})

    @answers(dict[str, str], refuses=(503,))
    def ready(self, _call: Call) -> Response:
        try:
            self._database.check()
            self._store.check()
        except (DatabaseError, BlobStoreError) as error:
            log.warning("not ready: %s", error)  # the reason may name machines, and anybody may ask
            raise Unavailable("the registry is not ready: see its log") from error
        return json_response({"status": "ready"})

    @answers(BYTES)
    def metrics(self, _call: Call) -> Response:
        return Response(self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
