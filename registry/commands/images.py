"""What the commands about repositories, tags and manifests share: names on the command line, and what came back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import click

from registry.commands.failures import Failure
from registry.commands.outcomes import Record
from registry.commands.records import Data
from registry.core.manifests import Manifests
from registry.core.repositories import Repositories, Repository
from registry.core.restoring import Restored, Restoring
from registry.oci.names import RepositoryName, parse_digest, parse_tag
from storage.clock import utc_text
from storage.digest import Digest

Item = TypeVar("Item")

PAGE = 1000

force_option = click.option("--force", is_flag=True, help="Also what lacks contents, and where tags were set anew.")
deleted_option = click.option("--deleted", is_flag=True, help="Those that can be restored, and until when.")


def as_moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """A time in ISO 8601, of UTC unless it says otherwise, in milliseconds since 1970."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time such as 2026-01-31T12:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def repository_of(data: Data, name: str) -> Repository:
    """Raises `NameInvalid`, `NotFound`."""
    return Repositories(data.database).named(RepositoryName.parse(name))


def tag_of(data: Data, image: str) -> tuple[Repository, str]:
    """What REPOSITORY:TAG names. Raises `Failure`, `NameInvalid`, `TagInvalid`, `NotFound`."""
    repository, colon, tag = image.rpartition(":")
    if not colon or "@" in image:
        raise Failure(f"{image} names no tag: write REPOSITORY:TAG")
    return repository_of(data, repository), parse_tag(tag)


def digest_of(data: Data, image: str) -> tuple[Repository, Digest]:
    """What REPOSITORY@DIGEST names. Raises `Failure`, `NameInvalid`, `DigestInvalid`, `NotFound`."""
    repository, at, digest = image.partition("@")
    if not at:
        raise Failure(f"{image} names no manifest: write REPOSITORY@DIGEST")
    return repository_of(data, repository), parse_digest(digest)


def manifests_of(data: Data) -> Manifests:
    return Manifests(data.database, sparse=data.config.sparse_manifests)


def restoring_of(data: Data) -> Restoring:
    return Restoring(data.database, sparse=data.config.sparse_manifests)


def all_pages(read: Callable[[str], tuple[list[Item], bool]], key: Callable[[Item], str]) -> Iterator[Item]:
    """Everything that `read` gives, page by page; it is asked for what comes after the key of the last one."""
    after, is_more = "", True
    while is_more:
        page, is_more = read(after)
        yield from page
        after = key(page[-1]) if page else after


def until_text(data: Data, deleted_at: int | None) -> str:
    """Until when something is kept that was deleted at a time; nothing for what is not deleted."""
    return "" if deleted_at is None else utc_text(deleted_at + data.config.keep_deleted_seconds * 1000)


def restored_record(repository: Repository, restored: Restored) -> Record:
    return {
        "repository": str(repository.name),
        "manifests": restored.manifests,
        "tags": restored.tags,
        "left_tags": restored.left_tags,
        "missing": restored.missing,
    }


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def restored_text(sentence: str, restored: Restored) -> str:
    lines = [sentence]
    if restored.left_tags:
        lines.append(f"Tags that point elsewhere since, and were left alone: {', '.join(restored.left_tags)}.")
    if restored.missing:
        lines.append(f"What manifests name and the repository lacks: {', '.join(restored.missing)}.")
    return "\n".join(lines)
