"""Every regular expression of the program takes time in proportion to the text, however hostile that is.

Text of this length takes a pattern that backtracks to the second power minutes, and one that does so exponentially for
ever: both end by the limit on the time of a test.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import get_type_hints

import pytest

import auth
import registry
import storage
from registry.config import Config
from registry.routes import Endpoints, rules
from registry.web import Door

LENGTH = 200_000
# Characters that some pattern has beside letters and digits.
UNITS = ["a", "0", ".", "_", "-", "a.", "a_", "a__", "a-", "a/", "a/a", "-a", "--", "aA", ":", "a:", "sha256:a", "%2f",
         "a,", "1-", "1-1,", ";", "\\", "\\ud800", "\\u", "\"", "é", " ", "\t", "\n", "(", "a(", "/manifests/",
         "/blobs/", "/blobs/uploads/", "/tags/list", "$2b$", "=", "a=b&", "https://a", "[::", "x."]  # fmt: skip
ENDS = ["", "!", "\n", "\x00", "/", ":", "\u2028", "a"]


def patterns() -> Iterator[tuple[str, "re.Pattern[str] | re.Pattern[bytes]"]]:
    for package in (auth, registry, storage):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in module.name or module.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                values = value if isinstance(value, tuple | list) else [value]
                for number, found in enumerate(values):
                    if isinstance(found, re.Pattern):
                        yield f"{module.name}.{name}{number or ''}", found


PATTERNS = dict(patterns())


def try_all(pattern: "re.Pattern[str] | re.Pattern[bytes]", length: int) -> None:
    for unit in UNITS:
        for end in ENDS:
            text = (unit * (length // len(unit) + 1))[:length] + end
            for given in (text, "a" + text, "sha256:" + text, "/" + text):
                hostile = given.encode("utf-8", "surrogatepass") if isinstance(pattern.pattern, bytes) else given
                for match in (pattern.fullmatch, pattern.match):
                    match(hostile)  # type: ignore[arg-type]


def test_patterns_are_found() -> None:
    assert {"registry.oci.names._REPOSITORY", "registry.oci.ranges._RANGE", "auth.scope._TYPE"} <= PATTERNS.keys()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_takes_hostile_text_in_its_stride(name: str) -> None:
    try_all(PATTERNS[name], LENGTH // 100)
    for unit in UNITS:
        text = unit * (LENGTH // len(unit)) + "!"
        pattern = PATTERNS[name]
        pattern.fullmatch(text.encode("utf-8", "surrogatepass") if isinstance(pattern.pattern, bytes) else text)  # type: ignore[arg-type]


@pytest.mark.timeout(60)
def test_routes_take_hostile_paths_in_their_stride() -> None:
    kinds = get_type_hints(Endpoints)
    table = rules(Endpoints(**{row.name: kinds[row.name].__new__(kinds[row.name]) for row in fields(Endpoints)}))
    door = Door.__new__(Door)
    for rule in table:
        pattern = door.route(rule).path_regex
        for unit in UNITS:
            for end in ENDS[:3]:
                pattern.match("/v2/" + (unit * Config().url_limit_bytes)[: Config().url_limit_bytes] + end)
