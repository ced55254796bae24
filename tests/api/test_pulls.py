"""Pulls, as the management API tells of them."""

from pathlib import Path

from registry.config import Config
from tests.api.content import push, push_index
from tests.http.serving import PASSWORD, populate, running

HERE = "/api/v2.0/projects/team/repositories/app"


def test_pulls_that_a_server_has_seen_are_there_after_its_end(tmp_path: Path) -> None:
    config = Config(data=tmp_path / "data", admin_password=PASSWORD)
    with running(config) as registry:
        populate(registry)
        child = push(registry, "team/app")
        push_index(registry, "team/app", "1", child)
        for user in ("dev", "dev", "gus"):
            for reference in ("1", child["digest"]):
                assert registry.client(user).get(f"/v2/team/app/manifests/{reference}").status_code == 200
        assert registry.client("dev").head("/v2/team/app/manifests/1").status_code == 200
    with running(config) as registry:
        client = registry.client("admin")
        assert client.get(HERE).json()["pull_count"] == 3
        found = client.get(f"{HERE}/artifacts/1").json()
        assert found["pull_time"] > found["push_time"]
        assert found["tags"][0]["pull_time"] == found["pull_time"]
        logged = client.get("/api/v2.0/audit-logs?q=operation=pull&sort=id").json()
        assert [(each["username"], each["resource"]) for each in logged] == [
            ("dev", "team/app:1"),
            ("dev", f"team/app@{child['digest']}"),
            ("gus", "team/app:1"),
            ("gus", f"team/app@{child['digest']}"),
        ]
