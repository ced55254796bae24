"""Settings that administrators change while the registry runs: their form, their rules, and that they take effect."""

from pathlib import Path

import jwt
import pytest

from registry.config import Config
from tests.api.conftest import Api, changed_settings
from tests.http.raw import eventually
from tests.http.serving import PASSWORD, Registry, running
from tests.http.test_observability import samples


def test_every_setting_is_shown_with_its_value_and_no_secret_is(api: Api) -> None:
    found = api("admin").get("configurations").json()
    assert all(set(item) == {"value", "editable"} for item in found.values())
    assert found["robot_name_prefix"] == {"value": "robot$", "editable": True}
    assert found["token_expiration"] == {"value": 30, "editable": True}
    assert found["quota_per_project_enable"] == {"value": True, "editable": False}
    assert found["uaa_endpoint"] == {"value": "", "editable": False}
    assert not {"ldap_search_password", "oidc_client_secret", "uaa_client_secret"} & set(found)


def test_settings_are_for_administrators(api: Api) -> None:
    assert api(None).get("configurations").status_code == 401
    assert api("pat").get("configurations").status_code == 403
    assert api("pat").put("configurations", json={"read_only": True}).status_code == 403


def test_some_are_changed_and_the_others_stay(api: Api) -> None:
    with changed_settings(api, banner_message="hello", session_timeout="90", ldap_verify_cert="false") as client:
        found = client.get("configurations").json()
        assert found["banner_message"]["value"] == "hello"
        assert found["session_timeout"]["value"] == 90
        assert found["ldap_verify_cert"]["value"] is False
        assert found["ldap_timeout"]["value"] == 5


def test_secret_is_kept_and_unknown_names_are_left_aside(api: Api, registry: Registry) -> None:
    wanted = {"oidc_client_secret": "Hidden-1", "unknown": 1, "ldap_url": None}
    assert api("admin").put("configurations", json=wanted).status_code == 200
    assert "Hidden-1" not in api("admin").get("configurations").text
    assert "Hidden-1" not in api("admin").get("audit-logs?page_size=100").text


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_expiration": 0},
        {"token_expiration": 10**10},
        {"session_timeout": "soon"},
        {"robot_token_duration": True},
        {"read_only": "maybe"},
        {"project_creation_restriction": "nobody"},
        {"auth_mode": "uaa_auth"},
        {"robot_name_prefix": ""},
        {"robot_name_prefix": "robot:"},
        {"robot_name_prefix": "st"},
        {"storage_per_project": 0},
        {"storage_per_project": 1024**5 + 1},
        {"oidc_endpoint": "ftp://example.com"},
        {"oidc_extra_redirect_parms": "[1]"},
        {"oidc_extra_redirect_parms": "{"},
        {"ldap_scope": 3},
        {"ldap_timeout": 0},
        {"banner_message": 1},
        {"quota_per_project_enable": False},
        {"uaa_endpoint": "https://example.com"},
    ],
)
def test_value_that_a_setting_cannot_have_is_refused_and_nothing_is_changed(api: Api, wrong: dict[str, object]) -> None:
    before = api("admin").get("configurations").json()
    response = api("admin").put("configurations", json={"banner_message": "changed", **wrong})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "BAD_REQUEST")
    assert api("admin").get("configurations").json() == before


def test_what_cannot_be_changed_may_be_sent_as_it_is(api: Api) -> None:
    wanted = {"uaa_endpoint": "", "skip_audit_log_database": False, "quota_per_project_enable": True}
    assert api("admin").put("configurations", json=wanted).status_code == 200


