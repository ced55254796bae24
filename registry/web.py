"""From an HTTP request to a handler that knows who asks, and is allowed to.

Handlers are plain functions run in a thread; only those that stream are coroutines. Each is declared in `routes` with
what it needs, and gets a `Call` that has passed that check. Permissions never look at the text of a path: they are
decided on the project that the name in it leads to.
"""

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.access import Actor
from auth.roles import Action
from registry.bodies import gathered
from registry.browsers import GIVEN_PROOF, PROOF_FIELD, PROOF_HEADER, Browsers
from registry.callers import Callers
from registry.core.gate import Gate, Place
from registry.core.permissions import scope_for
from registry.core.repositories import Repository
from registry.errors import (
    Forbidden,
    ManifestTooLarge,
    NameInvalid,
    NotFound,
    Unauthorized,
    Unprocessable,
    UnsupportedMediaType,
)
from registry.forms import field_of, parse_form
from registry.hot import GOOD_UNTIL
from registry.oci.names import RepositoryName
from registry.origins import Origin
from registry.passes import Pass, Passes
from registry.threads import WHOLE, Threads, at_once, run, to_the_end
from storage.metadata.projects import ProjectRecord

SERVICE = "cove"
TOKEN_PATH = "/service/token"  # noqa: S105
MANAGED_BODY_LIMIT = 1024 * 1024
_WITH_BODY = ("POST", "PUT", "PATCH")
_NUMBER = re.compile(r"[0-9]{1,18}")
PAGES = "/ui"
_ENCODED_SEPARATORS = re.compile(rb"%(2f|5c|00)", re.IGNORECASE)


class Entry(StrEnum):
    """What a route needs that is about no repository: nothing; nothing, though whoever gives a name is known by it; an
    answer to the challenge; an account.
    """

    ANYBODY = "anybody"
    GUEST = "guest"
    AUTHENTICATED = "authenticated"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class InProject:
    """A permission, in the project that the route's `{project}` (a name or a number) or `{project_name}` leads to."""

    permission: str


@dataclass(frozen=True, slots=True)
class InSystem:
    """A permission in no project."""

    permission: str


@dataclass(frozen=True, slots=True)
class OfObject:
    """A permission where the thing belongs that the request names: its handler asks the gate once it has found it."""

    permission: str


_SAFE = ("GET", "HEAD")
_WHEN_READ_ONLY = (InSystem("configuration:update"),)  # by which an administrator ends it

Needs = Action | Entry | InProject | InSystem | OfObject


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in. `fields` are those of the form that a page sends."""

    request: Request
    actor: Actor
    found: Repository | None = None
    place: Place | None = None
    body: bytes = b""
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def repository(self) -> Repository:
        """The repository of the route's `{name}`, on which the account may do what the route needs."""
        assert self.found is not None, "only routes that need an action on a repository ask for it"  # noqa: S101
        return self.found

    @property
    def project(self) -> ProjectRecord:
        """The project of a route that needs a permission in one."""
        assert self.place is not None, "only routes that need a permission in a project ask for it"  # noqa: S101
        return self.place.project

    @property
    def permissions(self) -> frozenset[str]:
        """What the account may do in that project."""
        assert self.place is not None, "only routes that need a permission in a project ask for it"  # noqa: S101
        return self.place.permissions

    def path(self, name: str) -> str:
        value: str = self.request.path_params[name]
        return value

    def number(self, name: str) -> int:
        """A part of the path that is a number. Raises `Unprocessable`."""
        text = self.path(name)
        if not _NUMBER.fullmatch(text):
            raise Unprocessable(f"{name} in path must be of type int64: {text[:40]!r}")
        return int(text)

    def form(self, name: str) -> str:
        """The first value of a field of the form, or nothing."""
        return self.secret(name).strip()

    def all(self, name: str) -> Sequence[str]:
        """The values of a field of the form, or in a form that only asks, of the query."""
        return self.fields.get(name) or self.request.query_params.getlist(name)

    def secret(self, name: str) -> str:
        """As `form`, to the letter."""
        return field_of(self.fields, name)

    def repeat_until(self, moment: float) -> None:
        """Let the answer of a repeatable route be given again until then at the latest, in seconds since the epoch."""
        scope = self.request.scope
        scope[GOOD_UNTIL] = min(scope[GOOD_UNTIL], moment)

    def query(self, name: str) -> str | None:
        return self.request.query_params.get(name)

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)


