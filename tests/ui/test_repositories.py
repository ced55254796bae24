"""The list of a repository's artifacts, narrowed to what people look for when they tidy up."""

from storage.metadata.tables import manifests
from tests.http.serving import MANIFEST_TYPE, Registry
from tests.ui.conftest import Browsers

TIDY = "/ui/r/team/tidy"


def test_artifacts_are_narrowed_to_untagged_attached_and_unused_ones(registry: Registry, browsers: Browsers) -> None:
    old = registry.push_image("team/tidy", "1", b"old")
    new = registry.push_image("team/tidy", "1", b"new")
    config = registry.push_blob("team/tidy", b"{}")
    signature = (
        f'{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","artifactType":"application/vnd.example.signature",'
        f'"config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{config}","size":2}},"layers":[],'
        f'"subject":{{"mediaType":"{MANIFEST_TYPE}","digest":"{new}","size":2}}}}'
    ).encode()
    headers = {"Content-Type": MANIFEST_TYPE}
    pushed = registry.client("admin").put("/v2/team/tidy/manifests/about", content=signature, headers=headers)
    assert pushed.status_code == 201
    about = pushed.headers["docker-content-digest"]

    def listed(show: str) -> set[str]:
        page = browsers("mia").get(TIDY, params={"view": "artifact", "show": show}).text
        return {digest for digest in (str(old), str(new), about) if f'value="{digest}"' in page}

    assert listed("") == listed("nonsense") == {str(old), str(new)}
    assert listed("untagged") == {str(old)}
    assert listed("attached") == {about}
    assert listed("idle") == set()
    with registry.database.write() as tx:
        tx.execute(manifests.update().where(manifests.c.digest == str(old)).values(created_at=1))
    assert listed("idle") == {str(old)}
    assert "Nothing of that kind" in browsers("mia").get("/ui/r/team/app?show=attached").text
