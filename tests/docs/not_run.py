"""The commands of the pages that no test of the pages runs, and why: those that begin so."""

NOT_RUN = {
    "python3 -m venv": "the tests of the release install it so, tests/release",
    "cove/bin/": "likewise",
    "pip install": "likewise",
    "pytest": "the examples of the page are run by tests/testing/test_plugin.py",
    "docker pull hello-world": "it comes from Docker Hub; the image is made here instead",
    "cp deploy/systemd": "there is no systemd that runs; the units are checked by tests/deploy",
    "mkdir --mode=0700 /etc/cove": "likewise",
    "echo COVE_PUBLIC_URL": "likewise",
    "systemctl": "likewise",
    "journalctl": "likewise",
    "docker build -f deploy/Containerfile": "the base is an image of Docker Hub; tests/deploy builds on one made here",
    "docker run --detach --name cove": "likewise",
    "docker logs cove": "likewise",
    "docker exec cove": "likewise",
    "cd deploy/compose": "likewise",
    "docker compose": "likewise",
    "curl -u admin -X POST http://127.0.0.1:5000/api/v2.0/ldap/ping": "there is no directory; tests/sign_in has one",
    "docker buildx": "BuildKit's plug-in for Docker is not in Debian",
    "for node in $(kind get nodes)": "kind's nodes are an image of Docker Hub",
    "minikube": "minikube's machine is an image from elsewhere",
    "helm": "the library behind it is driven with the same settings by tests/clients/test_helm.py",
    "kubectl": "there is no cluster to create it in",
}


def is_run(command: str) -> bool:
    return not any(command.startswith(beginning) for beginning in NOT_RUN)
