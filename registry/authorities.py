"""An authority of one's own, and the certificates that it issues for a server.

RFC 5280, and what verifiers ask for beyond it: an extended key usage, names in the extension for them alone, and the
authority's key identifier, without which Python 3.13 refuses a certificate.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
_SLACK = timedelta(hours=1)  # by which a client's clock may be late
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


class AuthorityError(Exception):
    """A name cannot be in a certificate, or files are not those of an authority; the message says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    @property
    def expires(self) -> datetime:
        """When the certificate ends. UTC."""
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc


@dataclass(frozen=True, slots=True)
class Described:
    """When a certificate ends, and the names and addresses that it is for."""

    expires: datetime
    names: tuple[str, ...]

    def is_for(self, name: str) -> bool:
        """RFC 6125, section 6.4.3: a wildcard stands for one label, the first."""
        wildcard = f"*.{name.partition('.')[2]}"
        return name.lower() in self._lower or ("." in name and wildcard.lower() in self._lower)

    @property
    def _lower(self) -> set[str]:
        return {name.lower() for name in self.names}


def describe(chain: bytes) -> Described:
    """Of the first certificate of a chain in PEM. Raises `ValueError`."""
    certificate = x509.load_pem_x509_certificate(chain)
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Described(certificate.not_valid_after_utc, ())
    addresses = [str(address) for address in named.get_values_for_type(x509.IPAddress)]
    return Described(certificate.not_valid_after_utc, (*named.get_values_for_type(x509.DNSName), *addresses))


def make_authority(now: datetime) -> Pair:
    """An authority that nobody knows yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    # No two may have one name: a client that trusts both would look for the key of the wrong one.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Cove authority {secrets.token_hex(4)}")])
    public = key.public_key()
    built = _certificate(name, name, public, now, AUTHORITY_DAYS)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    built = built.add_extension(_usage(signs_certificates=True), critical=True)
    return _signed(built, key, key)


def issue(authority: Pair, names: Sequence[str], now: datetime, days: int) -> Pair:
    """A certificate of a server with these names and addresses. Raises `AuthorityError`."""
    named, (issuer, issuer_key) = [_general(name) for name in names], _opened(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    built = _certificate(subject, issuer.subject, key.public_key(), now, days)
    built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    built = built.add_extension(_usage(signs_certificates=False), critical=True)
    built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    built = built.add_extension(x509.SubjectAlternativeName(named), critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return _signed(built.add_extension(identifier, critical=False), key, issuer_key)


def _opened(authority: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate, key = (
            x509.load_pem_x509_certificate(authority.certificate),
            load_pem_private_key(authority.key, None),
        )
    except (ValueError, TypeError) as error:
        raise AuthorityError(f"they are not a certificate and a key in PEM: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise AuthorityError("the key is not that of the certificate")
    return certificate, key


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise AuthorityError(f"{name!r} is neither a host name nor an address")
    return x509.DNSName(name)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    built = built.serial_number(x509.random_serial_number())
    built = built.not_valid_before(now - _SLACK).not_valid_after(now + timedelta(days=days))
    return built.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    built: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = built.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return Pair(certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
