from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import DigestInvalid, NameInvalid, TagInvalid
from registry.oci.names import Reference, RepositoryName, parse_digest, parse_project, parse_tag
from storage.digest import Digest

SHA256 = "sha256:" + "0a" * 32
SHA512 = "sha512:" + "0a" * 64

COMPONENT = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,3}", fullmatch=True)
NAME = st.lists(COMPONENT, min_size=1, max_size=5).map("/".join)

HOSTILE = [
    "",
    "/",
    "a/",
    "/a",
    "a//b",
    "a/../b",
    "..",
    ".",
    "a/.",
    "a/./b",
    "a..b/c",
    "a\\b/c",
    "a%2fb",
    "a b/c",
    "a/b\n",
    "a/b\r\n",
    "a/b\x00",
    "\x00",
    "A/b",
    "a/B",
    "ä/b",
    "a/b\u0661",
    "a/\ufb00",
    "a___b/c",
    "a_/b",
    "_a/b",
    "-a/b",
    "a-/b",
    "a._b/c",
    "a-_b/c",
    "host:5000/a",
    "a@b/c",
    "a/b;c",
    "a/b?c",
    "a/b#c",
    "~/a",
    "_catalog",
]


@pytest.mark.parametrize(
    ("text", "project", "path"),
    [
        ("team/app", "team", "app"),
        ("team/app/web", "team", "app/web"),
        ("hello", "library", "hello"),
        ("0/1", "0", "1"),
        ("a.b/c_d/e__f/g---h", "a.b", "c_d/e__f/g---h"),
        ("a__b--c/d", "a__b--c", "d"),
        ("blobs/manifests/tags", "blobs", "manifests/tags"),
    ],
)
def test_repository_name_is_a_project_and_a_path(text: str, project: str, path: str) -> None:
    assert RepositoryName.parse(text) == RepositoryName(project, path)


@pytest.mark.parametrize("text", HOSTILE)
def test_name_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(NameInvalid):
        RepositoryName.parse(text)


def test_repository_name_has_255_characters_at_most_and_its_project_counts() -> None:
    longest = "a/" + "b" * 253
    assert str(RepositoryName.parse(longest)) == longest
    assert str(RepositoryName.parse("c" * 247)) == "library/" + "c" * 247
    for text in (longest + "b", "c" * 248):
        with pytest.raises(NameInvalid):
            RepositoryName.parse(text)


@given(NAME)
def test_every_name_of_the_grammar_is_printed_as_it_was_read(text: str) -> None:
    name = RepositoryName.parse(text)
    assert str(name) == (text if "/" in text else f"library/{text}")
    assert RepositoryName.parse(str(name)) == name


@given(
    NAME,
    st.integers(0, 60),
    st.characters() | st.sampled_from(["\n", "\x00", "/", "..", "\\", "A", "\u017f", "\u0301"]),
)
def test_name_with_something_put_in_is_refused_or_printed_as_it_was_read(text: str, place: int, extra: str) -> None:
    mutated = text[:place] + extra + text[place:]
    try:
        name = RepositoryName.parse(mutated)
    except NameInvalid:
        return
    assert str(name) in (mutated, f"library/{mutated}")
    assert set(mutated) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-/")


@pytest.mark.parametrize("text", ["a", "0", "team", "my.team", "my-team_2.x", "a" * 255])
def test_project_names_are_those_of_harbor(text: str) -> None:
    assert parse_project(text) == text


@pytest.mark.parametrize(
    "text", ["", "a" * 256, "a/b", "a__b", "a--b", "a.", "-a", "A", "a\n", "a\x00", "é", "a b", ".."]
)
def test_other_project_names_are_refused(text: str) -> None:
    with pytest.raises(NameInvalid):
        parse_project(text)


@pytest.mark.parametrize("text", ["latest", "1.0", "V1", "_x", "0.1.0_build1", "a" * 128, "sha256-" + "0a" * 32])
def test_tag_is_read_as_it_is(text: str) -> None:
    assert parse_tag(text) == text
    assert Reference.parse(text) == Reference(tag=text)
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize("text", ["", ".a", "-a", "a" * 129, "a/b", "a b", "a\n", "a\x00", "é", "a+b", "..", "a@b"])
def test_other_tags_are_refused(text: str) -> None:
    for parse in (parse_tag, Reference.parse):
        with pytest.raises(TagInvalid):
            parse(text)


@pytest.mark.parametrize("text", [SHA256, SHA512])
def test_digest_is_read_and_printed(text: str) -> None:
    digest = parse_digest(text)
    assert digest == Digest.parse(text)
    assert Reference.parse(text) == Reference(digest=digest)
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        ":",
        "sha256:",
        "sha256:baddigeststring",
        SHA256.upper(),
        "sha256:" + "0A" * 32,
        SHA256 + "0",
        SHA256[:-1],
        SHA256 + "\n",
        "md5:" + "0a" * 16,
        "sha512:" + "0a" * 32,
        "sha256:" + "0a" * 31 + "/.",
        "latest:x",
    ],
)
def test_text_with_a_colon_that_is_no_digest_is_a_bad_digest(text: str) -> None:
    for parse in (parse_digest, Reference.parse):
        with pytest.raises(DigestInvalid):
            parse(text)


@pytest.mark.parametrize("parse", [RepositoryName.parse, parse_project])
@given(text=st.text(max_size=40))
def test_no_text_gets_another_error_out_of_a_name(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except NameInvalid as error:
        assert error.message  # noqa: PT017  the property is about whichever error comes


@given(st.text(max_size=40))
def test_no_text_gets_another_error_out_of_a_reference(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except (TagInvalid, DigestInvalid):
        return
    assert str(reference) == text
