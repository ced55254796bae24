"""How much a project may keep, for administrators to say."""

from starlette.responses import Response

from registry.core.project_quotas import ProjectQuotas
from registry.core.projects import Projects
from registry.ui.languages import marked
from registry.ui.pages import Pages
from registry.values import size
from registry.web import PAGES, Call

_UNLIMITED = -1


class QuotaScreens:
    def __init__(self, pages: Pages, projects: Projects, quotas: ProjectQuotas) -> None:
        self._pages = pages
        self._projects = projects
        self._quotas = quotas

    def get(self, call: Call) -> Response:
        return self._form(call)

    def save(self, call: Call) -> Response:
        project, text = self._projects.find(call.path("project_name")), call.form("quota")
        try:
            limit = size(text) if text else _UNLIMITED
        except ValueError:
            return self._form(call, text, marked("Write a number of bytes, such as 500MB or 10GiB, or nothing."))
        self._quotas.put(call.actor, project.id, limit)
        return self._pages.go(call, f"{PAGES}/projects/{project.name}/settings", marked("The quota was saved."))

    def _form(self, call: Call, text: str | None = None, error: str = "") -> Response:
        project = self._projects.find(call.path("project_name"))
        return self._pages.show(call, "quota.html", 422 if error else 200, project=project, text=text, error=error)
