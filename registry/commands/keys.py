"""`cove keys`: the keys that sign tokens."""

import click

from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.keys import Keys, KeyStatus
from storage.clock import utc_text


@click.group("keys")
def command() -> None:
    """List and replace the keys that sign tokens.

    These commands work on the data itself, also while servers run: those notice within half a minute.
    """


@command.command("list")
@on_data
def list_(data: Data) -> list[Record]:
    """List every key."""
    return [_record(key) for key in _keys(data).list_all()]


@command.command()
@click.option("--revoke", is_flag=True, help="Refuse at once what older keys have signed.")
@on_data
def rotate(data: Data, *, revoke: bool) -> Done:
    """Sign tokens with a new key from now on.

    Tokens of the key before stay good for as long as they last: half an hour, or 90 days with identity_tokens. With
    --revoke, for a key that somebody has got hold of, clients ask for new ones at once, and refresh tokens are void.
    """
    newest, *older = _keys(data).rotate(revoke=revoke)
    return Done({"id": newest.id, "keys": [_record(key) for key in [newest, *older]]}, _sentence(newest, older))


def _sentence(newest: KeyStatus, older: list[KeyStatus]) -> str:
    first = f"Key {newest.id} signs from now on; servers that run notice within half a minute."
    if not older:
        return f"{first}\nThere is no older key any more: what those have signed is void."
    until = max(key.accepted_until or 0 for key in older)
    return f"{first}\nWhat older keys have signed is accepted until {utc_text(until)}."


def _keys(data: Data) -> Keys:
    return Keys(data.database, token_seconds=data.config.token_seconds, refreshable=data.config.identity_tokens)


def _record(key: KeyStatus) -> Record:
    until = None if key.accepted_until is None else utc_text(key.accepted_until)
    return {
        "id": key.id,
        "created_at": utc_text(key.created_at),
        "signs": until is None,
        "accepted_until": until or "",
    }
