"""Deleting on the page, with all that goes told before, and getting it back."""

import json
import re
from base64 import urlsafe_b64encode

import pytest

from tests.http.serving import INDEX_TYPE, Registry
from tests.ui.conftest import Browser, Browsers
from tests.ui.test_projects import PEOPLE


def tags_of(registry: Registry, repository: str) -> list[str]:
    response = registry.client("admin").get(f"/v2/{repository}/tags/list")
    return [] if response.status_code == 404 else list(response.json()["tags"] or [])


def restore_from_note(browser: Browser, address: str) -> None:
    page = browser.get(address).text
    form = re.search(r'<div class="note".*?action="([^"]+)">(.*?)</form>', page, re.DOTALL)
    assert form, page
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[2]))
    assert browser.post(form[1], data=fields).status_code == 303


def push_index(registry: Registry, repository: str, tag: str, *digests: str) -> str:
    sizes = [registry.client("admin").head(f"/v2/{repository}/manifests/{digest}") for digest in digests]
    named = [
        {"mediaType": head.headers["content-type"], "digest": digest, "size": int(head.headers["content-length"])}
        for digest, head in zip(digests, sizes, strict=True)
    ]
    content = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": named})
    response = registry.client("admin").put(
        f"/v2/{repository}/manifests/{tag}", content=content, headers={"Content-Type": INDEX_TYPE}
    )
    assert response.status_code == 201, response.text
    digest: str = response.headers["docker-content-digest"]
    return digest


@pytest.fixture(scope="module")
def pages(registry: Registry) -> dict[str, set[str]]:
    digest = registry.push_image("team/who", "1")
    base = "/ui/r/team/who/-"
    return {
        f"{base}/delete-artifacts?digest={digest}": {"admin", "pat", "mia"},
        f"{base}/tags/1/delete": {"admin", "pat", "mia"},
        f"{base}/delete-tags?tag=1": {"admin", "pat", "mia"},
        f"{base}/tags/1/history": {"admin", "pat", "mia", "dev"},
        f"{base}/deleted": {"admin", "pat", "mia", "dev"},
        f"{base}/artifacts/1/new-tag": {"admin", "pat", "mia", "dev"},
        "/ui/projects/team/deleted": {"admin", "pat", "mia", "dev"},
    }


def test_each_page_is_for_those_whose_role_allows_it(browsers: Browsers, pages: dict[str, set[str]]) -> None:
    for path, seen in pages.items():
        answers = {name: browsers(name).get(path).status_code for name in PEOPLE}
        assert {name for name, status in answers.items() if status == 200} == seen, path
        assert (answers["stan"], answers["gus"], answers[None]) == (404, 403, 303), path


def test_tag_goes_its_artifact_stays_and_the_note_brings_it_back(registry: Registry, browsers: Browsers) -> None:
    browser, tag = browsers("mia"), "/ui/r/team/tagged/-/tags/1"
    digest = registry.push_image("team/tagged", "1")
    registry.push_image("team/tagged", "same")
    page = browser.get(f"{tag}/delete").text
    assert f"Its artifact {digest.hex[:12]} stays." in page
    assert "1 other tag points to it:" in page
    response = browser.send_form(f"{tag}/delete")
    assert tags_of(registry, "team/tagged") == ["same"]
    restore_from_note(browser, response.headers["location"])
    assert tags_of(registry, "team/tagged") == ["1", "same"]


def test_deletion_tells_all_that_goes_and_only_the_bytes_that_nothing_else_has(
    registry: Registry, browsers: Browsers
) -> None:
    browser = browsers("mia")
    own = b"o" * 3000
    registry.push_image("open/bytes", "elsewhere", b"e" * 2000)
    single = registry.push_image("team/bytes", "own", own)
    other = registry.push_image("team/bytes", "other", b"e" * 2000)
    index = push_index(registry, "team/bytes", "all", str(single), str(other))
    base = "/ui/r/team/bytes/-/delete-artifacts"
    assert "It cannot be deleted: these indexes name it." in browser.get(f"{base}?digest={single}").text
    refused = browser.send_form(f"{base}?digest={index}", base, digest=str(single))
    assert refused.status_code == 422
    assert "An index names it" in refused.text
    assert browser.send_form("/ui/r/team/bytes/-/tags/own/delete").status_code == 303
    page = browser.get(f"{base}?digest={index}").text
    assert "1 tag goes:" in page
    assert "1 platform that nothing else names goes with it." in page
    assert "2.9 KiB are freed" in page  # 3000 of the one; the other's tag keeps it, and another project its layer
    assert "No space is freed" in browser.get(f"{base}?digest={other}").text


