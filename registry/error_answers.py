"""Answers to requests whose handlers raise: the JSON of the specification or of the management API, or a page."""

import logging
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from auth.accounts import Throttled
from auth.passwords import TooBusy
from registry.errors import (
    InsufficientStorage,
    NameInvalid,
    NotFound,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unsupported,
    management_entries,
)
from registry.origins import Origin
from registry.web import SERVICE, TOKEN_PATH, is_managing, is_page, json_response
from storage.blobs import BlobStoreError, StoreFull, StoreUnavailable
from storage.metadata.database import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnavailable

_TRANSLATIONS: dict[type[Exception], Callable[[Exception], RegistryError]] = {
    StoreFull: lambda _: InsufficientStorage("the registry's disk is full: nothing was stored; pulls go on"),
    StoreUnavailable: lambda _: Unavailable("the registry's storage does not answer: try again"),
    DatabaseFull: lambda _: InsufficientStorage("the registry's disk is full: nothing was stored; pulls go on"),
    DatabaseBusy: lambda _: Unavailable("the registry is busy: try again"),
    DatabaseUnavailable: lambda _: Unavailable("the registry's database does not answer: try again"),
    TooBusy: lambda _: TooManyRequests("too many passwords are being checked: try again", 2),
    Throttled: lambda error: TooManyRequests(str(error), error.retry_after),  # type: ignore[attr-defined]
}


class Errors:
    """Answers for what handlers raise; `show` makes those that browsers show."""

    def __init__(self, origin: Origin, show: Callable[[Request, RegistryError], Response]) -> None:
        self._origin = origin
        self._show = show

    def handlers(self) -> dict[Any, Callable[[Request, Any], Response]]:
        """Starlette's table of exception handlers; it looks a class up by its bases."""
        translated = dict.fromkeys(_TRANSLATIONS, self._translate)
        return {
            RegistryError: self.respond,
            BlobStoreError: self._failing,
            DatabaseError: self._failing,
            HTTPException: self._http,
            ClientDisconnect: self._disconnected,
            Exception: self._unexpected,
            **translated,
        }

    def respond(self, request: Request, error: RegistryError) -> Response:
        """The JSON of the distribution spec, section "Error Codes", and for 401 the challenge."""
        headers = dict(error.headers)
        if is_page(request.scope["path"]) or _is_for_reader(request):
            return self._show(request, error)
        if is_managing(request.scope["path"]):
            return json_response({"errors": management_entries(error)}, error.status, headers)
        if isinstance(error, Unauthorized):
            try:
                headers["WWW-Authenticate"] = self._challenge(request, error)
            except NameInvalid as invalid:
                return self.respond(request, invalid)
        return json_response({"errors": error.entries()}, error.status, headers)

    def _challenge(self, request: Request, error: Unauthorized) -> str:
        if request.scope["path"] == TOKEN_PATH:
            return f'Basic realm="{SERVICE}"'
        values = {
            "realm": self._origin.base(request) + TOKEN_PATH,
            "service": SERVICE,
            "scope": error.scope,
            "error": error.error,
        }
        return "Bearer " + ",".join(f'{name}="{value}"' for name, value in values.items() if value)

    def _translate(self, request: Request, error: Exception) -> Response:
        answer = next(make for kind, make in _TRANSLATIONS.items() if isinstance(error, kind))(error)
        if answer.status >= 500:
            logging.getLogger("cove").warning("%s: %s", type(error).__name__, error)
        return self.respond(request, answer)

    def _failing(self, request: Request, error: Exception) -> Response:
        """A disk that reports errors, and not a bug: the connection lives on, and the operator has something to do."""
        logging.getLogger("cove").critical("the registry's storage fails", exc_info=error)
        return self.respond(request, Unavailable("the registry's storage fails: see the log of the registry"))

    def _http(self, request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            managing = is_managing(request.scope["path"])
            allow = error.headers["Allow"] if error.headers and managing else ", ".join(_methods(request))
            return self.respond(
                request, Unsupported("this address does not take this method", headers={"Allow": allow})
            )
        return self.respond(request, NotFound("there is nothing at this address"))

    def _disconnected(self, _request: Request, _error: ClientDisconnect) -> Response:
        """Nobody reads it; 499 is what logs call a client that went away."""
        return Response(status_code=499)

    def _unexpected(self, request: Request, _error: Exception) -> Response:
        """A bug. Starlette raises the error again, and uvicorn logs it with its traceback."""
        return self.respond(request, RegistryError("an internal error: see the log of the registry"))


def _is_for_reader(request: Request) -> bool:
    """Whether an OpenID provider has sent somebody here who would see the answer."""
    path, accepted = request.scope["path"], request.headers.get("accept", "")
    return request.method == "GET" and path.startswith("/c/oidc/") and "text/html" in accepted


def _methods(request: Request) -> list[str]:
    """What the address takes: each method has a row of its own, and Starlette tells only those of the first."""
    at_address = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in at_address for method in route.methods})
