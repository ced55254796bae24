"""The pages that the reader can go to from everywhere: what the menu has, and the search finds by their titles."""

from dataclasses import dataclass

from registry.ui.languages import marked
from registry.web import PAGES


@dataclass(frozen=True, slots=True)
class Page:
    """`prefixes` are the beginnings of the addresses that belong to it, `key` is what leads there after a `g`, and
    `needs` a permission in the system, or None for all; `account` says that only those with an account have it.
    """

    address: str
    title: str
    icon: str
    key: str
    prefixes: tuple[str, ...]
    needs: str | None = None
    account: bool = False

    def holds(self, path: str) -> bool:
        """Whether the page of that address is one of its own."""
        return path == self.address or path.startswith(self.prefixes)


def _page(
    name: str, title: str, icon: str, key: str, *more: str, needs: str | None = None, account: bool = False
) -> Page:
    address = f"{PAGES}/{name}"
    prefixes = (f"{address}/", *(f"{PAGES}/{each}" for each in more)) if name else (f"{PAGES}/usage",)
    return Page(address, title, icon, key, prefixes, needs, account)


MENU = (
    _page("", marked("Dashboard"), "layout-dashboard", "d", account=True),
    _page("projects", marked("Projects"), "folder", "p", "r/", "new-project"),
    _page("activity", marked("Activity"), "activity", "a", account=True),
    _page("connect", marked("Connect a client"), "plug", "c"),
)
ADMIN_MENU = (
    _page("users", marked("Users"), "users", "u", "new-user", "robots", needs="user:list"),
    _page("storage", marked("Storage"), "hard-drive", "s", needs="garbage-collection:list"),
    _page("settings", marked("Settings"), "settings", "e", "labels", needs="configuration:read"),
    _page("system", marked("System"), "server", "y", needs="configuration:read"),
)
