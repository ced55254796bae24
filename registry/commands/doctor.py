"""`cove doctor`: what is wrong with this set-up, and how to mend it."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click

from registry.commands.options import config_option, setting_option
from registry.config import Config, ConfigError, load
from registry.doctor import keeping, machine, network
from registry.doctor.findings import Finding, Level, good, wrong

_LOOKS: tuple[Callable[[Config], Iterator[Finding]], ...] = (machine.look, keeping.look, network.look)
_MARKS: dict[Level, str] = {"good": "good   ", "warning": "WARNING", "wrong": "WRONG  "}


@click.command("doctor")
@setting_option("data")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def command(data: str | None, config: str | None, *, as_json: bool) -> None:
    """Find what is wrong with the set-up, and tell how to mend it.

    It reads the settings that `cove serve` would read, looks at the machine, at the database and the storage, and asks
    the registry at its public address like a client. Run it as the account that runs the server. Nothing is changed.
    The exit status is 1 when something is wrong.
    """
    found = list(_examine(data, config))
    is_wrong = any(finding.level == "wrong" for finding in found)
    if as_json:
        click.echo(json.dumps({"healthy": not is_wrong, "findings": [asdict(finding) for finding in found]}, indent=2))
    else:
        click.echo(_text(found))
    sys.exit(1 if is_wrong else 0)


def _examine(data: str | None, file: str | None) -> Iterator[Finding]:
    try:
        config = load({"data": data, "config": file})
    except ConfigError as error:
        yield wrong("settings", str(error), "Mend it: no server starts with settings that it cannot read.")
        return
    yield good("settings", "all of them can be read")
    for look in _LOOKS:
        yield from look(config)


def _text(found: list[Finding]) -> str:
    lines = []
    for finding in found:
        lines.append(f"{_MARKS[finding.level]} {finding.subject}: {finding.what}.")
        if finding.advice:
            lines.append(f"        {finding.advice}")
    counts = Counter(finding.level for finding in found)
    if counts["wrong"] or counts["warning"]:
        return "\n".join([*lines, "", f"{counts['wrong']} wrong, {counts['warning']} to look at."])
    return "\n".join([*lines, "", "Everything is as it should be."])