def test_several_go_by_the_name_typed_and_come_back_together(registry: Registry, browsers: Browsers) -> None:
    browser, base = browsers("mia"), "/ui/r/team/several/-/delete-artifacts"
    one, two = (str(registry.push_image("team/several", tag, tag.encode())) for tag in ("1", "2"))
    index = push_index(registry, "team/several", "all", one, two)
    query = f"{base}?digest={one}&digest={index}&digest={two}"
    page = browser.get(query)
    assert "Delete 3 artifacts" in page.text
    proof = re.search(r'name="proof" value="([^"]+)"', page.text)
    assert proof
    fields: dict[str, str | list[str]] = {"proof": proof[1], "digest": [one, index, two]}
    assert browser.post(base, data={**fields, "name": "team/other"}).status_code == 422
    assert tags_of(registry, "team/several") == ["1", "2", "all"]
    response = browser.post(base, data={**fields, "name": "team/several"})
    assert tags_of(registry, "team/several") == []
    assert response.headers["location"] == "/ui/r/team/several"
    restore_from_note(browser, response.headers["location"])
    assert tags_of(registry, "team/several") == ["1", "2", "all"]


def test_what_was_deleted_is_listed_and_restored_from_there(registry: Registry, browsers: Browsers) -> None:
    browser, deleted = browsers("dev"), "/ui/r/team/lately/-/deleted"
    registry.push_image("team/lately", "stays")
    digest = str(registry.push_image("team/lately", "1.0", b"lately"))
    tagless = str(registry.push_image("team/lately", "moved", b"tagless"))
    registry.push_image("team/lately", "moved")
    assert "Nothing was deleted lately" in browser.get(deleted).text
    for each in (digest, tagless):
        base = "/ui/r/team/lately/-/delete-artifacts"
        assert browsers("mia").send_form(f"{base}?digest={each}", base, digest=each).status_code == 303
    page = browser.get(deleted).text
    assert "Restore 1.0" in page
    assert ">mia<" in page
    assert "Without a tag" in page
    assert "Restore 1.0" not in browser.get(f"{deleted}?q=2.").text
    restore = "/ui/r/team/lately/-/restore"
    assert browser.send_form(deleted, restore, tag="1.0", digest=digest).status_code == 303
    assert browser.send_form(deleted, restore, digest=tagless).status_code == 303
    assert tags_of(registry, "team/lately") == ["1.0", "moved", "stays"]
    assert registry.client("admin").head(f"/v2/team/lately/manifests/{tagless}").status_code == 200
    again = browser.send_form(deleted, restore, digest=tagless)
    assert again.status_code == 422
    assert "It cannot be restored" in again.text


def test_deleted_repository_comes_back_by_its_note(registry: Registry, browsers: Browsers) -> None:
    registry.push_image("team/whole", "1")
    browser = browsers("mia")
    response = browser.send_form("/ui/r/team/whole/-/delete", name="team/whole")
    assert tags_of(registry, "team/whole") == []
    restore_from_note(browser, response.headers["location"])
    assert tags_of(registry, "team/whole") == ["1"]


def test_deleted_repositories_of_a_project_are_listed_and_come_back_from_there(
    registry: Registry, browsers: Browsers
) -> None:
    browser, deleted = browsers("mia"), "/ui/projects/team/deleted"
    registry.push_image("team/a/lost", "1")
    registry.push_image("open/lost", "1")
    assert browser.send_form("/ui/r/team/a/lost/-/delete", name="team/a/lost").status_code == 303
    assert browsers("admin").send_form("/ui/r/open/lost/-/delete", name="open/lost").status_code == 303
    page = browser.get(deleted).text
    assert ">a/lost</a>" in page
    assert "open/lost" not in page
    assert ">a/lost</a>" not in browser.get(f"{deleted}?after=team/a/lost").text
    assert browser.send_form(deleted, "/ui/r/team/a/lost/-/restore").status_code == 303
    assert tags_of(registry, "team/a/lost") == ["1"]
    assert ">a/lost</a>" not in browsers("dev").get(deleted).text


