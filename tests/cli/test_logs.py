import json
import logging
from collections.abc import Iterator

import pytest

from registry.logs import configure, printable

ACCESS = {
    "request_id": "9f3c",
    "method": "GET",
    "path": "/v2/",
    "status": 200,
    "duration_ms": 1.5,
    "bytes_in": 0,
    "bytes_out": 2,
    "client": "192.0.2.7",
    "user": None,
}


@pytest.fixture(autouse=True)
def _restored_root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("auth", "cove", "registry", "storage", "uvicorn"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_json_line_has_the_fields_of_the_access_line_with_their_types(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    logging.getLogger("cove.access").info("GET /v2/", extra=ACCESS)
    line = json.loads(capsys.readouterr().err)
    assert line.pop("ts").endswith("Z")
    expected = {name: value for name, value in ACCESS.items() if value is not None}
    assert line == {"level": "info", "logger": "cove.access", "message": "GET /v2/", **expected}


def test_text_line_reads_time_level_message_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "info")
    logging.getLogger("cove.access").info("done", extra={"status": 200, "client": "192.0.2.7"})
    _, _, rest = capsys.readouterr().err.partition(" ")
    assert rest == "INFO done status=200 client=192.0.2.7\n"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "evil", ["a\nINFO b", "a\r\nb", "a\x1b[2Jb", "a\u2028b", "a\x85b", "a\udc80b", "a\0b", "a\u202eb"]
)
def test_one_request_is_one_line_of_harmless_characters_whatever_it_contains(
    form: str, evil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json" if form == "json" else "text", "info")
    logging.getLogger("cove.access").info("GET %s", evil, extra={"path": evil, "user": evil})
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert written[:-1].isprintable()


def test_traceback_is_kept_and_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "info")
    forged = ValueError("first\n2026-01-01T00:00:00.000Z INFO forged\x1b")
    logging.getLogger("cove").error("failed", exc_info=forged)
    first, *others = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR failed")
    assert any("ValueError: first" in line for line in others)
    assert all(line.startswith("    ") for line in others)
    assert "\x1b" not in "".join(others)


def test_traceback_is_one_value_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    logging.getLogger("cove").error("failed", exc_info=ValueError("why"))
    assert "ValueError: why" in json.loads(capsys.readouterr().err)["exception"]


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "warning")
    logging.getLogger("cove").info("quiet")
    logging.getLogger("cove").warning("loud")
    assert "quiet" not in (written := capsys.readouterr().err)
    assert "loud" in written


def test_value_in_a_text_line_cannot_pass_for_another_field(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text", "info")
    logging.getLogger("cove.access").info("done", extra={"user": 'ann status=500 "'})
    assert capsys.readouterr().err.endswith('done user="ann status=500 \\""\n')


def test_libraries_say_warnings_only_and_no_statement_of_the_database() -> None:
    configure("text", "debug")
    assert logging.getLogger("registry.server").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("sqlalchemy.engine").isEnabledFor(logging.INFO)
    assert logging.getLogger("alembic").isEnabledFor(logging.WARNING)


def test_printable_text_is_left_as_it_is() -> None:
    assert printable("Grüße, 你好") == "Grüße, 你好"
