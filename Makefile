# Everything from a fresh checkout: Python >= 3.11 with venv and pip, git, make. `make demo` and `make test` set up
# what they need; PYTHON chooses the interpreter, WORKERS the number of test processes.
PYTHON ?= python3
WORKERS ?= auto
SECONDS ?= 60
VENV := .venv

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

RUN := $(BIN)/python -m
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo test coverage bench backtest campaign-faults campaign-kills campaign-month campaign-fuzz lint types secrets docs schemas audit format clean

help: ## show what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -e 's/:.*## /	/'

demo: $(INSTALLED) ## two nights against the simulator, with reports
	$(BIN)/osfsync demo

test: lint types ## lint, types and all tests
	$(RUN) pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal

coverage: $(INSTALLED_DEV) ## what the tests do not reach, branches included
	$(RUN) pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal --cov --cov-report=term-missing

bench: $(INSTALLED_DEV) ## downloads beside the API page's sample, threads, curl and bare aiohttp; half an hour
	$(RUN) benchmarks.speed --write benchmarks/results.txt

backtest: $(INSTALLED_DEV) ## how often estimates hold on simulated fleets
	$(BIN)/python benchmarks/backtest.py

campaign-faults: $(INSTALLED_DEV) ## every trouble that a platform can make, each met by a whole sync
	$(RUN) tests.campaign.faults

campaign-kills: $(INSTALLED_DEV) ## a mirror whose runs are killed a hundred times at random
	$(RUN) tests.campaign.kills

campaign-month: $(INSTALLED_DEV) ## a month of a fleet whose runs are killed at random, beside one that is left in peace
	TESTS_MONTH_SHARE=1 $(RUN) pytest --timeout 900 tests/whole/test_whole_month.py

campaign-fuzz: $(INSTALLED_DEV) ## every parser of a stranger's bytes, with bytes that coverage leads (needs the extra fuzz)
	$(RUN) tests.campaign.fuzz --seconds $(SECONDS)

lint: $(INSTALLED_DEV) ## style and formatting
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: $(INSTALLED_DEV) ## mypy, strict
	$(RUN) mypy

files = $(shell find $(1) -type f -not -name '*.pyc')

# The tests are full of made-up passwords; keys and tokens of every known form are looked for in them as well.
secrets: $(INSTALLED_DEV) ## no secret lies in the repository
	$(BIN)/detect-secrets-hook --no-verify $(call files,.ci .pre-commit-config.yaml osfsync migrations benchmarks *.md *.toml *.example Makefile)
	$(BIN)/detect-secrets-hook --no-verify --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector $(call files,tests)

docs: $(INSTALLED_DEV) ## the documentation's site, in docs/_build
	$(RUN) sphinx -W -q -b html docs docs/_build

schemas: $(INSTALLED_DEV) ## write docs/schemas, the man page and the shells' completions anew
	$(RUN) sphinx -W -q -b man docs docs/_build/man && cp docs/_build/man/osfsync.1 docs/man/
	for shell in bash zsh fish; do _OSFSYNC_COMPLETE=$${shell}_source $(BIN)/osfsync >docs/completions/osfsync.$$shell; done
	for name in config-show devices doctor files find gaps info missing orders provenance status sync verify why; do $(BIN)/osfsync schema $$name >docs/schemas/$$name.json; done

audit: $(INSTALLED_DEV) ## known weaknesses of the dependencies; asks the network
	$(RUN) pip install --quiet --disable-pip-version-check -e '.[audit]'
	$(BIN)/pip-audit --skip-editable

format: $(INSTALLED_DEV) ## repair style and formatting
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

clean: ## remove what was made, but the mirror and its database
	rm -rf $(VENV) build dist docs/_build docs/reference .coverage* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "osfsync needs Python 3.11 or newer; choose one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# The stamps depend on pyproject.toml only: sources are installed in place. The tools' own stamp serves the demo too.
$(INSTALLED): pyproject.toml | $(BIN)/python
	@test $(INSTALLED_DEV) -nt pyproject.toml || $(RUN) pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(INSTALLED_DEV): pyproject.toml | $(BIN)/python
	$(RUN) pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
