"""`cove keys`, beside running servers."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import jwt
import pytest
from click.testing import CliRunner, Result

from auth.tokens import UNKNOWN_KEY_SECONDS, TokenIssuer
from registry.app import prepare
from registry.cli import main
from registry.config import Config
from registry.core.keys import Keys
from storage.metadata import users
from storage.metadata.database import Database
from tests.cli.running import Serve, Server

Cove = Callable[..., Result]


@pytest.fixture
def cove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cove:
    """Run a command on data that was started once."""
    prepare(Config(data=tmp_path / "data"))
    monkeypatch.setenv("COVE_DATA", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(main, ["keys", *arguments], prog_name="cove")


def test_list_shows_which_key_signs(cove: Cove) -> None:
    [first] = json.loads(cove("list", "--json").stdout)
    assert first["signs"]
    assert first["accepted_until"] == ""
    newest = json.loads(cove("rotate", "--json").stdout)["id"]
    head, signing, accepted = cove("list").stdout.splitlines()
    assert head.split() == ["ID", "CREATED", "AT", "SIGNS", "ACCEPTED", "UNTIL"]
    assert signing.split()[0] == newest
    assert signing.split()[2:] == ["yes"]
    assert accepted.split()[0] == first["id"]
    assert accepted.split()[2] == "no"
    assert accepted.split()[3].endswith("Z")


def test_rotating_tells_until_when_older_keys_are_accepted(cove: Cove) -> None:
    signs, accepted = cove("rotate").stdout.splitlines()
    newest, older = json.loads(cove("list", "--json").stdout)
    assert signs == f"Key {newest['id']} signs from now on; servers that run notice within half a minute."
    assert accepted == f"What older keys have signed is accepted until {older['accepted_until']}."


def test_revoking_tells_that_everything_older_is_void(cove: Cove) -> None:
    _, void = cove("rotate", "--revoke").stdout.splitlines()
    assert void == "There is no older key any more: what those have signed is void."
    assert len(json.loads(cove("list", "--json").stdout)) == 1


def test_no_output_has_a_private_key(cove: Cove) -> None:
    for arguments in (["rotate"], ["rotate", "--json"], ["list"], ["list", "--json"]):
        assert "PRIVATE" not in cove(*arguments).output


def token(server: Server) -> str:
    query = {"service": "cove"}
    answer = httpx.get(f"{server.url}/service/token", params=query, auth=("admin", server.password), timeout=60)
    given: str = answer.json()["token"]
    return given


def status(server: Server, bearer: str) -> int:
    return httpx.get(f"{server.url}/v2/", headers={"Authorization": f"Bearer {bearer}"}, timeout=60).status_code


def token_of_another_server(data: Path) -> str:
    """A token that is signed with the newest key, as a server would issue it that was started just now."""
    with closing(Database.open(data / "cove.db")) as database:
        issuer = TokenIssuer(Keys(database, token_seconds=1800, refreshable=False).current())
        with database.read() as tx:
            admin = users.find(tx, "admin")
    assert admin
    return issuer.issue(str(admin.id), version=admin.credential_version, access=[])


def test_token_that_is_issued_after_a_revocation_is_of_the_new_key(serve: Serve, tmp_path: Path) -> None:
    server, data = serve(), tmp_path / "cove-data"
    old = token(server)
    assert CliRunner().invoke(main, ["keys", "rotate", "--revoke", "--data", str(data)]).exit_code == 0
    new = token(server)
    assert [status(server, old), status(server, new)] == [401, 200]
    assert [jwt.get_unverified_header(each)["kid"] for each in (old, new)] != [
        jwt.get_unverified_header(old)["kid"]
    ] * 2


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_running_server_takes_up_new_keys_and_drops_revoked_ones(serve: Serve, tmp_path: Path, workers: str) -> None:
    server, data = serve("--workers", workers), tmp_path / "cove-data"
    old = token(server)
    for arguments, accepted in ((["rotate"], 200), (["rotate", "--revoke"], 401)):
        done = CliRunner().invoke(main, ["keys", *arguments, "--data", str(data)])
        assert done.exit_code == 0, done.output
        new = token_of_another_server(data)
        # Each worker looks when it first meets the new key; it may have looked for another one a moment ago.
        time.sleep(UNKNOWN_KEY_SECONDS)
        seen = {status(server, new) for _ in range(10)}
        assert seen == {200}
        if workers == "1":
            assert status(server, old) == accepted
