# `make run` and `make test` need Python 3.11 or newer and nothing else; everything goes into the folder .venv.

PYTHON ?= python3
ARGS ?=
VENV := .venv
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run test screenshots torture bench check format dist clean

help: ## List what make can do here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/ready-to-run ## Start Cove; options go in ARGS="--port 8080"
	@exec $(VENV)/bin/cove serve $(ARGS)

test: check ## Check the code and run the quick tests
	$(VENV)/bin/pytest -q -n 4 --dist worksteal -m "not slow and not servers and not clients and not conformance and not cluster and not release"

screenshots: $(VENV)/ready-to-test ## Take pictures of every page into .screenshots
	$(VENV)/bin/python -m tests.ui.screens .screenshots

# For hours. TORTURE_KILLS=100 and TORTURE_SECONDS=60 in the environment make it shorter, ARGS="tests/torture" narrower.
torture: $(VENV)/ready-to-test ## Run the acceptance plan in full, and tell how each of its checks fared
	-@$(PIP) install atheris
	TORTURE=full $(VENV)/bin/python -m pytest -q -p tests.torture.report $(ARGS)

# How long each list of the API takes with a million of everything is measured by `python -m tests.bench.lists`.
# The environment narrows it: BENCH_ROWS=get-tag-16,push-big BENCH_ROUNDS=1; `tests/bench/__main__.py` has all of it.
bench: $(VENV)/ready-to-test ## Measure Cove beside its peers
	@tests/bench/install
	$(VENV)/bin/python -m tests.bench

check: $(VENV)/ready-to-test ## Check style and types only
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/ready-to-test ## Put the code into its one format
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# dist/environment has nothing but the wheel with its extras: the bill of materials (CycloneDX) lists what came with it.
dist: $(VENV)/ready-to-test ## Build wheel, sdist and bill of materials into dist/
	@$(PIP) install 'cyclonedx-bom>=7.1' 'uv>=0.9'
	rm -rf dist build
	$(VENV)/bin/uv build --quiet --out-dir dist .
	$(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python dist/environment
	$(VENV)/bin/uv pip install --quiet --python dist/environment/bin/python "$$(ls dist/*.whl)[ldap,otel,postgres,s3]"
	$(VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
	  --output-format JSON --output-file dist/cove-registry.cdx.json dist/environment/bin/python

clean: ## Remove the environment and every cache, but no data
	rm -rf $(VENV) .bench .screenshots build dist ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The marks make a second start instant: pip runs again only when pyproject.toml has changed.
$(VENV)/ready-to-run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Cove needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Preparing $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -e .
	@touch $@

$(VENV)/ready-to-test: $(VENV)/ready-to-run
	@$(PIP) install -e '.[test]'
	@touch $@
