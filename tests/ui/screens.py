"""All screens in a real browser, in four variants; `python -m tests.ui.screens FOLDER [SCREEN...]` makes pictures
of them.
"""

import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from registry.config import Config
from storage.digest import Digest
from tests.api.content import LAYER_TYPE, push
from tests.http.serving import PASSWORD, Registry, image_manifest, populate, running
from tests.oci.tar_files import layer, member

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP registry.test 127.0.0.1",
]
APK = "lib/apk/db/installed"
_LAYER = b"app1.0" * 1000
_IMAGE = Digest.of(image_manifest(Digest.of(b"{}"), 2, Digest.of(_LAYER), len(_LAYER)))
SCREENS = {
    "dashboard": "/ui/",
    "projects": "/ui/projects",
    "projects-none": "/ui/projects?q=nothing",
    "new-project": "/ui/new-project",
    "project": "/ui/projects/team",
    "project-empty": "/ui/projects/other",
    "members": "/ui/projects/team/members",
    "robots": "/ui/projects/team/robots",
    "robots-none": "/ui/projects/open/robots",
    "new-robot": "/ui/projects/team/robots/new",
    "robot": "/ui/projects/team/robots/{robot}",
    "new-secret": "/ui/projects/team/robots/{robot}/secret",
    "delete-robot": "/ui/projects/team/robots/{robot}/delete",
    "system-robots": "/ui/robots",
    "new-system-robot": "/ui/robots/new",
    "rules": "/ui/projects/team/rules",
    "rules-none": "/ui/projects/open/rules",
    "follow-rules": "/ui/projects/team/rules/follow",
    "preview": "/ui/projects/team/rules/runs/{preview}",
    "labels": "/ui/projects/team/labels",
    "labels-none": "/ui/projects/open/labels",
    "label": "/ui/projects/team/labels/{label}",
    "system-labels": "/ui/labels",
    "delete-label": "/ui/projects/team/labels/{label}/delete",
    "artifact-labels": "/ui/r/team/app/-/artifacts/1.0/labels",
    "webhooks": "/ui/projects/team/webhooks",
    "webhooks-none": "/ui/projects/open/webhooks",
    "webhook": "/ui/projects/team/webhooks/{webhook}",
    "delete-webhook": "/ui/projects/team/webhooks/{webhook}/delete",
    "new-webhook": "/ui/projects/team/webhooks/new",
    "delivery": "/ui/projects/team/webhooks/{webhook}/deliveries/{delivery}",
    "remove-member": "/ui/projects/team/members/{member}/remove",
    "activity": "/ui/projects/team/activity",
    "settings": "/ui/projects/team/settings",
    "delete-project": "/ui/projects/team/delete",
    "repository": "/ui/r/team/app",
    "untagged": "/ui/r/team/app?show=untagged",
    "by-label": "/ui/r/team/app?label={label}",
    "describe": "/ui/projects/team/description",
    "quota": "/ui/projects/team/quota",
    "by-tag": "/ui/r/team/app?view=tag",
    "artifact": "/ui/r/team/app/-/artifacts/1.0",
    "delete-artifacts": f"/ui/r/team/app/-/delete-artifacts?digest={_IMAGE}",
    "delete-tags": "/ui/r/team/app/-/delete-tags?tag=1.0&tag=latest",
    "delete-tag": "/ui/r/team/app/-/tags/1.0/delete",
    "new-tag": "/ui/r/team/app/-/artifacts/1.0/new-tag",
    "history": "/ui/r/team/app/-/tags/1.0/history",
    "deleted-repositories": "/ui/projects/team/deleted",
    "deleted": "/ui/r/team/app/-/deleted",
    "files": "/ui/r/open/web/-/artifacts/4/files",
    "files-folder": "/ui/r/open/web/-/artifacts/4/files?path=usr/share",
    "files-layer": "/ui/r/open/web/-/artifacts/4/files?layer=1",
    "files-odd": "/ui/r/open/web/-/artifacts/odd/files",
    "compare": "/ui/r/open/web/-/artifacts/3/compare?with=4",
    "delete-repository": "/ui/r/team/app/-/delete",
    "storage": "/ui/storage",
    "space": "/ui/storage/space",
    "run": "/ui/storage/runs/{clean_up}",
    "users": "/ui/users",
    "new-user": "/ui/new-user",
    "user": "/ui/users/{user}",
    "delete-user": "/ui/users/{user}/delete",
    "account": "/ui/account",
    "new-token": "/ui/account/tokens/new",
    "usage": "/ui/usage",
    "activity-everywhere": "/ui/activity",
    "search": "/ui/search?q=te",
    "search-none": "/ui/search?q=nothing+of+the+kind",
    "connect": "/ui/connect",
    "connect-k3s": "/ui/connect?client=k3s",
    "uploads": "/ui/storage/uploads",
    "settings-of-all": "/ui/settings",
    "system": "/ui/system",
    "not-found": "/ui/projects/nowhere",
    "secret": "/ui/projects/team/robots/{robot}/secret",
    "dialog": "/ui/projects/team/settings",
    "palette": "/ui/projects",
    "keys": "/ui/projects",
}
KEYS = {"palette": "/", "keys": "?"}
VARIANTS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "chinese": {"locale": "zh-CN"},
    "narrow": {"viewport": {"width": 375, "height": 812}},
}


