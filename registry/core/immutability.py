"""Tags that may be neither moved nor deleted, by rules of their project, whoever asks and by whichever way.

Pushing the same content again changes nothing and is let through. Rules go first when a tag has to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from auth.access import Actor
from registry.core import audit
from registry.core.filters import filtered
from registry.core.selectors import Selector, must_be_sound, select_repository, select_tag
from registry.errors import BadQuery, Conflict, NotFound, TagImmutable
from storage.metadata import immutable_rules, tags
from storage.metadata.database import Database, Transaction
from storage.metadata.immutable_rules import RuleRecord
from storage.metadata.listings import Listing
from storage.metadata.repositories import RepositoryRecord

ACTION, TEMPLATE = "immutable", "immutable_template"
_RULES_LIMIT = 100


class Rule(msgspec.Struct, frozen=True):
    """As it is kept: what it is about."""

    priority: int = 0
    tag_selectors: tuple[Selector, ...] = ()
    scope_selectors: Mapping[str, tuple[Selector, ...]] = {}

    @classmethod
    def read(cls, text: str) -> "Rule":
        return msgspec.json.decode(text, type=cls)

    def covers(self, repository: str, tag: str) -> bool:
        return select_repository(self.scope_selectors, repository) and select_tag(self.tag_selectors, tag)


@dataclass(frozen=True, slots=True)
class StoredRule:
    id: int
    is_disabled: bool
    rule: Rule = field(default_factory=Rule)


class ImmutableRules:
    """The rules of projects, as people manage them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, project_id: int, listing: Listing) -> tuple[list[StoredRule], int]:
        """A page of a project's rules, and how many there are. Raises `BadQuery`."""
        with self._database.read() as tx, filtered():
            found, total = immutable_rules.list_page(tx, project_id, listing)
        return [StoredRule(each.id, each.is_disabled, Rule.read(each.rule)) for each in found], total

    def create(self, actor: Actor, project_id: int, rule: Rule, *, disabled: bool) -> int:
        """The new rule's id. Raises `BadQuery`, and `Conflict` for a rule that is there already."""
        must_be_sound(rule.scope_selectors, rule.tag_selectors)
        with self._database.write() as tx:
            _must_be_new(tx, project_id, rule)
            rule_id = immutable_rules.add(tx, project_id, _text(rule), disabled=disabled)
            _record(tx, actor, "create", project_id, rule_id)
        return rule_id

    def change(self, actor: Actor, project_id: int, rule_id: int, rule: Rule, *, disabled: bool) -> None:
        """Turn a rule on or off; only where that stays as it was, the rest of it counts. Raises `NotFound`, `BadQuery`,
        `Conflict`.
        """
        with self._database.write() as tx:
            before = _must_exist(tx, project_id, rule_id)
            if before.is_disabled == disabled:
                must_be_sound(rule.scope_selectors, rule.tag_selectors)
                _must_be_new(tx, project_id, rule, but=rule_id)
            text = _text(rule) if before.is_disabled == disabled else before.rule
            immutable_rules.change(tx, rule_id, text, disabled=disabled)
            _record(tx, actor, "update", project_id, rule_id)

    def delete(self, actor: Actor, project_id: int, rule_id: int) -> None:
        """Raises `NotFound`."""
        with self._database.write() as tx:
            immutable_rules.remove(tx, _must_exist(tx, project_id, rule_id).id)
            _record(tx, actor, "delete", project_id, rule_id)


def must_be_movable(tx: Transaction, row: RepositoryRecord, tag: str, manifest_id: int) -> None:
    """Whether a tag may come to point to a manifest. Raises `TagImmutable`."""
    rules = _read(immutable_rules.list_against_move(tx, row.project_id, row.id, tag, manifest_id))
    if covered(rules, row.name, [tag]):
        raise TagImmutable(f"Failed to process request due to '{row.name}:{tag}' configured as immutable.")


def must_be_removable(tx: Transaction, row: RepositoryRecord, names: Iterable[str]) -> None:
    """Whether tags may be removed. Raises `TagImmutable`."""
    _must_keep_none(active_rules(tx, row.project_id), row, names)


def must_lose_no_tag(tx: Transaction, row: RepositoryRecord, manifest_id: int | None = None) -> None:
    """Whether a manifest of the repository, or all of them, may go with their tags. Raises `TagImmutable`."""
    rules = active_rules(tx, row.project_id)
    if rules:
        _must_keep_none(rules, row, tags.list_all(tx, row.id, manifest_id))


def active_rules(tx: Transaction, project_id: int) -> list[Rule]:
    """Those of a project that are not turned off."""
    return _read(immutable_rules.list_active(tx, project_id))


def covered(rules: Sequence[Rule], repository: str, names: Iterable[str]) -> set[str]:
    """Those of the tags of a repository that one of the rules keeps where they are."""
    return {name for name in names if any(rule.covers(repository, name) for rule in rules)}


def _must_keep_none(rules: Sequence[Rule], row: RepositoryRecord, names: Iterable[str]) -> None:
    kept = covered(rules, row.name, names)
    if kept:
        raise TagImmutable(f"the tag {min(kept)} configured as immutable, cannot be deleted")


def _read(rules: Sequence[str]) -> list[Rule]:
    return [Rule.read(rule) for rule in rules]


def _must_exist(tx: Transaction, project_id: int, rule_id: int) -> RuleRecord:
    found = immutable_rules.find(tx, project_id, rule_id)
    if found is None:
        raise NotFound(f"immutable rule {rule_id} not found")
    return found


def _must_be_new(tx: Transaction, project_id: int, rule: Rule, *, but: int | None = None) -> None:
    others, _ = immutable_rules.list_page(tx, project_id, Listing(size=0))
    if len(others) >= _RULES_LIMIT:
        raise BadQuery(f"bad request: a project has at most {_RULES_LIMIT} immutable rules")
    if any(each.id != but and _is_same(Rule.read(each.rule), rule) for each in others):
        raise Conflict("immutable rule already exists")


def _is_same(one: Rule, other: Rule) -> bool:
    return one.tag_selectors == other.tag_selectors and dict(one.scope_selectors) == dict(other.scope_selectors)


def _text(rule: Rule) -> str:
    return msgspec.json.encode(rule).decode()


def _record(tx: Transaction, actor: Actor, operation: str, project_id: int, rule_id: int) -> None:
    audit.record(
        tx, actor, operation=operation, resource_type="immutable_rule", resource=str(rule_id), project_id=project_id
    )
