"""What holds for every page: who is let in, what headers say, and forms that only our pages can send."""

import json
import re

import httpx
import pytest

from registry.ui.rules import Screens, page_rules
from registry.web import Entry
from tests.http.serving import PASSWORD, Registry
from tests.ui.conftest import Browsers, fresh


def test_root_leads_browsers_to_the_page_and_programs_nowhere(registry: Registry, browsers: Browsers) -> None:
    response = browsers(None).get("/")
    assert (response.status_code, response.headers["location"]) == (303, "/ui/")
    assert registry.client().get("/").json()["errors"][0]["code"] == "NOT_FOUND"


def test_page_of_accounts_sends_nobody_to_the_sign_in_and_back(registry: Registry) -> None:
    browser = fresh(registry)
    response = browser.get("/ui/projects/team/members?page=2")
    assert response.status_code == 303
    assert response.headers["location"] == "/ui/sign-in?next=%2Fui%2Fprojects%2Fteam%2Fmembers%3Fpage%3D2"
    response = browser.sign_in("pat", after="/ui/projects/team/members?page=2")
    assert response.headers["location"] == "/ui/projects/team/members?page=2"


@pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example", "/ui/\\evil", "/v2/", "javascript:x", ""])
def test_signing_in_leads_nowhere_but_to_our_pages(registry: Registry, after: str) -> None:
    assert fresh(registry).sign_in("pat", after=after).headers["location"] == "/ui/"


@pytest.mark.parametrize(("name", "password"), [("pat", "wrong"), ("noone", PASSWORD), ("", ""), ("a\u0001b", "x")])
def test_refused_signing_in_says_the_same_whatever_was_wrong(registry: Registry, name: str, password: str) -> None:
    response = fresh(registry).sign_in(name, password)
    assert response.status_code == 401
    assert "Wrong user name or password." in response.text
    assert "sid" not in response.cookies


def test_signing_out_ends_the_session_itself(registry: Registry) -> None:
    browser = fresh(registry)
    browser.sign_in("dev")
    secret = browser.cookies["sid"]
    assert browser.send_form("/ui/", "/ui/sign-out").status_code == 303
    assert httpx.get(f"{registry.url}/ui/", cookies={"sid": secret}).status_code == 303


def test_form_without_the_code_of_its_page_changes_nothing(registry: Registry, browsers: Browsers) -> None:
    browser = browsers("admin")
    for proof in ({}, {"proof": "x" * 43}):
        response = browser.post("/ui/new-project", data={"name": "forged", **proof})
        assert response.status_code == 403
    assert browser.get("/ui/projects/forged").status_code == 404
    assert fresh(registry).post("/ui/sign-in", data={"name": "pat", "password": PASSWORD}).status_code == 403


def test_password_in_a_header_signs_nobody_in_to_the_page(registry: Registry) -> None:
    assert registry.client("admin").get("/ui/").status_code == 303


def test_pages_run_no_script_but_ours_and_are_shown_in_no_frame(browsers: Browsers) -> None:
    for path in ("/ui/", "/ui/projects/team", "/ui/projects/nowhere"):
        headers = browsers("admin").get(path).headers
        [policy] = headers.get_list("content-security-policy")
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_pages_have_neither_scripts_nor_styles_in_themselves(browsers: Browsers) -> None:
    for path in ("/ui/", "/ui/projects/team/members", "/ui/r/team/app", "/ui/new-project"):
        text = browsers("admin").get(path).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)


def test_files_have_addresses_of_their_content_and_are_kept_for_good(browsers: Browsers) -> None:
    browser = browsers(None)
    page = browser.get("/ui/sign-in").text
    files = set(re.findall(r"/ui/static/[\w.-]+", page))
    assert {file.rpartition(".")[2] for file in files} == {"css", "js", "svg"}
    size = len(page)
    for file in files:
        response = browser.get(file)
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["content-encoding"] == "gzip"
        size += response.num_bytes_downloaded
    assert size < 60_000
    assert browser.get("/ui/static/app.css").status_code == 404


