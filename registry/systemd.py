"""What systemd and programs like it hand to a service: a socket that listens already, and an ear for its state.

sd_listen_fds(3), sd_notify(3). A socket that outlives the server keeps the connections that come while it is started
anew: nobody is refused.
"""

import os
import socket

from registry.config import ServiceManager
from registry.server import BACKLOG, ServerError

_FIRST = 3  # sd_listen_fds(3): SD_LISTEN_FDS_START


def handed_listener(manager: ServiceManager) -> socket.socket | None:
    """The socket to listen on, or None where the server is to bind one itself. Raises `ServerError`."""
    if not manager.sockets:
        return None
    if manager.sockets > 1:
        raise ServerError(f"the service manager handed over {manager.sockets} sockets: give the service one")
    try:
        os.set_inheritable(_FIRST, False)  # noqa: FBT003 -- it takes no names
        handed = socket.socket(fileno=_FIRST)
    except OSError as error:
        raise ServerError(f"what the service manager handed over is no socket: {error.strerror}") from None
    if handed.type != socket.SOCK_STREAM or handed.family not in (socket.AF_INET, socket.AF_INET6):
        raise ServerError("the socket that the service manager handed over is none of TCP")
    handed.listen(BACKLOG)
    return handed


def tell(manager: ServiceManager, state: str) -> None:
    """Tell the state, such as READY=1, where somebody wants to know."""
    if manager.ear is None:
        return
    address = "\0" + manager.ear[1:] if manager.ear.startswith("@") else manager.ear
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.connect(address)
        ear.send(state.encode())
