"""What is inside an image, whatever its config is."""

import json

import pytest

from registry.oci.insides import Line, settings_of, steps_of


def manifest(*digests: str) -> bytes:
    return json.dumps({"layers": [{"digest": digest, "size": 1} for digest in digests]}).encode()


def test_each_layer_stands_with_the_command_that_made_it() -> None:
    done = [{"created_by": "ENV A=1", "empty_layer": True}, {"created_by": "one"}, {"created_by": "two"}]
    steps = steps_of(manifest("a", "b"), json.dumps({"history": done}).encode())
    assert [(step.command, step.layer and step.layer.digest) for step in steps] == [
        ("ENV A=1", None),
        ("one", "a"),
        ("two", "b"),
    ]


@pytest.mark.parametrize(
    "config",
    [b"", b"no json", b"[]", b'{"history": "x"}', b'{"history": [{"created_by": "x"}]}', b"[" * 100_000],
)
def test_layers_stand_alone_where_the_config_does_not_tell_how_each_was_made(config: bytes) -> None:
    steps = steps_of(manifest("a", "b"), config)
    assert [(step.command, step.layer and step.layer.digest) for step in steps] == [("", "a"), ("", "b")]


def test_manifest_without_layers_has_no_steps() -> None:
    assert steps_of(b"{}", b"{}") == []


def test_settings_are_told_in_the_form_of_each() -> None:
    config: dict[str, object] = {
        "Cmd": ["a", "b"],
        "User": "me",
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"k": "v"},
        "Volumes": None,
    }
    told = settings_of(json.dumps({"config": config}).encode())
    assert told == [
        ("Cmd", [Line("a"), Line("b")]),
        ("User", [Line("me")]),
        ("ExposedPorts", [Line("80/tcp")]),
        ("Labels", [Line("k=v")]),
    ]


@pytest.mark.parametrize("name", ["DB_PASSWORD", "apiKey", "GITHUB_TOKEN", "CLIENT_SECRET"])
def test_variable_that_is_named_like_a_secret_is_hidden(name: str) -> None:
    config = {"Env": [f"{name}=x=y", "PATH=/bin", name]}
    assert settings_of(json.dumps({"config": config}).encode()) == [
        ("Env", [Line(name, "x=y"), Line("PATH=/bin"), Line(name)])
    ]


@pytest.mark.parametrize("config", [b"", b"null", b'{"config": 7}', b'{"config": {"Env": 0}}', b"[" * 100_000])
def test_config_of_another_form_has_no_settings(config: bytes) -> None:
    assert settings_of(config) == []