def fill(registry: Registry) -> dict[str, str]:
    """Enough of everything that no screen is empty which should not be; the addresses of the screens by their names."""
    populate(registry)
    for repository, tag in (("app", "1.0"), ("app", "latest"), ("tools/builder-with-a-very-long-name-indeed", "2.1")):
        registry.push_image(f"team/{repository}", tag, layer=f"{repository}{tag}".encode() * 1000)
    push_layers(registry, "open/web")
    untagged = registry.push_image("team/app", "0.9", b"untagged")
    with registry.client("admin") as admin:
        for gone in (registry.push_image("team/app", "0.9", b"gone"), untagged):
            assert admin.delete(f"/v2/team/app/manifests/{gone}").status_code == 202
        add_tokens(admin)
        registry.push_image("team/old/name", "1")
        assert admin.delete("/api/v2.0/projects/team/repositories/old%252Fname").status_code == 200
        dry_run = {"schedule": {"type": "Manual"}, "parameters": {"dry_run": True}}
        numbers = {
            "user": admin.get("/api/v2.0/users/search", params={"username": "dev"}).json()[0]["user_id"],
            "member": admin.get("/api/v2.0/projects/team/members").json()[0]["id"],
            "robot": add_robots(admin),
            "clean_up": made(admin, "system/gc/schedule", dry_run),
            **add_rules(admin),
        }
        registry.push_image("team/base", "3.19")  # which the webhook is told
        numbers["delivery"] = told(admin, f"projects/team/webhook/policies/{numbers['webhook']}/executions")
    return {name: path.format(**numbers) for name, path in SCREENS.items()}


def made(admin: httpx.Client, path: str, body: object) -> int:
    """The number of what was made, as far as it has one."""
    answer = admin.post(f"/api/v2.0/{path}", json=body)
    assert answer.status_code in (200, 201), answer.text
    number = answer.headers.get("location", "").rpartition("/")[2]
    return int(number) if number.isdecimal() else 0


def told(admin: httpx.Client, path: str) -> int:
    """The number of the newest run there, once there is one."""
    while not (found := admin.get(f"/api/v2.0/{path}").json()):
        time.sleep(0.1)
    number: int = found[0]["id"]
    return number


def add_tokens(admin: httpx.Client) -> None:
    bounds = [{"kind": "project", "namespace": "*", "access": [{"resource": "repository", "action": "pull"}]}]
    for token in ({"name": "laptop", "duration": 5}, {"name": "backup", "duration": -1, "permissions": bounds}):
        made(admin, "users/current/tokens", token)


def add_robots(admin: httpx.Client) -> int:
    """One of a project that is disabled, and one of the system that ends soon; the number of a third, in use."""
    access = [{"resource": "repository", "action": action} for action in ("pull", "push", "list")]
    ci = {"kind": "project", "namespace": "team", "access": access}
    everywhere = {"kind": "project", "namespace": "*", "access": access[:1]}
    made(admin, "robots", {"name": "mirror", "level": "system", "duration": -1, "permissions": [everywhere]})
    of_project = {"level": "project", "permissions": [ci]}
    made(admin, "robots", of_project | {"name": "old-deployment", "duration": 5, "disable": True})
    used = of_project | {"name": "ci", "duration": 90, "description": "Builds and pushes"}
    told = admin.post("/api/v2.0/robots", json=used).json()
    assert httpx.get(f"{admin.base_url}/v2/", auth=(told["name"], told["secret"])).status_code == 200
    number: int = told["id"]
    return number


