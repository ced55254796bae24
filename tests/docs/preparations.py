"""What has to be there before the commands of a page: people who read it have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PASSWORD = "Kelp-forest-9"
"""Of every account; it is what is typed wherever a command asks for one."""

FUNCTIONS = """
set -euo pipefail
SERVER=
stop() {
  if [ -n "$SERVER" ]; then kill "$SERVER"; wait "$SERVER" || true; fi
  SERVER=
}
trap stop EXIT
serve() {
  stop
  command cove serve "$@" </dev/null >serve.out 2>serve.log &
  SERVER=$!
  until grep -q "^Cove is ready" serve.out; do
    kill -0 "$SERVER" || { cat serve.log; exit 1; }
    sleep 0.1
  done
}
cove() { if [ "$1" = serve ]; then shift; serve "$@"; else command cove "$@"; fi; }
curl() { command curl --silent --show-error --fail-with-body "$@"; echo; }
stage() { python3 -P -m tests.docs.stage "$@"; }
"""

_TEAM = "cove serve; cove project add team; cove user add ann; cove member add team ann developer\n"


@dataclass(frozen=True, slots=True)
class Preparation:
    """`script` comes first, `before` what precedes a command with that in it, `texts` what is put in place of what.

    `needs` are servers: docker, postgres, s3.
    """

    script: str = "cove serve\n"
    before: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()


# The tag that the page goes back to was pushed in January.
_IN_JANUARY = """
faketime 2026-01-10 cove serve </dev/null >serve.out 2>serve.log &
SERVER=$!
until grep -q "^Cove is ready" serve.out; do sleep 0.1; done
cove project add team
stage push team/app:v1 one
stage push team/app:v2 two
kill "$(pgrep -P "$SERVER")"  # faketime waits for it
wait "$SERVER" || true
SERVER=
cove serve
stage push team/app:v1 three
DELETED=$(stage delete team/app:v2)
"""

_CLIENTS = """
cove serve --host 0.0.0.0
cove project add team
cove user add ann
cove member add team ann maintainer
stage push team/app:1 one
stage push team/notes:1 two
"""

# So that it is the authority that the page names which Docker then trusts.
_DOCKER_REFUSES = """
{ docker login registry.lan:5000 -u admin -p wrong 2>&1 || true; } | grep 'x509: certificate signed by unknown'
"""

PREPARATIONS = {
    "install.md": Preparation("stage certificates registry\n"),
    "first-push.md": Preparation("stage local hello-world\n", needs=frozenset({"docker"})),
    "tls.md": Preparation(
        "stage certificates registry; stage local hello-world\n",
        before={"mkdir -p /etc/docker/certs.d": _DOCKER_REFUSES},
        needs=frozenset({"docker"}),
    ),
    "projects.md": Preparation(f"cove serve; echo {PASSWORD} >bob.password\n"),
    "roles.md": Preparation("cove serve; cove project add team; cove user add ann\n"),
    "robots.md": Preparation(
        "cove serve; cove project add team; stage local 127.0.0.1:5000/team/app:1\n", needs=frozenset({"docker"})
    ),
    "undo.md": Preparation(_IN_JANUARY, texts={"sha256:0f5c...": "$DELETED"}),
    "damage.md": Preparation("cove serve; stage push library/app:1 one\n"),
    "backup.md": Preparation(
        "export COVE_SNAPSHOT_SECONDS=1; cove serve; stage push library/app:1 one\n",
        before={"mkdir damaged": "until find cove-data | grep -q snapshots/; do sleep 0.1; done; stop\n"},
    ),
    "moving.md": Preparation(
        "cove serve; stage push library/app:1 one\n", before={"--finish": "stop\n"}, needs=frozenset({"postgres", "s3"})
    ),
    "s3.md": Preparation("", needs=frozenset({"s3"})),
    "postgres.md": Preparation("", needs=frozenset({"postgres"})),
    "adopting.md": Preparation("stage old-registry /srv/registry /etc/htpasswd\n", before={"cove adopt": "stop\n"}),
    "insecure-registries.md": Preparation(
        _CLIENTS, texts={"ann:password": f"ann:{PASSWORD}"}, needs=frozenset({"docker"})
    ),
}


def preparation(page: str) -> Preparation:
    """That of a page in another language is that of the page."""
    return PREPARATIONS.get(page.removeprefix("zh/"), Preparation())
