# CloudOptim: `make run` opens the workbench, `make test` runs all tests. Needs Python 3.11+ only.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN_READY  := $(VENV)/.installed-run
DEV_READY  := $(VENV)/.installed-dev
# pip prints one warning a package for index folders that a machine does not have; errors still show.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: env run test check audit bench clean

env: $(DEV_READY)  ## make the environment in .venv/

$(BIN)/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed"'
	$(PYTHON) -m venv $(VENV)

$(RUN_READY): requirements.txt | $(BIN)/python
	$(PIP) install -r requirements.txt
	touch $@

$(DEV_READY): requirements-dev.txt $(RUN_READY)
	$(PIP) install -r requirements-dev.txt
	touch $@

run: $(RUN_READY)  ## sandbox, scheduler and the workbench on http://127.0.0.1:8501
	$(BIN)/python run.py $(RUN_ARGS)

test: $(DEV_READY)  ## all tests, on SQLite and PostgreSQL, with a real browser
	$(BIN)/python -m tests.prepare
	$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

check: $(DEV_READY)  ## format, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(DEV_READY)  ## known vulnerabilities of the pinned versions; fails if nothing was audited
	$(BIN)/python -m tests.audit

bench: $(DEV_READY)  ## the performance table
	$(BIN)/python -m bench

clean:  ## remove the environment and what tools left behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
