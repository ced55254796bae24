"""Where secrets may not be: in the data, in a command line, in a comparison that stops at the first difference."""

import ast
from pathlib import Path

from registry.commands.serve import command
from registry.config import SETTINGS
from tests.http.conftest import Make
from tests.http.pushes import fresh

ROOT = Path(__file__).parents[2]
CANARY = "Canary-passw0rd-5512"
SOURCES = sorted(path for package in ("auth", "registry") for path in (ROOT / package).rglob("*.py"))


def test_no_file_of_the_data_has_a_password_or_a_token(make_registry: Make) -> None:
    registry = make_registry(identity_tokens=True)
    registry.users.create("dev", CANARY)
    answer = registry.client("dev", CANARY).get("/service/token", params={"offline_token": "true"}).json()
    registry.client("dev", CANARY + "x").get("/v2/")
    fresh(registry, project="library").push_image("1")
    kept = b"".join(path.read_bytes() for path in registry.config.data.rglob("*") if path.is_file())
    assert b"$argon2id$" in kept
    signatures = [answer[kind].rpartition(".")[2] for kind in ("token", "refresh_token")]
    for secret in (CANARY, *signatures):
        assert secret.encode() not in kept


def test_every_folder_and_file_of_the_data_is_for_its_owner_alone(make_registry: Make) -> None:
    registry = make_registry()
    repo = fresh(registry, project="library")
    repo.push_image("1")
    repo.begin()
    modes = {
        str(path.relative_to(registry.config.data)): path.stat().st_mode & 0o077
        for path in (registry.config.data, *registry.config.data.rglob("*"))
    }
    assert len(modes) > 5
    assert {path for path, mode in modes.items() if mode} == set()


def test_no_secret_is_an_option_of_the_command_line() -> None:
    """Everybody on a machine sees the command lines of everybody."""
    options = {option for parameter in command.params for option in parameter.opts}
    secrets = {setting.option for setting in SETTINGS.values() if setting.secret}
    assert "--admin-password" in secrets
    assert options & secrets == set()


def compares_a_secret(node: ast.AST) -> bool:
    """Whether it is `==` or `!=` of something named like a secret, but with no constant."""
    if not isinstance(node, ast.Compare) or not any(isinstance(kind, ast.Eq | ast.NotEq) for kind in node.ops):
        return False
    names = [getattr(side, "id", getattr(side, "attr", "")) for side in (node.left, *node.comparators)]
    return any(word in name for name in names for word in ("password", "secret", "token", "signature"))


def test_no_secret_is_compared_in_a_time_that_tells_of_it() -> None:
    """CVE-2023-20902."""
    nodes = [node for path in SOURCES for node in ast.walk(ast.parse(path.read_text()))]
    assert [ast.unparse(node) for node in nodes if compares_a_secret(node)] == []


def test_comparison_would_be_noticed() -> None:
    assert compares_a_secret(ast.parse("given == self.secret").body[0].value)  # type: ignore[attr-defined]
    assert not compares_a_secret(ast.parse("scheme == 'bearer'").body[0].value)  # type: ignore[attr-defined]
