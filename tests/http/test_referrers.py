import json

import httpx
import pytest

from registry.oci.media_types import OCI_ARTIFACT
from storage.digest import Digest
from tests.http.pushes import (
    ABSENT,
    CONFIG_TYPE,
    LAYER_TYPE,
    Repo,
    descriptor,
    fresh,
    image,
    index,
    next_page,
    pages,
    refused,
)
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry

SBOM, SIGNATURE = "application/spdx+json", "application/vnd.example.signature"
SUBJECT = image()


@pytest.fixture
def repo(registry: Registry) -> Repo:
    repo = fresh(registry)
    repo.push("subject", repo.image())
    return repo


def attach(repo: Repo, number: int = 0, **fields: str) -> Digest:
    """Push an image that names SUBJECT as its own."""
    annotations = {"number": str(number)}
    content = image(subject=descriptor(SUBJECT, MANIFEST_TYPE), annotations=annotations, **fields)
    return repo.push(Digest.of(content), content)


def referrers(repo: Repo, subject: Digest | None = None, **query: str | int | list[str]) -> httpx.Response:
    response = repo.http.get(repo.url(f"referrers/{subject or Digest.of(SUBJECT)}"), params=query)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == INDEX_TYPE
    assert {k: v for k, v in response.json().items() if k != "manifests"} == {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
    }
    return response


def digests(response: httpx.Response) -> list[str]:
    return [entry["digest"] for entry in response.json()["manifests"]]


def test_referrer_is_listed_with_its_type_and_annotations(repo: Repo) -> None:
    content = image(
        subject=descriptor(SUBJECT, MANIFEST_TYPE), artifactType=SBOM, annotations={"a": "1", "\N{SNOWMAN}": '\n"'}
    )
    response = repo.put(Digest.of(content), content)
    assert response.headers["OCI-Subject"] == str(Digest.of(SUBJECT))
    assert referrers(repo).json()["manifests"] == [
        {
            "mediaType": MANIFEST_TYPE,
            "digest": str(Digest.of(content)),
            "size": len(content),
            "artifactType": SBOM,
            "annotations": {"a": "1", "\N{SNOWMAN}": '\n"'},
        }
    ]


def test_image_without_an_artifact_type_has_that_of_its_configuration(repo: Repo) -> None:
    attach(repo)
    assert referrers(repo).json()["manifests"][0]["artifactType"] == CONFIG_TYPE


def test_index_without_an_artifact_type_has_none(repo: Repo) -> None:
    content = index(subject=descriptor(SUBJECT, MANIFEST_TYPE))
    repo.push("index", content, INDEX_TYPE)
    assert referrers(repo).json()["manifests"] == [
        {"mediaType": INDEX_TYPE, "digest": str(Digest.of(content)), "size": len(content)}
    ]


def test_artifact_manifest_is_a_referrer(repo: Repo) -> None:
    content = json.dumps(
        {
            "mediaType": OCI_ARTIFACT,
            "artifactType": SBOM,
            "blobs": [descriptor(b"layer", LAYER_TYPE)],
            "subject": descriptor(SUBJECT, MANIFEST_TYPE),
        }
    ).encode()
    repo.push(Digest.of(content), content, OCI_ARTIFACT)
    assert referrers(repo).json()["manifests"][0]["mediaType"] == OCI_ARTIFACT


def test_subject_may_come_after_its_referrers_or_never(registry: Registry) -> None:
    repo = fresh(registry)
    repo.image()
    digest = attach(repo)
    assert digests(referrers(repo)) == [str(digest)]
    repo.push("subject", SUBJECT)
    assert digests(referrers(repo)) == [str(digest)]


def test_subject_named_by_sha512_has_referrers(repo: Repo) -> None:
    subject = Digest.of(SUBJECT, "sha512")
    content = image(subject=descriptor(SUBJECT, MANIFEST_TYPE) | {"digest": str(subject)})
    repo.push("signature", content)
    assert digests(referrers(repo, subject)) == [str(Digest.of(content))]
    assert digests(referrers(repo)) == []


def test_subject_without_referrers_has_an_empty_list(repo: Repo) -> None:
    assert digests(referrers(repo)) == []
    assert digests(referrers(repo, ABSENT)) == []


def test_repository_that_was_never_pushed_to_has_an_empty_list(registry: Registry) -> None:
    assert digests(referrers(fresh(registry), ABSENT)) == []


def test_referrers_of_another_repository_are_not_listed(registry: Registry, repo: Repo) -> None:
    attach(repo)
    other = fresh(registry)
    other.push("subject", other.image())
    assert digests(referrers(other)) == []


def test_deleted_referrer_is_not_listed(repo: Repo) -> None:
    gone, stays = attach(repo, 1), attach(repo, 2)
    repo.http.delete(repo.url(f"manifests/{gone}"))
    assert digests(referrers(repo)) == [str(stays)]


