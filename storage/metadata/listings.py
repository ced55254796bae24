"""Lists that their readers filter, sort and page: what Harbor's `q`, `sort`, `page` and `page_size` come to in SQL.

A noun's list names the columns that may be asked for; whatever else is asked for is left aside, as Harbor does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select

from storage.metadata.database import contains

Kind = Literal["text", "number", "flag", "time"]
Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column that a list can be filtered and sorted by. Times are in ms; what `is_lower` has no capitals."""

    column: ColumnElement[Any]
    kind: Kind = "text"
    is_lower: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition, on the field whose name is `key` when case and underscores are left out.

    `exact` and `contains` have one value, `range` two, of which either may be None; `any` and `all` have several.
    """

    key: str
    how: Literal["exact", "contains", "range", "any", "all"]
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Which part of a list somebody wants. `sort` names fields, with a minus for descending; a `size` of 0 is all.

    With `most`, no more than so many rows are counted from the page on, which is quick however long the list is.
    """

    filters: tuple[Filter, ...] = ()
    sort: tuple[str, ...] = ()
    page: int = 1
    size: int = 10
    most: int = 0

    @property
    def first(self) -> int:
        """How many rows are on the pages before."""
        return (max(self.page, 1) - 1) * self.size

    @property
    def limit(self) -> int:
        """How many rows are counted at most; 0 for all."""
        return self.first + self.most if self.most else 0

    def wanted(self, key: str) -> Filter | None:
        """The first condition on a key that the list answers by itself."""
        return next((each for each in self.filters if each.key == plain(key)), None)

    def narrowed(self, *more: Filter) -> "Listing":
        """With further conditions."""
        return replace(self, filters=(*self.filters, *more))


class BadFilter(ValueError):
    """A value that a field of that kind cannot have."""


def plain(key: str) -> str:
    """`ProjectID` and `project_id` are the same key."""
    return key.replace("_", "").lower()


def fetch(
    tx: Connection,
    chosen: Select[Any],
    fields: Mapping[str, Field],
    listing: Listing,
    *,
    usual: Sequence[str],
    key: ColumnElement[Any] | None = None,
    keys: Select[Any] | None = None,
    is_long: bool = False,
    total: int | None = None,
) -> tuple[list[Any], int]:
    """The rows of the page and how many rows there are on all pages.

    `usual` is the order where none is asked for, and its last field makes any order a total one. With a `key`, which is
    the first column, the page is found first, and then its rows by that: for columns that cost something. It is found
    among `keys` then, if given, in place of all that is `chosen`. The way to a page is from the end of the list that is
    nearer. A list that `is_long` is known to have more rows than are counted; a `total` that is known is not counted.

    Raises `BadFilter`.
    """
    where = conditions(tx, fields, listing)
    order = _Order.of(fields, listing, usual)
    if not listing.size:
        wanted = chosen.where(*where) if key is None or keys is None else chosen.where(key.in_(keys.where(*where)))
        rows = list(tx.execute(wanted.order_by(*order.terms())))
        return rows, len(rows)
    if key is None:
        return _page(tx, chosen.where(*where), order, listing, total=listing.limit if is_long else total)
    found = chosen.with_only_columns(key) if keys is None else keys
    shown, total = _keys(tx, found.where(*where), order, listing, total=listing.limit if is_long else total)
    places = {value: number for number, value in enumerate(shown)}
    # To order them here is no work, and SQLite would go through the whole index of that order for it.
    rows = list(tx.execute(chosen.where(key.in_(shown)))) if shown else []
    return sorted(rows, key=lambda row: places[row[0]]), total


def _keys(
    tx: Connection, found: Select[Any], order: "_Order", listing: Listing, *, total: int | None
) -> tuple[list[Any], int]:
    is_bounded = listing.most and listing.filters and total is None
    collected = _collected(tx, found, order, listing) if is_bounded else None
    if collected:
        return collected
    rows, total = _page(tx, found, order, listing, total=total)
    return [row[0] for row in rows], total