def add_rules(admin: httpx.Client) -> dict[str, int]:
    """What keeps tags and artifacts of `team`, a preview of what would go, a label and a webhook; their numbers."""
    number = admin.get("/api/v2.0/projects/team").json()["project_id"]
    every = {"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}
    releases = {"kind": "doublestar", "decoration": "matches", "pattern": "v*"}
    about = {"scope_selectors": {"repository": [every]}, "tag_selectors": [releases]}
    newest = about | {"template": "latestPushedK", "params": {"latestPushedK": 1}, "action": "retain"}
    newest["tag_selectors"] = [releases | {"pattern": "**"}]
    policy = {"algorithm": "or", "rules": [newest], "scope": {"level": "project", "ref": number}}
    policy |= {"trigger": {"kind": "Schedule", "settings": {"cron": "0 0 0 * * *"}}}
    hook = {"name": "deployment", "targets": [{"type": "http", "address": "http://192.0.2.1/deploy"}], "enabled": True}
    hook |= {"event_types": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"], "description": "Rolls new images out"}
    look = {"name": "released", "color": "#16a34a", "description": "Shipped"}
    made(admin, "projects/team/immutabletagrules", about)
    retention = made(admin, "retentions", policy)
    label = made(admin, "labels", look | {"scope": "p", "project_id": number})
    made(admin, "projects/team/repositories/app/artifacts/1.0/labels", {"id": label})
    webhook = made(admin, "projects/team/webhook/policies", hook)
    preview = made(admin, f"retentions/{retention}/executions", {"dry_run": True})
    while admin.get(f"/api/v2.0/retentions/{retention}/executions/{preview}/tasks").json()[0]["status"] != "Success":
        time.sleep(0.1)
    return {"label": label, "webhook": webhook, "preview": preview}


def push_layers(registry: Registry, repository: str) -> None:
    """Images `3` and `4` with files in their layers, which have been read; and `odd`, whose layer is no archive."""
    old, new = b"P:musl\nV:1.2.4-r2\n\nP:zlib\nV:1.3\n", b"P:musl\nV:1.2.5-r0\n\nP:zlib\nV:1.3\n"
    base = layer(
        member("etc/nginx/nginx.conf", b"x" * 2_000), member(APK, old), member("usr/sbin/nginx", b"x" * 90_000)
    )
    top = layer(
        member("usr/share/nginx/html/index.html", b"x" * 700), member("etc/nginx/.wh.nginx.conf"), member(APK, new)
    )
    settings = {"config": {"Env": ["PATH=/bin", "API_TOKEN=hunter2"], "Cmd": ["nginx"]}}
    push(registry, repository, "3", layers={base: LAYER_TYPE})
    push(registry, repository, "4", config=settings, layers={base: LAYER_TYPE, top: LAYER_TYPE})
    push(registry, repository, "odd", layers={b"no archive" * 100: LAYER_TYPE})
    project, _, name = repository.partition("/")
    for tag in ("4", "odd"):
        files = f"/api/v2.0/projects/{project}/repositories/{name}/artifacts/{tag}/additions/files"
        while not registry.client("admin").get(files).json()["is_ready"]:
            time.sleep(0.2)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def address(registry: Registry) -> str:
    """As another machine would call it: over plain http, which browsers do not trust."""
    return registry.url.replace("127.0.0.1", "registry.test")


def sign_in(page: Page, registry: Registry, name: str = "admin") -> None:
    page.goto(f"{address(registry)}/ui/")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button.primary")
    page.wait_for_url("**/ui/")


def show(page: Page, registry: Registry, name: str, path: str) -> None:
    """A screen, or what is on it after a step."""
    page.goto(address(registry) + path)
    if name == "secret":
        page.locator("main form button").last.click()
        page.wait_for_selector("[data-copy]")
    elif name == "dialog":
        page.click("a[hx-target='#dialog']")
        page.wait_for_selector("dialog[open] form")
    elif name in KEYS:
        page.keyboard.press(KEYS[name])
        page.wait_for_selector("dialog[open]")


def take_pictures(folder: Path, names: Collection[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as data, running(Config(data=Path(data) / "data", admin_password=PASSWORD)) as registry:
        screens = fill(registry)
        with chromium() as browser:
            for variant, options in VARIANTS.items():
                page = browser.new_page(**options)
                page.goto(f"{address(registry)}/ui/sign-in")
                page.screenshot(path=folder / f"sign-in-{variant}.png")
                sign_in(page, registry)
                for name in names or screens:
                    show(page, registry, name, screens[name])
                    page.screenshot(path=folder / f"{name}-{variant}.png", full_page=True)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]), sys.argv[2:])
