"""Holds the documents to the program."""

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import click
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from auth.roles import BY_RANK, PROJECT_PERMISSIONS
from registry.app import prepare
from registry.cli import main
from registry.config import SETTINGS, Config
from registry.metrics import Metrics
from registry.places import open_database
from registry.routes import Endpoints, rules
from tests.docs.pages import blocks, blocks_of, commands, split

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
COMMON_OPTIONS = {"--data", "--config", "--json"}


def table(page: str, number: int = 0) -> list[list[str]]:
    """The rows of a table of a page of docs/, without its head."""
    blocks = re.findall(r"(?:^\|.*\n)+", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    rows = [line.strip("|").split("|") for line in blocks[number].splitlines()]
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


def test_page_of_settings_names_every_one_with_its_default_and_its_help() -> None:
    expected = [
        [f"`{setting.name}`", f"`{setting.default}`" if setting.default else "", setting.rule.help]
        for setting in SETTINGS.values()
    ]
    assert table("settings.md") == expected


def test_page_of_commands_names_every_one_with_its_arguments_and_its_help() -> None:
    expected = [
        [f"`{usage(path, command)}`", command.get_short_help_str(200)] for path, command in leaves(main, "cove")
    ]
    assert table("commands.md") == expected


def test_every_command_but_serve_takes_the_same_options() -> None:
    for path, command in leaves(main, "cove"):
        options = {given.opts[0] for given in command.params}
        assert options >= (COMMON_OPTIONS if path != "cove serve" else {"--data", "--config"})


def test_page_of_roles_has_the_table_of_permissions() -> None:
    expected = [
        [f"`{permission}`", *("yes" if role in row.roles else "" for role in BY_RANK), "yes" if row.public else ""]
        for permission, row in PROJECT_PERMISSIONS.items()
    ]
    assert table("roles.md", 1) == expected
    assert table("zh/roles.md", 1) == [[cell.replace("yes", "是") for cell in row] for row in expected]


def test_page_of_the_api_names_every_address_for_clients_with_what_it_needs() -> None:
    kinds = get_type_hints(Endpoints)
    endpoints = Endpoints(**{row.name: kinds[row.name].__new__(kinds[row.name]) for row in fields(Endpoints)})
    expected = [[rule.method, f"`{rule.path.replace(':path', '')}`", str(rule.needs)] for rule in rules(endpoints)]
    assert table("api.md") == expected


def test_page_of_metrics_names_every_one(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "data")
    prepare(config)
    with closing(open_database(config)) as database:
        shown = Metrics(database).render().decode()
    expected = [
        [f"`{family.name}{'_total' if family.type == 'counter' else ''}`", family.type, family.documentation]
        for family in text_string_to_metric_families(shown)
        if not family.name.endswith("_created")
    ]
    assert table("metrics.md") == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_texts_exist(page: Path) -> None:
    known = {path for path, _ in leaves(main, "cove")}
    text = page.read_text("utf-8")
    called = re.findall(r"(?:^ *|`)(cove [a-z]+(?: [a-z]+)?)", text, re.MULTILINE)
    for command in called:
        assert any(path.startswith(command) or command.startswith(f"{path} ") for path in known), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_page_is_linked_from_the_index_beside_it() -> None:
    for page in DOCS.rglob("*.md"):
        index = page.parent / "README.md"
        assert page == index or f"({page.name})" in index.read_text("utf-8"), page


def kinds_of_parts(page: str) -> list[str]:
    """Of each part between empty lines, outside of blocks, what it is: a heading, a table or something else."""
    text = re.sub(r"^```.*?^```$", "```", (DOCS / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [part[0] if part[0] in "#|`*" else "text" for part in text.strip().split("\n\n")]


@pytest.mark.parametrize("page", ["install.md", "first-push.md", "projects.md", "roles.md"])
def test_first_pages_in_chinese_have_the_same_commands_and_files_and_parts(page: str) -> None:
    assert blocks(f"zh/{page}") == blocks(page)
    assert kinds_of_parts(f"zh/{page}") == kinds_of_parts(page)


def test_readme_has_the_commands_of_the_first_push() -> None:
    """They are run as those of that page, and `make run` as `cove serve`."""
    readme = re.findall(r"^    (docker .*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert readme == [command for command in commands("first-push.md") if command.startswith("docker")][: len(readme)]
    assert len(readme) == 4


def test_readme_has_the_commands_of_a_certificate() -> None:
    """They are run as those of that page."""
    command = re.compile(r"^    (?:\.venv/bin/cove |make run ARGS=)(.*)$", re.MULTILINE)
    [made, served] = command.findall((ROOT / "README.md").read_text("utf-8"))
    assert f"cove {made}" in commands("tls.md")
    assert "cove serve " + served.strip('"') in commands("tls.md")


READERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "python": ast.parse,
    "sh": lambda text: list(split(text)),
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_in_the_texts_can_be_read(page: Path) -> None:
    for block in blocks_of(page.read_text("utf-8")):
        if block.language not in ("text", "sql"):
            assert READERS[block.language](block.text), block.text


def test_changelog_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_no_line_of_help_is_cut_off_in_the_list_of_commands() -> None:
    for path, command in leaves(main, "cove"):
        assert not command.get_short_help_str(60).endswith("..."), path
