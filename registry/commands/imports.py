"""`cove import`: what other programs keep in files."""

from pathlib import Path

import click

from registry.commands.outcomes import Done, Record
from registry.commands.records import Data, on_data
from registry.core.imports import ImportedUsers, UserImport


@click.group("import")
def command() -> None:
    """Take over what other programs keep in files.

    These commands work on the data itself, also while the server runs.
    """


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@on_data
def users(data: Data, file: Path) -> Done:
    """Add the accounts of an htpasswd file.

    People keep their passwords. Only bcrypt hashes, as of `htpasswd -B`, are taken; accounts that exist stay as they
    are. Nobody becomes a member of a project by this: that is `cove member add`.
    """
    imported = UserImport(data.database).run(file.read_bytes())
    return Done(_record(imported), _sentences(imported))


def _record(imported: ImportedUsers) -> Record:
    return {
        "added": imported.added,
        "existing": imported.existing,
        "problems": [{"line": problem.line, "what": problem.what} for problem in imported.problems],
    }


def _sentences(imported: ImportedUsers) -> str:
    added = len(imported.added)
    lines = [f"{added} {'account was' if added == 1 else 'accounts were'} added."]
    lines += [f"User {name} exists already and stays as it was." for name in imported.existing]
    lines += [f"Line {problem.line} was left out: {problem.what}." for problem in imported.problems]
    return "\n".join(lines)
