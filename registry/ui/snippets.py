"""What clients have to be told to use this registry, with its own address in it.

Over HTTPS with a certificate that everybody trusts, none of the files is needed; `docs/insecure-registries.md` tells
more of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.ui.languages import marked


@dataclass(frozen=True, slots=True)
class Piece:
    """Something to copy: into the file of that name, or as commands where it is empty. `hint` is a marked sentence."""

    text: str
    file: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """`key` names it in addresses; its pieces are in the order in which they are needed."""

    key: str
    name: str
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Way:
    """To push something; each of its steps is a marked sentence and a command. `key` is that of its client."""

    key: str
    name: str
    steps: Sequence[tuple[str, str]]


_LOCAL = ("localhost", "127.", "[::1]")
_RESTART = marked("Restart it afterwards.")
_OWN_CA = marked("Only for a certificate of an authority of your own: put that authority's certificate there.")


def clients(base: str, account: str) -> list[Client]:
    """Those of the registry at `scheme://host`; `account` is the name to sign in with."""
    scheme, _, host = base.partition("://")
    plain, option, certs = scheme == "http", _plain_option(scheme), f"/etc/containerd/certs.d/{host}"
    return [
        Client("docker", "Docker", [*_docker(host, plain=plain), *_login("docker login", host, account)]),
        Client("podman", "Podman", [*_containers(host, plain=plain), *_login("podman login", host, account)]),
        Client("containerd", "containerd", _containerd(base, certs, plain=plain)),
        Client("k3s", "k3s, RKE2", _k3s(base, host, account)),
        Client("kind", "kind", _kind(base, certs, plain=plain)),
        Client("kubernetes", "Kubernetes", [Piece(_secret(host, account))]),
        Client("buildkit", "BuildKit", _buildkit(host, plain=plain)),
        Client("helm", "Helm", [Piece(_helm(host, account, option))]),
        Client("skopeo", "Skopeo", [Piece(_skopeo(host, account, plain=plain))]),
        Client("crane", "crane", [Piece(_crane(host, account, " --insecure" if plain else ""))]),
        Client("oras", "ORAS", [Piece(_oras(host, account, option))]),
    ]


def pushes(base: str, name: str) -> list[Way]:
    """Ways to push to the registry at `scheme://host` what has the name `project/…/name:tag`."""
    scheme, _, host = base.partition("://")
    image, option = f"{host}/{name}", _plain_option(scheme)
    folder, _, last = image.rpartition("/")
    chart = f"{last.partition(':')[0]}-1.0.0.tgz"
    sign_in, push = marked("Sign in"), marked("Push it")
    build = (marked("Build and push it"), f"docker buildx build --tag {image} --push .")
    untrusted = " --tls-verify=false" if option else ""
    return [
        Way("docker", "Docker", _tagged("docker", host, image)),
        Way("podman", "Podman", _tagged("podman", host, image, untrusted)),
        Way("buildkit", "Buildx", [(sign_in, f"docker login {host}"), build]),
        Way(
            "helm",
            "Helm",
            [(sign_in, f"helm registry login{option} {host}"), (push, _helm_push(option, chart, folder))],
        ),
        Way("oras", "ORAS", [(sign_in, f"oras login{option} {host}"), (push, _oras_push(option, image))]),
    ]


def _tagged(program: str, host: str, image: str, option: str = "") -> list[tuple[str, str]]:
    return [
        (marked("Sign in"), f"{program} login{option} {host}"),
        (marked("Name an image for this place"), f"{program} tag hello-world {image}"),
        (marked("Push it"), f"{program} push{option} {image}"),
    ]


def _plain_option(scheme: str) -> str:
    """What Helm and ORAS have to be told where there is no TLS."""
    return " --plain-http" if scheme == "http" else ""


def _login(command: str, host: str, account: str) -> list[Piece]:
    return [Piece(f"{command} --username '{account}' {host}")]


def _docker(host: str, *, plain: bool) -> list[Piece]:
    if not plain:
        return [Piece("", f"/etc/docker/certs.d/{host}/ca.crt", _OWN_CA)]
    if host.startswith(_LOCAL):
        return [Piece("", "", marked("Nothing has to be set for a registry on the same machine."))]
    return [Piece(f'{{\n  "insecure-registries": ["{host}"]\n}}', "/etc/docker/daemon.json", _RESTART)]


def _containers(host: str, *, plain: bool) -> list[Piece]:
    if not plain:
        return [Piece("", f"/etc/containers/certs.d/{host}/ca.crt", _OWN_CA)]
    name = host.replace(":", "-").strip("[]")
    text = f'[[registry]]\nlocation = "{host}"\ninsecure = true'
    return [Piece(text, f"/etc/containers/registries.conf.d/{name}.conf")]


def _hosts(base: str, certs: str, *, plain: bool) -> str:
    authority = "" if plain else f'\nca = "{certs}/ca.crt"'
    return f'server = "{base}"\n\n[host."{base}"]\ncapabilities = ["pull", "resolve", "push"]{authority}'


def _containerd(base: str, certs: str, *, plain: bool) -> list[Piece]:
    table = 'version = 3\n\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/etc/containerd/certs.d"'
    old = marked(
        "Version 1 of containerd says version = 2 and io.containerd.grpc.v1.cri instead. Restart it afterwards."
    )
    return [
        Piece(_hosts(base, certs, plain=plain), f"{certs}/hosts.toml"),
        Piece(table, "/etc/containerd/config.toml", old),
    ]


def _k3s(base: str, host: str, account: str) -> list[Piece]:
    text = (
        f'mirrors:\n  "{host}":\n    endpoint:\n      - "{base}"\n'
        f"configs:\n  \"{host}\":\n    auth:\n      username: '{account}'\n      password: PASSWORD"
    )
    return [Piece(text, "/etc/rancher/k3s/registries.yaml", _RESTART)]


def _kind(base: str, certs: str, *, plain: bool) -> list[Piece]:
    script = (
        "for node in $(kind get nodes); do\n"
        f'  docker exec "$node" mkdir -p {certs}\n'
        f'  docker cp hosts.toml "$node":{certs}/hosts.toml\n'
        "done"
    )
    hint = marked("In a node, localhost is the node itself: use the address that the nodes reach this machine by.")
    return [Piece(_hosts(base, certs, plain=plain), "hosts.toml", hint), Piece(script)]


def _secret(host: str, account: str) -> str:
    return (
        "kubectl create secret docker-registry cove \\\n"
        f"  --docker-server={host} --docker-username='{account}' --docker-password=PASSWORD"
    )


def _buildkit(host: str, *, plain: bool) -> list[Piece]:
    how = "http = true" if plain else 'ca = ["ca.crt"]'
    create = "docker buildx create --use --driver docker-container --buildkitd-config buildkitd.toml"
    return [Piece(f'[registry."{host}"]\n{how}', "buildkitd.toml", "" if plain else _OWN_CA), Piece(create)]


def _helm(host: str, account: str, option: str) -> str:
    return (
        f"helm registry login{option} --username '{account}' {host}\n"
        f"{_helm_push(option, 'chart-1.0.0.tgz', f'{host}/library')}"
    )


def _helm_push(option: str, chart: str, folder: str) -> str:
    return f"helm push{option} {chart} oci://{folder}"


def _skopeo(host: str, account: str, *, plain: bool) -> str:
    login, copy = (" --tls-verify=false", " --dest-tls-verify=false") if plain else ("", "")
    return (
        f"skopeo login{login} --username '{account}' {host}\n"
        f"skopeo copy{copy} docker://docker.io/library/alpine:3 docker://{host}/library/alpine:3"
    )


def _crane(host: str, account: str, option: str) -> str:
    return f"crane auth login --username '{account}' --password PASSWORD {host}\ncrane ls{option} {host}/library/alpine"


def _oras(host: str, account: str, option: str) -> str:
    return f"oras login{option} --username '{account}' {host}\n{_oras_push(option, f'{host}/library/notes:1')}"


def _oras_push(option: str, name: str) -> str:
    return f"oras push{option} {name} notes.txt"
