"""`cove user`: the accounts of people."""

import click

from auth.access import OPERATOR
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data, read_password
from registry.core.people import People
from storage.clock import utc_text
from storage.metadata.users import UserRecord

_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)


@click.group("user")
def command() -> None:
    """Add, list and change accounts.

    These commands work on the data itself, also while the server runs.
    """


@command.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make the account a system administrator.")
@_stdin_option
@on_data
def add(data: Data, name: str, *, admin: bool, password_stdin: bool) -> Done:
    """Add an account."""
    user = People(data.database).register(OPERATOR, name, read_password(from_stdin=password_stdin), admin=admin)
    return Done(_record(user), f"User {name} was added.")


@command.command("list")
@on_data
def list_(data: Data) -> list[Record]:
    """List every account."""
    return [_record(user) for user in People(data.database).list()]


@command.command()
@click.argument("name")
@_stdin_option
@on_data
def password(data: Data, name: str, *, password_stdin: bool) -> Done:
    """Set the password of an account and end its tokens."""
    user = People(data.database).set_password(OPERATOR, name, read_password(from_stdin=password_stdin))
    return Done(_record(user), f"The password of user {name} was changed.")


@command.command()
@click.argument("name")
@on_data
def disable(data: Data, name: str) -> Done:
    """Shut an account out; its memberships stay."""
    return Done(_record(People(data.database).disable(OPERATOR, name)), f"User {name} was disabled.")


@command.command()
@click.argument("name")
@on_data
def enable(data: Data, name: str) -> Done:
    """Let a disabled account in again."""
    return Done(_record(People(data.database).enable(OPERATOR, name)), f"User {name} was enabled.")


@command.command()
@click.argument("name")
@on_data
def delete(data: Data, name: str) -> Done:
    """Delete an account and its memberships."""
    return Done(_record(People(data.database).delete(OPERATOR, name)), f"User {name} was deleted.")


def _record(user: UserRecord) -> Record:
    return {
        "name": user.name,
        "admin": user.is_admin,
        "enabled": not user.is_disabled,
        "created_at": utc_text(user.created_at),
    }
