"""From what a handler found to the page that a browser shows."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from auth.access import Actor
from registry.browsers import NO_RENEWAL_HEADER, PROOF_FIELD, Browsers
from registry.callers import READER
from registry.core.gate import Gate
from registry.core.members import Memberships
from registry.core.settings import Settings
from registry.errors import NotFound, RegistryError, Unauthorized
from registry.origins import Origin
from registry.ui import charts, texts
from registry.ui.assets import Assets
from registry.ui.languages import LANGUAGES, MARKED, language_of, translations
from registry.ui.markdown import rendered
from registry.ui.places import ADMIN_MENU, MENU, Page
from registry.ui.snippets import pushes
from registry.web import PAGES, Call, is_page
from storage.metadata.users import UserRecord

if TYPE_CHECKING:
    from jinja2 import Environment

THEME_COOKIE, THEMES = "theme", ("light", "dark")
KEYS_COOKIE, KEYS = "keys", ("on", "off")
_NOTE_COOKIE = "note"
_PARTS = ("dialog", "suggested")  # ids of what pages have made for them without the frame
_RESTORING = re.compile(rf"{PAGES}/r/[a-z0-9/._-]+/-/restore")
SEEN_HEADER, _SEEN = "X-Cove-Seen", "cove.seen"
_FORBIDDEN, _SERVERS = 403, 500
_YEAR = 365 * 24 * 60 * 60
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Accept-Language",
}


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes back what a note tells of: a form with these fields, for the address of what restores."""

    address: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Note:
    """A marked sentence about `name` for the next page."""

    text: str
    name: str
    undo: Undo | None


