"""Signing in with a real LDAP directory: accounts, groups, standing, and what is refused."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest
from harborapi import HarborAsyncClient
from harborapi.exceptions import NotFound
from harborapi.models import LdapConf

from registry.config import Config
from storage.metadata import users, vouchings
from tests.http.serving import PASSWORD, Registry, populate, running
from tests.sign_in.directories import BASE, GROUPS, MANAGER, MANAGER_PASSWORD, PEOPLE, LdapServer, ldap_server
from tests.sign_in.modes import come_from

pytestmark = pytest.mark.servers
CODE = "X-Harbor-CSRF-Token"
SECRET = "a secret: of the directory"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LdapServer]:
    with ldap_server(tmp_path_factory.mktemp("ldap")) as server:
        for name in ("ann", "bob", "cat", "an*n", "pat", "odd,name"):
            server.add_person(name, SECRET, mail=f"{name[:3]}@example.com".replace("*", "s"))
        server.add_person("two", SECRET)
        server.add_person("two", SECRET, below=f"ou=elsewhere,{BASE}")
        server.put_group("crew", f"uid=ann,{PEOPLE}", f"uid=bob,{PEOPLE}")
        server.put_group("bosses", f"uid=ann,{PEOPLE}")
        server.put_group("outside", f"uid=ann,{PEOPLE}", below=f"ou=elsewhere,{BASE}")
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("SSL_CERT_FILE", str(server.chain))
            yield server


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, directory: LdapServer) -> Iterator[Registry]:
    config = Config(
        data=tmp_path_factory.mktemp("registry") / "data",
        admin_password=PASSWORD,
        sign_in_allowed_networks=(ip_network("127.0.0.1"), ip_network("::1")),
    )
    with running(config) as registry:
        configure(
            registry,
            auth_mode="ldap_auth",
            ldap_url=directory.url,
            ldap_search_dn=MANAGER,
            ldap_search_password=MANAGER_PASSWORD,
            ldap_base_dn=BASE,
            ldap_filter="objectClass=inetOrgPerson",
            ldap_uid="uid",
            ldap_timeout=2,
            ldap_group_base_dn=GROUPS.upper(),
            ldap_group_search_filter="objectClass=groupOfNames",
            ldap_group_admin_dn=f"CN=Bosses, {GROUPS}",
        )
        populate(registry)
        people = {"ldap_uid_list": ["bob", "cat"]}
        assert registry.client("admin").post("/api/v2.0/ldap/users/import", json=people).status_code == 200
        yield registry


def configure(registry: Registry, **values: object) -> None:
    response = registry.client("admin").put("/api/v2.0/configurations", json=values)
    assert response.status_code == 200, response.text


@contextmanager
def configured(registry: Registry, **values: object) -> Iterator[None]:
    found = registry.client("admin").get("/api/v2.0/configurations").json()
    before = {name: found[name]["value"] if name in found else MANAGER_PASSWORD for name in values}
    configure(registry, **values)
    try:
        yield
    finally:
        configure(registry, **before)


def status(registry: Registry, name: str, password: str = SECRET) -> int:
    return registry.client(name, password).get("/service/token").status_code


def current(registry: Registry, name: str, password: str = SECRET) -> dict[str, object]:
    response = registry.client(name, password).get("/api/v2.0/users/current")
    assert response.status_code == 200, response.text
    user: dict[str, object] = response.json()
    return user


def test_first_sign_in_makes_the_account_with_its_groups_and_standing(registry: Registry) -> None:
    user = current(registry, "ann")
    assert user.items() >= {"username": "ann", "email": "ann@example.com", "realname": "The ann"}.items()
    assert (user["sysadmin_flag"], user["admin_role_in_auth"]) == (True, True)
    groups = registry.client("ann", SECRET).get("/api/v2.0/usergroups").json()
    assert [(each["group_name"], each["group_type"], each["ldap_group_dn"]) for each in groups] == [
        ("bosses", 1, f"cn=bosses,{GROUPS}"),
        ("crew", 1, f"cn=crew,{GROUPS}"),
    ]
    assert current(registry, "ann@example.com")["user_id"] == user["user_id"]
    assert current(registry, "bob")["sysadmin_flag"] is False


def test_docker_signs_in_the_same_way(registry: Registry) -> None:
    assert [status(registry, "bob"), status(registry, "bob", "wrong")] == [200, 401]
    form = {"grant_type": "password", "service": "cove", "username": "bob", "password": SECRET}
    assert registry.client().post("/service/token", data=form).status_code == 200
    assert registry.client().post("/service/token", data=form | {"password": ""}).status_code == 401
    assert registry.client("bob", SECRET).get("/v2/").status_code == 200


def test_browser_signs_in_the_same_way(registry: Registry) -> None:
    page = registry.client()
    told = {CODE: page.post("/c/login").headers[CODE]}
    wrong = page.post("/c/login", data={"principal": "bob", "password": "wrong"}, headers=told)
    assert wrong.status_code == 401
    assert page.post("/c/login", data={"principal": "bob", "password": SECRET}, headers=told).status_code == 200
    assert page.get("/api/v2.0/users/current").json()["username"] == "bob"


def test_group_gives_its_role_for_as_long_as_somebody_is_in_it(registry: Registry, directory: LdapServer) -> None:
    body = {"role_id": 2, "member_group": {"group_type": 1, "ldap_group_dn": f"CN=Crew, {GROUPS.upper()}"}}
    made = registry.client("admin").post("/api/v2.0/projects/team/members", json=body)
    assert made.status_code == 201, made.text
    member = registry.client("admin").get(made.headers["location"]).json()
    assert (member["entity_name"], member["entity_type"]) == ("crew", "g")
    assert registry.client("bob", SECRET).get("/api/v2.0/projects/team").json()["current_user_role_id"] == 2
    directory.put_group("crew", f"uid=ann,{PEOPLE}")
    forget(registry, "bob")
    assert registry.client("bob", SECRET).get("/api/v2.0/projects/team").status_code == 403
    directory.put_group("crew", f"uid=ann,{PEOPLE}", f"uid=bob,{PEOPLE}")


def forget(registry: Registry, name: str) -> None:
    """Have the directory asked again: a password that was right is remembered for a minute."""
    registry.users.disable(name)
    registry.users.enable(name)


def test_administrator_by_a_group_is_none_without_it(registry: Registry, directory: LdapServer) -> None:
    directory.put_group("bosses", f"uid=ann,{PEOPLE}", f"uid=cat,{PEOPLE}")
    assert current(registry, "cat")["sysadmin_flag"] is True
    with configured(registry, ldap_group_admin_dn=""):
        forget(registry, "cat")
        assert current(registry, "cat")["sysadmin_flag"] is False
    forget(registry, "cat")
    assert current(registry, "cat")["sysadmin_flag"] is True
    directory.put_group("bosses", f"uid=ann,{PEOPLE}")
    forget(registry, "cat")
    assert current(registry, "cat")["sysadmin_flag"] is False


@pytest.mark.parametrize("name", ["*", "ann)(uid=*", "an*", "(ann)", "ann\\", "a\u0301nn", "nobody", "two", "odd,name"])
def test_name_is_taken_to_the_letter(registry: Registry, name: str) -> None:
    """Also one that several entries have, or that no account may have, lets nobody in."""
    assert status(registry, name) == 401


def test_name_with_a_star_is_somebodys(registry: Registry) -> None:
    assert current(registry, "an*n")["email"] == "ans@example.com"


def test_account_of_this_registry_stands_before_one_of_the_same_name(registry: Registry) -> None:
    assert [status(registry, "pat", PASSWORD), status(registry, "pat")] == [200, 401]
    assert [status(registry, "PAT"), status(registry, "admin", PASSWORD)] == [401, 200]


def test_account_that_is_disabled_is_not_let_in(registry: Registry) -> None:
    assert status(registry, "bob") == 200
    registry.users.disable("bob")
    assert status(registry, "bob") == 401
    registry.users.enable("bob")
    assert status(registry, "bob") == 200


def test_password_that_was_right_is_remembered(registry: Registry) -> None:
    forget(registry, "bob")
    assert status(registry, "bob") == 200
    with configured(registry, ldap_url="ldap://127.0.0.1:1"):
        assert [status(registry, "bob"), status(registry, "bob", "wrong")] == [200, 503]


def test_passwords_that_are_wrong_are_slowed_down(registry: Registry) -> None:
    for _ in range(registry.config.login_limit):
        assert status(registry, "cat", "wrong") == 401
    assert status(registry, "cat", "wrong") == 429
    assert status(registry, "bob") == 200


@pytest.mark.parametrize("password", ["\u00ad", "a\tb"])
def test_password_of_which_nothing_can_be_sent_is_wrong(registry: Registry, password: str) -> None:
    assert status(registry, "bob", password) == 401


def test_directory_that_takes_no_connection_is_told_and_local_accounts_get_in(registry: Registry) -> None:
    with configured(registry, ldap_url="ldap://127.0.0.1:1"):
        response = registry.client("new", SECRET).get("/service/token")
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert "127.0.0.1" not in response.text
        assert status(registry, "admin", PASSWORD) == 200


@pytest.mark.parametrize("scheme", ["ldap", "ldaps", "ldap+starttls"])
def test_directory_that_hangs_holds_nobody_else_up(registry: Registry, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        with configured(registry, ldap_url=address, ldap_timeout=1):
            statuses: list[int] = []
            waiting = [threading.Thread(target=lambda: statuses.append(status(registry, "new"))) for _ in range(20)]
            for thread in waiting:
                thread.start()
            began = time.monotonic()
            assert status(registry, "admin", PASSWORD) == 200
            for thread in waiting:
                thread.join()
            assert set(statuses) <= {503, 429}
            assert 503 in statuses
            assert time.monotonic() - began < 60


@pytest.mark.parametrize("scheme", ["ldaps", "ldap+starttls"])
def test_connection_is_kept_from_others(registry: Registry, directory: LdapServer, scheme: str) -> None:
    port = directory.tls_port if scheme == "ldaps" else directory.port
    with configured(registry, ldap_url=f"{scheme}://localhost:{port}"):
        forget(registry, "bob")
        assert status(registry, "bob") == 200
    with configured(registry, ldap_url=f"{scheme}://127.0.0.1:{port}"):  # the certificate is for another name
        forget(registry, "bob")
        assert status(registry, "bob") == 503
    with configured(registry, ldap_url=f"{scheme}://127.0.0.1:{port}", ldap_verify_cert=False):
        assert status(registry, "bob") == 200


def test_directory_inside_the_network_is_asked_only_where_that_is_allowed(registry: Registry) -> None:
    with configured(registry, ldap_url="ldap://127.0.0.2"):
        assert status(registry, "new") == 503
        result = registry.client("admin").post("/api/v2.0/ldap/ping", content=b"").json()
        assert "sign_in_allowed_networks" in result["message"]


def test_filter_that_is_none_is_told(registry: Registry) -> None:
    with configured(registry, ldap_filter="(("):
        assert status(registry, "new") == 503
        response = registry.client("admin").get("/api/v2.0/ldap/users/search")
        assert response.status_code == 503
        assert "LDAPInvalidFilterError" in response.text


def test_password_of_whoever_searches_that_is_wrong_is_told(registry: Registry) -> None:
    with configured(registry, ldap_search_password="wrong"):
        assert status(registry, "new") == 503
        assert ping(registry) == {"message": "the directory does not let in whoever searches: invalidCredentials"}
    with configured(registry, ldap_search_password=""):
        assert ping(registry) == {"message": "whoever searches the directory has no password"}
    with configured(registry, ldap_search_dn="", ldap_search_password=""):
        assert "does not let in" in str(ping(registry)["message"])  # slapd takes nobody without a name here


def ping(registry: Registry, **wanted: object) -> dict[str, object]:
    response = registry.client("admin").post("/api/v2.0/ldap/ping", json=wanted)
    assert response.status_code == 200, response.text
    result: dict[str, object] = response.json()
    return result


def test_directory_is_looked_for(registry: Registry, directory: LdapServer) -> None:
    assert ping(registry) == {"success": True}
    assert ping(registry, ldap_base_dn="ou=none," + BASE)["message"] == f"the directory has nothing at 'ou=none,{BASE}'"
    tried = {"ldap_search_dn": MANAGER, "ldap_search_password": MANAGER_PASSWORD, "ldap_verify_cert": False}
    assert ping(registry, ldap_url=f"ldaps://127.0.0.1:{directory.tls_port}", **tried) == {"success": True}
    for wrong in ({"ldap_scope": 7}, {"ldap_url": "http://x"}, {"ldap_base_dn": "x"}, {"ldap_uid": "a b"}):
        assert registry.client("admin").post("/api/v2.0/ldap/ping", json=wrong).status_code == 400
    assert registry.client("stan").post("/api/v2.0/ldap/ping", json={}).status_code == 403


def test_kept_password_is_sent_to_no_other_address(registry: Registry) -> None:
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        result = ping(registry, ldap_url=f"ldap://127.0.0.1:{listener.getsockname()[1]}")
        thread.join(10)
    assert result == {"message": "whoever searches the directory has no password"}
    assert heard == [b""]


def test_people_are_looked_for_and_brought(registry: Registry) -> None:
    admin = registry.client("admin")
    found = admin.get("/api/v2.0/ldap/users/search", params={"username": "cat"}).json()
    assert found == [{"username": "cat", "realname": "The cat", "email": "cat@example.com"}]
    assert len(admin.get("/api/v2.0/ldap/users/search").json()) == 8
    assert admin.get("/api/v2.0/ldap/users/search", params={"username": "a*"}).json() == []
    path = "/api/v2.0/ldap/users/import"
    assert admin.post(path, json={"ldap_uid_list": ["cat", "bob"]}).status_code == 200
    failed = admin.post(path, json={"ldap_uid_list": ["cat", "none", "", "pat"]})
    assert failed.status_code == 404
    assert failed.json()[:2] == [{"uid": "none", "error": "unknown_user"}, {"error": "unknown_user"}]
    assert failed.json()[2].items() >= {"uid": "pat", "error": "user pat already exists"}.items()
    assert registry.client("stan").post(path, json={"ldap_uid_list": ["cat"]}).status_code == 403
    assert registry.client("stan").get("/api/v2.0/ldap/users/search").status_code == 403


def test_groups_are_looked_for(registry: Registry) -> None:
    admin, path = registry.client("admin"), "/api/v2.0/ldap/groups/search"
    crew = {"group_name": "crew", "group_type": 1, "ldap_group_dn": f"cn=crew,{GROUPS}"}
    assert admin.get(path, params={"groupname": "re"}).json() == [crew]
    found = admin.get(path, params={"groupdn": f"CN=crew,{GROUPS}"}).json()
    assert [each["group_name"] for each in found] == ["crew"]
    assert admin.get(path, params={"groupdn": f"cn=outside,ou=elsewhere,{BASE}"}).json() == []
    assert admin.get(path, params={"groupname": "*"}).json() == []
    assert [admin.get(path).status_code, admin.get(path, params={"groupdn": "x"}).status_code] == [400, 400]


@pytest.mark.filterwarnings("ignore:Accessing the 'model_(computed_)?fields':DeprecationWarning")
def test_client_of_harbor_finds_and_brings_people_and_groups(registry: Registry) -> None:
    async def flow() -> None:
        harbor = HarborAsyncClient(url=f"{registry.url}/api/v2.0", username="admin", secret=PASSWORD)
        result = await harbor.ping_ldap()
        assert (result.success, result.message) == (True, None)
        wrong = await harbor.ping_ldap(LdapConf(ldap_base_dn=f"ou=none,{BASE}"))
        assert not wrong.success
        assert [each.realname for each in await harbor.search_ldap_users("bob")] == ["The bob"]
        found = await harbor.search_ldap_groups(group_name="crew")
        assert [(each.group_name, each.group_type) for each in found] == [("crew", 1)]
        await harbor.import_ldap_users(["bob"])
        with pytest.raises(NotFound):
            await harbor.import_ldap_users(["nobody"])
        await harbor.client.aclose()

    asyncio.run(flow())


def test_member_may_be_somebody_who_has_never_come(registry: Registry, directory: LdapServer) -> None:
    directory.add_person("dan", SECRET)
    admin, path = registry.client("admin"), "/api/v2.0/projects/team/members"
    made = admin.post(path, json={"role_id": 2, "member_user": {"username": "dan"}})
    assert made.status_code == 201, made.text
    assert registry.client("dan", SECRET).get("/api/v2.0/projects/team").status_code == 200
    assert admin.post(path, json={"role_id": 2, "member_user": {"username": "none"}}).status_code == 404
    nowhere = {"group_type": 1, "ldap_group_dn": f"cn=none,{GROUPS}"}
    assert admin.post(path, json={"role_id": 2, "member_group": nowhere}).status_code == 404
    assert admin.post("/api/v2.0/usergroups", json=nowhere).status_code == 404


def hours_pass(registry: Registry, name: str, hours: int) -> None:
    """Since the directory was asked for somebody."""
    with registry.database.write() as tx:
        user = users.find(tx, name)
        assert user
        record = vouchings.find(tx, user.id)
        assert record
        age = hours * 60 * 60 * 1000
        aged = replace(record, asked_at=record.asked_at - age, confirmed_at=record.confirmed_at - age)
        vouchings.put_record(tx, aged)


def test_programs_of_people_who_are_gone_are_let_in_no_more(registry: Registry, directory: LdapServer) -> None:
    dn = directory.add_person("fay", SECRET)
    group = directory.put_group("team", dn)
    body = {"role_id": 2, "member_group": {"group_type": 1, "ldap_group_dn": group}}
    assert registry.client("admin").post("/api/v2.0/projects/team/members", json=body).status_code == 201
    body = {"name": "ci", "duration": -1}
    made = registry.client("fay", SECRET).post("/api/v2.0/users/current/tokens", json=body)
    assert made.status_code == 201, made.text
    program = registry.client("fay", made.json()["secret"])
    assert program.get("/api/v2.0/projects/team").status_code == 200
    directory.put_group("team", f"uid=ann,{PEOPLE}")
    assert program.get("/api/v2.0/projects/team").status_code == 200
    hours_pass(registry, "fay", 2)
    assert program.get("/api/v2.0/projects/team").status_code == 403
    hours_pass(registry, "fay", 2)
    with configured(registry, ldap_url="ldap://127.0.0.1:1"):
        assert program.get("/service/token").status_code == 200
        hours_pass(registry, "fay", 25)
        assert program.get("/service/token").status_code == 503
    hours_pass(registry, "fay", 2)
    with directory.managing() as connection:
        connection.delete(dn)
    assert [program.get("/service/token").status_code for _ in range(2)] == [401, 401]


def test_name_that_is_given_again_is_not_the_account_of_before(registry: Registry, directory: LdapServer) -> None:
    dn = directory.add_person("eve", SECRET)
    assert status(registry, "eve") == 200
    with directory.managing() as connection:
        connection.delete(dn)
    directory.add_person("eve", SECRET + "2")
    assert status(registry, "eve", SECRET + "2") == 401


def test_password_of_the_directory_is_not_changed_here(registry: Registry) -> None:
    user_id = current(registry, "bob")["user_id"]
    path = f"/api/v2.0/users/{user_id}/password"
    assert registry.client("admin").put(path, json={"new_password": "Another-1"}).status_code == 403
    assert status(registry, "bob", "Another-1") == 401


def test_accounts_of_the_directory_stay_outside_without_it(registry: Registry) -> None:
    assert status(registry, "bob") == 200
    with come_from(registry, "db_auth", "ldap_auth"):
        assert [status(registry, "bob"), status(registry, "new")] == [401, 401]
        registry.users.create("late", PASSWORD)
        assert status(registry, "late", PASSWORD) == 200


def test_secrets_of_robots_and_programs_never_reach_the_directory(registry: Registry) -> None:
    """They would be in its log, or in that of whoever listens."""
    with configured(registry, ldap_url="ldap://127.0.0.1:1"):  # where asking would be told
        assert [status(registry, "robot$x"), status(registry, "bob", "cove_" + "a" * 40)] == [401, 401]


def test_nothing_secret_is_told(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), configured(registry, ldap_url="ldap://127.0.0.1:1"):
        status(registry, "new")
        ping(registry)
    shown = httpx.get(f"{registry.url}/api/v2.0/systeminfo").text + caplog.text
    shown += registry.client("admin").get("/api/v2.0/configurations").text
    shown += registry.client("admin").get("/api/v2.0/audit-logs?page_size=100").text
    assert "canary" not in shown
    assert SECRET not in shown


def test_groups_in_groups_count_however_they_hold_each_other(registry: Registry, directory: LdapServer) -> None:
    inner = directory.put_group("inner", f"uid=cat,{PEOPLE}")
    middle = directory.put_group("middle", inner)
    outer = directory.put_group("outer", middle)
    directory.change_group(inner, joins=outer)  # a circle
    far = directory.put_group("far", outer, below=f"ou=elsewhere,{BASE}")
    directory.put_group("beyond", far)
    with configured(registry, ldap_group_admin_dn=outer):
        forget(registry, "cat")
        assert current(registry, "cat")["sysadmin_flag"] is True
        found = registry.client("cat", SECRET).get("/api/v2.0/usergroups").json()
        assert {"inner", "middle", "outer"} <= {group["group_name"] for group in found}
        assert "beyond" not in {group["group_name"] for group in found}
        directory.change_group(inner, leaves=f"uid=cat,{PEOPLE}")
        forget(registry, "cat")
        assert current(registry, "cat")["sysadmin_flag"] is False


def test_address_that_a_directory_tells_keeps_nobody_out_and_lets_nobody_in_elsewhere(
    registry: Registry, directory: LdapServer
) -> None:
    directory.add_person("sly", SECRET, mail="dee@example.com")
    directory.add_person("sly2", SECRET, mail="pat")
    directory.add_person("dee@example.com", SECRET + "2", mail="dee@example.com")
    assert current(registry, "sly")["email"] == "dee@example.com"
    assert "email" not in current(registry, "sly2")
    assert current(registry, "dee@example.com")["username"] == "sly"  # by the password, which is that one's
    owner = current(registry, "dee@example.com", SECRET + "2")
    assert owner["username"] == "dee@example.com"
    assert "email" not in owner
    assert status(registry, "dee@example.com") == 401
    assert current(registry, "sly")["username"] == "sly"
    assert [status(registry, "pat", PASSWORD), status(registry, "pat")] == [200, 401]
