"""Projects, their members and repositories on the page: who sees what, and what the forms do."""

import re

import pytest

from tests.http.serving import Registry
from tests.ui.conftest import Browsers

PEOPLE = ["admin", "pat", "mia", "dev", "gus", "lim", "stan", None]
SEEN = {
    "/ui/projects/team": {"admin", "pat", "mia", "dev", "gus", "lim"},
    "/ui/r/team/app": {"admin", "pat", "mia", "dev", "gus", "lim"},
    "/ui/projects/team/members": {"admin", "pat", "mia", "dev", "gus"},
    "/ui/projects/team/activity": {"admin", "pat"},
    "/ui/projects/team/settings": {"admin", "pat"},
    "/ui/projects/team/delete": {"admin", "pat"},
    "/ui/r/team/app/-/delete": {"admin", "pat", "mia"},
}


@pytest.mark.parametrize("path", SEEN)
def test_page_is_for_those_whose_role_allows_it(browsers: Browsers, path: str) -> None:
    answers = {name: browsers(name).get(path).status_code for name in PEOPLE}
    assert {name for name, status in answers.items() if status == 200} == SEEN[path]
    assert answers["stan"] == 404
    assert answers[None] == 303
    assert all(status in (200, 403) for name, status in answers.items() if name not in ("stan", None))


def test_private_project_is_to_strangers_as_one_that_is_not_there(browsers: Browsers) -> None:
    private, missing = (browsers("stan").get(f"/ui/projects/{name}") for name in ("team", "missing"))
    assert private.status_code == missing.status_code == 404
    assert "There is nothing here" in private.text


def test_links_lead_to_what_the_role_allows(browsers: Browsers) -> None:
    assert "/ui/projects/team/settings" in browsers("pat").get("/ui/projects/team").text
    assert "/ui/projects/team/settings" not in browsers("dev").get("/ui/projects/team").text
    assert "Add member" not in browsers("dev").get("/ui/projects/team/members").text


def test_nobody_sees_public_projects_and_what_is_in_them(browsers: Browsers) -> None:
    text = browsers(None).get("/ui/projects").text
    assert "/ui/projects/open" in text
    assert "/ui/projects/team" not in text
    assert "/ui/r/open/deep/app" in browsers(None).get("/ui/projects/open").text
    assert "2.0" in browsers(None).get("/ui/r/open/deep/app").text


def test_new_project_is_made_and_deleted_by_its_name_typed(browsers: Browsers) -> None:
    browser = browsers("gus")
    assert browser.send_form("/ui/new-project", name="fresh").headers["location"] == "/ui/projects/fresh"
    page = browser.get("/ui/projects/fresh").text
    assert "Project fresh was made." in page
    assert "/fresh/hello:1" in page
    assert browser.send_form("/ui/projects/fresh/delete", name="other").status_code == 422
    assert browser.send_form("/ui/projects/fresh/delete", name="fresh").headers["location"] == "/ui/projects"
    assert browser.get("/ui/projects/fresh").status_code == 404


@pytest.mark.parametrize(
    "command",
    [
        "docker push {host}/bare/hello:1",
        "podman push --tls-verify=false {host}/bare/hello:1",
        "docker buildx build --tag {host}/bare/hello:1 --push .",
        "helm push --plain-http hello-1.0.0.tgz oci://{host}/bare",
        "oras push --plain-http {host}/bare/hello:1 notes.txt",
    ],
)
def test_empty_project_tells_each_client_how_to_push_to_it(
    registry: Registry, browsers: Browsers, command: str
) -> None:
    browsers("admin").send_form("/ui/new-project", name="bare")
    told = command.format(host=registry.url.partition("://")[2])
    assert f'data-copy="{told}"' in browsers("admin").get("/ui/projects/bare").text


@pytest.mark.parametrize(
    ("name", "said"), [("Not Good", "Use lower-case letters"), ("team", "There is a project of this name already.")]
)
def test_refused_name_stays_in_the_form(browsers: Browsers, name: str, said: str) -> None:
    response = browsers("pat").send_form("/ui/new-project", name=name)
    assert response.status_code == 422
    assert said in response.text
    assert f'value="{name}"' in response.text


def test_project_that_holds_something_is_not_deleted(browsers: Browsers) -> None:
    response = browsers("pat").send_form("/ui/projects/team/delete", name="team")
    assert response.status_code == 422
    assert "still holds repositories" in response.text


