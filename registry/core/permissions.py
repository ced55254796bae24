"""May this account do this here? Every route asks this one function, on the project it has resolved."""

from auth.access import Access, Actor, Rights
from auth.roles import Action
from auth.scope import format_scope
from registry.errors import Denied, Forbidden, NameUnknown, NotFound, Unauthorized
from registry.oci.names import RepositoryName
from storage.metadata.database import Transaction
from storage.metadata.projects import ProjectRecord

# What a client is told to ask for: who pushes must be able to look first, and who deletes as well.
_NEEDED = {Action.PULL: ("pull",), Action.PUSH: ("pull", "push"), Action.DELETE: ("pull", "delete")}


_CATALOG = "registry:catalog:*"


def scope_for(action: Action, name: RepositoryName | None) -> str:
    """What a token needs for the action; no name stands for the list of all repositories."""
    if name is None:
        return _CATALOG
    return format_scope("repository", str(name), _NEEDED[action])


def must_be_allowed(
    tx: Transaction, access: Access, actor: Actor, action: Action, name: RepositoryName
) -> ProjectRecord | None:
    """The project of `name`, where `actor` may do `action`; None only in an open registry that has no such project yet.

    Raises `Unauthorized` for the anonymous and for a token that covers less than its account may do, `Denied` for an
    account without the right, in the same words whether or not the project exists, and `NameUnknown` for those who may
    know that it does not.
    """
    rights = access.rights(tx, actor, name.project)
    if action.permission in rights.permissions:
        project_id = rights.project.id if rights.project else None
        if not actor.is_granted("repository", str(name), action, project_id):
            raise Unauthorized(
                f"the token does not allow to {action} {name}",
                scope=scope_for(action, name),
                error="insufficient_scope",
            )
        return rights.project
    if actor.is_anonymous:
        # Not "authentication required": Docker takes that text for no text at all, and tries five times.
        raise Unauthorized(f"sign in to {action} {name}", scope=scope_for(action, name))
    if actor.is_admin:
        raise NameUnknown(f"project '{name.project}' does not exist: create it first")
    raise Denied(_refusal(actor, action, name, may_pull=Action.PULL.permission in rights.permissions))


def must_be_allowed_to_list(actor: Actor) -> None:
    """Lists over all projects are for signed-in accounts, each of which sees its own part."""
    if actor.is_anonymous:
        raise Unauthorized("sign in to list repositories", scope=_CATALOG)
    if not actor.is_granted("registry", "catalog", "*"):
        raise Unauthorized("the token does not allow to list repositories", scope=_CATALOG, error="insufficient_scope")


def _refusal(actor: Actor, action: Action, name: RepositoryName, *, may_pull: bool) -> str:
    who, where = f"{'robot' if actor.robot else 'user'} '{actor.name}'", f"project '{name.project}'"
    if may_pull:
        return f"{who} may pull from {where} but not {action}: ask an administrator of the project for a higher role"
    return f"{who} has no access to {where}, or it does not exist: ask one of its administrators"


def must_be_known(actor: Actor) -> None:
    """Raises `Unauthorized` for the anonymous."""
    if actor.is_anonymous:
        raise Unauthorized("unauthorized")


def must_be_permitted(
    rights: Rights, access: Access, actor: Actor, permission: str, project: int | str
) -> ProjectRecord:
    """The project, in which the actor has the permission.

    Raises `Unauthorized` for the anonymous and `Forbidden` for accounts without it, in the same words whether or not
    there is such a project, and `NotFound` for those who may know that there is none.
    """
    if rights.project and permission in rights.permissions:
        return rights.project
    if not rights.project and access.sees_everything(actor):
        raise NotFound(f"project {project} not found")
    if rights.project and (access.is_open or actor.is_admin):
        return rights.project  # nothing that roles have, but administrators may
    must_be_known(actor)
    raise Forbidden("forbidden")
