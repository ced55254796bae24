"""What a request transfers, for whoever watches."""

from registry.core.transfers import Transfer, Way
from registry.web import Call
from storage.digest import Digest


def transfer_of(call: Call, way: Way, digest: Digest | None, total: int | None, *, done: int = 0) -> Transfer:
    """Content of `total` bytes, `done` of which were there before; None for what is not known yet."""
    return Transfer(
        way,
        str(call.repository.name),
        digest=str(digest) if digest else None,
        user=call.actor.name or None,
        client=call.request.scope["cove.client"],
        total=total,
        done=done,
    )
