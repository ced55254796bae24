"""Records of who did what: `/audit-logs`, and the same in the newer form of `/auditlog-exts`."""

from starlette.responses import Response

from registry.api.answers import Model, listed, shown, time_text
from registry.api.queries import parse_listing
from registry.contracts import PAGED, answers
from registry.core.audit import EVENTS, Audit
from registry.web import Call
from storage.metadata.audit_records import AuditRecord


class AuditLog(Model, kw_only=True):
    """Harbor's `AuditLog`."""

    id: int
    username: str = ""
    resource: str = ""
    resource_type: str = ""
    operation: str = ""
    op_time: str


class AuditLogExt(AuditLog, kw_only=True):
    """Harbor's `AuditLogExt`."""

    operation_description: str = ""
    operation_result: bool


class AuditEndpoints:
    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    @answers(list[AuditLog], query=PAGED)
    def index(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._audit.page(call.actor, listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(list[AuditLogExt], query=PAGED)
    def index_ext(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._audit.page(call.actor, listing)
        return listed(call, listing, [_shown_ext(each) for each in found], total)

    @answers(list[AuditLog], query=PAGED)
    def index_of_project(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._audit.page_of_project(call.project.id, listing)
        return listed(call, listing, [_shown(each) for each in found], total)

    @answers(list[AuditLogExt], query=PAGED)
    def index_ext_of_project(self, call: Call) -> Response:
        listing = parse_listing(call.request.query_params)
        found, total = self._audit.page_of_project(call.project.id, listing)
        return listed(call, listing, [_shown_ext(each) for each in found], total)

    @answers(list[dict[str, str]])
    def events(self, _call: Call) -> Response:
        return shown([{"event_type": event} for event in EVENTS])


def _shown(found: AuditRecord) -> AuditLog:
    return AuditLog(
        id=found.id,
        username=found.user_name,
        resource=found.resource,
        resource_type=found.resource_type,
        operation=found.operation,
        op_time=time_text(found.at),
    )


def _shown_ext(found: AuditRecord) -> AuditLogExt:
    return AuditLogExt(
        id=found.id,
        username=found.user_name,
        resource=found.resource,
        resource_type=found.resource_type,
        operation=found.operation,
        op_time=time_text(found.at),
        operation_description=found.description or f"{found.operation} {found.resource_type}: {found.resource}",
        operation_result=found.succeeded,
    )
