# The verbs of this repository; `make` prints them.
run = PYTHONPATH=tools .venv/bin/python -P -m cluster

up: ## Start the cluster
	@$(run) up

down: ## Remove the cluster
	@$(run) down

.PHONY: up down
