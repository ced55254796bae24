"""Accounts taken over from an htpasswd file, as registry:2, nginx and Apache read it: `name:hash`, one a line."""

from collections.abc import Callable, Container
from dataclasses import dataclass

from auth.access import OPERATOR
from auth.passwords import ForeignHash, check_foreign_hash
from registry.core import audit
from registry.core.users import must_be_username
from registry.errors import RequestInvalid
from storage.clock import now_ms
from storage.metadata import users
from storage.metadata.database import Database


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line, the first being 1, was left out; no hash is repeated."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class ImportedUsers:
    """Names, in the order of the file: of new accounts, and of those that were there and stay as they are."""

    added: tuple[str, ...]
    existing: tuple[str, ...]
    problems: tuple[LineProblem, ...]


class UserImport:
    """Brings accounts with the passwords that people have already. bcrypt's hashes only: the others are no protection.

    None becomes an administrator or a member of anything.
    """

    def __init__(self, database: Database, *, clock: Callable[[], int] = now_ms) -> None:
        self._database = database
        self._clock = clock

    def run(self, content: bytes) -> ImportedUsers:
        """Add every account of the file that is not there yet, in one transaction; a wrong line is reported."""
        hashes, problems = _parse(content)
        added, existing = [], []
        with self._database.write() as tx:
            for name, password_hash in hashes.items():
                if users.find(tx, name):
                    existing.append(name)
                else:
                    users.add(tx, name, password_hash, is_admin=False, now=self._clock())
                    audit.record(tx, OPERATOR, operation="create", resource_type="user", resource=name)
                    added.append(name)
        return ImportedUsers(tuple(added), tuple(existing), tuple(problems))


def _parse(content: bytes) -> tuple[dict[str, str], list[LineProblem]]:
    hashes: dict[str, str] = {}
    problems = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip() or line.lstrip().startswith(b"#"):
            continue
        try:
            name, password_hash = _entry(line)
            _must_be_first(name, hashes)
        except (RequestInvalid, ForeignHash) as error:
            problems.append(LineProblem(number, str(error)))
        else:
            hashes[name] = password_hash
    return hashes, problems


def _must_be_first(name: str, earlier: Container[str]) -> None:
    if name in earlier:
        raise RequestInvalid(f"{name!r} is named before, and programs differ in which line counts")


def _entry(line: bytes) -> tuple[str, str]:
    try:
        name, colon, password_hash = line.decode().strip().partition(":")
    except UnicodeDecodeError:
        raise RequestInvalid("the line is not UTF-8") from None
    if not colon:
        raise RequestInvalid("the line is not name:hash")  # and is not shown, for it may be a password
    check_foreign_hash(password_hash)  # first, for the sentence about a wrong name repeats it: a hash out of place
    must_be_username(name)
    return name, password_hash
