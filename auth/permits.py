"""Permissions that are written down: those of robots and of personal access tokens, in the form of Harbor's API.

    [{"kind": "project", "namespace": "team", "access": [{"resource": "repository", "action": "push"}]}]

A project's may name one project, or all with `*`; the system's have the namespace `/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

EVERY_PROJECT = "*"
SYSTEM = "/"


class Granted(msgspec.Struct, frozen=True):
    """One action on one kind of resource. An effect other than `allow` grants nothing."""

    resource: str
    action: str
    effect: str = ""

    @property
    def permission(self) -> str:
        return f"{self.resource}:{self.action}"


class Permit(msgspec.Struct, frozen=True):
    """What is granted in one place: a project, all of them, or the system."""

    kind: str
    namespace: str
    access: tuple[Granted, ...]


@dataclass(frozen=True, slots=True)
class Permits:
    """All that is granted to a robot or a token: by the name of the project, and in the system."""

    projects: Mapping[str, frozenset[str]]
    system: frozenset[str]

    @classmethod
    def read(cls, text: str) -> "Permits":
        """Of the JSON that the database has. Raises `ValueError` for anything else."""
        return cls.of(msgspec.json.decode(text, type=list[Permit]))

    @classmethod
    def of(cls, permits: Sequence[Permit]) -> "Permits":
        projects: dict[str, frozenset[str]] = {}
        system: frozenset[str] = frozenset()
        for permit in permits:
            granted = _permissions(permit.access)
            if permit.kind == "system":
                system |= granted
            else:
                projects[permit.namespace] = projects.get(permit.namespace, frozenset()) | granted
        return cls(projects, system)

    def within(self, project: str) -> frozenset[str]:
        """What is granted in the project of that name."""
        return self.projects.get(project, frozenset()) | self.projects.get(EVERY_PROJECT, frozenset())

    def covers(self, other: "Permits") -> bool:
        """Whether all that `other` grants is granted here too."""
        everywhere = self.projects.get(EVERY_PROJECT, frozenset())
        return other.system <= self.system and all(
            granted <= (everywhere if name == EVERY_PROJECT else self.within(name))
            for name, granted in other.projects.items()
        )


def _permissions(access: Sequence[Granted]) -> frozenset[str]:
    granted = {each.permission for each in access if each.effect in ("", "allow")}
    if "repository:push" in granted:
        granted.add("repository:pull")
    return frozenset(granted)


_PROJECT = {
    "log": "list",
    "project": "read delete update",
    "metadata": "read create delete list update",
    "repository": "read update delete list pull push",
    "artifact": "read create list delete",
    "scan": "create read stop",
    "sbom": "create stop read",
    "tag": "create list delete",
    "accessory": "list",
    "artifact-addition": "read",
    "artifact-label": "create delete",
    "scanner": "create read",
    "preheat-policy": "read create delete list update",
    "immutable-tag": "create delete list update",
    "notification-policy": "read create delete list update",
    "tag-retention": "read create delete list update",
    "label": "read create delete list update",
    "quota": "read",
    "robot": "create read list delete",
    "export-cve": "create read",
    "member": "create read update list delete",
}
_SYSTEM = {
    "audit-log": "list",
    "preheat-instance": "read create delete list update",
    "project": "list create",
    "replication-policy": "read create delete list update",
    "replication": "read create list",
    "replication-adapter": "list",
    "registry": "read create delete list update",
    "scan-all": "read update stop create",
    "system-volumes": "read",
    "garbage-collection": "read create list update stop",
    "purge-audit": "read create list update stop",
    "jobservice-monitor": "list stop",
    "scanner": "read create delete list update",
    "label": "read create delete update",
    "security-hub": "read list",
    "catalog": "read",
    "quota": "read list update",
    "robot": "create read list delete",
    "user": "create read update list delete",
    "ldap-user": "create list",
    "user-group": "create read update list delete",
}


def _rows(table: Mapping[str, str]) -> tuple[Granted, ...]:
    return tuple(Granted(resource, action) for resource, actions in table.items() for action in actions.split())


GRANTABLE: Mapping[str, tuple[Granted, ...]] = {"system": _rows(_SYSTEM), "project": _rows(_PROJECT)}
"""What a robot can be given, by the kind of the permission, in Harbor's order."""
