"""What a program of others says about Cove's types; mypy reads it with the wheel and nothing of the source."""

from registry.testing import Client, Image, Pushed
from storage.digest import Digest


def push(client: Client) -> Digest:
    pushed: Pushed = client.push(Image.of({"a": "1"}, Cmd=["/app"]), "team/app:1")
    return pushed.digest


def mistake(client: Client) -> int:
    return client.tags("team/app")  # type: ignore[return-value]  # mypy says where this is no mistake
