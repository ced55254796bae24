"""Distinguished names of LDAP: which spellings are the same name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auth.distinguished_names import LONGEST, BadName, is_below, normal_dn


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cn=crew,dc=example,dc=com", "CN=Crew, DC=Example , dc=COM"),
        ("cn=crew,dc=example", "cn = crew;dc=example"),
        ("cn=a  b,dc=x", "cn=A b,dc=x"),
        (r"cn=a\,b,dc=x", r"cn=a\2Cb,dc=x"),
        (r"cn=a\,b,dc=x", r"cn=a\2cB,dc=x"),
        ("cn=Lu\\C4\\8Di\\C4\\87", "cn=Lučić"),
        ("cn=a+uid=b,dc=x", "uid=B+CN=a,dc=x"),
        ("cn=#04024869", "CN=#04024869"),
        (r"cn=a\ ,dc=x", "cn=a,dc=x"),
        ("2.5.4.3=a", "2.5.4.3 = A"),
    ],
)
def test_spellings_of_one_name_are_the_same(one: str, other: str) -> None:
    assert normal_dn(one) == normal_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"cn=a\,dc=b,dc=x", "cn=a,dc=b,dc=x"),
        (r"cn=a\+uid=b", "cn=a+uid=b"),
        ("cn=ab", "cn=a b"),
        ("cn=#04", r"cn=\#04"),
        ("cn=a,cn=b", "cn=b,cn=a"),
    ],
)
def test_other_names_stay_others(one: str, other: str) -> None:
    assert normal_dn(one) != normal_dn(other)


@pytest.mark.parametrize(
    "text",
    ["", "cn", "=a", "cn=a,", "cn=a,,dc=b", "c n=a", 'cn="a"', "cn=a\\", r"cn=\FF", "cn=a\nb", "cn=a\0", "cn=a<"],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadName):
        normal_dn(text)


def test_name_has_a_greatest_length() -> None:
    assert normal_dn("cn=" + "a" * (LONGEST - 3))
    with pytest.raises(BadName):
        normal_dn("cn=" + "a" * (LONGEST - 2))


def test_name_is_below_another_by_its_parts_and_not_by_its_text() -> None:
    assert is_below("cn=a,OU=Groups,dc=x", "ou=groups, dc=X")
    assert is_below("ou=groups,dc=x", "ou=groups,dc=x")
    assert is_below("cn=a,dc=x", "")
    assert not is_below("cn=a,xou=groups,dc=x", "ou=groups,dc=x")
    assert not is_below("dc=x", "ou=groups,dc=x")
    assert not is_below(r"cn=a\,ou=groups,dc=x", "ou=groups,dc=x")


@given(st.text(max_size=60))
@example("cn=a \\ ,dc=\\20")
def test_normal_name_is_its_own_normal_name(text: str) -> None:
    try:
        normal = normal_dn(text)
    except BadName:
        return
    assert normal_dn(normal) == normal


@given(
    st.lists(st.tuples(st.sampled_from(["cn", "ou", "dc"]), st.text(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_every_value_can_be_told_in_hexadecimal(parts: list[tuple[str, str]]) -> None:
    texts = [f"{kind}=" + "".join(f"\\{byte:02x}" for byte in value.encode()) for kind, value in parts]
    assert normal_dn(",".join(texts)).count("=") >= len(parts)
