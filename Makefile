# Everything one does with this repository. `make` prints the verbs; settings go behind them: make up OPERATORS=2
#
# CLUSTER    auto, current, kind or local: which cluster `up` uses   STATE         its folder (default .cluster)
# OPERATORS  how many operators run (default 1)                      METRICS_PORT  of the first one (default 9100)
# SHARDS     into how many the operators divide tasks (default 1)    MARK          further arguments for pytest
# GATEWAY    1 or 0: whether the gateway runs (as operators do)      DKRON_PORT    of Dkron's API (default 8080)
# GATEWAY_NAMESPACE  where the gateway's jobs are (default: default) CRONJOB_ORG_PORT  of cron-job.org's (default 8090)
# PYTHON     the Python (3.11 or newer) to make .venv with

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

bin := .venv/bin
python := PYTHONPATH=tools $(bin)/python -P
cluster := $(python) -m cluster

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
	@sed -n '/^# [A-Z]/s/^# /  /p' $(firstword $(MAKEFILE_LIST))

install: ## Make .venv with every locked package (done by the other verbs when needed)
	@sh tools/install.sh

up: install ## Start a cluster with CronTask, or what is missing of it (fewer OPERATORS: stop some); ready when it returns
	@$(cluster) up

down: install ## Take the cluster and everything that came with it away
	@$(cluster) down

status: install ## Show what runs, and where
	@$(cluster) status

demo: install ## Start everything, run the examples, and follow them
	@$(python) tools/demo.py

images: install ## Build the operator's image and give it to the cluster
	@$(cluster) images

generate: install ## Write the files that are made from others: CRDs, manifests, field reference
	@$(bin)/python tools/generate.py

format: install ## Format the code
	@$(bin)/ruff check --fix --quiet .
	@$(bin)/ruff format .

lint: install ## Check style, types, layers, and that generated files are fresh
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/mypy
	@MYPYPATH=tools:tests $(bin)/mypy -p cluster -p campaign -p audit -p chaos -m receiver -m demo -m demo_api -m demo_dkron -m demo_cronjob_org
	@$(bin)/lint-imports
	@$(bin)/python tools/generate.py --check

test: test-unit test-cluster ## Run every test: first those without, then those with a cluster of their own

test-unit: install ## Run the tests that need no cluster, on every core
	@$(bin)/python -m pytest -m "not cluster" -n auto --dist worksteal $(MARK)

test-cluster: install ## Run the tests that need one, on a throw-away cluster
	@sh tools/test-cluster.sh $(MARK)

campaign: install ## Compare random schedules with plain walks in all zones (CAMPAIGN="--seed 7 --minutes 30")
	@PYTHONPATH=tools:tests $(bin)/python -P -m campaign $(CAMPAIGN)

chaos: install ## Break everything under work, and prove that nothing is lost or done twice (CHAOS="--minutes 30 --seed 7")
	@PYTHONPATH=tools:tests:. $(bin)/python -P -m chaos $(CHAOS)

bench: install ## Measure, and print the table of results (BENCH=pods-burst for one row)
	@$(bin)/python -m bench $(BENCH)

lock: install ## Renew the locked versions
	@$(bin)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra dev pyproject.toml --output-file requirements/dev.txt
	@$(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra operator --constraints requirements/dev.txt pyproject.toml --output-file requirements/operator.txt
	@$(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra gateway --constraints requirements/dev.txt pyproject.toml --output-file requirements/gateway.txt
	@echo 'hatchling>=1.33' | $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --constraints requirements/dev.txt - --output-file requirements/build.txt
	@echo 'django-dkron' | $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --constraints requirements/dev.txt - --output-file requirements/clients/django-dkron.txt
	@echo 'dkron' | $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-deps - --output-file requirements/clients/dkron.txt
	@echo 'pycronorg' | $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-deps - --output-file requirements/clients/pycronorg.txt

clean: ## Remove .venv and every cache of the checkout (after `make down`)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help install up down status demo images generate format lint test test-unit test-cluster campaign chaos bench lock clean
