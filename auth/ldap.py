"""LDAP: what is set of a directory, and what it tells of people and groups. Asking it is `auth.ldap_directory`'s."""

import re
from dataclasses import dataclass, field
from enum import Enum

_ADDRESS = re.compile(r"(?:(ldap|ldaps|ldap\+starttls)://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+")
_PORT, _TLS_PORT = 389, 636


class LdapError(Exception):
    """The directory does not answer, or not as it should; the message has no secret."""


class Security(Enum):
    """How a connection is kept from others: not at all, by TLS from its beginning, or by TLS that it asks for."""

    NONE = "ldap"
    TLS = "ldaps"
    START_TLS = "ldap+starttls"


@dataclass(frozen=True, slots=True)
class LdapAddress:
    host: str
    port: int
    security: Security

    @classmethod
    def parse(cls, text: str) -> "LdapAddress":
        """`ldap://host`, `ldaps://host` or `ldap+starttls://host`, each with a port if it is not the usual one. As with
        Harbor, `ldap://` may be left out, and port 636 alone means TLS. Raises `ValueError`.
        """
        match = _ADDRESS.fullmatch(text.strip())
        port = int(match[3]) if match and match[3] else 0
        if match is None or port > 65535 or (match[3] and not port):
            raise ValueError("an address such as ldaps://ldap.example, ldap://host:389 or ldap+starttls://host")
        usual = Security.TLS if port == _TLS_PORT else Security.NONE
        security = Security(match[1]) if match[1] else usual
        return cls(match[2].strip("[]"), port or (_TLS_PORT if security is Security.TLS else _PORT), security)


def is_attribute(text: str) -> bool:
    """Whether a text can be the name of an attribute (RFC 4512, section 2.5)."""
    return _ATTRIBUTE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapSettings:
    """Harbor's, without their prefix. Whoever searches is anonymous without a `search_dn`; a scope is 0 for the entry
    itself, 1 for those right below it and 2 for all below (RFC 4511, section 4.5.1.2).
    """

    url: str
    search_dn: str = ""
    search_password: str = field(default="", repr=False)
    base_dn: str = ""
    filter: str = ""
    uid: str = "cn"
    scope: int = 2
    timeout: int = 5
    verify_cert: bool = True
    group_base_dn: str = ""
    group_search_filter: str = ""
    group_attribute_name: str = ""
    group_search_scope: int = 2
    group_membership_attribute: str = "memberof"


@dataclass(frozen=True, slots=True)
class LdapGroup:
    dn: str
    name: str


@dataclass(frozen=True, slots=True)
class LdapPerson:
    """`identifier` is that of the entry, which outlives other names of it, where the directory has such a thing; the
    groups are those that its settings are about.
    """

    dn: str
    identifier: str
    name: str
    email: str
    real_name: str
    groups: tuple[LdapGroup, ...] = ()
