"""The command line: which commands there are, and how each fails.

A command's module is imported when the command is used, not before, so that `cove --help` answers at once.
"""

import errno
import importlib
from dataclasses import dataclass

import click

from registry.commands.failures import Failure
from registry.config import ConfigError
from registry.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is, as `command` in a module, and its one line of help."""

    module: str
    help: str


COMMANDS = {
    "serve": Command("registry.commands.serve", "Run the registry."),
    "health": Command("registry.commands.health", "Ask the server of this machine whether it is ready."),
    "top": Command("registry.commands.top", "Show the transfers that go on."),
    "doctor": Command("registry.commands.doctor", "Find what is wrong with the set-up, and tell how to mend it."),
    "tls": Command("registry.commands.tls", "Make certificates."),
    "user": Command("registry.commands.users", "Add, list and change accounts."),
    "token": Command("registry.commands.tokens", "Add, list and revoke access tokens of people."),
    "project": Command("registry.commands.projects", "Add, list and change projects."),
    "member": Command("registry.commands.members", "Say who may do what in a project."),
    "repository": Command("registry.commands.repositories", "List, delete and restore repositories."),
    "tag": Command("registry.commands.tags", "List, delete and restore tags."),
    "manifest": Command("registry.commands.manifests", "List, delete and restore manifests."),
    "keys": Command("registry.commands.keys", "List and replace the keys that sign tokens."),
    "gc": Command("registry.commands.gc", "Free the space of what nobody can ask for any more."),
    "fsck": Command("registry.commands.fsck", "Check that everything is there, and mend it."),
    "backup": Command("registry.commands.backup", "Copy everything into a folder."),
    "restore": Command("registry.commands.restore", "Put everything back into empty places."),
    "move": Command("registry.commands.move", "Move blobs and records to other places."),
    "adopt": Command("registry.commands.adopt", "Take over the storage of another registry in place."),
    "import": Command("registry.commands.imports", "Take over what other programs keep in files."),
}


class CommandLine(click.Group):
    """A group that imports its commands late and turns what people can mend into one line and status 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name].module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ConfigError, RegistryError) as error:
            raise Failure(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has gone; click ends quietly
                raise
            place = f": {error.filename}" if error.filename else ""
            raise Failure(f"{error.strerror or error}{place}") from error


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cove-registry", prog_name="cove", message="%(prog)s %(version)s")
def main() -> None:
    """Cove, a private container registry."""


if __name__ == "__main__":
    main(prog_name="cove")
