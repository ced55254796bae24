"""The alerts and the dashboard, by Prometheus' own tools and on numbers that it has scraped from a registry."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.clients import registries
from tests.clients.processes import running
from tests.clients.programs import ROOT, SEARCH_PATH, find_program
from tests.cluster.services import free_port, listens

pytestmark = pytest.mark.clients

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
SCRAPE = ROOT / "deploy" / "prometheus" / "scrape.yaml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "cove.json").read_text())
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
# What a registry has only after something went wrong, or with a certificate.
UNUSUAL = {"cove_certificate_end_time_seconds"}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped a registry by deploy/prometheus."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    with registries.serve(tmp_path_factory.mktemp("cove")) as registry:
        settings = yaml.safe_load(SCRAPE.read_text())
        assert settings["scrape_configs"][0]["static_configs"] == [{"targets": ["127.0.0.1:5000"]}]
        settings["scrape_configs"][0]["static_configs"][0]["targets"] = [registry.address]
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        (folder / "alerts.yaml").write_text(ALERTS.read_text())
        command: list[str | Path] = [
            find_program("prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with running(command, folder / "log", lambda: listens(port), {"PATH": SEARCH_PATH}, folder):
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while not asked(url, "cove_build_info offset 3s"):
                for path in ("/v2/library/app/manifests/1", "/service/token"):
                    httpx.get(f"http://{registry.address}{path}", timeout=30)
                assert time.monotonic() < deadline
                time.sleep(0.5)
            yield url


def asked(prometheus: str, expression: str) -> list[Any]:
    """What an expression is by now. Grafana's variables have the values that it would give them."""
    text = expression.replace("$__rate_interval", "1m").replace("$job", ".+")
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": text}, timeout=30).json()
    assert answer["status"] == "success", answer
    found: list[Any] = answer["data"]["result"]
    return found


def names(expression: str) -> set[str]:
    return set(re.findall(r"\bcove_\w+", expression))


def test_rules_are_right() -> None:
    command = [find_program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(ALERTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


def test_alert_is_raised_by_what_it_is_about_and_by_nothing_else(tmp_path: Path) -> None:
    """By promtool's own tests of rules: a failing registry beside a healthy one."""
    labels = 'job="cove", instance="a"'
    series = {
        f"up{{{labels}}}": "0x60",
        f"cove_database_up{{{labels}}}": "0x60",
        f"cove_blobs_damaged{{{labels}}}": "2x60",
        f"cove_certificate_end_time_seconds{{{labels}}}": "864000x60",
        f'cove_http_requests_total{{{labels}, status="200"}}': "0+90x60",
        f'cove_http_requests_total{{{labels}, status="503"}}': "0+10x60",
        'up{job="cove", instance="b"}': "1x60",
        'cove_database_up{job="cove", instance="b"}': "1x60",
        'cove_certificate_end_time_seconds{job="cove", instance="b"}': "8640000x60",
    }
    expected = {
        "CoveDown": {"instance": "a", "job": "cove"},
        "CoveDatabaseDown": {"instance": "a", "job": "cove"},
        "CoveBlobsDamaged": {"job": "cove"},
        "CoveCertificateEnds": {"instance": "a", "job": "cove"},
        "CoveErrors": {"job": "cove"},
    }
    levels = {rule["alert"]: rule["labels"] for rule in RULES}
    summaries = {
        "CoveDown": "a does not answer",
        "CoveDatabaseDown": "a cannot use its database",
        "CoveBlobsDamaged": "2 blobs are damaged: `cove fsck` tells which images need them",
        "CoveCertificateEnds": "the certificate of a ends in 9d 23h 30m 0s",
        "CoveErrors": "10% of all requests fail: the log has the reason",
    }
    tests = [
        {
            "alertname": rule["alert"],
            "eval_time": "30m",
            "exp_alerts": [
                {
                    "exp_labels": expected[rule["alert"]] | levels[rule["alert"]],
                    "exp_annotations": {"summary": summaries[rule["alert"]]},
                }
            ]
            if rule["alert"] in expected
            else [],
        }
        for rule in RULES
    ]
    rows = [{"series": name, "values": values} for name, values in series.items()]
    suite = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": rows, "alert_rule_test": tests}],
    }
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(suite))
    command = [find_program("promtool"), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_number_of_the_rules_and_the_dashboard_is_one_of_the_registry(prometheus: str) -> None:
    known = set(httpx.get(f"{prometheus}/api/v1/label/__name__/values").json()["data"])
    used = set().union(*map(names, EXPRESSIONS), *(names(rule["expr"]) for rule in RULES))
    assert used - known - UNUSUAL == set()


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *(rule["expr"] for rule in RULES)])
def test_expression_is_one(prometheus: str, expression: str) -> None:
    asked(prometheus, expression)


def test_panels_of_a_healthy_registry_have_data(prometheus: str) -> None:
    empty = [expression for expression in EXPRESSIONS if not asked(prometheus, expression)]
    assert [expression for expression in empty if "5.." not in expression and "status!=" not in expression] == []


def test_no_alert_is_raised_by_a_healthy_registry(prometheus: str) -> None:
    rules = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"][0]["rules"]
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
    assert {rule["health"] for rule in rules} == {"ok"}


def test_panels_do_not_lie_on_each_other() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
