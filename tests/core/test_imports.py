"""Accounts from an htpasswd file, and what becomes of their passwords."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import bcrypt
import pytest

from auth.accounts import Accounts
from auth.basic import BadCredentials, Credentials
from auth.passwords import PasswordChecker, hash_password
from auth.tokens import SigningKey, TokenIssuer
from registry.core.imports import ImportedUsers, UserImport
from storage.metadata import users
from storage.metadata.database import Database
from storage.metadata.users import UserRecord
from tests.http.serving import Users

SALT = b"$2b$04$" + b"O" * 22  # one that stays: the hashes name tests
HASH = bcrypt.hashpw(b"secret", SALT).decode().replace("$2b$", "$2y$")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr("storage.metadata.database.BUSY_SECONDS", 0.2)
    database = Database.open(tmp_path / "cove.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, PasswordChecker(), TokenIssuer([SigningKey.generate()]))


def run(database: Database, text: str) -> ImportedUsers:
    return UserImport(database, clock=lambda: 1234).run(text.encode())


def find(database: Database, name: str) -> UserRecord:
    with database.read() as tx:
        found = users.find(tx, name)
    assert found
    return found


def sign_in(accounts: Accounts, name: str, password: str = "secret") -> UserRecord:
    user = accounts.sign_in(Credentials(name, password), "192.0.2.1").user
    assert user
    return user


def test_imported_account_signs_in_with_its_old_password_only(database: Database, accounts: Accounts) -> None:
    assert run(database, f"ann:{HASH}\n") == ImportedUsers(("ann",), (), ())
    with pytest.raises(BadCredentials):
        sign_in(accounts, "ann", "secrets")
    assert sign_in(accounts, "ann").name == "ann"
    ann = find(database, "ann")
    assert (ann.is_admin, ann.is_disabled, ann.created_at) == (False, False, 1234)


def test_hash_is_argon2s_after_the_first_sign_in_and_tokens_from_before_stay_good(
    database: Database, accounts: Accounts
) -> None:
    run(database, f"ann:{HASH}\n")
    before = find(database, "ann")
    sign_in(accounts, "ann")
    after = find(database, "ann")
    assert before.password_hash == HASH
    assert after.password_hash.startswith("$argon2id$")
    assert after.credential_version == before.credential_version
    assert sign_in(Accounts(database, PasswordChecker(), TokenIssuer([SigningKey.generate()])), "ann") == after


def test_wrong_password_leaves_the_hash_as_it_is(database: Database, accounts: Accounts) -> None:
    run(database, f"ann:{HASH}\n")
    with pytest.raises(BadCredentials):
        sign_in(accounts, "ann", "secrets")
    assert find(database, "ann").password_hash == HASH


def test_many_sign_ins_at_once_all_succeed_and_leave_a_good_hash(database: Database, accounts: Accounts) -> None:
    run(database, f"ann:{HASH}\n")
    with ThreadPoolExecutor(8) as pool:
        names = [user.name for user in pool.map(lambda _: sign_in(accounts, "ann"), range(16))]
    assert names == ["ann"] * 16
    assert find(database, "ann").password_hash.startswith("$argon2id$")


def test_password_that_was_changed_meanwhile_is_not_brought_back(database: Database) -> None:
    run(database, f"ann:{HASH}\n")
    ann = find(database, "ann")
    changed = Users(database).set_password("ann", "Another-1-password")
    with database.write() as tx:
        users.replace_hash(tx, ann.id, ann.password_hash, hash_password("secret"))
    assert find(database, "ann") == changed


def test_sign_in_succeeds_while_the_database_cannot_be_written_and_the_hash_is_renewed_later(
    database: Database, accounts: Accounts, tmp_path: Path
) -> None:
    run(database, f"ann:{HASH}\n")
    with closing(Database.open(tmp_path / "cove.db")) as other, other.write():
        assert sign_in(accounts, "ann").name == "ann"
        assert find(database, "ann").password_hash == HASH
    sign_in(Accounts(database, PasswordChecker(), TokenIssuer([SigningKey.generate()])), "ann")
    assert find(database, "ann").password_hash.startswith("$argon2id$")


def test_account_that_exists_stays_as_it_is(database: Database) -> None:
    ann = Users(database).create("ann", "Correct-horse1", admin=True)
    assert run(database, f"ann:{HASH}\nbob:{HASH}\n") == ImportedUsers(("bob",), ("ann",), ())
    assert find(database, "ann") == ann
    assert run(database, f"ann:{HASH}\nbob:{HASH}\n") == ImportedUsers((), ("ann", "bob"), ())


def test_comments_and_empty_lines_are_passed_over_and_lines_may_end_as_on_windows(database: Database) -> None:
    assert run(database, f"# people\r\n\r\n  \nann:{HASH}\r\nbob:{HASH}").added == ("ann", "bob")


def test_empty_file_adds_nobody(database: Database) -> None:
    assert run(database, "") == ImportedUsers((), (), ())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"bob:$apr1$GEGSIHRu$E9e3uL2LlwgnqjEs7SHyT0", "bcrypt"),
        (b"bob:canary", "bcrypt"),
        (b"canary", "not name:hash"),
        (b"bob:$2y$31$" + HASH[7:].encode(), "cost of 31"),
        (b"\xff:" + HASH.encode(), "not UTF-8"),
        (b"a#b:" + HASH.encode(), "not a user name"),
        (b":" + HASH.encode(), "not a user name"),
        (b"ann:" + HASH.encode(), "named before"),
        (HASH.encode() + b":bob", "bcrypt"),
    ],
)
def test_line_that_cannot_be_used_is_reported_by_its_number_and_the_others_go_on(
    database: Database, line: bytes, what: str
) -> None:
    content = b"ann:%b\n%b\ncid:%b\n" % (HASH.encode(), line, HASH.encode())
    imported = UserImport(database).run(content)
    assert imported.added == ("ann", "cid")
    [problem] = imported.problems
    assert problem.line == 2
    assert what in problem.what
    assert not any(secret in problem.what for secret in ("canary", "$2y$", "GEGSIHRu"))
