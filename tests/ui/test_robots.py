"""Robots on the page: made with the rights that are ticked, told their secret once, and held to what the page says."""

import base64
import html
import json
import re

import httpx
import pytest

from storage.metadata import robots
from tests.http.serving import Registry
from tests.ui.conftest import Browser, Browsers

TEAM, SYSTEM = "/ui/projects/team/robots", "/ui/robots"
PULL, PUSH = "repository:pull", "repository:push"


def secret_in(response: httpx.Response) -> tuple[str, str]:
    """The name and the secret of the page that shows them."""
    assert response.status_code == 200
    name, secret = (html.unescape(each) for each in re.findall(r'data-copy="([^"]+)"', response.text)[:2])
    return name, secret


def make(browser: Browser, robots: str, name: str, **fields: str) -> tuple[str, str]:
    return secret_in(browser.send_form(f"{robots}/new", name=name, days="30", **fields))


def number(registry: Registry, name: str) -> int:
    """Of a robot, by the name that it has in the records."""
    with registry.database.read() as tx:
        found = robots.find(tx, name)
    assert found, name
    return found.id


def test_robots_are_for_those_whose_role_allows_it(browsers: Browsers) -> None:
    statuses = {name: browsers(name).get(TEAM).status_code for name in ("pat", "mia", "gus", "lim", "stan", None)}
    assert statuses == {"pat": 200, "mia": 200, "gus": 200, "lim": 403, "stan": 404, None: 303}
    assert f"{TEAM}/new" in browsers("pat").get(TEAM).text
    assert f"{TEAM}/new" not in browsers("mia").get(TEAM).text
    assert browsers("mia").get(f"{TEAM}/new").status_code == 403
    assert browsers("pat").get(SYSTEM).status_code == 403
    assert browsers("admin").get(SYSTEM).status_code == 200


def test_robot_does_what_it_was_given_and_its_secret_is_shown_once(registry: Registry, browsers: Browsers) -> None:
    pat = browsers("pat")
    made = pat.send_form(f"{TEAM}/new", name="ci", days="90", description="Builds", access=PULL)
    name, secret = secret_in(made)
    assert name == "robot$team+ci"
    assert "docker login -u &#39;robot$team+ci&#39; 127.0.0.1:" in made.text
    assert made.headers["cache-control"] == "no-store"
    with registry.client(name, secret) as robot:
        assert robot.get("/v2/team/app/manifests/1.0").status_code == 200
        assert robot.post("/v2/team/app/blobs/uploads/").status_code == 403
    listed = pat.get(TEAM).text
    assert "robot$team+ci" in listed
    assert "Builds" in listed
    assert secret not in listed


def test_robot_tells_when_and_from_where_it_was_used_last(registry: Registry, browsers: Browsers) -> None:
    pat = browsers("pat")
    name, secret = make(pat, TEAM, "used", access=PULL)
    robot = f"{TEAM}/{number(registry, 'team+used')}"
    assert "It has not signed in yet." in pat.get(robot).text
    with registry.client(name, secret) as client:
        assert client.get("/v2/team/app/manifests/1.0").status_code == 200
    assert "Last used from 127.0.0.1" in pat.get(robot).text
    listed = pat.get(f"{TEAM}?sort=-last_used_time").text
    assert re.search(r"robot\$team\+used</a>.*?<code>127\.0\.0\.1</code>", listed, re.DOTALL)


def test_file_for_docker_holds_the_name_and_the_secret(registry: Registry, browsers: Browsers) -> None:
    made = browsers("pat").send_form(f"{TEAM}/new", name="file", days="30", access=PULL)
    [encoded] = re.findall(r'href="data:application/json;base64,([^"]+)"', made.text)
    [(host, entry)] = json.loads(base64.b64decode(html.unescape(encoded)))["auths"].items()
    assert registry.url.endswith(host)
    assert base64.b64decode(entry["auth"]).decode() == ":".join(secret_in(made))


def test_robot_is_disabled_gets_a_new_secret_and_goes(registry: Registry, browsers: Browsers) -> None:
    pat = browsers("pat")
    name, secret = make(pat, TEAM, "shift", access=PULL)
    robot, pulled = f"{TEAM}/{number(registry, 'team+shift')}", "/v2/team/app/manifests/1.0"
    pat.send_form(robot, f"{robot}/disabled", disabled="true")
    assert registry.client(name, secret).get(pulled).status_code == 401
    pat.send_form(robot, f"{robot}/disabled", disabled="false")
    assert registry.client(name, secret).get(pulled).status_code == 200
    assert "new secret?" in pat.get(f"{robot}/secret").text
    _, newer = secret_in(pat.send_form(f"{robot}/secret"))
    assert registry.client(name, secret).get(pulled).status_code == 401
    assert registry.client(name, newer).get(pulled).status_code == 200
    assert pat.send_form(f"{robot}/delete").headers["location"] == TEAM
    assert registry.client(name, newer).get(pulled).status_code == 401


