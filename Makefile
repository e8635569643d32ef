# Everything a developer does here. `make` alone lists it.
PYTHON ?= python3
WORKERS ?= 2
SEEDS ?= 500
FIRST_SEED ?= 1
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := domain application adapters entrypoints
UV := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv run test night check check-lock simulate simulate-check bench venues mutate format lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 chooses the interpreter, ARGS='…' is passed on by run, test, simulate, bench and mutate."

venv: $(READY) ## create .venv from requirements.lock, unless it is up to date

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed. Evenkeel needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
		"Evenkeel needs Python 3.11 or newer, but $(PYTHON) is %d.%d. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" \
		% sys.version_info[:2])'
ifdef UV
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(VENV)
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@

run: venv ## start everything in one process, with a demo account whose bot trades paper money
	$(BIN)/evenkeel serve --demo $(ARGS)

test: venv ## run every test, PostgreSQL included
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

night: venv ## the tests that take minutes and that `make test` leaves out
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m night $(ARGS)

check: venv check-lock ## formatting, lint, types, architecture, lock, then every test: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(PACKAGES) tests
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory simulate-check
	$(MAKE) --no-print-directory test

check-lock: venv
	$(BIN)/python -m tests.architecture.lock

simulate: venv ## run the whole application in simulated worlds where anything fails: SEEDS=10000 for a night
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first-seed $(FIRST_SEED) --workers $(WORKERS) $(ARGS)

simulate-check: venv
	$(BIN)/python -m tests.simulation --seeds 100000 --seconds 90 --at-least 500

bench: venv ## run the benchmarks; ratios against a baseline of the same run
	$(BIN)/python -m tests.benchmarks $(ARGS)

venues: venv ## sit the exchange port's exam and write what came of it into docs/venues.md
	$(BIN)/python -m tests.cards.matrix

mutate: $(READY)-mutation ## change the code of the money a thousand ways: a test must notice (an hour)
	$(BIN)/python -m tests.mutation --workers $(WORKERS) $(ARGS)

$(READY)-mutation: $(READY) requirements-mutation.lock
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-mutation.lock
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r requirements-mutation.lock
endif
	@touch $@

format: venv ## rewrite the code to the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: venv ## resolve pyproject.toml again into requirements.lock (UPGRADE=1 for newest versions)
	$(if $(UV),$(UV),$(BIN)/uv) pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --quiet \
		$(if $(UPGRADE),--upgrade) --output-file requirements.lock
	$(if $(UV),$(UV),$(BIN)/uv) pip compile --group mutation --constraints requirements.lock --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet \
		$(if $(UPGRADE),--upgrade) --output-file requirements-mutation.lock

clean: ## remove .venv, caches and build results; data stays
	rm -rf $(VENV) mutants build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
