"""The Compose files: right in themselves, and as a registry whose parts are started by hand."""

import re
import ssl
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from compose_spec import PyCompose

from registry.config import load
from tests.cli.loads import PASSWORD, Load, push
from tests.cli.running import COVE, environment, start
from tests.clients.programs import ROOT
from tests.cluster.services import free_port, services
from tests.deploy import proxies
from tests.http.raw import eventually
from tests.storage.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY

COMPOSE = ROOT / "deploy" / "compose"
CHOSEN = {
    "ADMIN_PASSWORD": PASSWORD,
    "DATABASE_PASSWORD": "secret",
    "STORAGE_ACCESS_KEY": ACCESS_KEY,
    "STORAGE_SECRET_KEY": SECRET_KEY,
}
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


class Missing(Exception):
    """A variable has no value, and the file says that it has to have one."""


def chosen() -> dict[str, str]:
    """The variables of cove.env, with what has to be filled in there."""
    lines = (COMPOSE / "cove.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert CHOSEN.keys() <= given.keys()
    return given | CHOSEN


def compose(name: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """A file with its variables filled in, by the rules of the Compose specification. Raises `Missing`."""

    def value(found: re.Match[str]) -> str:
        variable, kind, text = found.groups()
        if variable is None:
            return "$"
        if given := variables.get(variable):
            return given
        if kind == "?":
            raise Missing(text)
        return text or ""

    lines = (COMPOSE / name).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    made: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(value, text))
    return made


@pytest.mark.parametrize("name", ["single.yaml", "cluster.yaml"])
def test_file_keeps_to_the_specification(name: str) -> None:
    made = compose(name, chosen())
    PyCompose.from_yaml(yaml.safe_dump(made)).validate()
    for service in made["services"].values():
        for source in (mount.split(":")[0] for mount in service.get("volumes", [])):
            assert source in made["volumes"] or source == "./tls" or (COMPOSE / source).exists(), source


def test_wrong_file_would_be_noticed() -> None:
    with pytest.raises(ValueError, match="prots"):
        PyCompose.from_yaml("services: {cove: {image: cove, prots: ['1:1']}}").validate()


@pytest.mark.parametrize("variable", [*CHOSEN, "REGISTRY_HOST"])
def test_what_has_to_be_chosen_is_asked_for(variable: str) -> None:
    with pytest.raises(Missing, match=r"cove\.env"):
        compose("cluster.yaml", chosen() | {variable: ""})


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_protocol_is_chosen_in_one_place(protocol: str) -> None:
    made = compose("cluster.yaml", chosen() | {"REGISTRY_PROTOCOL": protocol})
    assert made["services"]["cove1"]["environment"]["COVE_PUBLIC_URL"].startswith(f"{protocol}://")
    [template] = [m for m in made["services"]["nginx"]["volumes"] if "templates" in m]
    assert (COMPOSE / template.split(":")[0]).exists()


@pytest.mark.parametrize(("name", "service"), [("single.yaml", "cove"), ("cluster.yaml", "cove1")])
def test_settings_of_the_registry_can_be_read_and_it_runs_without_privileges(name: str, service: str) -> None:
    made = compose(name, chosen())["services"][service]
    settings = load({}, made["environment"])
    assert settings.public_url == "https://registry.example"
    assert settings.admin_password == PASSWORD
    assert (made["read_only"], made["cap_drop"]) == (True, ["ALL"])
    assert int(made["stop_grace_period"].rstrip("s")) > settings.grace_seconds


@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_registry_is_replaced_part_by_part_under_load_without_a_failed_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cluster.yaml, with a certificate of `cove tls self-signed`, as its comment has it: one after the other."""
    made = compose("cluster.yaml", chosen())["services"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["cove1"]["environment"]["AWS_ACCESS_KEY_ID"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["cove1"]["environment"]["AWS_SECRET_ACCESS_KEY"])
    tls = [*COVE, "tls", "self-signed", proxies.NAME, "--folder", str(tmp_path / "tls")]
    subprocess.run(tls, env=environment(), stdout=subprocess.DEVNULL, check=True)
    pair = tmp_path / "tls" / "server.crt", tmp_path / "tls" / "server.key"
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.crt"))
    with services(tmp_path) as shared, ExitStack() as stack:
        replaced = {
            "postgresql://cove:secret@database:5432/cove": f"postgresql://cove@{shared.database.address}/postgres",
            "http://storage:7070": f"http://{shared.storage.address}",
            "s3://cove/registry": f"s3://{BUCKET}/registry",
            "172.31.251.0/24": "127.0.0.1",
        }
        settings = {
            name.removeprefix("COVE_").lower(): replaced.get(value, value)
            for name, value in made["cove1"]["environment"].items()
            if name.startswith("COVE_") and name != "COVE_PUBLIC_URL"
        }
        assert made["cove1"]["environment"] == made["cove2"]["environment"]
        ports = [free_port(), free_port()]

        def run(number: int) -> "subprocess.Popen[str]":
            folder = tmp_path / f"cove{number}"
            folder.mkdir(exist_ok=True)
            node = start(stack, folder / "log", ("--port", str(ports[number])), settings)
            assert eventually(lambda: httpx.get(f"{node.url}/readyz", timeout=30).status_code == 200)  # as --wait does
            return node.process

        nodes = [run(0), run(1)]
        nginx = proxies.nginx(tmp_path / "nginx", [f"127.0.0.1:{port}" for port in ports], pair)
        load_ = Load(stack.enter_context(nginx).url, trusting)
        with load_.client() as client:
            push(client, "v1", [b"layer"], load_.expect)
        with load_:
            for number in (0, 1):
                time.sleep(1)
                nodes[number].terminate()
                assert nodes[number].wait(60) == 0
                nodes[number] = run(number)
                before = load_.answers
                assert eventually(lambda: load_.answers > before + 10 or bool(load_.failures))  # noqa: B023
        assert load_.failures == []