def test_where_accounts_come_from_is_settled_once_there_are_others(api: Api, tmp_path: Path) -> None:
    refused = api("admin").put("configurations", json={"auth_mode": "ldap_auth"})
    message = "the keys [auth_mode] can not be modified as new users have been inserted into database"
    assert (refused.status_code, refused.json()) == (400, {"errors": [{"code": "BAD_REQUEST", "message": message}]})
    assert api("admin").get("configurations").json()["auth_mode"] == {"value": "db_auth", "editable": False}
    assert api("admin").put("configurations", json={"auth_mode": "db_auth"}).status_code == 200
    with running(Config(data=tmp_path / "data", admin_password=PASSWORD)) as registry:
        client = registry.client("admin")
        assert client.get("/api/v2.0/configurations").json()["auth_mode"]["editable"]
        assert client.put("/api/v2.0/configurations", json={"auth_mode": "oidc_auth"}).status_code == 200


def test_records_are_sent_where_that_is_set(registry: Registry, api: Api) -> None:
    wrong = api("admin").put("configurations", json={"skip_audit_log_database": True})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "BAD_REQUEST")
    with changed_settings(api, audit_log_forward_endpoint="127.0.0.1:1"):  # inside, and so out of reach
        assert eventually(lambda: samples(registry, "cove_audit_forward_failures_total")[()] >= 1)


def test_what_the_registry_was_started_with_stands_above(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "data", admin_password=PASSWORD, token_seconds=90, quota_bytes=5000)
    with running(config) as registry:
        client = registry.client("admin")
        found = client.get("/api/v2.0/configurations").json()
        assert found["token_expiration"] == {"value": 2, "editable": False}
        assert found["storage_per_project"] == {"value": 5000, "editable": False}
        refused = client.put("/api/v2.0/configurations", json={"storage_per_project": 7})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
        assert client.put("/api/v2.0/configurations", json={"storage_per_project": 5000}).status_code == 200
        assert client.get("/service/token").json()["expires_in"] == 90


def test_tokens_last_as_long_as_is_set(api: Api, registry: Registry) -> None:
    with changed_settings(api, token_expiration=7):
        token = registry.token("dev", "repository:team/app:pull")
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 7 * 60


def test_registry_that_is_read_only_takes_nothing_and_gives_everything(api: Api, registry: Registry) -> None:
    registry.push_image("team/frozen", "1")
    digest = registry.client("dev").head("/v2/team/frozen/manifests/1").headers["docker-content-digest"]
    with changed_settings(api, read_only=True) as admin:
        assert registry.client("dev").get("/v2/team/frozen/manifests/1").status_code == 200
        assert registry.client("dev").post("/service/token", data={}).status_code == 400
        for refused in (
            registry.client("dev").post("/v2/team/frozen/blobs/uploads/"),
            registry.client("admin").delete(f"/v2/team/frozen/manifests/{digest}"),
            admin.post("projects", json={"project_name": "frozen"}),
            admin.delete("projects/team"),
        ):
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
            assert "read only mode" in refused.json()["errors"][0]["message"]
        assert admin.get("systeminfo").json()["read_only"] is True
    assert registry.client("dev").post("/v2/team/frozen/blobs/uploads/").status_code == 202


def test_robots_have_the_prefix_that_is_set(api: Api, registry: Registry) -> None:
    access = [{"resource": "repository", "action": "pull"}]
    permissions = [{"kind": "project", "namespace": "team", "access": access}]
    wish = {"name": "pre", "level": "project", "duration": -1, "permissions": permissions}
    made = api("admin").post("robots", json=wish).json()
    assert made["name"] == "robot$team+pre"
    with changed_settings(api, robot_name_prefix="bot-"):
        assert registry.client("bot-team+pre", made["secret"]).get("/v2/").status_code == 200
        assert registry.client("robot$team+pre", made["secret"]).get("/v2/").status_code == 401
        user = {"username": "bot-x", "password": PASSWORD, "email": "bot@example.com", "realname": "Bot"}
        assert api("admin").post("users", json=user).status_code == 400


def test_changes_are_on_record_without_values(api: Api) -> None:
    with changed_settings(api, banner_message="unheard"):
        found = api("admin").get("auditlog-exts?q=resource_type=configuration&page_size=1").json()
    assert found[0]["operation_description"] == "update configuration: banner_message"
