"""Renders or lints a chart with the Helm library of `helm-python-sdk`, run by the Python that has it.

It reads {"chart", "name", "namespace", "values"} from standard input, and writes {"manifests"} and {"messages"}, or
{"error"}.
"""

import json
import sys

import helm_python  # type: ignore[import-not-found]  # lives in an environment of its own


def main() -> None:
    asked = json.load(sys.stdin)
    try:
        with helm_python.Chart.load(asked["chart"]) as chart:
            chart.validate_schema(asked["values"])
            rendered = chart.render(asked["values"], name=asked["name"], namespace=asked["namespace"])
        messages = helm_python.lint(asked["chart"], asked["values"], strict=True)["messages"]
        told = {"manifests": rendered, "messages": messages}
    except helm_python.HelmError as error:
        told = {"error": str(error)}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
