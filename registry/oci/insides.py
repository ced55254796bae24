"""What is inside an image: how its layers were made, and what its config sets (image-spec config.md)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

_SHELL = re.compile(r"^/bin/sh -c #\(nop\)\s*|\s*# buildkit$")
_SECRET = re.compile(r"pass|secret|token|credential|private|api_?key|access_?key|auth", re.IGNORECASE)
_SETTINGS = ("Entrypoint", "Cmd", "User", "WorkingDir", "ExposedPorts", "Volumes", "StopSignal", "Env", "Labels")


class Layer(msgspec.Struct):
    """A descriptor of a manifest; `size` is in bytes."""

    digest: str
    size: int
    media_type: str = msgspec.field(name="mediaType", default="")


class _Manifest(msgspec.Struct):
    layers: list[Layer] | None = None


class _Done(msgspec.Struct):
    created_by: str = ""
    empty_layer: bool = False


class _History(msgspec.Struct):
    history: list[_Done] | None = None


class _Config(msgspec.Struct):
    config: dict[str, object] | None = None


Told = TypeVar("Told", _History, _Config)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the build, and the layer that it made, if any."""

    command: str
    layer: Layer | None


@dataclass(frozen=True, slots=True)
class Line:
    """A value of a setting; `hidden` is that of a variable named like a secret, which is shown only when asked for."""

    text: str
    hidden: str = ""


def layers_of(manifest: bytes) -> list[Layer]:
    """The layers that a stored manifest names, the lowest first."""
    return msgspec.json.decode(manifest, type=_Manifest).layers or []


def steps_of(manifest: bytes, config: bytes) -> list[Step]:
    """The steps of a build, the first one first; layers alone where the config tells of another number of them."""
    layers = layers_of(manifest)
    history = _read(config, _History()).history or []
    if sum(not done.empty_layer for done in history) != len(layers):
        return [Step("", layer) for layer in layers]
    rest = iter(layers)
    return [Step(_SHELL.sub("", done.created_by), None if done.empty_layer else next(rest)) for done in history]


def settings_of(config: bytes) -> list[tuple[str, list[Line]]]:
    """The settings of an image that are set, by the names of the specification."""
    told = _read(config, _Config()).config or {}
    return [(name, lines) for name in _SETTINGS if (lines := list(_lines(name, told.get(name))))]


def _lines(name: str, value: object) -> Iterator[Line]:
    for text in _texts(value, is_named=name == "Labels"):
        variable, equals, hidden = text.partition("=")
        yield Line(variable, hidden) if name == "Env" and equals and _SECRET.search(variable) else Line(text)


def _texts(value: object, *, is_named: bool) -> Sequence[str]:
    """What was pushed may be anything: what has another form than that of the specification is told as it stands."""
    if isinstance(value, dict):
        return [f"{name}={text}" if is_named else name for name, text in value.items()]
    if isinstance(value, list):
        return [str(each) for each in value]
    return [str(value)] if value else []


def _read(config: bytes, nothing: Told) -> Told:
    try:
        return msgspec.json.decode(config, type=type(nothing))
    except (msgspec.DecodeError, RecursionError):
        return nothing