class Pages:
    def __init__(
        self,
        browsers: Browsers,
        gate: Gate,
        origin: Origin,
        *,
        settings: Settings,
        memberships: Memberships,
        assets: Assets,
    ) -> None:
        self._settings = settings
        self._memberships = memberships
        self._browsers = browsers
        self._gate = gate
        self._origin = origin
        self.assets = assets

    def show(self, call: Call, template: str, status: int = 200, **values: object) -> Response:
        """A page. Its template gets the values, what every page has, and what it was left to tell the reader."""
        request = call.request
        base, host = self.base(request), self.host(request)
        common = {"place": call.place, "query": request.query_params, "base": base, "host": host}
        return self._rendered(request, template, status, self._reader(call.actor) | common | values)

    def unchanged(self, call: Call, marker: str) -> Response | None:
        """The short answer to a page that looks for news and shows the same; None for any other, which gets to know how
        to ask. Browsers themselves keep no page.

        `marker` is another whenever what the page shows is; who looks at it and how is added here.
        """
        request, place = call.request, call.place
        may = (place.project, sorted(place.permissions)) if place else None
        looks = (str(request.url), request.cookies.get(THEME_COOKIE), language_of(request))
        parts = (looks, call.actor.is_admin, may, marker, self._browsers.code(request))
        seen = request.scope[_SEEN] = sha256(repr(parts).encode()).hexdigest()[:32]
        return Response(status_code=204) if request.headers.get(SEEN_HEADER) == seen else None

    def go(self, call: Call, address: str, note: str = "", *, name: object = "", undo: Undo | None = None) -> Response:
        """On to another page, on which a marked sentence is shown; `name` is of what was changed."""
        response = RedirectResponse(quote(address, safe="/:?&=%+@~-._#"), 303)
        if note:
            told = [note, str(name), [undo.address, dict(undo.fields)] if undo else None]
            text = urlsafe_b64encode(json.dumps(told).encode())
            self.keep(call.request, response, _NOTE_COOKIE, text.decode(), 60)
        return response

    def keep(self, request: Request, response: Response, name: str, value: str, seconds: int = _YEAR) -> None:
        """Have the browser remember something about the reader's pages."""
        secure = self._is_secure(request)
        response.set_cookie(name, value, max_age=seconds, path=PAGES, secure=secure, httponly=True, samesite="lax")

    def fail(self, request: Request, error: RegistryError) -> Response:
        """The page of an error; who is not signed in gets to where that is done, and back."""
        path = request.scope["path"]
        if isinstance(error, Unauthorized) and is_page(path) and path != SIGN_IN:
            return self._to_sign_in(request)
        reader: Actor | None = request.scope.get(READER)
        after = error.headers.get("Retry-After", "")
        known = reader if error.status < _SERVERS else None  # what every page has may be what fails
        common: dict[str, object] = {
            "error": error,
            "name": request.scope.get("cove.user"),
            "ask": self._ask(known, request) if known and error.status == _FORBIDDEN else [],
            "seconds": int(after) if after.isdecimal() else 0,
            "request_id": request.scope.get("cove.request_id", ""),
            "query": {},
            "place": None,
            "host": "",
            "actor": Actor(),
            "layout": "page.html" if known else "alone.html",
        }
        common |= self._reader(known) if known else {}
        response = self._rendered(request, "error.html", error.status, common)
        response.headers.update({"Retry-After": after} if after else {})
        return response

    def _to_sign_in(self, request: Request) -> Response:
        """What a script asks for is a part of the page that it is on: that is what the reader wants to get back to."""
        is_part = bool(request.headers.get("hx-request"))
        url = urlsplit(request.headers.get("hx-current-url", "")) if is_part else request.url
        here = url.path + (f"?{url.query}" if url.query else "")
        wanted = {"next": here if request.method == "GET" or is_part else f"{PAGES}/"}
        if self._browsers.secret(request):
            wanted["ended"] = "1"
        address = f"{SIGN_IN}?{urlencode(wanted)}"
        return Response(headers={"HX-Redirect": address}) if is_part else RedirectResponse(address, 303)

    def _ask(self, reader: Actor, request: Request) -> list[str]:
        """Who can give the reader what is missing, as far as that is no secret."""
        project = request.path_params.get("project_name")
        may_know = project and "member:list" in self._gate.permissions(reader, project)
        return self._memberships.administrators(project) if project and may_know else []

    def host(self, request: Request) -> str:
        """The registry's part of the names of images."""
        return self.base(request).partition("://")[2]

    def base(self, request: Request) -> str:
        """How clients reach the registry, `scheme://host`."""
        return self._origin.base(request)

    def menu(self, actor: Actor, pages: Sequence[Page]) -> list[Page]:
        """What of the pages somebody may go to."""
        is_known = self._gate.is_open or not actor.is_anonymous
        may = partial(self._gate.may_in_system, actor)
        return [each for each in pages if (may(each.needs) if each.needs else is_known or not each.account)]

    def _reader(self, actor: Actor) -> dict[str, object]:
        """What every page has for whoever looks at it."""
        return {
            "actor": actor,
            "may": partial(self._gate.may_in_system, actor),
            "is_open": self._gate.is_open,
            "menu": self.menu(actor, MENU),
            "admin_menu": self.menu(actor, ADMIN_MENU),
            "notice": self._settings.notice(),
        }

    def _is_secure(self, request: Request) -> bool:
        return self._origin.base(request).startswith("https:")

    def _rendered(self, request: Request, template: str, status: int, values: dict[str, object]) -> Response:
        language, theme = language_of(request), request.cookies.get(THEME_COOKIE)
        more = {
            "language": language,
            "theme": theme if theme in THEMES else "auto",
            "languages": LANGUAGES,
            "has_keys": request.cookies.get(KEYS_COOKIE) != "off",
            "path": request.scope["path"],
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "layout": "bare.html" if request.headers.get("hx-target") in _PARTS else "page.html",
            "proof_field": PROOF_FIELD,
            "news_headers": {NO_RENEWAL_HEADER: "true", SEEN_HEADER: request.scope.get(_SEEN, "")},
            "code": self._browsers.code(request),
            "asset": self.assets.address,
            "note": _note(request),
        }
        text = _environment(language).get_template(template).render(more | values)
        response = Response(text, status, _HEADERS, "text/html")
        if self._is_secure(request):  # elsewhere browsers do not heed it, and complain
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        self._browsers.tell_code(request, response)
        if _NOTE_COOKIE in request.cookies:
            response.delete_cookie(_NOTE_COOKIE, path=PAGES, httponly=True, samesite="lax")
        return response


SIGN_IN = f"{PAGES}/sign-in"


def own_account(call: Call) -> UserRecord:
    """The reader's. Raises `NotFound` in an open registry, where nobody has an account."""
    if call.actor.user is None:
        raise NotFound("there are no accounts here")
    return call.actor.user


@cache
def _environment(language: str) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 -- see languages.translations
    from markupsafe import Markup  # noqa: PLC0415

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # of i18n
    made.filters.update(texts.FILTERS)
    made.filters["markdown"] = lambda text: Markup(rendered(text))  # noqa: S704 -- sanitised
    made.tests["paintable"] = texts.is_paintable
    made.globals.update(bars=charts.bars, sparkline=charts.sparkline, stacked=charts.stacked, pushes=pushes)
    return made


def _note(request: Request) -> Note | None:
    """What the page before this one wants to be told. A browser may send anything: only what is marked is shown, and
    nothing is offered but to restore.
    """
    try:
        text, name, undo = json.loads(urlsafe_b64decode(request.cookies[_NOTE_COOKIE]))
        if text not in MARKED or not isinstance(name, str):
            return None
        return Note(text, name, _undo(*undo) if undo else None)
    except (KeyError, ValueError, TypeError):
        return None


def _undo(address: str, fields: Mapping[str, str]) -> Undo:
    """Raises `ValueError` for anything else."""
    if not _RESTORING.fullmatch(address) or not all(isinstance(text, str) for text in fields.values()):
        raise ValueError(address)
    return Undo(address, fields)