def test_robot_gets_other_rights_and_keeps_its_secret(registry: Registry, browsers: Browsers) -> None:
    pat = browsers("pat")
    name, secret = make(pat, TEAM, "grows", access=PULL)
    robot = f"{TEAM}/{number(registry, 'team+grows')}"
    assert f'value="{PULL}" checked' in pat.get(robot).text
    assert pat.send_form(robot, access=PUSH, description="Now it pushes").headers["location"] == TEAM
    assert registry.client(name, secret).post("/v2/team/app/blobs/uploads/").status_code == 202
    assert "Now it pushes" in pat.get(TEAM).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "Not Good", "access": PULL}, "robot name is not in lower case"),
        ({"name": "nothing"}, "must not be empty"),
        ({"name": "odd", "access": "repository:fly"}, "there is no right"),
        ({"name": "long", "access": PULL, "days": "5000000"}, "choose how long it lives"),
    ],
)
def test_refused_robot_is_not_made_and_the_reason_is_told(
    browsers: Browsers, fields: dict[str, str], said: str
) -> None:
    response = browsers("pat").send_form(f"{TEAM}/new", **({"days": "30"} | fields))
    assert response.status_code == 422
    assert said in response.text
    assert f'value="{fields["name"]}"' in response.text


def test_robot_of_a_name_that_is_taken_is_refused(browsers: Browsers) -> None:
    make(browsers("pat"), TEAM, "twice", access=PULL)
    response = browsers("pat").send_form(f"{TEAM}/new", name="twice", days="30", access=PULL)
    assert response.status_code == 422
    assert "There is a robot of this name already." in response.text


def test_robot_of_one_project_is_not_found_in_another(registry: Registry, browsers: Browsers) -> None:
    make(browsers("pat"), TEAM, "inside", access=PULL)
    robot = number(registry, "team+inside")
    assert browsers("admin").get(f"{TEAM}/{robot}").status_code == 200
    assert browsers("admin").get(f"/ui/projects/other/robots/{robot}").status_code == 404
    assert browsers("admin").get(f"{SYSTEM}/{robot}").status_code == 404


def test_robot_of_the_system_reaches_the_projects_it_was_given(registry: Registry, browsers: Browsers) -> None:
    admin = browsers("admin")
    few = make(admin, SYSTEM, "few", access=PUSH, where="chosen", projects="team, other")
    every = make(admin, SYSTEM, "every", access=PUSH, where="all", system="project:list")
    assert registry.client(*few).post("/v2/team/app/blobs/uploads/").status_code == 202
    assert registry.client(*few).post("/v2/open/app/blobs/uploads/").status_code == 403
    assert registry.client(*every).post("/v2/open/app/blobs/uploads/").status_code == 202
    assert "other, team" in admin.get(SYSTEM).text
    page = admin.get(f"{SYSTEM}/{number(registry, 'every')}").text
    assert 'value="project:list" checked' in page
    nowhere = admin.send_form(f"{SYSTEM}/new", name="none", days="30", access=PULL, where="chosen")
    assert "name the projects" in nowhere.text
    missing = admin.send_form(f"{SYSTEM}/new", name="none", days="30", access=PULL, where="chosen", projects="gone")
    assert missing.status_code == 422


def test_rights_that_differ_by_project_are_left_as_they_are(registry: Registry, browsers: Browsers) -> None:
    push = {"resource": "repository", "action": "push"}
    pull = {"resource": "repository", "action": "pull"}
    permissions = [
        {"kind": "project", "namespace": "team", "access": [push]},
        {"kind": "project", "namespace": "other", "access": [pull]},
    ]
    body = {"name": "mixed", "level": "system", "duration": 30, "permissions": permissions}
    made = registry.client("admin").post("/api/v2.0/robots", json=body).json()
    page = f"{SYSTEM}/{made['id']}"
    assert "Its rights differ" in browsers("admin").get(page).text
    assert browsers("admin").send_form(page, description="Told").status_code == 303
    robot = registry.client("admin").get(f"/api/v2.0/robots/{made['id']}").json()
    assert robot["description"] == "Told"
    assert [each["namespace"] for each in robot["permissions"]] == ["team", "other"]


def test_all_rights_of_the_system_can_be_ticked_at_once(browsers: Browsers) -> None:
    page = browsers("admin").get(f"{SYSTEM}/new").text
    ticked = {kind: re.findall(rf'name="{kind}" value="([^"]+)"', page) for kind in ("access", "system")}
    assert len(ticked["access"]) > 60
    found = re.search(r'name="proof" value="([^"]+)"', page)
    assert found
    fields = {"proof": found[1], "name": "mighty", "days": "30", "where": "all", **ticked}
    assert browsers("admin").post(f"{SYSTEM}/new", data=fields).status_code == 200
