"""Storage and clean-up on the page: who may see it, what it tells, and the runs that it begins."""

import re
import time
from collections.abc import Iterator

import pytest

from registry.config import Config
from registry.core import spaces
from tests.http.serving import PASSWORD, Registry, populate, running
from tests.ui.conftest import Browser, Browsers, fresh
from tests.ui.test_projects import PEOPLE

RUNS = "/ui/storage/runs"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A server on which nothing is cleaned up but by these tests."""
    data = tmp_path_factory.mktemp("storage") / "data"
    with running(Config(data=data, admin_password=PASSWORD, gc_seconds=0)) as registry:
        populate(registry)
        yield registry


@pytest.fixture(scope="module")
def admin(own: Registry) -> Browser:
    browser = fresh(own)
    assert browser.sign_in("admin").status_code == 303
    return browser


def ended(admin: Browser) -> str:
    """The page of the last run, once that has ended."""
    for _ in range(300):
        run = re.search(rf'href="({RUNS}/[0-9]+)"', admin.get("/ui/storage").text)
        page = admin.get(run[1]).text if run else ""
        if "Look again" not in page and run:
            return page
        time.sleep(0.1)
    raise AssertionError("the run does not end")


@pytest.mark.parametrize("path", ["/ui/storage", "/ui/storage/space", f"{RUNS}/{{run}}"])
def test_it_is_for_administrators(registry: Registry, browsers: Browsers, path: str) -> None:
    dry_run = {"schedule": {"type": "Manual"}, "parameters": {"dry_run": True}}
    begun = registry.client("admin").post("/api/v2.0/system/gc/schedule", json=dry_run)
    assert begun.status_code == 201
    address = path.format(run=begun.headers["location"].rpartition("/")[2])
    answers = {name: browsers(name).get(address).status_code for name in PEOPLE}
    assert {name for name, status in answers.items() if status == 200} == {"admin"}
    assert "/ui/storage" in browsers("admin").get("/ui/").text
    assert "/ui/storage" not in browsers("pat").get("/ui/").text


@pytest.mark.slow
def test_run_frees_what_was_deleted_only_when_told_to_and_a_dry_one_nothing(own: Registry, admin: Browser) -> None:
    digest = own.push_image("team/app", "1", b"l" * 30_000)
    assert own.client("admin").delete(f"/v2/team/app/manifests/{digest}").status_code == 202
    space = admin.get("/ui/storage/space").text
    assert re.search(r"Deleted, and can be restored</th><td class=\"number\"><span title=\"30,002 B\">", space)
    assert admin.send_form("/ui/storage", RUNS, dry_run="1", free_now="1").status_code == 303
    assert "would free 30.0 kB" in ended(admin)
    assert admin.send_form("/ui/storage", RUNS).status_code == 303
    assert "freed 0 bytes" in ended(admin)
    assert admin.send_form("/ui/storage", RUNS, free_now="1").status_code == 303
    assert "freed 30.0 kB" in ended(admin)
    page = admin.get("/ui/storage").text
    assert page.index("29 KiB") < page.index("What went") < page.rindex("29 KiB")
    assert (
        'Deleted, and can be restored</th><td class="number"><span title="0 B">' in admin.get("/ui/storage/space").text
    )


def test_much_is_told_as_it_was_counted_last(own: Registry, admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "QUICK", -1)
    page = admin.get("/ui/storage/space").text
    assert "is being counted" in page
    for _ in range(300):
        page = admin.get("/ui/storage/space").text
        if "Why the rest stays" in page:
            break
        time.sleep(0.1)
    assert re.search(r"Counted <time", page)
    assert "every 2s" not in page
    assert own.url


def test_schedule_is_set_shown_and_taken_away(own: Registry, admin: Browser) -> None:
    schedule = "/ui/storage/schedule"
    refused = admin.send_form("/ui/storage", schedule, kind="Custom", cron="nonsense")
    assert refused.status_code == 422
    assert "The schedule was not set:" in refused.text
    assert admin.send_form("/ui/storage", schedule, kind="Custom", cron="0 30 2 * * 1-5").status_code == 303
    assert 'value="0 30 2 * * 1-5"' in admin.get("/ui/storage").text
    api = own.client("admin").get("/api/v2.0/system/gc/schedule")
    assert api.json()["schedule"]["cron"] == "0 30 2 * * 1-5"
    assert admin.send_form("/ui/storage", schedule, kind="Weekly", delete_untagged="1").status_code == 303
    page = admin.get("/ui/storage").text
    assert '<option value="Weekly" selected>' in page
    assert "Next" in page
    assert admin.send_form("/ui/storage", schedule, kind="None").status_code == 303
    assert own.client("admin").get("/api/v2.0/system/gc/schedule").json() == {}


def test_run_that_waits_is_stopped(own: Registry, admin: Browser) -> None:
    assert admin.send_form("/ui/storage", RUNS).status_code == 303
    run = re.search(rf'href="({RUNS}/[0-9]+)"', admin.get("/ui/storage").text)
    assert run
    assert admin.send_form("/ui/storage", f"{run[1]}/stop").status_code == 303
    assert re.search("stopped|done", ended(admin))
    assert own.url
