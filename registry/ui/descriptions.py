"""What projects and repositories are for, as their people write it."""

from starlette.responses import Response

from registry.core.project_settings import ProjectSettings
from registry.core.repositories import Repositories
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.ui.repositories import address_of, repository_of
from registry.web import PAGES, Call

LIMIT = 64 * 1024
"""Characters of a text."""
_TOO_LONG = marked("The text is too long.")
_SAVED = marked("The description was saved.")


class DescriptionScreens:
    def __init__(self, pages: Pages, settings: ProjectSettings, repositories: Repositories) -> None:
        self._pages = pages
        self._settings = settings
        self._repositories = repositories

    def of_project(self, call: Call) -> Response:
        return self._form(call, self._settings.description(call.project))

    def save_of_project(self, call: Call) -> Response:
        text = _text(call)
        if len(text) > LIMIT:
            return self._form(call, text, _TOO_LONG)
        self._settings.describe(call.actor, call.project, text)
        return self._pages.go(call, _address(call), _SAVED)

    def of_repository(self, call: Call) -> Response:
        return self._form(call, self._repositories.description(repository_of(call)))

    def save_of_repository(self, call: Call) -> Response:
        text = _text(call)
        if len(text) > LIMIT:
            return self._form(call, text, _TOO_LONG)
        self._repositories.describe(call.actor, repository_of(call), text)
        return self._pages.go(call, _address(call), _SAVED)

    def _form(self, call: Call, text: str, error: str = "") -> Response:
        status = 422 if error else 200
        return self._pages.show(call, "description.html", status, text=text, back=_address(call), error=error)


def _text(call: Call) -> str:
    return call.form("description").replace("\r\n", "\n")


def _address(call: Call) -> str:
    """Of what is described."""
    if "repository" in call.request.path_params:
        return address_of(repository_of(call))
    return f"{PAGES}/projects/{call.project.name}"
