"""The Helm chart and the plain manifests, rendered by Helm and held to the schemas of Kubernetes."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from registry.config import load
from tests.deploy import charts

pytestmark = pytest.mark.clients

SHARED = {
    "COVE_PUBLIC_URL": "https://registry.example",
    "COVE_STORAGE_URL": "s3://bucket/cove",
    "COVE_S3_ENDPOINT": "https://s3.example",
}
SECRETS = {
    "COVE_DATABASE_URL": "postgresql://cove:secret@db.example/cove",
    "COVE_ADMIN_PASSWORD": 'a "quoted": password',
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
}
CLUSTER = {"replicas": 3, "persistence": {"enabled": False}, "settings": SHARED, "secrets": SECRETS}


def objects(text: str) -> dict[str, dict[str, Any]]:
    """The objects by their kind, each held to its schema."""
    found = [made for made in yaml.safe_load_all(text) if made]
    for made in found:
        kubernetes_validate.validate(made, "1.37", strict=True)
    return {made["kind"]: made for made in found}


def rendered(**values: Any) -> dict[str, dict[str, Any]]:
    manifests = {name: text for name, text in charts.render(**values).items() if name != "NOTES.txt"}
    return objects("\n---\n".join(manifests.values()))


def environment(made: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What a pod's program finds."""
    [container] = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    named = {row["name"]: row["value"] for row in container["env"]}
    secret: dict[str, str] = made.get("Secret", {}).get("stringData", {})
    return named | secret


def test_defaults_are_one_registry_with_a_volume() -> None:
    made = rendered()
    assert made.keys() == {"Deployment", "Service", "PersistentVolumeClaim"}
    assert made["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert load({}, environment(made)).public_url == "https://registry.example"


def test_plain_manifests_are_what_the_chart_makes_of_its_defaults() -> None:
    assert charts.MANIFESTS.read_text() == charts.plain(), "run: python -m tests.deploy.charts"


def test_several_registries_keep_their_secrets_in_one_and_nothing_in_a_volume() -> None:
    made = rendered(**CLUSTER)
    assert made.keys() == {"Deployment", "Service", "Secret", "PodDisruptionBudget"}
    assert made["Deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    settings = load({}, environment(made))
    assert settings.admin_password == SECRETS["COVE_ADMIN_PASSWORD"]
    assert settings.database_url == SECRETS["COVE_DATABASE_URL"]


def test_secret_that_is_there_already_is_used_in_place_of_one_of_the_release() -> None:
    made = rendered(**{**CLUSTER, "secrets": {}, "existingSecret": "mine"})
    [container] = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert "Secret" not in made
    assert container["envFrom"] == [{"secretRef": {"name": "mine"}}]


def test_ingress_leads_to_the_service_and_lets_layers_of_any_size_pass() -> None:
    made = rendered(ingress={"enabled": True, "className": "nginx", "host": "r.example", "tlsSecret": "r"})
    ingress = made["Ingress"]
    [rule] = ingress["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert (rule["host"], backend["name"]) == ("r.example", made["Service"]["metadata"]["name"])
    assert backend["port"]["name"] == made["Service"]["spec"]["ports"][0]["name"]
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"


def test_pods_run_without_privileges_and_stop_after_the_service_has_let_go_of_them() -> None:
    pod = rendered()["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    waited = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = load({}, environment(rendered())).grace_seconds
    assert pod["terminationGracePeriodSeconds"] > waited + grace


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replicas": 2}, "several replicas keep nothing in a folder"),
        ({"replica": 2}, "replica"),
        ({"settings": {"PUBLIC_URL": "https://r.example"}}, "PUBLIC_URL"),
        ({"service": {"port": 70000}}, "port"),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(charts.Refused, match=words):
        charts.render(**values)


def test_wrong_manifest_would_be_noticed() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        objects("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {port: 1}\n")
