"""Memberships: who has which role in a project."""

from auth.roles import Role
from registry.core import projects, users
from registry.errors import Conflict, NotFound
from storage.metadata import members
from storage.metadata.database import Database
from storage.metadata.members import MemberRecord


class Members:
    """Gives and takes roles; each takes effect with the next request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, project: str) -> list[MemberRecord]:
        """Raises `NotFound`."""
        with self._database.read() as tx:
            return members.list_all(tx, projects.must_exist(tx, project).id)

    def add(self, project: str, user: str, role: Role) -> MemberRecord:
        """Raises `NotFound`, and `Conflict` for somebody who is a member already."""
        with self._database.write() as tx:
            project_id, user_id = projects.must_exist(tx, project).id, users.must_exist(tx, user).id
            if members.find_role(tx, project_id, user_id) is not None:
                raise Conflict(f"user '{user}' is a member of project '{project}' already")
            members.put_role(tx, project_id, user_id, role)
        return MemberRecord(user, role)

    def set_role(self, project: str, user: str, role: Role) -> MemberRecord:
        """Raises `NotFound`."""
        with self._database.write() as tx:
            project_id, user_id = projects.must_exist(tx, project).id, users.must_exist(tx, user).id
            if members.find_role(tx, project_id, user_id) is None:
                raise NotFound(f"user '{user}' is not a member of project '{project}'")
            members.put_role(tx, project_id, user_id, role)
        return MemberRecord(user, role)

    def remove(self, project: str, user: str) -> MemberRecord:
        """Raises `NotFound`."""
        with self._database.write() as tx:
            project_id, user_id = projects.must_exist(tx, project).id, users.must_exist(tx, user).id
            role = members.find_role(tx, project_id, user_id)
            if role is None:
                raise NotFound(f"user '{user}' is not a member of project '{project}'")
            members.remove(tx, project_id, user_id)
        return MemberRecord(user, role)