Handler = Callable[[Call], Response | Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the route table. An answer is `repeatable` when it depends on nothing but the request and what pulls see
    in the records, and leaves nothing behind that a repetition would have to: see `registry.hot`. With `hashes` the
    handler itself hashes a password, with `stores` it writes to the store of blobs.
    """

    method: str
    path: str
    handler: Handler
    needs: Needs
    repeatable: bool = False
    hashes: bool = False
    stores: bool = False

    @property
    def is_managing(self) -> bool:
        """Whether it belongs to the management API, whose answers and errors have a form of their own."""
        return is_managing(self.path)

    @property
    def is_page(self) -> bool:
        """Whether a browser shows the answer."""
        return is_page(self.path)


class Door:
    """Turns the rows of the route table into routes, each of which first checks what its row needs."""

    def __init__(
        self, callers: Callers, browsers: Browsers, gate: Gate, origin: Origin, *, passes: Passes, threads: Threads
    ) -> None:
        self._callers = callers
        self._browsers = browsers
        self._gate = gate
        self._passes = passes
        self._origin = origin
        self._threads = threads

    def route(self, rule: Rule) -> Route:
        route = Route(rule.path, self.endpoint(rule), methods=[rule.method])
        # Starlette's pattern ends in `$`, which also matches before a line feed.
        route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
        return route

    def endpoint(self, rule: Rule) -> Callable[[Request], Awaitable[Response]]:
        """What answers a request that the rule is for."""
        is_async = inspect.iscoroutinefunction(rule.handler)

        async def endpoint(request: Request) -> Response:
            request.scope.update({"cove.route": rule.path, "cove.client": self._origin.client(request)})
            threads = self._threads_for(rule, request)
            if is_async:
                return await self._stream(rule, request, threads)
            has_body = (rule.is_managing or rule.is_page) and request.method in _WITH_BODY
            body = await _managed_body(request) if has_body else b""
            return await run(threads, self._answer, rule, request, body)

        return endpoint

    async def _stream(self, rule: Rule, request: Request, threads: Executor) -> Response:
        """Have a body read by its handler, in one thread where all of it is there, or comes soon."""
        handle = cast("Callable[[Call], Coroutine[Any, Any, Response]]", rule.handler)
        if request.scope.get(WHOLE):
            request, _ = await gathered(request)  # there is nothing to wait for
            return await to_the_end(threads, lambda: at_once(handle(self._admit(rule, request))))
        call = await run(threads, self._admit, rule, request)
        request, is_whole = await gathered(request)
        call = Call(request, call.actor, call.found)
        if is_whole:
            return await to_the_end(threads, lambda: at_once(handle(call)))
        return await handle(call)

    def _threads_for(self, rule: Rule, request: Request) -> Executor:
        if rule.hashes or _has_password(request):
            return self._threads.passwords
        return self._threads.uploads if rule.stores else self._threads.general

    def _answer(self, rule: Rule, request: Request, body: bytes) -> Response:
        fields = parse_form(body) if rule.is_page else {}
        request.scope[GIVEN_PROOF] = field_of(fields, PROOF_FIELD)
        call = replace(self._admit(rule, request), body=body, fields=fields)
        response: Response = rule.handler(call)  # type: ignore[assignment]  # it is no coroutine function
        if call.actor.session_id is not None and PROOF_HEADER not in response.headers:
            self._browsers.tell_code(request, response)
        return response

    def _admit(self, rule: Rule, request: Request) -> Call:
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("content must be sent as it is, without a Content-Encoding")
        needs = rule.needs
        if needs is Entry.ANYBODY:
            return Call(request, Actor())
        if rule.is_page:
            return self._admit_to_page(needs, request)
        if rule.is_managing:
            return self._admit_to_manage(needs, self._callers.identify_browser(request), request)
        if not isinstance(needs, Action):
            return Call(request, self._authenticated(request))
        if needs is Action.CATALOG:
            return Call(request, self._identify(request, needs, None))
        entered = self._pass(request, needs)
        if rule.repeatable:
            request.scope[GOOD_UNTIL] = entered.actor.good_until
        return Call(request, entered.actor, entered.repository)

    def _pass(self, request: Request, needs: Action) -> Pass:
        name, credentials = _repository_name(request), ",".join(request.headers.getlist("authorization"))
        entered = self._passes.enter(needs, name, credentials, partial(self._enter, request, needs, name))
        if entered.actor.name:
            request.scope["cove.user"] = entered.actor.name
        return entered

    def _enter(self, request: Request, needs: Action, name: RepositoryName) -> Pass:
        actor = self._identify(request, needs, name)
        return Pass(actor, self._gate.enter(actor, needs, name))

    def _identify(self, request: Request, needs: Action, name: RepositoryName | None) -> Actor:
        try:
            return self._callers.identify(request)
        except Unauthorized as error:
            error.scope = scope_for(needs, name)
            raise

    def _admit_to_page(self, needs: Needs, request: Request) -> Call:
        actor = self._callers.identify_page(request)
        try:
            return self._admit_to_manage(needs, actor, request)
        except Forbidden:
            if isinstance(needs, InProject) and not self._gate.permissions(actor, _project(request)):
                raise NotFound("there is nothing at this address, or nothing that you may see") from None
            raise

    def _admit_to_manage(self, needs: Needs, actor: Actor, request: Request) -> Call:
        if actor.grants is not None:
            raise Unauthorized("unauthorized: a token for repositories does not manage the registry")
        if needs is not Entry.GUEST and not isinstance(needs, InProject):
            self._gate.must_be_known(actor)
        if isinstance(needs, InSystem):
            self._gate.must_in_system(actor, needs.permission)
        if request.method not in _SAFE and needs not in _WHEN_READ_ONLY:
            self._gate.must_be_writable()
        place = (
            self._gate.enter_project(actor, needs.permission, _project(request))
            if isinstance(needs, InProject)
            else None
        )
        return Call(request, actor, place=place)

    def _authenticated(self, request: Request) -> Actor:
        """Also an anonymous token is an answer to the challenge; only a request without one is not let in."""
        if "authorization" not in request.headers and not self._gate.is_open:
            raise Unauthorized("sign in to use this registry")
        return self._callers.identify(request)


def is_managing(path: str) -> bool:
    """Whether an address is one of the management API."""
    return path.startswith(("/api/", "/c/"))


def is_page(path: str) -> bool:
    """Whether an address is one that browsers show."""
    return path == PAGES or path.startswith(f"{PAGES}/")


def _project(request: Request) -> int | str:
    """The number of the project that a path names, or its name. An address with a number means that, unless a header
    says otherwise.
    """
    named: str | None = request.path_params.get("project_name")
    if named is not None:
        return named
    text: str = request.path_params["project"]
    return text if request.headers.get("x-is-resource-name", "").lower() == "true" else as_project(text)


def as_project(text: str) -> int | str:
    """The number of a project, where the text is one, or else its name."""
    return int(text) if _NUMBER.fullmatch(text) else text


async def _managed_body(request: Request) -> bytes:
    body = await read_body(request, MANAGED_BODY_LIMIT)
    if body is None:
        raise ManifestTooLarge("the body of a request may have at most 1 MiB", headers={"Connection": "close"})
    return body


async def read_body(request: Request, limit: int) -> bytes | None:
    """The whole body, or None as soon as it is larger than `limit` bytes. Raises `ClientDisconnect`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _has_password(request: Request) -> bool:
    return request.headers.get("authorization", "")[:6].lower() == "basic "


def _repository_name(request: Request) -> RepositoryName:
    if _ENCODED_SEPARATORS.search(request.scope.get("raw_path") or b""):
        raise NameInvalid("a name cannot contain encoded separators")
    return RepositoryName.parse(request.path_params["name"])


def json_response(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")
