import pytest

from registry.oci.packages import is_list, parse_list

DPKG = b"""Package: bash
Status: install ok installed
Version: 5.2-1
Description: a shell
 Package: not-this
Conffiles:
 /etc/bash 0123

Package: gone
Status: deinstall ok config-files
Version: 1

Package: half
Status: install ok half-installed
Version: 1

Package: nameless-version
Status: install ok installed
"""
APK = b"C:Q1abc=\nP:musl\nV:1.2.5-r0\nF:lib\nR:ld.so\n\nP:zlib\nV:1.3-r1\n\n"


def test_packages_that_are_installed_are_told_with_their_versions() -> None:
    assert parse_list("var/lib/dpkg/status", DPKG) == {"bash": "5.2-1"}
    assert parse_list("lib/apk/db/installed", APK) == {"musl": "1.2.5-r0", "zlib": "1.3-r1"}


def test_list_with_a_file_for_each_package_has_no_states() -> None:
    assert parse_list("var/lib/dpkg/status.d/tzdata", b"Package: tzdata\nVersion: 2026a\n") == {"tzdata": "2026a"}
    assert parse_list("var/lib/dpkg/status.d/tzdata.md5sums", b"0123  usr/share/zoneinfo\n") == {}


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xff\xfe", b"Package:\nVersion:\n", b":\n"])
def test_what_is_no_list_tells_of_nothing(content: bytes) -> None:
    assert parse_list("var/lib/dpkg/status", content) == {}


def test_lists_are_known_by_their_paths() -> None:
    assert is_list("var/lib/dpkg/status")
    assert is_list("var/lib/dpkg/status.d/base")
    assert not is_list("home/var/lib/dpkg/status")
