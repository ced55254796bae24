"""Hostile texts in every place of a request: of SQL, of paths, of shells, of encodings. They name nothing, and what the
registry has is afterwards as before; it opens no file outside of its folder.
"""

import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.cli.running import ROOT
from tests.torture.pushes import Ledger, expect
from tests.torture.servers import Start
from tests.torture.verdicts import settled

REPOSITORY = "library/plain"

TEXTS = (
    "'",
    "''",
    '"',
    "`",
    "')--",
    '");--',
    "' OR '1'='1",
    "1; DROP TABLE manifests",
    "' UNION SELECT password FROM users--",
    "1) OR sleep(5)--",
    "';select pg_sleep(5)--",
    "%",
    "_",
    "\\",
    "%27",
    "%00",
    "\x00",
    "*",
    "?",
    "[a-z]",
    "NULL",
    "-1",
    "9223372036854775808",
    "1e9",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(id)",
    "`id`",
    "|id",
    "=cmd()",
    "password=~",
    "..",
    "../..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e",
    "..%252f",
    "....//",
    "..\\..\\x",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "~/x",
    "C:\\x",
    ".hidden",
    "a/./b",
    "a//b",
    "a/../b",
    "\u202e",
    "\ufeff",
    "\uff0e\uff0e\uff0f",
    "é",
    "A",
    "\r\nSet-Cookie: x=1",
    "\n",
    "\t",
    " ",
    "a" * 300,
    "a" * 5000,
)
# What Python and its libraries look up by themselves, now and then.
SYSTEM = (
    sys.prefix,
    sys.base_prefix,
    str(ROOT),
    "/usr/",
    "/lib",
    "/proc/",
    "/sys/",
    "/dev/",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
)
PATHS = (
    "/v2/{}/tags/list",
    "/v2/library/{}/tags/list",
    "/v2/library/plain/manifests/{}",
    "/v2/library/plain/blobs/{}",
    "/v2/library/plain/blobs/uploads/{}",
    "/v2/library/plain/referrers/{}",
    "/v2/library/plain/tags/list?last={}",
    "/v2/library/plain/tags/list?n={}",
    "/v2/_catalog?last={}",
    "/v2/_catalog?n={}",
    "/service/token?service=cove&scope=repository:{}:pull",
    "/service/token?service=cove&account={}",
    "/{}",
)


def send_all(client: httpx.Client) -> None:
    for path, text in product(PATHS, TEXTS):
        answer = client.get(path.format(quote(text, safe="/")))
        expect(answer, 200, 400, 404, 405, 414)
        assert "passwd" not in answer.text.replace(text, "")
        assert "set-cookie" not in answer.headers
    for text in TEXTS:
        quoted = quote(text, safe="")
        uploads = f"/v2/{REPOSITORY}/blobs/uploads/"
        expect(client.post(f"{uploads}?mount={quoted}&from={quoted}"), 202, 400, 414)
        expect(client.post(f"{uploads}?digest={quoted}", content=b"x"), 400, 414)
        expect(client.delete(f"/v2/{REPOSITORY}/manifests/{quoted}"), 400, 404, 414)
        expect(client.get("/service/token", auth=(text.replace(":", "") or "x", text or "x")), 401, 429)


def test_hostile_texts_name_nothing_and_change_nothing(serve: Start) -> None:
    server, ledger = serve(), Ledger(REPOSITORY)
    with server.client() as client:
        ledger.push(client, "v1")
        listed = client.get("/v2/_catalog").json()
        send_all(client)
        assert client.get("/v2/_catalog").json() == listed
    settled(server, ledger)


def test_no_file_outside_of_the_data_is_opened_for_a_request(serve: Start, strace: str, tmp_path: Path) -> None:
    server, ledger, trace = serve(), Ledger(REPOSITORY), tmp_path / "trace"
    calls = "?open,openat,?openat2,?stat,?lstat,newfstatat,?rename,renameat,?unlink,unlinkat,?mkdir,mkdirat"
    with server.client() as client:
        ledger.push(client, "warm")  # imports and the like are done
        send_all(client)
        command = [strace, "-f", "-p", str(server.process.pid), "-o", str(trace), "-e", f"trace={calls}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr
            assert "attached" in tracer.stderr.readline()
            try:
                send_all(client)
                ledger.push(client, "traced")
            finally:
                tracer.terminate()
                tracer.communicate()
    named = re.findall(r'"((?:[^"\\]|\\.)*)"', trace.read_text())
    opened = [name for name in named if name.startswith(("/", "..")) and not name.startswith(str(server.data))]
    assert [name for name in opened if not name.startswith(SYSTEM)] == []
    assert any(name.startswith(str(server.data)) for name in named)