def _collected(tx: Connection, found: Select[Any], order: "_Order", listing: Listing) -> tuple[list[Any], int] | None:
    """The keys of the page and the number of all rows, in one look at what is filtered; None where these are more than
    are counted: such a list is best walked along in its order, for what is wanted of it comes soon.
    """
    by = [column.label(f"by{number}") for number, column in enumerate(order.columns)]
    rows = found.add_columns(*by).limit(listing.limit + 1).subquery()
    sorting = replace(order, columns=tuple(rows.c[column.name] for column in by))
    page = select(rows.columns[0], func.count().over()).order_by(*sorting.terms())
    shown = tx.execute(page.limit(listing.size).offset(listing.first)).all()
    if not shown:
        return None if listing.first else ([], 0)
    return None if shown[0][1] > listing.limit else ([row[0] for row in shown], shown[0][1])


def _page(
    tx: Connection, found: Select[Any], order: "_Order", listing: Listing, *, total: int | None
) -> tuple[list[Any], int]:
    """`total` is how many rows there are, where that is known."""
    if total is None:
        total = _count(tx, found, listing.limit)
    elif listing.limit:
        total = min(total, listing.limit)
    if listing.first >= total:
        return [], total
    count = min(listing.size, total - listing.first)
    after = total - listing.first - count
    is_near_end = after < listing.first and total != listing.limit
    page = found.order_by(*order.terms(turned=is_near_end)).limit(count)
    rows = list(tx.execute(page.offset(after if is_near_end else listing.first)))
    return rows[::-1] if is_near_end else rows, total


def _count(tx: Connection, found: Select[Any], limit: int) -> int:
    counted = found.order_by(None).limit(limit) if limit else found.order_by(None)
    return tx.execute(select(func.count()).select_from(counted.subquery())).scalar_one()


def conditions(tx: Connection, fields: Mapping[str, Field], listing: Listing) -> list[ColumnElement[bool]]:
    """Those of the list that are on these fields. Raises `BadFilter`."""
    by_key = {plain(name): field for name, field in fields.items()}
    dialect = tx.dialect.name
    return [_condition(dialect, by_key[each.key], each) for each in listing.filters if each.key in by_key]


@dataclass(frozen=True, slots=True)
class _Order:
    """Columns, and of each whether it descends."""

    columns: tuple[ColumnElement[Any], ...]
    descends: tuple[bool, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Field], listing: Listing, usual: Sequence[str]) -> "_Order":
        """What settles a tie goes the way of what is asked for first, so that an index of both gives the order."""
        by_key = {plain(name): field.column for name, field in fields.items()}
        asked = [(plain(name.removeprefix("-")), name.startswith("-")) for name in listing.sort]
        ways: dict[str, bool] = {}
        for key, descends in asked:
            if key in by_key:
                ways.setdefault(key, descends)
        if ways:
            ways.setdefault(plain(usual[-1].removeprefix("-")), next(iter(ways.values())))
        else:
            ways = {plain(name.removeprefix("-")): name.startswith("-") for name in usual}
        return cls(tuple(by_key[key] for key in ways), tuple(ways.values()))

    def terms(self, *, turned: bool = False) -> list[ColumnElement[Any]]:
        """For SQL; `turned` from the end of the list."""
        ways = zip(self.columns, self.descends, strict=True)
        return [column.desc() if descends != turned else column.asc() for column, descends in ways]


def _condition(dialect: str, field: Field, wanted: Filter) -> ColumnElement[bool]:
    column = field.column
    if wanted.how == "contains":
        part = str(wanted.values[0]).replace("\0", "")
        return contains(dialect, column, part.lower() if field.is_lower else part)
    values = [None if text is None else value_of(field.kind, text) for text in wanted.values]
    if wanted.how == "exact":
        return column == values[0]
    if wanted.how == "any":
        return column.in_(values) if values else false()
    if wanted.how == "all":
        return and_(*(column == value for value in values)) if values else or_(false())
    least, most = values
    bounds = [column >= least] if least is not None else []
    return and_(*bounds, *([column <= most] if most is not None else []))


def value_of(kind: Kind, text: str) -> Value:
    """A value as it is compared with a column. Raises `BadFilter`."""
    if kind == "text":
        return text.replace("\0", "")
    if kind == "flag":
        if text.lower() not in _FLAGS:
            raise BadFilter(f"{text[:40]!r} is neither true nor false")
        return _FLAGS[text.lower()]
    try:
        number = int(text)
    except ValueError:
        raise BadFilter(f"{text[:40]!r} is not a {kind}") from None
    if abs(number) >= 1 << 63:
        raise BadFilter(f"{text[:40]!r} is too large")
    return number


_FLAGS = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
