# Two commands set up everything: `make demo` and `make test`. PIP_ARGS reaches every pip call.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt
ARGS ?=
TEST_ARGS ?=

.PHONY: help demo test lint types browser docs clean

help: ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[models,train]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[models,train,dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## run the whole pipeline on the sample data and serve the pages (ARGS=--no-serve stops before)
	$(BIN)/mralign demo $(ARGS)

test: $(VENV)/.test browser lint types ## set up what the tests need and run them all
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(TEST_ARGS)

lint: $(VENV)/.test ## ruff, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.test ## mypy --strict
	$(BIN)/mypy

browser: $(VENV)/.test ## a browser for the tests: Debian's where it is or may be installed, else Playwright's
	@BIN=$(BIN) sh scripts/browser.sh

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist

docs: $(VENV)/.test ## write docs/cli.md and docs/tables.md again from the program
	$(BIN)/python scripts/reference.py
