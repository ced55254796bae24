"""Patterns for the names of repositories and tags, in the language of doublestar, which Harbor's rules are written in.

    *       any characters but slashes          [a-c]   one of these, [!a-c] or [^a-c] one of all others
    ?       one character, no slash             {a,b}   either
    **      as a whole part of a path, any number of parts, also none; elsewhere as *
    \\       the next character itself

A pattern is run over a text as an automaton that is in many states at once: its time is the product of both lengths at
most, whatever the pattern.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

PATTERN_LIMIT = 1024  # characters
_CHOICES = 256  # ways to choose among what stands in braces


class BadPattern(ValueError):
    """A text that is no pattern, or one that is too large."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One character that `takes` lets through, or with `loops` any number of them; `skips` that many steps may be left
    out from here on instead.
    """

    takes: Callable[[str], bool]
    loops: bool = False
    skips: int = 0


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern says. Raises `BadPattern`."""
    return any(_accepts(steps, text) for steps in _compiled(pattern))


def must_be_pattern(pattern: str) -> None:
    """Raises `BadPattern`."""
    _compiled(pattern)


def _accepts(steps: tuple[_Step, ...], text: str) -> bool:
    states = _reachable(steps, {0})
    for char in text:
        moved = set()
        for state in states:
            if state < len(steps) and steps[state].takes(char):
                moved.add(state if steps[state].loops else state + 1)
        states = _reachable(steps, moved)
        if not states:
            return False
    return len(steps) in states


def _reachable(steps: tuple[_Step, ...], states: set[int]) -> set[int]:
    """The states, and those that no character leads to."""
    found, new = set(states), list(states)
    while new:
        state = new.pop()
        step = steps[state] if state < len(steps) else None
        nexts = [] if step is None else [state + 1] * step.loops + [state + step.skips] * bool(step.skips)
        fresh = set(nexts) - found
        found |= fresh
        new.extend(fresh)
    return found


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[tuple[_Step, ...], ...]:
    if len(pattern) > PATTERN_LIMIT:
        raise BadPattern(f"a pattern may have at most {PATTERN_LIMIT} characters")
    return tuple(tuple(_steps(plain)) for plain in _without_braces(pattern))


def _without_braces(pattern: str) -> list[str]:
    """The patterns that a pattern with choices stands for."""
    parts: list[list[str]] = []
    rest = pattern
    while rest:
        start = _find(rest, "{")
        end = _find(rest, "}", start) if start >= 0 else -1
        if start >= 0 and end < 0:
            raise BadPattern(f"{pattern[:80]!r} has a brace that nothing closes")
        fixed, inner = (rest, None) if start < 0 else (rest[:start], rest[start + 1 : end])
        parts.append([fixed])
        rest = "" if inner is None else rest[end + 1 :]
        if inner is not None:
            parts.append(inner.split(","))
    if _count(parts) > _CHOICES or any("{" in choice for choices in parts for choice in choices if len(choices) > 1):
        raise BadPattern(f"{pattern[:80]!r} has more choices than are taken, or one in another")
    return ["".join(chosen) for chosen in product(*parts)]


def _count(parts: list[list[str]]) -> int:
    count = 1
    for choices in parts:
        count *= len(choices)
    return count


def _find(text: str, wanted: str, start: int = 0) -> int:
    """Where the character stands without a backslash before it; -1 for nowhere."""
    at = start
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == wanted:
            return at
        at += 1
    return -1


def _steps(pattern: str) -> Iterator[_Step]:
    at = 0
    while at < len(pattern):
        is_first = at == 0 or pattern[at - 1] == "/"
        if is_first and pattern.startswith("**/", at):
            yield from (_Step(_none, loops=True, skips=3), _Step(_any, loops=True), _Step(_is("/")))
            at += 3
        elif is_first and pattern[at:] == "**":
            yield _Step(_any, loops=True)
            return
        elif pattern[at:] == "/**":
            yield from (_Step(_is("/"), skips=2), _Step(_any, loops=True))
            return
        else:
            step, at = _step(pattern, at)
            yield step


def _step(pattern: str, at: int) -> tuple[_Step, int]:
    """What stands at a place that is no special part of a path, and where the next begins."""
    char = pattern[at]
    if char in "*?":
        return _Step(_no_slash, loops=char == "*"), at + 1
    if char == "[":
        end = _find(pattern, "]", at + 2)
        if end < 0:
            raise BadPattern(f"{pattern[:80]!r} has a bracket that nothing closes")
        return _Step(_among(pattern[at + 1 : end])), end + 1
    at += char == "\\"
    if at == len(pattern):
        raise BadPattern(f"{pattern[:80]!r} ends in a backslash")
    return _Step(_is(pattern[at])), at + 1


def _none(_char: str) -> bool:
    return False


def _any(_char: str) -> bool:
    return True


def _no_slash(char: str) -> bool:
    return char != "/"


def _is(wanted: str) -> Callable[[str], bool]:
    return lambda char: char == wanted


def _among(text: str) -> Callable[[str], bool]:
    is_other = text[0] in "!^"
    chars = text[is_other:].replace("\\", "")
    ranges, at = [], 0
    while at < len(chars):
        is_range = chars[at + 1 : at + 2] == "-" and at + 2 < len(chars)
        ranges.append((chars[at], chars[at + 2 * is_range]))
        at += 1 + 2 * is_range
    return lambda char: char != "/" and any(first <= char <= last for first, last in ranges) != is_other
