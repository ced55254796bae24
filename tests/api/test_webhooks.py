"""Webhooks: who makes them, what they are told, and what is told of that."""

import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from registry.config import Config
from tests.api.conftest import Api
from tests.api.test_retentions import policy
from tests.core.receivers import Receiver, receiving
from tests.http.serving import PASSWORD, Registry, populate, running

BASE = "projects/team/webhook"
POLICIES = f"{BASE}/policies"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    config = Config(
        data=tmp_path_factory.mktemp("registry") / "data",
        admin_password=PASSWORD,
        public_url="https://registry.example:8443",
        webhook_allowed_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
    )
    with running(config) as registry:
        populate(registry)
        yield registry


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def body(name: str, address: str = "http://receiver.example/", **more: object) -> dict[str, object]:
    target = {"type": "http", "address": address, "auth_header": "Bearer s3cret", "payload_format": "Default"}
    return {"name": name, "targets": [target], "event_types": ["PUSH_ARTIFACT"], "enabled": True} | more


def make(client: httpx.Client, wanted: Mapping[str, object]) -> int:
    response = client.post(POLICIES, json=wanted)
    assert response.status_code == 201, response.text
    return int(response.headers["location"].removeprefix(f"/api/v2.0/{POLICIES}/"))


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def wait_for(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def ended(api: Api, webhook: int) -> list[dict[str, Any]]:
    """The deliveries of a webhook, once all have ended and there are some."""

    def look() -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = api("pat").get(f"{POLICIES}/{webhook}/executions?page_size=0").json()
        return [] if {run["status"] for run in runs} & {"Pending", "Running"} else runs

    found: list[dict[str, Any]] = wait_for(look)
    return found


def test_webhook_is_made_shown_changed_and_removed(api: Api) -> None:
    client, wanted = api("pat"), body("first", description="tells")
    webhook = make(client, wanted)
    path = f"{POLICIES}/{webhook}"
    found = client.get(path).json()
    assert found == wanted | {
        "id": webhook,
        "project_id": client.get("projects/team").json()["project_id"],
        "creator": "pat",
        "creation_time": found["creation_time"],
        "update_time": found["creation_time"],
    }
    assert [each["name"] for each in api("mia").get(f"{POLICIES}?q=name=first").json()] == ["first"]
    assert client.put(path, json=body("second", enabled=False)).status_code == 200
    changed = client.get(path).json()
    assert (changed["name"], changed["enabled"], "description" in changed) == ("second", False, False)
    assert client.delete(path).status_code == 200
    assert code(client.get(path)) == (404, "NOT_FOUND")
    for method in ("PUT", "DELETE"):
        assert code(client.request(method, path, json=wanted)) == (404, "NOT_FOUND")


def test_name_is_taken_once_in_a_project(api: Api) -> None:
    webhook, other = make(api("pat"), body("twin")), make(api("pat"), body("other"))
    refused = api("pat").post(POLICIES, json=body("twin"))
    assert code(refused) == (409, "CONFLICT")
    assert refused.json()["errors"][0]["message"] == "notification policy named twin already exists"
    assert code(api("pat").put(f"{POLICIES}/{other}", json=body("twin"))) == (409, "CONFLICT")
    assert api("pat").put(f"{POLICIES}/{webhook}", json=body("twin")).status_code == 200
    assert api("admin").post("projects/other/webhook/policies", json=body("twin")).status_code == 201
    assert code(api("admin").get(f"projects/other/webhook/policies/{webhook}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("user", "reads", "writes"), [("mia", 200, 403), ("dev", 403, 403), ("stan", 403, 403), (None, 401, 401)]
)
def test_webhooks_are_for_those_who_run_the_project(api: Api, user: str | None, reads: int, writes: int) -> None:
    client = api(user)
    assert client.get(POLICIES).status_code == reads
    assert client.post(POLICIES, json=body("x")).status_code == writes


TARGET = {"type": "http", "address": "http://receiver.example/"}


@pytest.mark.parametrize(
    "wanted",
    [
        body(""),
        body("x" * 256),
        body("x", event_types=[]),
        body("x", event_types=["PUSH"]),
        body("x", targets=[]),
        body("x", targets=[TARGET | {"type": "mail"}]),
        body("x", targets=[TARGET | {"payload_format": "XML"}]),
        body("x", targets=[TARGET | {"type": "slack", "payload_format": "CloudEvents"}]),
        body("x", targets=[TARGET | {"auth_header": "a\r\nb: c"}]),
        body("x", "ftp://receiver.example/"),
        body("x", "http:///path"),
        body("x", "http://a@receiver.example/"),
        body("x", "http://receiver.example:99999/"),
        body("x", "http://receiver.example/ HTTP/1.1"),
        body("x", "http://receiver.example/\r\nX: y"),
        body("x", "/path"),
    ],
)
def test_webhook_that_cannot_be_is_refused(api: Api, wanted: dict[str, object]) -> None:
    assert code(api("pat").post(POLICIES, json=wanted)) == (400, "BAD_REQUEST")


def test_what_webhooks_can_be_is_listed(api: Api) -> None:
    found = api("pat").get(f"{BASE}/events").json()
    assert {"PUSH_ARTIFACT", "PULL_ARTIFACT", "DELETE_ARTIFACT", "QUOTA_EXCEED"} <= set(found["event_type"])
    assert found["notify_type"] == ["http", "slack"]
    assert found["payload_formats"] == [{"notify_type": "http", "formats": ["CloudEvents", "Default"]}]


def test_push_is_told_in_harbors_form(api: Api, registry: Registry, receiver: Receiver) -> None:
    webhook = make(api("pat"), body("told", f"{receiver.url}/hook"))
    digest = registry.push_image("team/deep/told", "v1", user="dev")
    [run] = ended(api, webhook)
    [(headers, payload)] = receiver.told
    assert (headers["Content-Type"], headers["Authorization"]) == ("application/json", "Bearer s3cret")
    assert receiver.paths == ["/hook"]
    created = payload["event_data"]["repository"]["date_created"]
    assert payload == {
        "type": "PUSH_ARTIFACT",
        "occur_at": payload["occur_at"],
        "operator": "dev",
        "event_data": {
            "resources": [
                {
                    "digest": str(digest),
                    "tag": "v1",
                    "resource_url": "registry.example:8443/team/deep/told:v1",
                }
            ],
            "repository": {
                "date_created": created,
                "name": "deep/told",
                "namespace": "team",
                "repo_full_name": "team/deep/told",
                "repo_type": "private",
            },
        },
    }
    assert abs(payload["occur_at"] - time.time()) < 600
    assert (run["vendor_type"], run["status"], run["trigger"]) == ("WEBHOOK", "Success", "EVENT")
    assert run["metrics"] == {"task_count": 1, "success_task_count": 1}
    assert run["extra_attrs"] == {"event_type": "PUSH_ARTIFACT", "operator": "dev"}
    tasks = f"{POLICIES}/{webhook}/executions/{run['id']}/tasks"
    [task] = api("mia").get(tasks).json()
    assert (task["status"], task["run_count"], task["execution_id"]) == ("Success", 1, run["id"])
    assert "s3cret" not in str(task)
    log = api("mia").get(f"{tasks}/{task['id']}/log")
    assert (log.headers["content-type"], "the answer was 200" in log.text) == ("text/plain; charset=utf-8", True)
    [last] = [each for each in api("pat").get(f"{BASE}/lasttrigger").json() if each["policy_name"] == "told"]
    assert (last["event_type"], last["enabled"]) == ("PUSH_ARTIFACT", True)
    [job] = api("pat").get(f"{BASE}/jobs?policy_id={webhook}&status=Success").json()
    assert (job["id"], job["policy_id"], job["notify_type"], job["status"]) == (run["id"], webhook, "http", "Success")
    assert api("pat").get(f"{BASE}/jobs?policy_id={webhook}&status=error").json() == []
    assert code(api("pat").get(f"{BASE}/jobs")) == (400, "BAD_REQUEST")
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200


def test_deletion_and_pull_are_told(api: Api, registry: Registry, receiver: Receiver) -> None:
    kinds = ["DELETE_ARTIFACT", "PULL_ARTIFACT"]
    webhook = make(api("pat"), body("both", receiver.url, event_types=kinds))
    digest = registry.push_image("team/both", "1")
    assert registry.client("gus").get("/v2/team/both/manifests/1").status_code == 200
    assert registry.client("mia").delete(f"/v2/team/both/manifests/{digest}").status_code == 202
    told = wait_for(lambda: sorted((each for _, each in receiver.told), key=lambda each: str(each["type"]))[:2])
    wait_for(lambda: len(receiver.told) == 2)
    told = {each["type"]: each for _, each in receiver.told}
    assert {kind: each["operator"] for kind, each in told.items()} == {"DELETE_ARTIFACT": "mia", "PULL_ARTIFACT": "gus"}
    for each in told.values():
        assert each["event_data"]["resources"] == [
            {"digest": str(digest), "tag": "1", "resource_url": "registry.example:8443/team/both:1"}
        ]
    assert len(ended(api, webhook)) == 2
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200


def test_cloud_event_and_slack_message_have_forms_of_their_own(
    api: Api, registry: Registry, receiver: Receiver
) -> None:
    targets = [
        {"type": "http", "address": f"{receiver.url}/cloud", "payload_format": "CloudEvents"},
        {"type": "slack", "address": f"{receiver.url}/slack"},
    ]
    webhook = make(api("pat"), body("forms", targets=targets))
    digest = registry.push_image("team/forms", "1", user="dev")
    assert [run["vendor_type"] for run in ended(api, webhook)] == ["SLACK", "WEBHOOK"]
    told = dict(zip(receiver.paths, receiver.told, strict=True))
    headers, event = told["/cloud"]
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert "Authorization" not in headers
    assert (event["specversion"], event["type"]) == ("1.0", "harbor.artifact.pushed")
    assert event["source"].endswith(f"/webhook/policies/{webhook}")
    assert (event["operator"], event["data"]["resources"][0]["digest"]) == ("dev", str(digest))
    message = told["/slack"][1]
    assert "PUSH_ARTIFACT" in message["text"]
    assert "team/forms:1" in message["blocks"][0]["text"]["text"]
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200


def test_webhook_that_is_off_or_does_not_listen_is_told_nothing(
    api: Api, registry: Registry, receiver: Receiver
) -> None:
    silent = [
        make(api("pat"), body("off", receiver.url, enabled=False)),
        make(api("pat"), body("deaf", receiver.url, event_types=["PULL_ARTIFACT"])),
    ]
    heard = make(api("pat"), body("heard", receiver.url))
    registry.push_image("team/silent", "1")
    ended(api, heard)
    assert len(receiver.told) == 1
    for webhook in silent:
        assert api("pat").get(f"{POLICIES}/{webhook}/executions").json() == []
    for webhook in (*silent, heard):
        api("pat").delete(f"{POLICIES}/{webhook}")


def test_administrators_can_have_nothing_told(api: Api, registry: Registry, receiver: Receiver) -> None:
    webhook = make(api("pat"), body("muted", receiver.url))
    assert api("admin").put("configurations", json={"notification_enable": False}).status_code == 200
    registry.push_image("team/muted", "1")
    assert api("admin").put("configurations", json={"notification_enable": True}).status_code == 200
    assert api("pat").get(f"{POLICIES}/{webhook}/executions").json() == []
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200


def test_full_project_is_told(api: Api, registry: Registry, receiver: Receiver) -> None:
    webhook = make(api("pat"), body("full", receiver.url, event_types=["QUOTA_EXCEED", "QUOTA_WARNING"]))
    registry.push_image("team/full", "1")
    registry.projects.recount("team")
    registry.projects.set_quota("team", registry.projects.find("team").used_bytes + 10_000)
    registry.push_blob("team/full", b"x" * 9_500)
    client = registry.client("admin")
    digest = "sha256:" + "0" * 64
    response = client.post("/v2/team/full/blobs/uploads/", params={"digest": digest}, content=b"y" * 60_000)
    assert response.status_code == 403
    registry.projects.set_quota("team", None)
    wait_for(lambda: len(receiver.told) == 2)
    told = {payload["type"]: payload["event_data"] for _, payload in receiver.told}
    assert "are in use" in told["QUOTA_WARNING"]["custom_attributes"]["Details"]
    assert "do not fit" in told["QUOTA_EXCEED"]["custom_attributes"]["Details"]
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200


def test_manifest_that_does_not_fit_is_told_with_its_pusher(api: Api, registry: Registry, receiver: Receiver) -> None:
    for blob in (b"{}", b"layer"):
        registry.push_blob("team/tight", blob)
    pushed = registry.push_image("other/tight", "1")
    webhook = make(api("pat"), body("tight", receiver.url, event_types=["QUOTA_EXCEED"]))
    registry.projects.set_quota("team", registry.projects.find("team").used_bytes)
    manifest = registry.client("admin").get("/v2/other/tight/manifests/1")
    kind = {"Content-Type": manifest.headers["content-type"]}
    response = registry.client("dev").put("/v2/team/tight/manifests/1", content=manifest.content, headers=kind)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (403, "DENIED")
    copied = api("admin").post(f"projects/team/repositories/copy/artifacts?from=other/tight@{pushed}")
    assert copied.status_code == 403
    registry.projects.set_quota("team", None)
    wait_for(lambda: len(receiver.told) == 2)
    assert {payload["operator"] for _, payload in receiver.told} == {"dev", "admin"}
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200


def test_end_of_a_retention_is_told(api: Api, registry: Registry, receiver: Receiver) -> None:
    webhook = make(api("pat"), body("retention", receiver.url, event_types=["TAG_RETENTION"]))
    for tag, layer in (("old", b"1"), ("new", b"2")):
        registry.push_image("team/retained", tag, layer=layer)
    number = api("admin").get("projects/team").json()["project_id"]
    made = api("admin").post("retentions", json=policy(number, repositories="retained"))
    address = made.headers["location"].removeprefix("/api/v2.0/")
    for dry_run in (True, False):
        assert api("admin").post(f"{address}/executions", json={"dry_run": dry_run}).status_code == 201
    wait_for(lambda: receiver.told)
    ended(api, webhook)
    [(_, payload)] = receiver.told
    told = payload["event_data"]["retention"]
    assert (told["total"], told["retained"], told["result"]) == (2, 1, "Success")
    assert (told["project_name"], told["harbor_hostname"]) == ("team", "registry.example:8443")
    assert told["deleted_artifact"] == [{"type": "image", "status": "SUCCESS", "name_tag": "team/retained:old"}]
    assert told["retention_rule"][0]["template"] == "latestPushedK"
    assert api("pat").delete(f"{POLICIES}/{webhook}").status_code == 200
