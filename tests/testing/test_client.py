"""The client for tests, with a real registry."""

import httpx
import pytest

from registry.errors import DigestInvalid, NameInvalid, TagInvalid
from registry.testing import Client, ClientError, Image, Index, Registry
from storage.digest import Digest
from tests.http.serving import PASSWORD


def test_image_comes_back_as_it_was_pushed(client: Client) -> None:
    image = Image.of({"etc/motd": "hello"}, Cmd=["/bin/sh"])
    pushed = client.push(image, "team/app:1")
    assert client.pull("team/app:1") == client.pull(pushed.by_digest) == image
    assert pushed.digest == image.digest == client.digest("team/app:1")
    assert client.manifest("team/app:1") == image.manifest


def test_names_have_the_address_and_need_not(registry: Registry, client: Client) -> None:
    pushed = client.push(Image.of({}), "team/named")
    assert pushed.name == f"{registry.address}/team/named:latest"
    assert pushed.by_digest == f"{registry.address}/team/named@{pushed.digest}"
    assert client.digest(pushed.name) == client.digest("team/named") == client.digest(pushed.by_digest)
    assert client.push(Image.of({}), "hello").name == f"{registry.address}/library/hello:latest"


def test_index_is_pushed_with_its_images_and_pulled_by_platform(client: Client) -> None:
    amd, arm = Image.of({"a": "1"}), Image.of({"a": "2"}, architecture="arm64")
    client.push(Index.of(amd, arm), "team/both:1")
    assert client.pull("team/both:1") == amd
    assert client.pull("team/both:1", platform="linux/arm64") == arm
    with pytest.raises(LookupError, match="no image for linux/s390x"):
        client.pull("team/both:1", platform="linux/s390x")


def test_lists_are_whole(client: Client) -> None:
    for number in range(3):
        client.push(Image.of({}), f"team/listed:{number}")
    assert client.tags("team/listed") == ["0", "1", "2"]
    assert "team/listed" in client.repositories()


def test_lists_follow_the_link_to_the_next_page() -> None:
    pages = {b"/v2/_catalog": ("a", '</v2/_catalog?last=a>; rel="next"'), b"/v2/_catalog?last=a": ("b", None)}

    def answer(request: httpx.Request) -> httpx.Response:
        name, link = pages[request.url.raw_path]
        return httpx.Response(200, json={"repositories": [name]}, headers={"Link": link} if link else {})

    with Client("http://registry.test") as client:
        client._http = httpx.Client(base_url=client.url, transport=httpx.MockTransport(answer))
        assert client.repositories() == ["a", "b"]


def test_deleted_tag_is_gone_and_so_is_the_image(client: Client) -> None:
    pushed = client.push(Image.of({"a": "1"}), "team/gone:1")
    client.push(Image.of({"a": "1"}), "team/gone:2")
    client.delete("team/gone:1")
    assert client.digest("team/gone:1") is None
    client.delete(pushed.by_digest)
    assert client.digest("team/gone:2") is None


def test_refusal_is_told_with_status_code_and_sentence(client: Client) -> None:
    with pytest.raises(ClientError) as caught:
        client.pull("team/nothing:1")
    assert (caught.value.status, caught.value.code) == (404, "NAME_UNKNOWN")
    assert "team/nothing" in str(caught.value)


def test_refusal_by_something_else_than_a_registry_is_told_too(client: Client) -> None:
    client._http.headers["X-Padding"] = "x" * 70_000
    with pytest.raises(ClientError) as caught:
        client.repositories()
    del client._http.headers["X-Padding"]
    assert caught.value.status == 431


@pytest.mark.parametrize(
    ("name", "error"),
    [("Team/App:1", NameInvalid), ("team/app:!", TagInvalid), ("team/app@sha256:12", DigestInvalid)],
)
def test_names_that_cannot_be_are_told_before_anything_is_sent(
    client: Client, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        client.push(Image.of({}), name)


def test_bytes_that_are_not_those_of_the_digest_are_told(client: Client) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"something else")

    with Client("http://registry.test") as liar:
        liar._http = httpx.Client(base_url=liar.url, transport=httpx.MockTransport(answer))
        with pytest.raises(ValueError, match="is something else"):
            liar.blob("team/app", Digest.of(b"this"))


def test_accounts_are_used_where_there_are_some(url_with_accounts: str) -> None:
    with Client(url_with_accounts, username="admin", password=PASSWORD) as admin:
        image = Image.of({"a": "1"})
        assert admin.pull(admin.push(image, "library/app:1").name) == image
    with Client(url_with_accounts) as nobody, pytest.raises(ClientError) as caught:
        nobody.push(image, "library/app:2")
    assert caught.value.status == 401
