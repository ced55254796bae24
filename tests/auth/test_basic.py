"""Basic credentials: what is read from the header and what is refused."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.basic import MAX_HEADER, BadCredentials, Credentials, parse_basic


def basic(text: str | bytes, scheme: str = "Basic") -> str:
    content = text.encode() if isinstance(text, str) else text
    return f"{scheme} {base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        ("alice:Secret12", "alice", "Secret12"),
        ("alice:a:b::c:", "alice", "a:b::c:"),
        ("robot$ci+proj:x", "robot$ci+proj", "x"),
        ("jürgen:пароль", "jürgen", "пароль"),
        ("alice: ", "alice", " "),
        ("alice:tab\there", "alice", "tab\there"),
    ],
)
def test_name_and_password_are_what_stands_around_the_first_colon(text: str, username: str, password: str) -> None:
    assert parse_basic(basic(text)) == Credentials(username, password)


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", " bAsIc", "Basic  "])
def test_the_schemes_case_and_the_spaces_around_it_do_not_matter(scheme: str) -> None:
    assert parse_basic(basic("a:b", scheme) + " ") == Credentials("a", "b")


@pytest.mark.parametrize("header", ["", "Bearer abc", "Basically YTpi", "YTpi", "Digest username=a", "Basic\tYTpi"])
def test_another_scheme_is_nobody_elses_business(header: str) -> None:
    assert parse_basic(header) is None


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic YTpi!",
        "Basic YTp",
        "Basic YTpi YTpi",
        "Basic YT pi",
        "Basic YTo=Yg==",
        "Basic YTp\n",
        "Basic YT\u00e4i",
        "Basic a:b",
        basic(b"a\xff:b"),
        basic("alice"),
        basic(":password"),
        basic("alice:"),
        basic(":"),
        basic("al\0ice:password"),
        basic("al\nice:password"),
        basic("al\x7fice:password"),
        basic("al\u0085ice:password"),
        basic("al\u202eice:password"),
    ],
)
def test_a_basic_header_without_a_usable_name_and_password_is_refused(header: str) -> None:
    with pytest.raises(BadCredentials):
        parse_basic(header)


def test_a_header_is_read_up_to_eight_kibibytes_and_refused_beyond() -> None:
    longest = basic("a:" + "p" * 6136)
    assert MAX_HEADER - 4 < len(longest) <= MAX_HEADER
    assert parse_basic(longest) == Credentials("a", "p" * 6136)
    with pytest.raises(BadCredentials, match="too long"):
        parse_basic(longest + "AAAA")


def test_the_password_shows_neither_in_the_text_of_credentials_nor_in_that_of_an_error() -> None:
    assert "Secret12" not in repr(Credentials("alice", "Secret12"))
    with pytest.raises(BadCredentials) as caught:
        parse_basic(basic("a\0:Secret12"))
    assert "Secret12" not in str(caught.value)
    assert caught.value.__cause__ is None


@settings(deadline=None)
@given(st.text())
def test_whatever_stands_in_the_header_is_refused_in_one_way(text: str) -> None:
    for header in (text, f"Basic {text}"):
        try:
            credentials = parse_basic(header)
        except BadCredentials:
            continue
        assert credentials is None or (credentials.username and credentials.password)