def test_project_becomes_public_and_private_again(browsers: Browsers) -> None:
    browsers("pat").send_form("/ui/projects/team/settings", visibility="public")
    assert browsers(None).get("/ui/projects/team").status_code == 200
    browsers("pat").send_form("/ui/projects/team/settings", visibility="private")
    assert browsers(None).get("/ui/projects/team").status_code == 303


def test_member_is_added_gets_another_role_and_goes(registry: Registry, browsers: Browsers) -> None:
    admin, members = browsers("admin"), "/ui/projects/other/members"
    assert admin.send_form(members, name="lim", role="3").status_code == 303
    assert "lim is a member now." in admin.get(members).text
    assert admin.send_form(members, name="lim", role="3").status_code == 422
    assert admin.send_form(members, name="ghost", role="3").status_code == 422
    assert admin.send_form(members, name="gus", role="77").status_code == 400
    api = registry.client("admin").get("/api/v2.0/projects/other/members?entityname=lim").json()
    member = f"{members}/{api[0]['id']}"
    assert admin.send_form(members, member, role="2").status_code == 303
    assert registry.client("admin").get("/api/v2.0/projects/other/members?entityname=lim").json()[0]["role_id"] == 2
    assert "Remove lim from other?" in admin.get(f"{member}/remove").text
    assert admin.send_form(f"{member}/remove").status_code == 303
    assert browsers("lim").get("/ui/projects/other").status_code == 404


def test_members_tell_when_and_by_whom_they_were_added_and_groups_are_members_too(
    registry: Registry, browsers: Browsers
) -> None:
    pat, members = browsers("pat"), "/ui/projects/team/members"
    assert pat.send_form(members, kind="group", name="builders", role="2").status_code == 303
    assert pat.send_form(members, kind="group", name="builders", role="2").status_code == 422
    nameless = pat.send_form(members, kind="group", name="x" * 300, role="2")
    assert "The group was not added:" in nameless.text
    found = registry.client("admin").get("/api/v2.0/projects/team/members?entityname=builders").json()
    assert [(each["entity_type"], each["role_id"]) for each in found] == [("g", 2)]
    row = pat.get(f"{members}?q=builders").text.partition('class="list"')[2]
    assert "builders" in row
    assert ">pat</td>" in row
    assert "<time" in row
    assert pat.send_form(members, f"{members}/{found[0]['id']}/remove").status_code == 303


def test_names_are_suggested_while_one_is_typed(registry: Registry, browsers: Browsers) -> None:
    suggested = "/ui/projects/team/members/suggested"
    page = browsers("pat").get(suggested, params={"name": "ST"}, headers={"HX-Target": "suggested"}).text
    assert '<option value="stan">' in page
    assert "<html" not in page
    assert "<option" not in browsers("pat").get(suggested, headers={"HX-Target": "suggested"}).text
    group = {"group_name": "typed-group", "group_type": 3}
    assert registry.client("admin").post("/api/v2.0/usergroups", json=group).status_code == 201
    assert "typed-group" in browsers("pat").get(suggested, params={"name": "typed", "kind": "group"}).text
    assert browsers("mia").get(suggested).status_code == 403


def test_administrators_say_how_much_a_project_may_keep(registry: Registry, browsers: Browsers) -> None:
    admin, quota = browsers("admin"), "/ui/projects/other/quota"
    assert browsers("pat").get("/ui/projects/team/quota").status_code == 403
    assert "/ui/projects/team/quota" not in browsers("pat").get("/ui/projects/team/settings").text
    assert admin.send_form(quota, quota="10GiB").headers["location"] == "/ui/projects/other/settings"
    assert registry.projects.find("other").quota_bytes == 10 * 1024**3
    assert 'value="10GiB"' in admin.get(quota).text
    assert "of 10 GiB in use" in admin.get("/ui/projects/other/settings").text
    wrong = admin.send_form(quota, quota="a lot")
    assert wrong.status_code == 422
    assert 'value="a lot"' in wrong.text
    assert admin.send_form(quota, quota="").status_code == 303
    assert registry.projects.find("other").quota_bytes is None
    assert admin.get("/ui/projects/nowhere/quota").status_code == 404


def test_list_with_nothing_in_it_says_so(browsers: Browsers) -> None:
    assert "Nobody here" in browsers("admin").get("/ui/projects/team/members?q=nobody").text


def test_list_is_filtered_and_sorted_by_its_address(browsers: Browsers) -> None:
    page = browsers("admin").get("/ui/projects?sort=-name&q=te").text
    assert "/ui/projects/team" in page
    assert "/ui/projects/other" not in page
    assert 'aria-sort="descending"' in page
    assert "Nothing matches “zzz”" in browsers("admin").get("/ui/projects?q=zzz").text
    for page_number in ("0", "-1", "x", "9" * 30, "2"):
        assert browsers("admin").get(f"/ui/projects?page={page_number}").status_code == 200


