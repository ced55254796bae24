"""Secrets that are shown once, with what people do with them next."""

import json
import shlex
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from registry.ui.languages import marked


@dataclass(frozen=True, slots=True)
class Told:
    """The name that goes with a secret, commands with what each is for, and an address of Docker's settings."""

    name: str
    secret: str
    commands: Sequence[tuple[str, str]]
    settings: str


def told(name: str, secret: str, host: str) -> Told:
    """For the registry at `host`. Names may have a `$` in them, so that they are quoted for the shell."""
    user = shlex.quote(name)
    with_both = f"--docker-username={user} --docker-password={shlex.quote(secret)}"
    commands = [
        (marked("Sign in; Docker asks for the secret"), f"docker login -u {user} {host}"),
        (
            marked("Sign in from a script"),
            f"printf %s {shlex.quote(secret)} | docker login -u {user} --password-stdin {host}",
        ),
        (
            marked("A pull secret for Kubernetes"),
            f"kubectl create secret docker-registry cove --docker-server={host} {with_both}",
        ),
    ]
    auth = b64encode(f"{name}:{secret}".encode()).decode()
    settings = json.dumps({"auths": {host: {"auth": auth}}}, indent=2).encode()
    return Told(name, secret, commands, f"data:application/json;base64,{b64encode(settings).decode()}")
