"""`cove token`: the access tokens of people."""

import click

from auth.access import OPERATOR
from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.access_tokens import USUAL_DAYS, AccessTokens, Wish
from registry.core.people import People
from registry.errors import NotFound
from storage.clock import utc_text
from storage.metadata.access_tokens import AccessTokenRecord


@click.group("token")
def command() -> None:
    """Add, list and revoke the access tokens of people.

    A program uses one in place of the password, until it expires. These commands work on the data itself, also while
    the server runs.
    """


@command.command()
@click.argument("user")
@click.argument("name")
@click.option("--days", type=int, default=USUAL_DAYS, show_default=True, help="How long it lasts; -1 for ever.")
@on_data
def add(data: Data, user: str, name: str, *, days: int) -> Done:
    """Add an access token and print its secret, once."""
    tokens = AccessTokens(data.database)
    token, secret = tokens.create(OPERATOR, People(data.database).get(user).id, Wish(name, days))
    return Done({**_record(user, token), "secret": secret}, secret)


@command.command("list")
@click.argument("user")
@on_data
def list_(data: Data, user: str) -> list[Record]:
    """List the access tokens of a user."""
    found = AccessTokens(data.database).list_of(People(data.database).get(user).id)
    return [_record(user, token) for token in found]


@command.command()
@click.argument("user")
@click.argument("name")
@on_data
def revoke(data: Data, user: str, name: str) -> Done:
    """Make an access token worthless at once."""
    tokens, owner = AccessTokens(data.database), People(data.database).get(user)
    for token in tokens.list_of(owner.id):
        if token.name == name:
            tokens.revoke(OPERATOR, owner.id, token.id)
            return Done(_record(user, token), f"The access token {name} of user {user} was revoked.")
    raise NotFound(f"user '{user}' has no access token '{name}'")


def _record(user: str, token: AccessTokenRecord) -> Record:
    return {
        "user": user,
        "name": token.name,
        "scoped": token.permissions is not None,
        "created_at": utc_text(token.created_at),
        "expires_at": None if token.expires_at is None else utc_text(token.expires_at),
        "used_at": None if token.used_at is None else utc_text(token.used_at),
    }