def test_tag_moves_only_when_told_to_and_its_history_moves_it_back(registry: Registry, browsers: Browsers) -> None:
    browser = browsers("dev")
    old = str(registry.push_image("team/moves", "latest", b"old"))
    new = str(registry.push_image("team/moves", "2", b"new"))
    form = "/ui/r/team/moves/-/artifacts/2/new-tag"
    assert browser.send_form(form, name=".bad").status_code == 422
    assert "There is a tag of this name" in browser.send_form(form, name="latest").text
    assert browser.send_form(form, name="latest", moves="1").status_code == 303
    assert browser.send_form(form, name="more").headers["location"] == "/ui/r/team/moves/-/artifacts/more"
    history = "/ui/r/team/moves/-/tags/latest/history"
    page = browser.get(history).text
    assert page.index(new[7:19]) < page.index(old[7:19])
    assert ">dev<" in page
    restored = browser.send_form(history, "/ui/r/team/moves/-/restore", tag="latest", digest=old)
    assert restored.status_code == 303
    head = registry.client("admin").head("/v2/team/moves/manifests/latest")
    assert head.headers["docker-content-digest"] == old


def test_several_tags_go_at_once_and_their_artifacts_stay(registry: Registry, browsers: Browsers) -> None:
    digest = registry.push_image("team/few", "a")
    for tag in ("b", "c"):
        registry.push_image("team/few", tag)
    browser, base = browsers("mia"), "/ui/r/team/few/-/delete-tags"
    listed = browser.get("/ui/r/team/few?view=tag").text
    assert re.findall(r'name="tag" value="([^"]+)"', listed) == ["c", "b", "a"]
    assert 'name="tag"' not in browsers("dev").get("/ui/r/team/few?view=tag").text
    asked = browser.get(f"{base}?tag=a&tag=b").text
    assert "Delete 2 tags of team/few?" in asked
    assert re.findall(r'name="tag" value="([^"]+)"', asked) == ["a", "b"]
    code = re.search(r'name="proof" value="([^"]+)"', asked)
    assert code
    sent = {"proof": code[1], "tag": ["a", "b", "gone"]}
    assert browser.post(base, data=sent).headers["location"] == "/ui/r/team/few?view=tag"
    assert "2 tags were deleted." in browser.get("/ui/r/team/few?view=tag").text
    assert tags_of(registry, "team/few") == ["c"]
    assert registry.client("admin").head(f"/v2/team/few/manifests/{digest}").status_code == 200
    assert browsers("dev").get(f"{base}?tag=c").status_code == 403
    assert browser.get(base).status_code == 400


def test_tag_that_a_rule_keeps_says_so_before_and_after(registry: Registry, browsers: Browsers) -> None:
    digest = str(registry.push_image("other/kept", "v1"))
    every = {"kind": "doublestar", "pattern": "**"}
    rule = {
        "tag_selectors": [every | {"decoration": "matches", "pattern": "v*"}],
        "scope_selectors": {"repository": [every | {"decoration": "repoMatches"}]},
        "action": "immutable",
        "template": "immutable_template",
    }
    assert registry.client("admin").post("/api/v2.0/projects/other/immutabletagrules", json=rule).status_code == 201
    browser, base = browsers("admin"), "/ui/r/other/kept/-"
    for page in (f"{base}/tags/v1/delete", f"{base}/delete-artifacts?digest={digest}"):
        text = browser.get(page).text
        assert "It cannot be deleted: a rule of the project keeps" in text
        assert 'class="bad"' not in text
    assert browser.send_form(f"{base}/tags/v1/delete").status_code == 422
    assert browser.send_form(f"{base}/delete-tags?tag=v1", f"{base}/delete-tags", tag="v1").status_code == 422
    several = f"{base}/delete-artifacts"
    assert browser.send_form(f"{several}?digest={digest}", several, digest=digest).status_code == 422
    registry.push_image("other/kept", "free", b"free")
    moved = browser.send_form(f"{base}/artifacts/free/new-tag", name="v1", moves="1")
    assert moved.status_code == 422
    assert "keeps the tag where it is" in moved.text
    assert tags_of(registry, "other/kept") == ["free", "v1"]


@pytest.mark.parametrize("query", ["", "digest=nonsense", "&".join(f"digest=sha256:{i:064x}" for i in range(101))])
def test_deletion_takes_some_digests_and_not_too_many(registry: Registry, browsers: Browsers, query: str) -> None:
    assert registry.url
    assert browsers("mia").get(f"/ui/r/team/app/-/delete-artifacts?{query}").status_code == 400


def test_note_of_a_browser_offers_nothing_but_to_restore(browsers: Browsers) -> None:
    browser = browsers("pat")
    for address in ("/ui/users/1/delete", "https://example.com/ui/r/a/b/-/restore", "/ui/r/team/app/-/restore?x"):
        note = urlsafe_b64encode(json.dumps(["%(name)s is back.", "x", [address, {"at": "1"}]]).encode())
        page = browser.get("/ui/projects", headers={"Cookie": f"note={note.decode()}"}).text
        assert address not in page
