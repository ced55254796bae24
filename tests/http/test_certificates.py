"""When the files of the server's certificate are read anew (`registry.certificates`)."""

import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry import certificates
from registry.certificates import Certificate
from tests.http.certificates import certificate


def test_files_that_the_server_could_not_read_at_first_are_read_once_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a program writes the key for itself alone, and gives it to the server's group then."""
    chain, key = certificate(tmp_path)
    first = Certificate(chain, key).context()
    choose: Any = first.sni_callback
    load, may_read = certificates.load, False

    def load_where_allowed(chain: Path, key: Path) -> ssl.SSLContext:
        if not may_read:
            raise PermissionError(13, "Permission denied")
        return load(chain, key)

    def shown() -> ssl.SSLContext:
        connection = SimpleNamespace(context=None)
        choose(connection, None, first)
        context: ssl.SSLContext = connection.context
        return context

    monkeypatch.setattr(certificates, "load", load_where_allowed)
    assert shown() is first
    certificate(tmp_path)
    assert shown() is first
    may_read = True
    key.chmod(0o640)
    assert shown() is not first
