"""schemathesis asks for all that the document of the API offers, with what fits it and what does not.

Every answer has to have a status and a form that the document names; 500 is not among them.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.http.serving import PASSWORD, Registry

SECONDS = 30
CHECKS = "status_code_conformance,content_type_conformance,response_schema_conformance"
OPTIONS = {
    "--auth": f"admin:{PASSWORD}",
    "--phases": "coverage,fuzzing",
    "--checks": CHECKS,
    "--max-examples": "2",
    "--max-time": str(SECONDS),
    "--seed": "1",
    "--workers": "1",  # its parts get into each other's way with more
    "--suppress-health-check": "all",
    "--generation-database": "none",
    "--warnings": "off",
}


@pytest.mark.clients
def test_no_answer_is_other_than_the_document_says(registry: Registry, tmp_path: Path) -> None:
    registry.push_image("team/app", "v1")
    program = Path(sys.executable).with_name("schemathesis")
    options = [text for option in OPTIONS.items() for text in option]
    done = subprocess.run(
        [program, "run", f"{registry.url}/api/openapi.json", "--continue-on-failure", "--no-shrink", *options],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested
    assert int(tested[1]) > 200
