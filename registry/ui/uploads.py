"""Uploads that go on: whose they are, how far they got, and ending one."""

from starlette.responses import Response

from registry.core.open_uploads import OpenUploads
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.web import PAGES, Call

_SHOWN = 50


class UploadScreens:
    def __init__(self, pages: Pages, uploads: OpenUploads) -> None:
        self._pages = pages
        self._uploads = uploads

    def get(self, call: Call) -> Response:
        """One more than are shown tells that there are more."""
        found = self._uploads.list(_SHOWN + 1)
        return self._pages.show(call, "uploads.html", uploads=found[:_SHOWN], is_more=len(found) > _SHOWN)

    def cancel(self, call: Call) -> Response:
        repository = self._uploads.cancel(call.actor, call.form("upload"))
        note = marked("The upload to %(name)s was ended.")
        return self._pages.go(call, f"{PAGES}/storage/uploads", note, name=repository)
