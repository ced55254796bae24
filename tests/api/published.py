"""What Harbor publishes of its answers, and whether one is as it says.

`operations.txt` has method, address, what success answers with, and the statuses of success.
`definitions.txt` has the objects. Of their fields, lists are always there (and null where they are empty), those with
`!` are always there, those with `?` whenever somebody has set them, lists with `-` and all others when they are neither
zero nor empty.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_HERE = Path(__file__).parent
_NUMBERS = {"int": 2**63, "i32": 2**31, "i64": 2**63}
BASE = "/api/v2.0"
# Newer settings of Harbor's than its published list has.
MORE = {"ConfigurationsResponse": {"pull_time_update_disable", "pull_count_update_disable", "pull_audit_log_disable"}}


class NotAsPublished(AssertionError):
    """An answer that Harbor's clients do not expect."""


@dataclass(frozen=True, slots=True)
class Field:
    kind: str
    mark: str

    @property
    def is_always_there(self) -> bool:
        return self.mark == "!" or (self.kind.startswith("[") and self.mark != "-")

    @property
    def may_be_zero(self) -> bool:
        return self.mark in ("!", "?") or self.kind == "object" or self.kind in OBJECTS


@dataclass(frozen=True, slots=True)
class Operation:
    kind: str
    statuses: frozenset[int]


def _read_operations() -> dict[tuple[str, tuple[str, ...]], Operation]:
    found = {}
    for line in (_HERE / "operations.txt").read_text("utf-8").splitlines():
        method, path, kind, successes = line.split(" ")
        found[method, _parts(path)] = Operation(kind, frozenset(map(int, successes.split(","))))
    return found


def _read_definitions() -> tuple[dict[str, str], dict[str, dict[str, Field]]]:
    aliases: dict[str, str] = {}
    objects: dict[str, dict[str, Field]] = {}
    latest = ""
    for line in (_HERE / "definitions.txt").read_text("utf-8").splitlines():
        if line.startswith(" "):
            for text in line.split():
                name, _, kind = text.partition(":")
                bare = kind.rstrip("!?-")
                objects[latest][name] = Field(bare, kind[len(bare) :])
        elif "=" in line:
            alias, _, kind = line.partition(" = ")
            aliases[alias] = kind
        else:
            latest = line
            objects[latest] = {}
    return aliases, objects


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


OPERATIONS = _read_operations()
ALIASES, OBJECTS = _read_definitions()


def find_operation(method: str, path: str) -> Operation | None:
    """The operation at an address below the base; of two, the one with fewer variables."""
    parts = _parts(path)
    fitting = [
        (wanted.count("{}"), operation)
        for (verb, wanted), operation in OPERATIONS.items()
        if verb == method
        and len(wanted) == len(parts)
        and all(theirs in ("{}", ours) for theirs, ours in zip(wanted, parts, strict=True))
    ]
    return min(fitting, key=lambda each: each[0])[1] if fitting else None


def check(response: httpx.Response) -> None:
    """Raises `NotAsPublished`. Addresses that Harbor does not have are let through."""
    path = response.request.url.raw_path.decode().partition("?")[0]
    if not path.startswith(BASE + "/"):
        return
    where = f"{response.request.method} {path} -> {response.status_code}"
    if "x-request-id" not in response.headers:
        raise NotAsPublished(f"{where}: no X-Request-Id")
    if response.status_code >= 400:
        if response.request.method != "HEAD":
            check_value(response.json(), "Errors", where)
        return
    operation = find_operation(response.request.method, path.removeprefix(BASE))
    if operation is None:
        return
    _check_success(response, operation, where)


def _check_success(response: httpx.Response, operation: Operation, where: str) -> None:
    if response.status_code not in operation.statuses:
        raise NotAsPublished(f"{where}: Harbor answers with one of {sorted(operation.statuses)}")
    if response.status_code == 201 and not response.headers.get("location", "").startswith("/"):
        raise NotAsPublished(f"{where}: no Location without a host")
    kind = operation.kind
    if kind == "-":
        if response.content:
            raise NotAsPublished(f"{where}: {response.text[:80]!r} where Harbor has no body")
    elif kind not in ("str", "file"):
        if response.headers["content-type"].partition(";")[0] != "application/json":
            raise NotAsPublished(f"{where}: a body of {response.headers['content-type']}")
        _check_body(response.json(), kind, where)


def _check_body(content: Any, kind: str, where: str) -> None:
    if content is None:
        raise NotAsPublished(f"{where}: null, where Harbor has a list or an object")
    if content == {} and not kind.startswith("["):
        return  # no schedule, no scanner: clients can read that, and not Harbor's empty body
    check_value(content, kind, where)


def check_value(value: Any, kind: str, where: str) -> None:
    """Whether a value is of a published kind. Raises `NotAsPublished`."""
    kind = ALIASES.get(kind, kind)
    if kind in ("any", "object"):
        return
    if kind.startswith("["):
        _check_list(value, kind[1:-1], where)
    elif kind.startswith("{str:"):
        _must(isinstance(value, dict), value, kind, where)
        for name, inner in value.items():
            check_value(inner, kind[5:-1], f"{where}: {name}")
    elif kind in OBJECTS:
        _must(isinstance(value, dict), value, kind, where)
        _check_object(value, kind, where)
    else:
        _must(_is_scalar(value, kind), value, kind, where)


def _check_list(value: Any, kind: str, where: str) -> None:
    _must(value is None or isinstance(value, list), value, f"list of {kind}", where)
    for position, inner in enumerate(value or []):
        check_value(inner, kind, f"{where}[{position}]")


def _check_object(value: Mapping[str, Any], kind: str, where: str) -> None:
    fields = OBJECTS[kind]
    unknown = value.keys() - fields.keys() - MORE.get(kind, set())
    if unknown:
        raise NotAsPublished(f"{where}: {kind} has no {sorted(unknown)}")
    for name, field in fields.items():
        place = f"{where}: {kind}.{name}"
        if name not in value:
            if field.is_always_there:
                raise NotAsPublished(f"{place} is always there")
            continue
        check_value(value[name], field.kind, place)
        is_zero = value[name] in ("", 0, False) or value[name] == {}
        if is_zero and not field.may_be_zero:
            raise NotAsPublished(f"{place} is left out when it is {value[name]!r}")


def _is_scalar(value: Any, kind: str) -> bool:
    kind, _, allowed = kind.partition("∈")
    if allowed:
        return value in allowed.split("/")
    if kind in _NUMBERS:
        return type(value) is int and abs(value) <= _NUMBERS[kind]
    if kind == "time":
        return isinstance(value, str) and _TIME.fullmatch(value) is not None
    return type(value) in {"str": (str,), "bool": (bool,), "float": (float, int), "num": (float, int)}[kind]


def _must(condition: bool, value: Any, kind: str, where: str) -> None:
    if not condition:
        raise NotAsPublished(f"{where}: {json.dumps(value)[:80]} is no {kind}")
