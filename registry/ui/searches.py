"""One field that finds everything: a page of its own, and what opens over any other."""

from starlette.responses import RedirectResponse, Response

from registry.core.searches import Searches
from registry.ui.languages import language_of, translations
from registry.ui.pages import Pages
from registry.ui.places import ADMIN_MENU, MENU, Page
from registry.ui.texts import part
from registry.web import PAGES, Call
from storage.metadata.searches import FoundArtifact, FoundTag


class SearchScreens:
    def __init__(self, pages: Pages, searches: Searches) -> None:
        self._pages = pages
        self._searches = searches

    def get(self, call: Call) -> Response:
        """What was found; of an artifact that was named to the letter its own page, unless a script asks."""
        text = (call.query("q") or "").strip()
        hits = self._searches.find(call.actor, text, host=self._pages.host(call.request))
        if hits.exact and not call.header("hx-request"):
            return RedirectResponse(_address_of(hits.exact), 303)
        return self._pages.show(call, "search.html", text=text, hits=hits, pages=self._titled(call, text))

    def _titled(self, call: Call, text: str) -> list[Page]:
        """The pages of the menu with that text in their titles, as the reader sees them."""
        titles = translations(language_of(call.request))
        shown = self._pages.menu(call.actor, (*MENU, *ADMIN_MENU)) if text else ()
        return [page for page in shown if text.lower() in titles.gettext(page.title).lower()]


def _address_of(found: FoundArtifact | FoundTag) -> str:
    reference = found.tag if isinstance(found, FoundTag) else found.digest
    return f"{PAGES}/r/{part(found.repository)}/-/artifacts/{reference}"
