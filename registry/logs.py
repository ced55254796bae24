"""Logs: one line on standard error for each thing that happened, for people (text) or for programs (JSON lines).

What clients send ends up in logs, so every control character is escaped: a request is always one line, and no value can
pass for a line of its own or drive the terminal of its reader. Secrets are never given to a logger.
"""

import json
import logging
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

FIELDS = (
    "request_id",
    "trace_id",
    "method",
    "path",
    "status",
    "duration_ms",
    "bytes_in",
    "bytes_out",
    "client",
    "user",
)
"""What an access line carries beside its message, in `extra`; milliseconds and bytes are numbers."""

_OURS = ("auth", "cove", "registry", "storage", "uvicorn")


_MARK = secrets.token_hex(16)  # stands for an id that is not known yet, and for nothing a client can send


class Line:
    """An access line that is written again and again, with another time and request id."""

    def __init__(self, logger: logging.Logger, fields: dict[str, object]) -> None:
        extra = {**fields, "request_id": _MARK}
        self._record = logger.makeRecord(logger.name, logging.INFO, "", 0, "request", (), None, extra=extra)
        self._templates: dict[logging.Formatter, str] = {}

    def write(self, formatter: logging.Formatter, time: str, request_id: str) -> str:
        """The line as the formatter writes it; it is asked only once, which is most of what a line costs (20 µs)."""
        template = self._templates.get(formatter)
        if template is None:
            text = formatter.format(self._record).replace("%", "%%")
            template = text.replace(_time(self._record), "%s", 1).replace(_MARK, "%s", 1)
            self._templates[formatter] = template
        return template % (time, request_id)


class _Lines(logging.Formatter, ABC):
    """Writes one line of a record, or each of several lines that it brings along."""

    def format(self, record: logging.LogRecord) -> str:
        lines: Sequence[tuple[Line, str]] | None = record.__dict__.get("lines")
        if lines is None:
            return self.line(record)
        time = _time(record)
        return "\n".join(line.write(self, time, request_id) for line, request_id in lines)

    @abstractmethod
    def line(self, record: logging.LogRecord) -> str:
        """The one line of a record."""


class JsonLines(_Lines):
    """`ts`, `level`, `logger`, `message`, the fields that the record has, and `exception` with a traceback."""

    def line(self, record: logging.LogRecord) -> str:
        line = {
            "ts": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(_Lines):
    """Time, level, message and the fields as `name=value`; the lines of a traceback follow, indented."""

    def line(self, record: logging.LogRecord) -> str:
        words = [_time(record), record.levelname, record.getMessage()]
        words += [f"{name}={_quoted(str(value))}" for name, value in _fields(record).items()]
        lines = [" ".join(map(printable, words))]
        if record.exc_info:
            lines += ["    " + printable(line) for line in self.formatException(record.exc_info).split("\n")]
        return "\n".join(lines)


def log_lines(logger: logging.Logger, lines: Sequence[tuple[Line, str]]) -> None:
    """Log access lines, each with its request's id, as one record: at 20,000 a second its way is too long for each."""
    logger.info("requests", extra={"lines": lines})


def configure(form: Literal["text", "json"], level: str) -> None:
    """Send what is logged in this process, at `level` (debug, info, warning, error) or above, to standard error.

    Other libraries may say what is at least a warning. At a lower level SQLAlchemy would write every statement with its
    values, and so with secrets.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    least: int = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(least)


def printable(text: str) -> str:
    """The text with every character that is not printable as a backslash escape, newlines and surrogates included."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _quoted(value: str) -> str:
    """A value with a space or a quotation mark in quotation marks, so that it cannot pass for further fields."""
    return json.dumps(value, ensure_ascii=False) if " " in value or '"' in value else value


def _time(record: logging.LogRecord) -> str:
    """UTC in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: record.__dict__[name] for name in FIELDS if record.__dict__.get(name) is not None}
