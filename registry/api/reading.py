"""The document of the API for programs, `/api/openapi.json`, and the same to read, `/api/docs`."""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

import msgspec
from starlette.responses import Response

from registry.api.answers import Model
from registry.api.documents import group_of, needs_text, openapi, statuses, told_of
from registry.contracts import BYTES, answers, contract_of
from registry.web import Call, Rule

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "code{font:14px ui-monospace,monospace}li{margin:.6rem 0}summary{cursor:pointer}nav a{margin-right:.8rem}"
    "b{display:inline-block;min-width:4.5rem}p{margin:.2rem 0 .2rem 4.5rem;white-space:pre-line}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = {"Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"}


class DocumentEndpoints:
    """`rules` is the table of routes, whole when it is first asked for. Both forms are made then, and kept."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    @answers(dict[str, object])
    def document(self, _call: Call) -> Response:
        """This document, in the form of OpenAPI 3.1."""
        return Response(self._document, media_type="application/json")

    @answers(BYTES)
    def page(self, _call: Call) -> Response:
        """This document, as a page to read."""
        return Response(self._page, media_type="text/html", headers=_POLICY)

    @cached_property
    def _document(self) -> bytes:
        return msgspec.json.encode(openapi(self._rules))

    @cached_property
    def _page(self) -> str:
        return page(self._rules)


def page(rules: Sequence[Rule]) -> str:
    """HTML that needs no script and nothing from elsewhere."""
    groups = [(name, list(rows)) for name, rows in groupby(sorted(rules, key=group_of), key=group_of)]
    links = "".join(f'<a href="#{name}">{name}</a>' for name, _ in groups)
    sections = "".join(_section(name, rows) for name, rows in groups)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API of Cove</title><style>{_STYLE}</style>'
        f'</head><body><h1>API of Cove</h1><p>For programs: <a href="openapi.json">openapi.json</a></p>'
        f"<nav>{links}</nav>{sections}</body></html>"
    )


def _section(name: str, rows: Sequence[Rule]) -> str:
    return f'<h2 id="{name}">{name}</h2><ul>{"".join(_row(rule) for rule in rows)}</ul>'


def _row(rule: Rule) -> str:
    contract = contract_of(rule.handler)
    facts = [
        told_of(rule),
        f"Needs: {needs_text(rule)}",
        f"Query: {', '.join(contract.query)} (! has to be there)" if contract.query else "",
        f"Takes: {_kind(contract.takes)}" if contract.takes is not None else "",
        f"Gives: {_kind(contract.gives)}" if contract.gives is not None else "",
        f"Statuses: {', '.join(map(str, statuses(rule)))}",
    ]
    text = html.escape("\n".join(fact for fact in facts if fact))
    return f"<li><b>{rule.method}</b><code>{html.escape(rule.path)}</code><p>{text}</p></li>"


def _kind(kind: Any) -> str:
    """A type in words: its bare name, or what it is made of."""
    return kind.__name__ if type(kind) is type(Model) else re.sub(r"registry\.api\.\w+\.", "", str(kind))
