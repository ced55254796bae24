"""How a command fails: with one line."""

import click


class Failure(click.ClickException):
    """What was asked cannot be done; the message is one sentence. Ends the command with status 1."""

    exit_code = 1

    def show(self, file: object = None) -> None:  # noqa: ARG002 -- click's signature
        click.echo(f"cove: {self.message}", err=True)
