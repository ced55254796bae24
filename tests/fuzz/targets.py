"""Everything that reads what strangers send, as functions of bytes: each returns, or raises what it documents.

A target also holds what it got to whatever has to be true of it, such as that it is written as it was read.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from urllib.parse import parse_qs, parse_qsl, urlsplit

from starlette.requests import Request

from auth.basic import BadCredentials, parse_basic
from auth.distinguished_names import BadName, is_below, normal_dn
from auth.ldap import LdapAddress
from auth.scope import MAX_SCOPES, BadScope, format_scope, parse_scopes
from auth.tokens import BadToken, SigningKey, TokenIssuer
from registry.api.queries import MOST, parse_listing
from registry.config import PREFIX, SETTINGS, Config, ConfigError, load
from registry.core.crons import next_time
from registry.core.patterns import BadPattern, matches
from registry.errors import (
    BadQuery,
    BlobUploadInvalid,
    DigestInvalid,
    ManifestInvalid,
    NameInvalid,
    PageInvalid,
    PageSizeTooLarge,
    RangeNotSatisfiable,
    RequestInvalid,
    TagInvalid,
)
from registry.heads import origin_form
from registry.oci import media_types
from registry.oci.documents import parse_object
from registry.oci.manifests import Manifest
from registry.oci.names import Reference, RepositoryName, parse_project, parse_tag
from registry.oci.packages import is_list, parse_list
from registry.oci.paging import next_link, parse_count
from registry.oci.ranges import parse_content_range, parse_range
from registry.oci.tars import BLOCK, Entry, read_entries
from registry.oci.trees import merge
from registry.oci.unpacking import LayerUnreadable, unpack
from registry.origins import Origin
from registry.values import networks
from storage.digest import Digest, InvalidDigest
from tests.oci.tar_files import sealed

PROXIES = networks("127.0.0.0/8,::1")
NAME_LIMIT = 255  # characters of a repository's name, the longest of those that rules are for


@dataclass(frozen=True)
class Target:
    read: Callable[[bytes], object]
    raises: tuple[type[Exception], ...] = ()

    def __call__(self, content: bytes) -> bool:
        """Whether the content was taken; it is refused by the documented errors only."""
        try:
            self.read(content)
        except self.raises:
            return False
        return True


def text(content: bytes) -> str:
    """As header fields arrive."""
    return content.decode("latin-1")


def repository(content: bytes) -> None:
    name = RepositoryName.parse(text(content))
    assert RepositoryName.parse(str(name)) == name
    assert len(str(name)) <= 255


def reference(content: bytes) -> None:
    found = Reference.parse(text(content))
    assert str(found) == text(content)
    assert (found.tag is None) != (found.digest is None)


def tag(content: bytes) -> None:
    assert parse_tag(text(content)) == text(content)


def digest(content: bytes) -> None:
    assert str(Digest.parse(text(content))) == text(content)


def media_type(content: bytes) -> None:
    given = text(content)
    found = media_types.essence(given)
    if media_types.is_media_type(given):
        assert given.isascii()
        assert found is not None
        assert media_types.essence(found) == found
    media_types.is_distributable(given)
    media_types.names_manifest(given)


def manifest(content: bytes) -> None:
    """The first line is the Content-Type."""
    pushed_as, _, document = content.partition(b"\n")
    found = Manifest.parse(text(pushed_as) or None, document)
    assert found.media_type in media_types.MANIFEST_TYPES
    assert len({(reference.digest, reference.kind) for reference in found.references}) == len(found.references)
    assert all(reference.size >= 0 for reference in found.references)
    assert Manifest.parse(found.media_type, document) == found


def ranges(content: bytes) -> None:
    """The first line is the size of what a range is asked of."""
    first, _, header = content.partition(b"\n")
    size = int(first) if first.isdigit() and len(first) < 16 else 100
    for part in parse_range(text(header), size) or []:
        assert 0 <= part.start <= part.end < size
    assert sum(part.length for part in parse_range(text(header), size) or []) <= size


def content_range(content: bytes) -> None:
    found = parse_content_range(text(content))
    assert found
    assert found[0] >= 0
    assert found[1] >= found[0] - 1


def scopes(content: bytes) -> None:
    """Each line is a parameter."""
    found = parse_scopes(text(content).split("\n"))
    assert len(found) <= MAX_SCOPES
    written = [format_scope(scope.type, scope.name, scope.actions) for scope in found]
    assert parse_scopes(written) == found


def basic(content: bytes) -> None:
    found = parse_basic(text(content))
    assert found is None or (found.username and found.password and ":" not in found.username)


@cache
def issuer() -> TokenIssuer:
    return TokenIssuer([SigningKey.generate()])


def token(content: bytes) -> None:
    """Nothing that was not signed is accepted, so that it always raises."""
    issuer().verify(text(content))
    raise AssertionError("a token that nobody signed was accepted")


def request(content: bytes, peer: str = "127.0.0.1") -> Request:
    """Each line is a header field."""
    split = [line.partition(b":") for line in content.split(b"\n")]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in split]
    return Request({"type": "http", "scheme": "http", "path": "/", "client": (peer, 1), "headers": headers})


def forwarded(content: bytes) -> None:
    trusting, asked = Origin(proxies=PROXIES), request(content)
    assert trusting.client(asked)
    assert Origin().client(asked) == "127.0.0.1"
    base = urlsplit(trusting.base(asked))
    assert base.scheme in ("http", "https")
    assert not base.path
    assert str(base.geturl()).isprintable()


def head(content: bytes) -> None:
    """The first line is version, target and perhaps `upgrade`; the others are header fields."""
    first, _, rest = content.partition(b"\n")
    version, _, target = first.partition(b" ")
    split = [line.partition(b":") for line in rest.split(b"\n") if line]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in split]
    found = origin_form(text(version), target, headers, upgrade=target.endswith(b"upgrade"))
    assert found.startswith(b"/")
    assert [name for name, _ in headers].count(b"host") <= 1


def settings(content: bytes) -> None:
    """Each line is a variable of the environment."""
    split = [line.partition("=") for line in text(content).split("\n")]
    environ = {f"{PREFIX}{name}": value for name, _, value in split if "\0" not in name + value and name != "CONFIG"}
    config = load({}, environ)
    assert {row.name for row in fields(Config)} == set(SETTINGS)
    assert 0 <= config.port <= 65535


def page(content: bytes) -> None:
    assert 0 <= parse_count(text(content), default=10, most=100) <= 100


def cursor(content: bytes) -> None:
    last = content.decode(errors="replace")
    link = next_link("/v2/library/a/tags/list", n=5, last=last)
    address = urlsplit(link[1 : link.index(">")])
    assert parse_qs(address.query, keep_blank_values=True) == {"n": ["5"], "last": [last]}
    assert link.isascii()
    assert link.isprintable()


def listing(content: bytes) -> None:
    """The query of a list of the management API."""
    found = parse_listing(dict(parse_qsl(content.decode(errors="replace"), keep_blank_values=True)))
    assert 0 <= found.size <= MOST
    counts = {"exact": 1, "contains": 1, "range": 2}
    assert all(counts.get(each.how, len(each.values)) == len(each.values) for each in found.filters)


def pattern(content: bytes) -> None:
    """The first line is the pattern of a rule, the rest the name that is held to it."""
    rule, _, rest = content.decode(errors="replace").partition("\n")
    name = rest[:NAME_LIMIT]
    matches(rule, name)
    assert matches("**", name)
    assert matches("".join(f"\\{char}" for char in name), name)


def cron(content: bytes) -> None:
    after = 1_800_000_000_000
    found = next_time(content.decode(errors="replace"), after)
    assert found > after
    assert found % 60_000 == 0


def packages(content: bytes) -> None:
    """The first line is where the list lies in an image."""
    path, _, rest = content.partition(b"\n")
    found = parse_list(path.decode(errors="replace"), rest)
    assert all(name and version for name, version in found.items())
    assert is_list("var/lib/dpkg/status")


def distinguished_name(content: bytes) -> None:
    """The first line is a name, and the second another; each has one spelling, which stays where it was."""
    one, _, other = content.decode("utf-8", "replace").partition("\n")
    normal, base = normal_dn(one), normal_dn(other) if other else ""
    assert normal_dn(normal) == normal
    assert is_below(one, other) == is_below(normal, base)


def directory(content: bytes) -> None:
    """The address of an LDAP directory."""
    place = LdapAddress.parse(content.decode("utf-8", "replace"))
    assert place.host
    assert 1 <= place.port <= 65535


def project(content: bytes) -> None:
    name = parse_project(text(content))
    assert RepositoryName.parse(f"{name}/a").project == name


def tar(content: bytes) -> None:
    """A layer; what looks like a header gets its right checksum, or changed ones would all be refused for that."""
    found = list(read_entries(unpack([_sealed(content)])))
    for entry in found:
        assert all(part not in ("", ".", "..") for part in entry.path.split("/")) or entry == Entry("", "opaque")
    tree = merge([found, found])
    assert tree.root.total == merge([found]).root.total
    assert sum(entry.size for entry in found) * 2 == tree.root.total + sum(layer.wasted for layer in tree.layers)


def _sealed(content: bytes) -> bytes:
    blocks = [content[start : start + BLOCK] for start in range(0, len(content), BLOCK)]
    return b"".join(sealed(block) if block[257:262] == b"ustar" and len(block) == BLOCK else block for block in blocks)


TARGETS: dict[str, Target] = {
    "project": Target(project, (NameInvalid,)),
    "distinguished-name": Target(distinguished_name, (BadName,)),
    "directory": Target(directory, (ValueError,)),
    "repository": Target(repository, (NameInvalid,)),
    "reference": Target(reference, (DigestInvalid, TagInvalid)),
    "tag": Target(tag, (TagInvalid,)),
    "digest": Target(digest, (InvalidDigest,)),
    "media-type": Target(media_type),
    "document": Target(parse_object, (ManifestInvalid,)),
    "manifest": Target(manifest, (ManifestInvalid,)),
    "range": Target(ranges, (RangeNotSatisfiable,)),
    "content-range": Target(content_range, (BlobUploadInvalid,)),
    "scope": Target(scopes, (BadScope,)),
    "basic": Target(basic, (BadCredentials,)),
    "token": Target(token, (BadToken,)),
    "forwarded": Target(forwarded, (NameInvalid,)),
    "head": Target(head, (RequestInvalid,)),
    "settings": Target(settings, (ConfigError,)),
    "page": Target(page, (PageInvalid,)),
    "cursor": Target(cursor),
    "listing": Target(listing, (BadQuery, PageSizeTooLarge)),
    "pattern": Target(pattern, (BadPattern,)),
    "cron": Target(cron, (BadQuery,)),
    "packages": Target(packages),
    "tar": Target(tar, (LayerUnreadable,)),
}
