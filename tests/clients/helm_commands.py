"""A command line for the Helm library of `helm-python-sdk`, run by the Python that has it and not by the tests' own."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

import helm_python  # type: ignore[import-not-found]  # lives in an environment of its own


def login(client: helm_python.RegistryClient, arguments: Namespace) -> None:
    client.login(arguments.address, arguments.username, sys.stdin.readline().rstrip("\n"), plain_http=True)


def package(client: helm_python.RegistryClient, arguments: Namespace) -> str:
    return str(helm_python.package(arguments.chart))


def push(client: helm_python.RegistryClient, arguments: Namespace) -> None:
    client.push(arguments.archive, arguments.remote, plain_http=True)


def pull(client: helm_python.RegistryClient, arguments: Namespace) -> None:
    client.pull(arguments.reference, version=arguments.version, plain_http=True)


def show(client: helm_python.RegistryClient, arguments: Namespace) -> str:
    return str(client.show(arguments.reference, plain_http=True))


def tags(client: helm_python.RegistryClient, arguments: Namespace) -> str:
    return "\n".join(client.tags(arguments.reference))


COMMANDS: dict[Callable[[helm_python.RegistryClient, Namespace], str | None], tuple[str, ...]] = {
    login: ("address", "--username"),
    package: ("chart",),
    push: ("archive", "remote"),
    pull: ("reference", "--version"),
    show: ("reference",),
    tags: ("reference",),
}


def main() -> int:
    parser = ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for command, options in COMMANDS.items():
        added = commands.add_parser(command.__name__)
        added.set_defaults(command=command)
        for option in options:
            added.add_argument(option)
        added.add_argument("--password-stdin", action="store_true", help="the only way; accepted as in `helm`")
    arguments = parser.parse_args()
    try:
        with helm_python.RegistryClient(plain_http=True) as client:
            sys.stdout.write(arguments.command(client, arguments) or "")
    except helm_python.HelmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
