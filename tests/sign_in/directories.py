"""A real LDAP directory of the tests' own: OpenLDAP's slapd, with people, groups, and TLS."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ldap3 import BASE as BASE_SCOPE
from ldap3 import MODIFY_ADD, MODIFY_DELETE, Connection, Server

from tests.clients.programs import find_program
from tests.http.certificates import certificate
from tests.sign_in.providers import free_port

BASE = "dc=example,dc=com"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
MANAGER, MANAGER_PASSWORD = f"cn=manager,{BASE}", "canary: the manager's"
_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCertificateFile {chain}
TLSCertificateKeyFile {key}
disallow bind_anon
database mdb
suffix "{base}"
rootdn "{manager}"
rootpw "{password}"
directory {folder}
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous none
overlay memberof
memberof-refint true
"""
_CONTENT = f"""
dn: {BASE}
objectClass: domain
dc: example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: ou=elsewhere,{BASE}
objectClass: organizationalUnit
ou: elsewhere
"""


@dataclass(frozen=True)
class LdapServer:
    """Where it is, and the certificate that it has for the name `localhost`."""

    port: int
    tls_port: int
    chain: Path

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @contextmanager
    def managing(self) -> Iterator[Connection]:
        """By whoever may do anything there."""
        connection = Connection(Server("127.0.0.1", self.port), MANAGER, MANAGER_PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()

    def add_person(self, uid: str, password: str, *, mail: str = "", below: str = PEOPLE) -> str:
        """Returns the distinguished name."""
        dn = f"uid={uid.replace(',', chr(92) + ',')},{below}"
        person = {"uid": uid, "cn": f"The {uid}", "sn": uid, "userPassword": password} | (
            {"mail": mail} if mail else {}
        )
        with self.managing() as connection:
            assert connection.add(dn, "inetOrgPerson", person), connection.result
        return dn

    def put_group(self, name: str, *members: str, below: str = GROUPS) -> str:
        """Make a group of these names, or change it; returns the distinguished name."""
        dn = f"cn={name},{below}"
        with self.managing() as connection:
            if connection.search(dn, "(objectClass=*)", BASE_SCOPE):
                connection.delete(dn)
            assert connection.add(dn, "groupOfNames", {"cn": name, "member": list(members)}), connection.result
        return dn

    def change_group(self, dn: str, *, joins: str = "", leaves: str = "") -> None:
        """Add a member to a group, or remove one: a group that is made anew is none of those that held it before."""
        changes = [(MODIFY_ADD, joins), (MODIFY_DELETE, leaves)]
        with self.managing() as connection:
            for kind, member in changes:
                assert not member or connection.modify(dn, {"member": [(kind, [member])]}), connection.result


@contextmanager
def ldap_server(folder: Path) -> Iterator[LdapServer]:
    """Run one over an empty folder; it is skipped where its program is missing."""
    program, loader = find_program("slapd"), find_program("slapadd")
    chain, key = certificate(folder)
    (folder / "records").mkdir()
    configuration, content = folder / "slapd.conf", folder / "content.ldif"
    values = {"base": BASE, "manager": MANAGER, "password": MANAGER_PASSWORD, "folder": folder / "records"}
    configuration.write_text(_CONFIGURATION.format(chain=chain, key=key, **values))
    content.write_text(_CONTENT)
    subprocess.run([loader, "-f", configuration, "-l", content], check=True, capture_output=True)
    server = LdapServer(free_port(), free_port(), chain)
    addresses = f"{server.url} ldaps://127.0.0.1:{server.tls_port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-f", configuration, "-h", addresses, "-d", "none"], stderr=log)
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(server: LdapServer, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", server.tls_port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("slapd does not come up")
