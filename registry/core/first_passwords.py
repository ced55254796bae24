"""The first administrator's own password, by the link of the first start."""

from auth import setup
from auth.access import Actor
from registry.core import audit
from registry.core.users import hash_new
from registry.errors import NotFound
from storage.metadata import users
from storage.metadata.database import Database
from storage.metadata.users import UserRecord


class FirstPasswords:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, secret: str) -> UserRecord:
        """Whose password it is. Raises `NotFound` for a link that is not good, or not any more."""
        with self._database.read() as tx:
            user = setup.find(tx, secret)
        if user is None:
            raise NotFound("the link is not good any more")
        return user

    def choose(self, secret: str, password: str) -> UserRecord:
        """Set it, and use the link up. Raises `NotFound`, and `RequestInvalid` for a weak password."""
        self.find(secret)
        password_hash = hash_new(password)
        with self._database.write() as tx:
            user = setup.find(tx, secret)
            if user is None:
                raise NotFound("the link was used meanwhile")
            setup.withdraw(tx)
            users.set_password(tx, user.id, password_hash)
            audit.record(
                tx,
                Actor(user),
                operation="update",
                resource_type="user",
                resource=user.name,
                description=f"set up user: {user.name}, password",
            )
        return user
