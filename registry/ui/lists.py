"""Lists: what a reader wants of one is in its address, and so are the links to its other pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from registry.ui.texts import count_text
from registry.web import Call
from storage.metadata.listings import Filter, Listing

SIZE = 25
MOST = 10_000
"""Entries that are counted after the page that is shown; of more it is said that there are more."""
_PAGE_LIMIT = 1_000_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Shown(Generic[Item]):
    """A page of a list, of `total` entries in all."""

    items: Sequence[Item]
    total: int
    page: int
    query: Mapping[str, str]

    @property
    def first(self) -> int:
        return (self.page - 1) * SIZE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1

    @property
    def counted(self) -> str:
        """How many there are, or at least are."""
        most = self.first - 1 + MOST
        return count_text(min(self.total, most)) + ("+" if self.total > most else "")

    @property
    def pages(self) -> int:
        return -(-self.total // SIZE)

    def at(self, page: int) -> str:
        """The query of another page."""
        return "?" + urlencode({**self.query, "page": page})

    def by(self, field: str) -> str:
        """The query of the list in another order: by a field, or if it is by that already, the other way round."""
        turned = f"-{field}" if self.query.get("sort") == field else field
        return "?" + urlencode({**{name: text for name, text in self.query.items() if name != "page"}, "sort": turned})

    def order(self, field: str) -> str:
        """For `aria-sort`."""
        return {field: "ascending", f"-{field}": "descending"}.get(self.query.get("sort", ""), "none")


def listing_of(call: Call, *more: Filter, contains: str = "name", sort: Sequence[str] = ()) -> Listing:
    """The part of a list that the query asks for: `q` is a part of the name, `sort` a field, `page` a number."""
    text = call.query("q") or ""
    filters = (Filter(contains, "contains", (text,)),) if text else ()
    wanted = call.query("sort")
    return Listing((*filters, *more), (wanted,) if wanted else tuple(sort), _page(call), SIZE, MOST + 1)


def shown(call: Call, found: tuple[Sequence[Item], int], *names: str) -> Shown[Item]:
    """`names` are what else of the query tells which list it is."""
    query = {name: text for name in ("q", "sort", "view", *names) if (text := call.query(name))}
    return Shown(found[0], found[1], _page(call), query)


def part_of(call: Call, items: Sequence[Item], *names: str) -> Shown[Item]:
    """The page of a list that is in memory as a whole; `names` are what else of the query tells which list it is."""
    page, query = _page(call), {name: text for name in names if (text := call.query(name))}
    return Shown(items[(page - 1) * SIZE : page * SIZE], len(items), page, query)


def _page(call: Call) -> int:
    text = call.query("page") or "1"
    return min(max(int(text), 1), _PAGE_LIMIT) if text.isascii() and text.isdigit() and len(text) < 9 else 1