def test_referrers_outlive_their_subject(repo: Repo) -> None:
    digest = attach(repo)
    repo.http.delete(repo.url(f"manifests/{Digest.of(SUBJECT)}"))
    assert digests(referrers(repo)) == [str(digest)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([SBOM], {"sbom"}),
        ([SBOM, SIGNATURE], {"sbom", "signature"}),
        ([f"{SBOM},{SIGNATURE}"], {"sbom", "signature"}),
        ([f" {SBOM} , {SIGNATURE} ,"], {"sbom", "signature"}),
        ([CONFIG_TYPE], {"neither"}),
        (["application/spdx"], set()),
        ([SBOM.upper()], set()),
        (["%"], set()),
        (["\N{SNOWMAN}\0"], set()),
    ],
)
def test_list_is_filtered_by_artifact_type(repo: Repo, asked: list[str], expected: set[str]) -> None:
    names = {
        str(attach(repo, artifactType=SBOM)): "sbom",
        str(attach(repo, artifactType=SIGNATURE)): "signature",
        str(attach(repo)): "neither",
    }
    response = referrers(repo, artifactType=asked)
    assert {names[digest] for digest in digests(response)} == expected
    assert response.headers["OCI-Filters-Applied"] == "artifactType"


@pytest.mark.parametrize("asked", [[], [""], [" , "]])
def test_filter_for_nothing_is_no_filter(repo: Repo, asked: list[str]) -> None:
    digest = attach(repo, artifactType=SBOM)
    response = referrers(repo, artifactType=asked)
    assert digests(response) == [str(digest)]
    assert "OCI-Filters-Applied" not in response.headers


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_following_the_links_gives_every_referrer_once(repo: Repo, size: int) -> None:
    pushed = sorted(str(attach(repo, number)) for number in range(7))
    found = [body["manifests"] for body in pages(repo.http, repo.url(f"referrers/{Digest.of(SUBJECT)}?n={size}"))]
    assert [entry["digest"] for entries in found for entry in entries] == pushed
    assert [len(entries) for entries in found[:-1]] == [size] * (len(found) - 1)


def test_following_the_links_keeps_the_filter(repo: Repo) -> None:
    pushed = sorted(str(attach(repo, number, artifactType=kind)) for number in range(3) for kind in (SBOM, SIGNATURE))
    for number in range(3):
        attach(repo, number)
    query = f"n=1&artifactType={SBOM.replace('+', '%2B')}&artifactType={SIGNATURE}"
    found = list(pages(repo.http, repo.url(f"referrers/{Digest.of(SUBJECT)}?{query}")))
    assert [body["manifests"][0]["digest"] for body in found] == pushed


def test_page_is_no_larger_than_clients_read(repo: Repo) -> None:
    """They take no index above 4 MiB, however many entries they asked for."""
    long = {"text": "x" * 1_500_000}
    pushed = []
    for number in range(4):
        content = image(subject=descriptor(SUBJECT, MANIFEST_TYPE), annotations=long | {"number": str(number)})
        pushed.append(str(repo.push(Digest.of(content), content)))
    response = referrers(repo)
    assert len(response.content) < 4 << 20
    assert next_page(response)
    found = pages(repo.http, repo.url(f"referrers/{Digest.of(SUBJECT)}"))
    assert [entry["digest"] for body in found for entry in body["manifests"]] == sorted(pushed)


@pytest.mark.parametrize("text", ["\N{SNOWMAN}" * 900_000, "\x01" * 450_000], ids=["wide", "escaped"])
def test_page_is_measured_as_it_is_sent(repo: Repo, text: str) -> None:
    """A character may take three bytes, and six when it is escaped."""
    for number in range(3):
        fields = json.loads(
            image(subject=descriptor(SUBJECT, MANIFEST_TYPE), annotations={text[:9]: f"{number}{text}"})
        )
        content = json.dumps(fields, ensure_ascii=False).encode()
        repo.push(Digest.of(content), content)
    response = referrers(repo)
    assert len(response.content) < 4 << 20
    assert next_page(response)


def test_page_without_entries_is_empty(repo: Repo) -> None:
    attach(repo)
    response = referrers(repo, n=0)
    assert digests(response) == []
    assert "Link" not in response.headers


def test_after_the_last_referrer_comes_an_empty_list(repo: Repo) -> None:
    attach(repo)
    assert digests(referrers(repo, last="sha256:" + "f" * 64)) == []


@pytest.mark.parametrize("digest", ["v1", "sha256:abc", "sha256:" + "A" * 64, "md5:" + "a" * 32, "sha256:" + "a" * 65])
def test_malformed_subject_is_refused(repo: Repo, digest: str) -> None:
    refused(repo.http.get(repo.url(f"referrers/{digest}")), 400, "DIGEST_INVALID")
