"""Labels on the page: those of a project are made there, and artifacts get them."""

from registry.ui.pages import SEEN_HEADER
from tests.http.serving import Registry
from tests.ui.conftest import Browsers

LABELS, ARTIFACT = "/ui/projects/team/labels", "/ui/r/team/app/-/artifacts/1.0"


def number(registry: Registry, name: str) -> int:
    admin = registry.client("admin")
    project = admin.get("/api/v2.0/projects/team").json()["project_id"]
    found = admin.get("/api/v2.0/labels", params={"scope": "p", "project_id": project, "name": name}).json()
    return int(found[0]["id"])


def test_labels_are_for_those_whose_role_allows_it(browsers: Browsers) -> None:
    statuses = {name: browsers(name).get(LABELS).status_code for name in ("mia", "gus", "lim", "stan", None)}
    assert statuses == {"mia": 200, "gus": 200, "lim": 403, "stan": 404, None: 303}
    assert "Make the label" in browsers("mia").get(LABELS).text
    assert "Make the label" not in browsers("dev").get(LABELS).text
    assert browsers("gus").get(f"{ARTIFACT}/labels").status_code == 403


def test_label_is_made_changed_given_and_deleted(registry: Registry, browsers: Browsers) -> None:
    mia, dev = browsers("mia"), browsers("dev")
    assert mia.send_form(LABELS, name="released", color="#ff0000", description="Out").headers["location"] == LABELS
    assert 'fill="#ff0000"' in mia.get(LABELS).text
    assert "There is a label of this name already." in mia.send_form(LABELS, name="released").text
    assert "The label was not made:" in mia.send_form(LABELS, name="x" * 200).text
    label = f"{LABELS}/{number(registry, 'released')}"
    assert mia.send_form(label, name="shipped", color="#00ff00").status_code == 303
    assert "The label was not changed:" in mia.send_form(label, name="x" * 200).text
    assert dev.send_form(f"{ARTIFACT}/labels", label=label.rpartition("/")[2]).headers["location"] == ARTIFACT
    assert "shipped" in dev.get(ARTIFACT).text
    assert "shipped" in dev.get("/ui/r/team/app").text
    assert " checked>" in dev.get(f"{ARTIFACT}/labels").text
    assert dev.send_form(f"{ARTIFACT}/labels").status_code == 303
    assert "shipped" not in dev.get(ARTIFACT).text
    assert "Delete label shipped?" in mia.get(f"{label}/delete").text
    assert mia.send_form(f"{label}/delete").status_code == 303
    assert mia.get(label).status_code == 404


def test_list_of_artifacts_that_looks_for_news_sees_labels_come_and_go(registry: Registry, browsers: Browsers) -> None:
    mia = browsers("mia")
    mia.send_form(LABELS, name="news", color="#ff0000")

    def is_news(page: str) -> bool:
        seen = page.partition(f"{SEEN_HEADER}\\u0022: \\u0022")[2] or page.partition(f'{SEEN_HEADER}": "')[2]
        assert seen
        return mia.get("/ui/r/team/app", headers={SEEN_HEADER: seen[:32]}).status_code == 200

    before = mia.get("/ui/r/team/app").text
    assert not is_news(before)
    mia.send_form(f"{ARTIFACT}/labels", label=str(number(registry, "news")))
    assert is_news(before)
    with_label = mia.get("/ui/r/team/app").text
    mia.send_form(f"{ARTIFACT}/labels")
    assert is_news(with_label)


def test_label_of_another_project_is_not_given(registry: Registry, browsers: Browsers) -> None:
    admin = registry.client("admin")
    other = admin.get("/api/v2.0/projects/other").json()["project_id"]
    body = {"name": "foreign", "scope": "p", "project_id": other, "color": "javascript:alert(1)"}
    label = admin.post("/api/v2.0/labels", json=body).headers["location"].rpartition("/")[2]
    browsers("dev").send_form(f"{ARTIFACT}/labels", label=label)
    assert "foreign" not in browsers("dev").get(ARTIFACT).text
    assert browsers("admin").get(f"{LABELS}/{label}").status_code == 404
    assert "javascript:" not in browsers("admin").get("/ui/projects/other/labels").text


def test_labels_of_the_system_are_made_by_administrators_and_given_in_every_project(
    registry: Registry, browsers: Browsers
) -> None:
    admin, everywhere = browsers("admin"), "/ui/labels"
    assert {name: browsers(name).get(everywhere).status_code for name in ("admin", "pat", None)} == {
        "admin": 200,
        "pat": 403,
        None: 303,
    }
    assert everywhere in admin.get("/ui/settings").text
    assert admin.send_form(everywhere, name="approved", color="#0000ff").headers["location"] == everywhere
    label = registry.client("admin").get("/api/v2.0/labels?scope=g&name=approved").json()[0]["id"]
    assert admin.get(f"{LABELS}/{label}").status_code == 404
    assert admin.get(f"{everywhere}/{number_of_project_label(registry)}").status_code == 404
    assert browsers("dev").send_form(f"{ARTIFACT}/labels", label=str(label)).status_code == 303
    assert "approved" in browsers("dev").get(ARTIFACT).text
    assert admin.send_form(f"{everywhere}/{label}", name="checked", color="#0000ff").headers["location"] == everywhere
    assert "Delete label checked?" in admin.get(f"{everywhere}/{label}/delete").text
    assert admin.send_form(f"{everywhere}/{label}/delete").headers["location"] == everywhere
    assert "checked" not in browsers("dev").get(ARTIFACT).text


def number_of_project_label(registry: Registry) -> int:
    """A new one."""
    admin = registry.client("admin")
    project = admin.get("/api/v2.0/projects/team").json()["project_id"]
    made = admin.post("/api/v2.0/labels", json={"name": "own", "scope": "p", "project_id": project})
    return int(made.headers["location"].rpartition("/")[2])


def test_artifacts_are_found_by_their_label(registry: Registry, browsers: Browsers) -> None:
    dev = browsers("dev")
    registry.push_image("team/labelled", "with", b"one")
    registry.push_image("team/labelled", "without", b"other")
    browsers("mia").send_form(LABELS, name="found", color="#ff0000")
    label, path = str(number(registry, "found")), "/ui/r/team/labelled"
    dev.send_form(f"{path}/-/artifacts/with/labels", label=label)

    def tags(**query: str) -> set[str]:
        page = dev.get(path, params=query).text
        return {tag for tag in ("with", "without") if f'href="{path}/-/artifacts/{tag}"' in page}

    assert tags() == {"with", "without"}
    assert tags(label=label) == tags(label=label, q="w") == {"with"}
    assert tags(label=label, q="without") == tags(label="999999") == tags(label="nonsense") == set()
    assert f'<option value="{label}" selected>' in dev.get(path, params={"label": label}).text
    assert f'name="label" value="{label}"' in dev.get(path, params={"label": label}).text
