"""What a rule is about: selectors of repositories and of tags, in the form of Harbor's API."""

from collections.abc import Mapping, Sequence

import msgspec

from registry.core.patterns import BadPattern, matches, must_be_pattern
from registry.errors import BadQuery

REPOSITORY = "repository"
_SELECTORS_LIMIT = 20


class Selector(msgspec.Struct, frozen=True):
    """A doublestar pattern, and whether it selects what matches it or all else. `extras` is a JSON object in a text."""

    kind: str = "doublestar"
    decoration: str = "matches"
    pattern: str = ""
    extras: str = ""

    def selects(self, text: str) -> bool:
        return matches(self.pattern, text) != self.decoration.lower().endswith("excludes")

    @property
    def takes_untagged(self) -> bool:
        """Whether it is also about artifacts without any tag; that is so unless it says otherwise."""
        try:
            return bool(msgspec.json.decode(self.extras or "{}", type=dict[str, object]).get("untagged", True))
        except msgspec.DecodeError:
            return True


Scopes = Mapping[str, Sequence[Selector]]


def select_repository(scopes: Scopes, name: str) -> bool:
    """Whether all selectors of repositories take the one of that name; its project is no matter to them."""
    path = name.partition("/")[2]
    return all(selector.selects(path) for selector in scopes.get(REPOSITORY, ()))


def select_tag(selectors: Sequence[Selector], tag: str) -> bool:
    return all(selector.selects(tag) for selector in selectors)


def must_be_sound(scopes: Scopes, tags: Sequence[Selector]) -> None:
    """Raises `BadQuery` for selectors that select nothing that can be told."""
    repositories = list(scopes.get(REPOSITORY, ()))
    if not repositories or not tags:
        raise BadQuery("bad request: a rule needs a selector of repositories and one of tags")
    if len(repositories) + len(tags) > _SELECTORS_LIMIT or len(scopes) > 1:
        raise BadQuery(f"bad request: a rule has at most {_SELECTORS_LIMIT} selectors, of repositories and tags")
    for selector in repositories:
        _must_be_sound(selector, ("repoMatches", "repoExcludes"))
    for selector in tags:
        _must_be_sound(selector, ("matches", "excludes"))


def _must_be_sound(selector: Selector, decorations: Sequence[str]) -> None:
    if selector.kind != "doublestar" or selector.decoration not in decorations:
        raise BadQuery(f"bad request: a selector is of the kind doublestar and {' or '.join(decorations)} its pattern")
    try:
        must_be_pattern(selector.pattern)
    except BadPattern as error:
        raise BadQuery(f"bad request: {error}") from None
