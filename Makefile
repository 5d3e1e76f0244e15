# One command per wish. `make` lists them.
.DEFAULT_GOAL := help
PY := .local/venv/bin

help: ## List what a developer can do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: ## Install into the cluster of KUBECONFIG, or into an embedded one
	./install.sh

test: ## Run everything (as CI does)
	./test.sh

check: ## Lint, types and unit tests: a minute or two, no root
	./test.sh lint types unit

venv: ## Prepare .local/venv with all tools
	bash -c '. scripts/python.sh && ensure_python dev'

unit: venv ## Unit tests only
	$(PY)/python -m pytest -q -m "not cluster and not e2e and not helm"

format: venv ## Format and fix what can be fixed
	$(PY)/ruff format .
	$(PY)/ruff check --fix .

lock: venv ## Refresh requirements/*.txt after a change of dependencies
	$(PY)/python -m pip install --quiet uv
	for name in bench build docs toolchain; do $(PY)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -q requirements/$$name.in -o requirements/$$name.txt; done
	$(PY)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -q pyproject.toml -o requirements/runtime.txt
	$(PY)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -q --extra dev pyproject.toml -o requirements/dev.txt

cluster: venv ## Build and start the embedded cluster alone
	$(PY)/devworkspace cluster build
	$(PY)/devworkspace cluster up

images: ## Build the images
	images/build.sh

docs: ## Build the manual in both languages into .local/docs/site
	docs/build.sh

bench: venv ## Measure start latency against a bare pod (needs an installation)
	$(PY)/python bench/start_latency.py

bench-scale: venv ## Measure the operator with simulated nodes: 20 minutes, needs root
	$(PY)/python -m bench.scale all
	$(PY)/python -m bench.scale remove

bench-gateway: venv ## Measure the gateway against nginx and Starlette with httpx: 5 minutes
	$(PY)/python -m bench.gateway

clean: ## Remove the installation, keep environments and volumes
	./cleanup.sh

.PHONY: help install test check venv unit format lock docs cluster images bench bench-scale bench-gateway clean
