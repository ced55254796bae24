"""What is large, what nobody pulls, what is being uploaded, and whether the registry works."""

import re

import httpx

from registry.core.clocks import DAY_MS
from storage.clock import now_ms
from storage.metadata import uploads
from storage.metadata.tables import manifests
from tests.http.serving import Registry
from tests.ui.conftest import Browser, Browsers


def listed(browser: Browser, heading: str) -> list[str]:
    """What the table below a heading leads to."""
    section = browser.get("/ui/usage").text.partition(f"<h2>{heading}")[2].partition("</section>")[0]
    return re.findall(r'<a href="([^"]+)"', section)


def test_largest_artifacts_are_told_to_those_who_may_see_them(registry: Registry, browsers: Browsers) -> None:
    registry.push_image("team/huge", "1", b"h" * 500_000)
    assert listed(browsers("pat"), "Largest")[0] == "/ui/r/team/huge/-/artifacts/1"
    assert not any("/team/" in each for each in listed(browsers("stan"), "Largest"))


def test_what_was_neither_pushed_nor_pulled_for_long_is_told(registry: Registry, browsers: Browsers) -> None:
    digest, stale = registry.push_image("team/stale", "1", b"s" * 400_000), "/ui/r/team/stale/-/artifacts/1"
    assert stale not in listed(browsers("pat"), "Large, and not pulled")
    with registry.database.write() as tx:
        old = manifests.update().where(manifests.c.digest == str(digest))
        tx.execute(old.values(created_at=now_ms() - 91 * DAY_MS))
    assert listed(browsers("pat"), "Large, and not pulled")[0] == stale
    assert registry.client("dev").get("/v2/team/stale/manifests/1").status_code == 200
    assert registry.client("admin").delete(f"/v2/team/stale/manifests/{digest}").status_code == 202
    assert stale not in listed(browsers("pat"), "Large, and not pulled")


def test_state_is_told_to_administrators(browsers: Browsers) -> None:
    assert 'class="health"' in browsers("admin").get("/ui/usage").text
    assert 'class="health"' not in browsers("pat").get("/ui/usage").text


def test_upload_that_goes_on_is_seen_and_ended(registry: Registry, browsers: Browsers) -> None:
    client = registry.client("dev")
    place = client.post("/v2/team/slow/blobs/uploads/").headers["location"]
    assert client.patch(place, content=b"x" * 3000).status_code == 202
    page = browsers("admin").get("/ui/storage/uploads").text
    row = next(each for each in page.split("<tr>") if "team/slow" in each)
    assert ">dev<" in row
    assert "2.9 KiB" in row
    upload = re.search(r'name="upload" value="([^"]+)"', row)
    assert upload
    assert browsers("pat").get("/ui/storage/uploads").status_code == 403
    cancel = "/ui/storage/uploads/cancel"
    assert browsers("pat").send_form("/ui/account", cancel, upload=upload[1]).status_code == 403
    response = browsers("admin").send_form("/ui/storage/uploads", cancel, upload=upload[1])
    assert response.headers["location"] == "/ui/storage/uploads"
    assert "The upload to team/slow was ended." in browsers("admin").get("/ui/storage/uploads").text
    assert client.get(place).status_code == 404
    assert browsers("admin").send_form("/ui/storage/uploads", cancel, upload=upload[1]).status_code == 404
    assert "delete upload" in browsers("admin").get("/ui/activity?q=team/slow").text
    with registry.database.read() as tx:
        assert uploads.find_open(tx, upload[1], now_ms()) is None


def test_error_tells_who_one_is_and_whom_to_ask(browsers: Browsers) -> None:
    page = browsers("mia").get("/ui/projects/team/settings")
    assert page.status_code == 403
    assert "Who administers the project can change that: pat" in page.text
    assert "You are signed in as mia." in page.text
    assert '<nav class="side"' in page.text
    assert "Who administers" not in browsers("lim").get("/ui/projects/team/members").text


def test_error_of_nobody_has_no_frame(browsers: Browsers) -> None:
    page = browsers(None).get("/ui/projects/nowhere", follow_redirects=False)
    assert page.status_code == 303
    page = browsers(None).get("/ui/static/none.css")
    assert page.status_code == 404
    assert '<nav class="side"' not in page.text


def test_session_that_ended_leads_back_to_the_page_that_a_part_was_for(registry: Registry) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": f"{registry.url}/ui/storage?x=1", "Cookie": f"sid={'x' * 43}"}
    response = httpx.get(f"{registry.url}/ui/storage/space", headers=headers)
    assert response.headers["hx-redirect"] == "/ui/sign-in?next=%2Fui%2Fstorage%3Fx%3D1&ended=1"
    page = httpx.get(f"{registry.url}/ui/sign-in?ended=1").text
    assert "Your session has ended" in page
