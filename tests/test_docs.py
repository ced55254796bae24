"""Holds the documents to the program."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from registry.cli import main
from registry.config import SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMON_OPTIONS = {"--data", "--config", "--json"}


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        member = command.get_command(context, name)
        assert member is not None
        yield from leaves(member, f"{path} {name}")


def usage(path: str, command: click.Command) -> str:
    arguments = [str(given.name).upper() for given in command.params if isinstance(given, click.Argument)]
    options = [given.opts[0] for given in command.params if isinstance(given, click.Option)]
    of_settings = {setting.option for setting in SETTINGS.values()}
    own = [f"[{option}]" for option in options if option not in COMMON_OPTIONS | of_settings]
    return " ".join([path, *arguments, *own])


def test_readme_names_every_setting_with_its_default_and_its_help() -> None:
    expected = [
        [f"`{setting.name}`", f"`{setting.default}`" if setting.default else "", setting.rule.help]
        for setting in SETTINGS.values()
    ]
    assert table("Settings") == expected


def test_readme_names_every_command_with_its_arguments_and_its_help() -> None:
    expected = [
        [f"`{usage(path, command)}`", command.get_short_help_str(200)] for path, command in leaves(main, "cove")
    ]
    assert table("Commands") == expected


def test_every_command_but_serve_takes_the_same_options() -> None:
    for path, command in leaves(main, "cove"):
        options = {given.opts[0] for given in command.params}
        assert options >= (COMMON_OPTIONS if path != "cove serve" else {"--data", "--config"})


def test_commands_in_the_texts_exist() -> None:
    known = {path for path, _ in leaves(main, "cove")}
    for called in re.findall(r"^    (cove \w+ \w+)", README, re.MULTILINE):
        assert called in known


def test_links_of_the_readme_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).exists()


def test_changelog_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_no_line_of_help_is_cut_off_in_the_list_of_commands() -> None:
    for path, command in leaves(main, "cove"):
        assert not command.get_short_help_str(60).endswith("..."), path
