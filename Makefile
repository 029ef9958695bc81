# The verbs of this project; `make` alone lists them. Each is one line, the logic is in Python.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# By file, so that what a file declares once is declared in one of them; tests/conftest.py says how many there are.
PARALLEL := -q -n auto --dist loadfile --ignore=tests/e2e
# Where it is set, each process compiles all modules again, and pytest rewrites those of all tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: install
install: .venv/.complete ## Python, libraries and linters, as uv.lock pins them

.venv/.complete: uv.lock pyproject.toml
	@local/bootstrap.sh

.PHONY: demo
demo: install ## the main job: set everything up, take a pull request to staging and to production (APPLICATION=django)
	@$(PYTHON) -m local demo $(if $(APPLICATION),--application $(APPLICATION))

.PHONY: up
up: install ## start the embedded cluster with both stacks
	@$(PYTHON) -m local up

.PHONY: status
status: install ## what runs where, and runs in flight
	@$(PYTHON) -m local status

.PHONY: down
down: install ## end the embedded cluster and remove its data; .local/secrets and caches stay
	@$(PYTHON) -m local down

.PHONY: env
env: ## variables for a shell: eval "$(make env)"
	@$(PYTHON) -m local env

.PHONY: render
render: install ## every stack's manifests as YAML in rendered/, without a cluster
	@$(PYTHON) -m offline.render

.PHONY: reach
reach: install ## what the pods of each trigger can reach: secrets, tokens, rights
	@$(PYTHON) -m offline.reachability

.PHONY: reference
reference: install ## docs/settings.md and the JSON schema for editors, from the settings' model
	@$(PYTHON) -m offline.reference

.PHONY: preview
preview: install ## what `pulumi up` would change in each stack, with the policy pack
	@$(PYTHON) -m local preview

.PHONY: check
check: install ## linters, types and policies, without a cluster
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	@.venv/bin/shellcheck $$(git grep -l '^#!/bin/sh')
	@$(PYTHON) -m local.workflows
	@$(PYTHON) -m offline.policy

.PHONY: pull-request-check
pull-request-check: install ## what this branch changes, as the comment below its pull request (AGAINST=main)
	@$(PYTHON) -m local.pull_request_check "--against=$${AGAINST:-main}"

.PHONY: test-unit
test-unit: install ## tests that need no cluster
	@.venv/bin/pytest $(PARALLEL)

.PHONY: test-newest
test-newest: install ## the same on the newest SDK of the Kubernetes provider; uv.lock has the one that is built here
	@local/newest.sh .venv/bin/pytest $(PARALLEL) --ignore=tests/local tests

.PHONY: test-scripts
test-scripts: install ## tests that run the steps' scripts, without a cluster
	@.venv/bin/pytest $(PARALLEL) -m scripts

.PHONY: test-contracts
test-contracts: install ## tests that ask Tekton's own code, compiled first
	@.venv/bin/pytest -q -m contracts

.PHONY: test
test: install ## every test, those on the embedded cluster included
	@$(PYTHON) -m local.testing

.PHONY: bench
bench: install ## how long deliveries take beside the article's and a bare rollout on the running cluster (ROUNDS=10)
	@$(PYTHON) -m bench.delivery $(ROUNDS)

.PHONY: bench-growth
bench-growth: install ## what a stack costs with 1, 10, 50 and 100 applications (COUNTS="1 10")
	@$(PYTHON) -m bench.growth $(COUNTS)

.PHONY: soak
soak: install ## pull requests in a row, watching digests, processes and memory (ROUNDS=3)
	@$(PYTHON) -m bench.soak $(ROUNDS)
