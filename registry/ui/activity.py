"""Who did what: in a project, or in all that the reader may know of; and the same as a file."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from starlette.responses import Response, StreamingResponse

from registry.core.audit import Audit
from registry.errors import BadQuery
from registry.ui.languages import marked
from registry.ui.lists import listing_of, shown
from registry.ui.pages import Pages
from registry.web import Call
from storage.clock import utc_text
from storage.metadata.audit_records import AuditRecord
from storage.metadata.listings import Filter, Listing

OPERATIONS = {
    "create": marked("Push and create"),
    "pull": marked("Pull"),
    "update": marked("Change"),
    "delete": marked("Delete"),
    "login": marked("Sign in"),
    "logout": marked("Sign out"),
}
_NAMES = ("who", "what", "in", "since", "until")
_COLUMNS = ("time", "user", "operation", "resource_type", "resource", "description", "succeeded")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LINES = 500  # that are sent at once


class ActivityScreens:
    def __init__(self, pages: Pages, audit: Audit) -> None:
        self._pages = pages
        self._audit = audit

    def get(self, call: Call) -> Response:
        return self._shown(call, call.query("in") or None)

    def of_project(self, call: Call) -> Response:
        return self._shown(call, call.project.name)

    def export(self, call: Call) -> Response:
        return self._exported(call, call.query("in") or None)

    def export_of_project(self, call: Call) -> Response:
        return self._exported(call, call.project.name)

    def _shown(self, call: Call, project: str | None) -> Response:
        found = shown(call, self._audit.page(call.actor, _listing(call), project), *_NAMES)
        return self._pages.show(
            call, "activity.html", list=found, operations=OPERATIONS, today=datetime.now(UTC).date()
        )

    def _exported(self, call: Call, project: str | None) -> Response:
        """The records as CSV (RFC 4180) or as lines of JSON. Raises `BadQuery`."""
        records = self._audit.export(call.actor, _listing(call), project)
        kind = call.query("as")
        if kind not in ("csv", "jsonl"):
            raise BadQuery("as in query must be csv or jsonl")
        content, media_type = (_csv(records), "text/csv") if kind == "csv" else (_lines(records), "application/jsonl")
        headers = {"Content-Disposition": f'attachment; filename="activity.{kind}"'}
        return StreamingResponse(content, headers=headers, media_type=media_type)


def _listing(call: Call) -> Listing:
    """Raises `BadQuery`."""
    since, until = _day(call, "since"), _day(call, "until")
    limits = str(_ms(since)) if since else None, str(_ms(until + timedelta(days=1)) - 1) if until else None
    exact = {"username": call.query("who"), "operation": call.query("what")}
    chosen = [Filter(field, "exact", (text,)) for field, text in exact.items() if text]
    if any(limits):
        chosen.append(Filter("optime", "range", limits))
    return listing_of(call, *chosen, contains="resource")


def _day(call: Call, name: str) -> date | None:
    text = call.query(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadQuery(f"{name} in query must be a day, such as 2030-12-31") from None


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _row(record: AuditRecord) -> tuple[str | bool, ...]:
    return (
        utc_text(record.at),
        record.user_name,
        record.operation,
        record.resource_type,
        record.resource,
        record.description,
        record.succeeded,
    )


def _lines(records: Iterator[AuditRecord]) -> Iterator[str]:
    for rows in _batches(records):
        yield "".join(json.dumps(dict(zip(_COLUMNS, row, strict=True))) + "\n" for row in rows)


def _csv(records: Iterator[AuditRecord]) -> Iterator[str]:
    """What a spreadsheet would take for a formula begins with an apostrophe."""
    yield ",".join(_COLUMNS) + "\r\n"
    for rows in _batches(records):
        written = io.StringIO()
        csv.writer(written).writerows([[_text(cell) for cell in row] for row in rows])
        yield written.getvalue()


def _text(cell: str | bool) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _batches(records: Iterator[AuditRecord]) -> Iterator[list[tuple[str | bool, ...]]]:
    rows = []
    for record in records:
        rows.append(_row(record))
        if len(rows) == _LINES:
            yield rows
            rows = []
    if rows:
        yield rows