def test_file_comes_as_it_is_to_those_who_take_no_gzip(browsers: Browsers) -> None:
    [file] = re.findall(r"/ui/static/app[\w.-]+css", browsers(None).get("/ui/sign-in").text)
    response = browsers(None).get(file, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in response.headers
    assert response.text.startswith("@layer")


def test_language_is_the_browsers_until_the_reader_chooses(registry: Registry) -> None:
    browser = fresh(registry)
    chinese = browser.get("/ui/sign-in", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    assert '<html lang="zh-CN"' in chinese.text
    assert "登录" in chinese.text
    response = browser.send_form("/ui/sign-in", "/ui/preferences", language="zh-CN", theme="dark", next="/ui/projects")
    assert response.headers["location"] == "/ui/projects"
    assert '<html lang="zh-CN" data-theme="dark">' in browser.get("/ui/projects").text


def test_what_the_last_page_did_is_told_once(browsers: Browsers) -> None:
    browser = browsers("admin")
    browser.send_form("/ui/projects/open/settings", visibility="public")
    assert "The settings were saved." in browser.get("/ui/projects/open/settings").text
    assert "The settings were saved." not in browser.get("/ui/projects/open/settings").text


@pytest.mark.parametrize("note", ["bm9uc2Vuc2U=", "WyI8Yj54PC9iPiIsIHsibmFtZSI6ICJ4In1d", "W10=", "%%%"])
def test_note_that_no_page_left_is_not_shown(registry: Registry, note: str) -> None:
    response = fresh(registry).get("/ui/sign-in", headers=[("Cookie", f"note={note}")])
    assert response.status_code == 200
    assert 'class="note"' not in response.text


def test_row_without_a_need_is_open_to_all_and_named_here() -> None:
    kinds = {name: kind.__new__(kind) for name, kind in Screens.__annotations__.items()}
    found = {f"{rule.method} {rule.path}" for rule in page_rules(Screens(**kinds)) if rule.needs is Entry.ANYBODY}
    assert found == {
        "GET /",
        "GET /ui",
        "GET /ui/static/{name}",
        "POST /ui/sign-in",
        "GET /ui/oidc-onboard",
        "POST /ui/oidc-onboard",
        "GET /ui/setup",
        "POST /ui/setup",
        "POST /ui/sign-out",
        "POST /ui/preferences",
    }


def news(page: str) -> dict[str, str]:
    """What a page sends when it looks for news."""
    found = re.search(r"hx-headers='([^']+)'", page)
    assert found
    headers: dict[str, str] = json.loads(found[1])
    return headers


def test_list_that_has_not_changed_is_not_made_again(registry: Registry, browsers: Browsers) -> None:
    browser, tags = browsers("dev"), "/api/v2.0/projects/team/repositories/live/artifacts/new/tags"
    registry.push_image("team/live", "1")
    for address in ("/ui/projects/team", "/ui/r/team/live", "/ui/r/team/live?view=tag&sort=name"):
        headers = news(browser.get(address).text)
        again = browser.get(address, headers=headers)
        assert (again.status_code, again.content) == (204, b"")
        assert browsers("pat").get(address, headers=headers).status_code == 200
        assert browser.get(address, headers=headers | {"Accept-Language": "zh"}).status_code == 200
        registry.push_image("team/live", "new", address.encode())
        assert browser.get(address, headers=headers).status_code == 200
        assert registry.client("admin").post(tags, json={"name": "more"}).status_code == 201
        headers = news(browser.get("/ui/r/team/live").text)
        assert registry.client("admin").delete(f"{tags}/more").status_code == 200
        assert browser.get("/ui/r/team/live", headers=headers).status_code == 200


def test_looking_for_news_does_not_keep_a_session_alive(browsers: Browsers) -> None:
    assert news(browsers("dev").get("/ui/r/team/app").text)["X-Harbor-No-Session-Renewal"] == "true"
