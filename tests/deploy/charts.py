"""The Helm chart, rendered by Helm itself; as a program it writes deploy/kubernetes/cove.yaml anew."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.clients.programs import ROOT, TOOLS, miss

CHART = ROOT / "deploy" / "helm" / "cove"
MANIFESTS = ROOT / "deploy" / "kubernetes" / "cove.yaml"
_HEAD = """\
# What deploy/helm/cove makes of its defaults, for those who do without Helm:
#
#   kubectl create namespace cove && kubectl apply --filename cove.yaml
"""
_INFO = 1  # helm.sh/helm/v4/pkg/lint/support: 2 is a warning


class Refused(Exception):
    """Helm did not render the chart; the message is its own."""


def render(**values: Any) -> dict[str, str]:
    """The manifests by the file that they are made of. Raises `Refused`."""
    python = TOOLS / "helm" / "bin" / "python"
    if not python.exists():
        miss("helm-python-sdk")
    asked = {"chart": str(CHART), "name": "cove", "namespace": "cove", "values": values}
    command = [str(python), str(Path(__file__).with_name("helm_charts.py"))]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    if "error" in told:
        raise Refused(told["error"])
    assert [found for found in told["messages"] if found["severity"] > _INFO] == []
    manifests: dict[str, str] = told["manifests"]
    return {name.rpartition("/")[2]: text.strip() for name, text in manifests.items() if text.strip()}


def plain() -> str:
    """All manifests of the chart's defaults in one file."""
    parts = [text for name, text in sorted(render().items()) if name != "NOTES.txt"]
    return _HEAD + "".join(f"---\n{part}\n" for part in parts)


if __name__ == "__main__":
    MANIFESTS.write_text(plain())
