"""The registry's addresses as a document of OpenAPI 3.1 and as a page to read, both made of the table of routes.

There is no second list: a row of the table is in the document because it is in the table, and its handler says what it
takes and gives (`registry.contracts`).
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from auth.roles import Action
from registry.api.answers import Model
from registry.api.parameters import PATH, QUERY
from registry.contracts import Contract, contract_of
from registry.web import Entry, InProject, InSystem, OfObject, Rule

_VARIABLE = re.compile(r"\{([^}]+)\}")
_NEEDS = {
    Entry.ANYBODY: "Nothing.",
    Entry.GUEST: "Nothing; whoever signs in may see more.",
    Entry.AUTHENTICATED: "A token, also one of nobody's.",
    Entry.ACCOUNT: "An account.",
}
_REASONS = {
    400: "It cannot be read.",
    401: "It takes an account.",
    403: "The account may not do that, or the registry is read-only.",
    404: "There is no such thing.",
    405: "This cannot be done to it.",
    409: "Something else is in the way.",
    412: "The state of things does not allow it.",
    413: "It is too large.",
    414: "There are too many tags.",
    415: "Content must come as it is.",
    416: "There is no such part.",
    422: "It is not of the form that it has to have.",
    429: "Too many wrong passwords, or too many at once.",
    501: "This registry does not do that.",
    503: "The registry's storage or database does not answer.",
    507: "The registry's disk is full.",
}


class ErrorEntry(Model, kw_only=True):
    """What is the matter, in a word for programs and in a sentence for people."""

    code: str
    message: str
    detail: object = None


class ErrorList(Model, kw_only=True):
    """The body of every error."""

    errors: list[ErrorEntry]


def openapi(rules: Sequence[Rule]) -> dict[str, Any]:
    """The document (OpenAPI Specification 3.1.1). Raises `AttributeError` and `KeyError` for what is not described."""
    types = list(dict.fromkeys([ErrorList, *_types(rules)]))
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=_of_anything, ref_template="#/components/schemas/{name}"
    )
    shapes = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules:
        paths.setdefault(_path(rule), {})[rule.method.lower()] = _operation(rule, shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cove",
            "version": version("cove-registry"),
            "description": "The management API is Harbor's, and `/v2` is that of the OCI distribution specification.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _of_anything(kind: type) -> dict[str, Any]:
    """The schema of what may be any JSON. Raises `NotImplementedError`, as msgspec asks for, for other types."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON."}


def _types(rules: Iterable[Rule]) -> Iterator[Any]:
    for rule in rules:
        contract = contract_of(rule.handler)
        failing = contract.failing[1] if contract.failing else None
        kinds = (contract.gives, contract.takes, failing)
        yield from (kind for kind in kinds if kind is not None and not isinstance(kind, str))


def _path(rule: Rule) -> str:
    return rule.path.replace(":path}", "}")


def _operation(rule: Rule, shapes: dict[Any, Any]) -> dict[str, Any]:
    contract = contract_of(rule.handler)
    operation: dict[str, Any] = {
        "operationId": f"{rule.method.lower()}{re.sub('[^a-zA-Z0-9]+', '_', rule.path)}",
        "tags": [group_of(rule)],
        "description": f"{told_of(rule)}\n\nNeeds: {needs_text(rule)}".strip(),
        "parameters": [*_variables(rule), *_query(contract)],
        "responses": _responses(rule, contract, shapes),
        "security": [] if rule.needs is Entry.ANYBODY else [{"basic": []}, {"bearer": []}],
    }
    if rule.needs in (Entry.GUEST, Entry.AUTHENTICATED):
        operation["security"].append({})
    if contract.takes is not None:
        operation["requestBody"] = {"required": True, "content": _content(contract.takes, shapes)}
    return operation


def told_of(rule: Rule) -> str:
    """What its handler's docstring says."""
    return inspect.getdoc(rule.handler) or ""


def group_of(rule: Rule) -> str:
    """What the page shows together: by the first word of the address."""
    parts = [part for part in rule.path.split("/") if part and not part.startswith("{")]
    return parts[2] if parts[:2] == ["api", "v2.0"] and len(parts) > 2 else parts[0]


def needs_text(rule: Rule) -> str:
    """In words, what an account must be allowed to do."""
    match rule.needs:
        case InProject(permission):
            return f"The permission {permission} in the project."
        case InSystem(permission):
            return f"The permission {permission} in the system."
        case OfObject(permission):
            return f"The permission {permission} where it belongs."
        case Action() as action:
            return f"The permission to {action.value}."
        case entry:
            return _NEEDS[entry]


def _variables(rule: Rule) -> list[dict[str, Any]]:
    found = []
    for name in _VARIABLE.findall(rule.path):
        schema, text = PATH[name]
        bare = name.partition(":")[0]
        found.append({"name": bare, "in": "path", "required": True, "schema": schema, "description": text})
    return found


def _query(contract: Contract) -> list[dict[str, Any]]:
    found = []
    for name in contract.query:
        bare = name.removesuffix("!")
        schema, text = QUERY[bare]
        found.append({"name": bare, "in": "query", "required": bare != name, "schema": schema, "description": text})
    return found


def statuses(rule: Rule) -> list[int]:
    """All that a request for a route may be answered with, but for bugs."""
    contract = contract_of(rule.handler)
    found = {contract.status, 415, *contract.refuses}
    if rule.needs is not Entry.ANYBODY:
        found |= {401, 403, 429, 503}
    if "{" in rule.path:
        found |= {400, 404, 422} if rule.is_managing else {400, 404}
    if contract.query:
        found |= {400, 422} if rule.is_managing else {400}
    if rule.method not in ("GET", "HEAD"):
        found |= {503, 507}
    if rule.method in ("POST", "PUT", "PATCH") and rule.is_managing:
        found |= {413}
    if contract.takes is not None:
        found |= {400, 413, 422} if rule.is_managing else {400}
    return sorted(found)


def _responses(rule: Rule, contract: Contract, shapes: dict[Any, Any]) -> dict[str, Any]:
    return {str(status): _response(rule, contract, status, shapes) for status in statuses(rule)}


def _response(rule: Rule, contract: Contract, status: int, shapes: dict[Any, Any]) -> dict[str, Any]:
    if status >= 400:
        kind = contract.failing[1] if contract.failing and contract.failing[0] == status else ErrorList
        content = {} if rule.method == "HEAD" else {"content": _content(kind, shapes)}
        return {"description": _REASONS[status], **content}
    response: dict[str, Any] = {"description": "It is done." if contract.gives is None else "It is here."}
    if status == 201:
        response["headers"] = {"Location": {"schema": {"type": "string"}, "description": "Where it is."}}
    if "page_size" in contract.query:
        response["headers"] = {
            "X-Total-Count": {"schema": {"type": "integer"}, "description": "How many there are."},
            "Link": {"schema": {"type": "string"}, "description": "The pages before and after (RFC 8288)."},
        }
    if contract.gives is not None and status not in (304, 307):
        response["content"] = _content(contract.gives, shapes)
    return response


def _content(kind: Any, shapes: dict[Any, Any]) -> dict[str, Any]:
    return {kind: {}} if isinstance(kind, str) else {"application/json": {"schema": shapes[kind]}}