def test_projects_are_narrowed_to_the_readers_own_and_by_who_sees_them(browsers: Browsers) -> None:
    def listed(name: str | None, show: str) -> set[str]:
        pages = {
            each: browsers(name).get("/ui/projects", params={"show": show, "q": each}) for each in ("team", "open")
        }
        return {each for each, page in pages.items() if f'href="/ui/projects/{each}"' in page.text}

    assert listed("pat", "") == {"team", "open"}
    assert listed("pat", "mine") == listed("pat", "private") == {"team"}
    assert listed("admin", "public") == listed(None, "public") == {"open"}
    assert listed("admin", "mine") == listed("stan", "private") == set()
    assert "Nothing of that kind" in browsers(None).get("/ui/projects?show=private").text
    assert "show=mine" not in browsers(None).get("/ui/projects").text
    assert "show=mine" in browsers("pat").get("/ui/projects?show=mine").text


def test_administrators_say_how_much_a_new_project_may_keep(registry: Registry, browsers: Browsers) -> None:
    admin, form = browsers("admin"), "/ui/new-project"
    for wrong in ("a lot", "9" * 40):
        refused = admin.send_form(form, name="bounded", quota=wrong)
        assert refused.status_code == 422
        assert f'value="{wrong}"' in refused.text
    assert admin.send_form(form, name="bounded", quota="10GiB").status_code == 303
    assert registry.projects.find("bounded").quota_bytes == 10 * 1024**3
    assert 'name="quota"' not in browsers("pat").get(form).text
    assert browsers("pat").send_form(form, name="unbounded", quota="10GiB").status_code == 303
    assert registry.projects.find("unbounded").quota_bytes is None


def test_dialog_gets_the_form_without_the_page_around_it(browsers: Browsers) -> None:
    response = browsers("pat").get("/ui/projects/team/delete", headers={"HX-Request": "true", "HX-Target": "dialog"})
    assert "<html" not in response.text
    assert 'name="proof"' in response.text


def test_repository_is_deleted_by_its_name_typed(registry: Registry, browsers: Browsers) -> None:
    registry.push_image("team/going", "1")
    mia = browsers("mia")
    assert mia.send_form("/ui/r/team/going/-/delete", name="going").status_code == 422
    response = mia.send_form("/ui/r/team/going/-/delete", name="team/going")
    assert response.headers["location"] == "/ui/projects/team"
    assert mia.get("/ui/r/team/going").headers["location"] == "/ui/r/team/going/-/deleted"
    assert browsers("gus").get("/ui/r/team/going").status_code == 404
    assert mia.get("/ui/r/team/never/-/deleted").status_code == 404


def test_list_of_repositories_tells_how_many_tags_each_has_also_while_it_is_looked_at(
    registry: Registry, browsers: Browsers
) -> None:
    for tag in ("1", "2", "3"):
        registry.push_image("team/threefold", tag)
    mia, listed = browsers("mia"), "/ui/projects/team?q=threefold"
    page = mia.get(listed).text
    assert '<td data-label="Tags" class="number">3</td>' in page
    seen = re.search(r'"X-Cove-Seen": "(\w+)"', page)
    assert seen
    news = {"X-Cove-Seen": seen[1]}
    assert mia.get(listed, headers=news).status_code == 204
    assert registry.client("admin").delete("/v2/team/threefold/manifests/2").status_code == 202
    assert '<td data-label="Tags" class="number">2</td>' in mia.get(listed, headers=news).text


def test_dashboard_shows_each_their_own_part(browsers: Browsers) -> None:
    assert "/ui/projects/team" in browsers("pat").get("/ui/").text
    assert "team" not in browsers("stan").get("/ui/").text
    assert "Disk free" in browsers("admin").get("/ui/").text
    assert "Disk free" not in browsers("pat").get("/ui/").text


def test_dashboard_counts_what_all_projects_hold_also_those_that_it_does_not_look_at(
    registry: Registry, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = registry.client("admin").get("/api/v2.0/statistics").json()["total_storage_consumption"]
    monkeypatch.setattr("registry.ui.dashboards._LOOKED_AT", 1)
    shown = browsers("admin").get("/ui/").text.partition("Storage used")[2].partition("</li>")[0]
    assert held
    assert f'title="{held:,} B"' in shown


def test_names_are_shown_as_text_whatever_is_in_them(browsers: Browsers) -> None:
    page = browsers("admin").get("/ui/projects", params={"q": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
