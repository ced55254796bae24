import json
from pathlib import Path

import pytest

from registry.banner import Listening, first_start, ready_line

DATA = Path("/srv/cove")


def listening(host: str, *, port: int = 5000, tls: bool = False, public_url: str | None = None) -> Listening:
    return Listening(host=host, port=port, tls=tls, machine="reg.lan", public_url=public_url)


def insecure_registries(text: str) -> list[str]:
    [line] = [line for line in text.splitlines() if "{" in line]
    names: list[str] = json.loads(line)["insecure-registries"]
    return names


@pytest.mark.parametrize(
    ("host", "tls", "url"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:5000"),
        ("127.0.0.1", True, "https://127.0.0.1:5000"),
        ("0.0.0.0", False, "http://localhost:5000"),
        ("::", False, "http://localhost:5000"),
        ("::1", False, "http://[::1]:5000"),
        ("reg.lan", False, "http://reg.lan:5000"),
    ],
)
def test_ready_line_gives_an_address_that_works_here(host: str, *, tls: bool, url: str) -> None:
    assert ready_line(listening(host, tls=tls)) == f"Cove is ready at {url}"


def test_first_start_shows_the_password_the_project_and_three_commands() -> None:
    text = first_start(listening("127.0.0.1"), DATA, "Passw0rd")
    assert "/srv/cove" in text
    assert "Passw0rd" in text
    assert "library" in text
    commands = [line.strip() for line in text.splitlines() if line.startswith("  docker ")]
    assert commands == [
        "docker login 127.0.0.1:5000 -u admin",
        "docker tag hello-world 127.0.0.1:5000/library/hello:1",
        "docker push 127.0.0.1:5000/library/hello:1",
    ]


def test_link_to_set_it_up_is_that_which_a_browser_here_or_elsewhere_can_open() -> None:
    text = first_start(listening("127.0.0.1"), DATA, "Passw0rd", setup_secret="abc")
    assert "Set up the registry: http://127.0.0.1:5000/ui/setup?token=abc\n" in text
    text = first_start(listening("127.0.0.1", public_url="https://cove.example"), DATA, "Passw0rd", setup_secret="abc")
    assert "Set up the registry: https://cove.example/ui/setup?token=abc\n" in text
    assert "Set up" not in first_start(listening("127.0.0.1"), DATA, "Passw0rd")


def test_password_from_the_setting_is_not_shown() -> None:
    assert "as given in COVE_ADMIN_PASSWORD" in first_start(listening("127.0.0.1"), DATA, None)


@pytest.mark.parametrize(
    ("host", "public_url", "address"),
    [
        ("0.0.0.0", None, "reg.lan:5000"),
        ("::", None, "reg.lan:5000"),
        ("10.0.0.7", None, "10.0.0.7:5000"),
        ("fd00::7", None, "[fd00::7]:5000"),
        ("0.0.0.0", "http://cove.example", "cove.example"),
        ("127.0.0.1", "http://cove.example:8080", "cove.example:8080"),
    ],
)
def test_listening_to_others_without_tls_shows_the_docker_setting(
    host: str, public_url: str | None, address: str
) -> None:
    text = first_start(listening(host, public_url=public_url), DATA, "Passw0rd")
    assert insecure_registries(text) == [address]


@pytest.mark.parametrize(
    ("host", "tls", "public_url"),
    [
        ("127.0.0.1", False, None),
        ("::1", False, None),
        ("localhost", False, None),
        ("0.0.0.0", True, None),
        ("0.0.0.0", False, "https://cove.example"),
    ],
)
def test_docker_setting_is_not_shown_where_it_is_not_needed(host: str, *, tls: bool, public_url: str | None) -> None:
    text = first_start(listening(host, tls=tls, public_url=public_url), DATA, "Passw0rd")
    assert "insecure-registries" not in text


def test_commands_use_the_public_name_where_there_is_one() -> None:
    text = first_start(listening("127.0.0.1", public_url="https://cove.example"), DATA, "Passw0rd")
    assert "docker push cove.example/library/hello:1" in text


def test_folder_is_named_where_one_was_made() -> None:
    assert first_start(listening("127.0.0.1"), DATA, None).startswith(f"This is the first start: {DATA} was made.\n")
    assert first_start(listening("127.0.0.1"), None, None).startswith("This is the first start.\n")
