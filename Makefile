# Everything a person types. Needs Python 3.11+ and make; the rest goes into .venv/.
# Targets are relative, so that a checkout in a folder with spaces works.

PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$candidate" && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# In a fresh environment only what a user gets is there: a dependency that only the tests bring
# must fail here.
LOADS := import api.app, gateway.app, workers.app, cli.up, sqlalchemy.ext.asyncio as a; \
	a.create_async_engine('postgresql+psycopg://')

.DEFAULT_GOAL := help
.PHONY: help up test check bench mutations clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

up: .venv/.holdfast ## run everything on this machine, with a demo network
	@$(BIN)/holdfast up $(ARGS)

test: .venv/.holdfast .venv/.dev ## run all tests: end-to-end, chaos and browser included
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --quiet --numprocesses 3 --dist loadfile \
		--no-loadscope-reorder -m "not chaos"
	$(BIN)/python -m pytest --quiet -m chaos
endif

check: .venv/.holdfast .venv/.dev ## everything static: style, types, import rules, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/test_house_rules.py

bench: .venv/.holdfast .venv/.dev ## measure beside a peer, in one run
	$(BIN)/python -m benchmarks $(ARGS)

mutations: .venv/.holdfast .venv/.dev ## plant wrong behaviours in the pricing engine; are all caught?
	@$(BIN)/python -m tests.mutation $(ARGS)

clean: ## remove the environment and caches; .holdfast/ with its data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A failed or interrupted install leaves no stamp, so the next make tries again.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Holdfast needs Python 3.11 or newer." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements/runtime.txt | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/runtime.txt
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# Isolated, because the build needs tools that neither list holds.
.venv/.holdfast: pyproject.toml .venv/.runtime | $(BIN)/python
	$(PIP) install --no-deps -e .
	@$(BIN)/python -c "$(LOADS)"
	@touch $@
