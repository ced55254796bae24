"""What one sees first: how much there is, and how to begin."""

from starlette.responses import RedirectResponse, Response

from registry.core.audit import Audit
from registry.core.days import Days, forecast
from registry.core.overviews import UNPULLED_DAYS, Overviews
from registry.core.projects import Projects
from registry.core.repositories import Repositories
from registry.errors import NotFound
from registry.ui.pages import Pages
from registry.ui.system import HEALTH
from registry.web import PAGES, Call
from storage.metadata.listings import Listing

_RECENT = 8
_LARGEST = 8
_PULLED = 8
_LOOKED_AT = 100  # projects


class DashboardScreens:
    def __init__(
        self,
        pages: Pages,
        overviews: Overviews,
        projects: Projects,
        repositories: Repositories,
        audit: Audit,
        *,
        days: Days,
    ) -> None:
        self._pages = pages
        self._repositories = repositories
        self._days = days
        self._overviews = overviews
        self._projects = projects
        self._audit = audit

    def root(self, call: Call) -> Response:
        """Browsers go to the page; for programs there is nothing here. Raises `NotFound`."""
        if "text/html" not in (call.header("accept") or ""):
            raise NotFound("there is nothing at this address")
        return RedirectResponse(f"{PAGES}/", 303)

    def usage(self, call: Call) -> Response:
        """Whether everything works, and what might go: what takes a moment to find out."""
        return self._pages.show(
            call,
            "usage.html",
            largest=self._overviews.largest(call.actor),
            unpulled=self._overviews.unpulled(call.actor),
            days=UNPULLED_DAYS,
            health=self._overviews.health(),
            titles=HEALTH,
            base=self._pages.base(call.request),
        )

    def get(self, call: Call) -> Response:
        statistics = self._overviews.statistics(call.actor)
        projects, _ = self._projects.page(call.actor, Listing(sort=("-used_bytes",), size=_LOOKED_AT))
        volumes, samples = self._overviews.volumes(), self._days.disk()
        pulled, _ = self._repositories.page(call.actor, Listing(sort=("-pull_count",), size=_PULLED))
        return self._pages.show(
            call,
            "dashboard.html",
            projects=statistics.private.projects + statistics.public.projects,
            repositories=statistics.private.repositories + statistics.public.repositories,
            used=statistics.used_bytes or sum(each.project.used_bytes for each in projects),
            free=volumes[0][1] if volumes else None,
            held=[each.project for each in projects[:_LARGEST] if each.project.used_bytes],
            first=projects[0].project.name if projects else "library",
            counts=self._days.counts(call.actor),
            samples=samples,
            forecast=forecast(samples),
            pulled=[each for each in pulled if each.pull_count],
            recent=self._audit.page(call.actor, Listing(size=_RECENT))[0],
        )
