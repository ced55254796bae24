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
) -> tuple[list[Any], int]:
    """The rows of the page and how many rows there are on all pages.

    `usual` is the order where none is asked for, and its last field makes any order a total one. With a `key`, the page
    is found first and only its rows are looked at: for columns that cost something. The way to a page is from the end
    of the list that is nearer. Raises `BadFilter`.
    """
    by_key = {plain(name): field for name, field in fields.items()}
    filtered = chosen.where(*conditions(tx, fields, listing))
    found = filtered if key is None else filtered.with_only_columns(key)
    first = (max(listing.page, 1) - 1) * listing.size
    limit = first + listing.most if listing.most else None
    counted = found.order_by(None) if limit is None else found.order_by(None).limit(limit)
    total = tx.execute(select(func.count()).select_from(counted.subquery())).scalar_one()
    names = [*listing.sort, usual[-1]] if listing.sort else usual
    order = _order(by_key, names)
    if not listing.size:
        return list(tx.execute(filtered.order_by(*order))), total
    if first >= total:
        return [], total
    count = min(listing.size, total - first)
    after = total - first - count
    is_near_end = after < first and total != limit
    way = _order(by_key, [_reverse(name) for name in names]) if is_near_end else order
    page = found.order_by(*way).limit(count).offset(min(first, after))
    if key is not None:
        return list(tx.execute(filtered.where(key.in_(list(tx.execute(page).scalars()))).order_by(*order))), total
    rows = list(tx.execute(page))
    return rows[::-1] if is_near_end else rows, total


def conditions(tx: Connection, fields: Mapping[str, Field], listing: Listing) -> list[ColumnElement[bool]]:
    """Those of the list that are on these fields. Raises `BadFilter`."""
    by_key = {plain(name): field for name, field in fields.items()}
    dialect = tx.dialect.name
    return [_condition(dialect, by_key[each.key], each) for each in listing.filters if each.key in by_key]


def _reverse(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _order(fields: Mapping[str, Field], names: Sequence[str]) -> list[ColumnElement[Any]]:
    order: dict[str, ColumnElement[Any]] = {}
    for name in names:
        key = plain(name.removeprefix("-"))
        if key in fields and key not in order:
            column = fields[key].column
            order[key] = column.desc() if name.startswith("-") else column.asc()
    return list(order.values())


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
