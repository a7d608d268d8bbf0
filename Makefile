# Everything from a fresh checkout: Python >= 3.11 with venv and pip, git, make. `make demo` and `make test` install
# requirements.lock into .venv; PYTHON chooses the interpreter, WORKERS the number of test processes.
PYTHON ?= python3
WORKERS ?= auto
SECONDS ?= 60
UV ?= uv==0.13.9
VENV := .venv
LOCK := requirements.lock

ifeq ($(OS),Windows_NT)
SCRIPTS := Scripts
else
SCRIPTS := bin
endif

BIN := $(VENV)/$(SCRIPTS)
RUN := $(BIN)/python -m
PIP := pip --disable-pip-version-check
PYTEST := pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-latest lock coverage bench bench-weather backtest campaign-faults campaign-kills campaign-month campaign-fuzz lint types secrets docs schemas audit format clean

help: ## show what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -e 's/:.*## /	/'

demo: $(INSTALLED) ## two nights against the simulator, with reports
	$(BIN)/osfsync demo

test: lint types ## lint, types and all tests
	$(RUN) $(PYTEST)

test-latest: .venv-latest/$(SCRIPTS)/python ## all tests, with the newest packages that pyproject.toml allows
	$< -m $(PIP) install --quiet --upgrade --upgrade-strategy eager -e '.[dev]'
	$< -m $(PYTEST)

lock: .venv-lock/$(SCRIPTS)/python ## renew requirements.lock: the newest packages, for every platform and Python
	$< -m $(PIP) install --quiet '$(UV)'
	$< -m uv pip compile --quiet --universal --python-version 3.11 --extra dev --upgrade --generate-hashes \
		--custom-compile-command 'make lock' --output-file $(LOCK) pyproject.toml

coverage: $(INSTALLED) ## what the tests do not reach, branches included
	$(RUN) $(PYTEST) --cov --cov-report=term-missing

bench: $(INSTALLED) ## downloads beside the API page's sample, threads, curl and bare aiohttp; half an hour
	$(RUN) benchmarks.speed --write benchmarks/results.txt

bench-weather: $(INSTALLED) ## downloads from a platform that fails, limits or is far away; a quarter of an hour
	$(RUN) benchmarks.weather --write benchmarks/results-weather.txt

backtest: $(INSTALLED) ## how often estimates hold on simulated fleets
	$(BIN)/python benchmarks/backtest.py

campaign-faults: $(INSTALLED) ## every trouble that a platform can make, each met by a whole sync
	$(RUN) tests.campaign.faults

campaign-kills: $(INSTALLED) ## a mirror whose runs are killed a hundred times at random
	$(RUN) tests.campaign.kills

campaign-month: $(INSTALLED) ## a month of a fleet whose runs are killed at random, beside one that is left in peace
	TESTS_MONTH_SHARE=1 $(RUN) pytest --timeout 900 tests/whole/test_whole_month.py

campaign-fuzz: $(INSTALLED) ## every parser of a stranger's bytes, with bytes that coverage leads (needs the extra fuzz)
	$(RUN) tests.campaign.fuzz --seconds $(SECONDS)

lint: $(INSTALLED) ## style and formatting
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: $(INSTALLED) ## mypy, strict
	$(RUN) mypy

files = $(shell find $(1) -type f -not -name '*.pyc')

# The tests are full of made-up passwords; keys and tokens of every known form are looked for in them as well.
secrets: $(INSTALLED) ## no secret lies in the repository
	$(BIN)/detect-secrets-hook --no-verify $(call files,.ci .pre-commit-config.yaml osfsync migrations benchmarks *.md *.toml *.example Makefile)
	$(BIN)/detect-secrets-hook --no-verify --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector $(call files,tests)

docs: $(INSTALLED) ## the documentation's site, in docs/_build
	$(RUN) sphinx -W -q -b html docs docs/_build

schemas: $(INSTALLED) ## write docs/schemas, the man page and the shells' completions anew
	$(RUN) sphinx -W -q -b man docs docs/_build/man && cp docs/_build/man/osfsync.1 docs/man/
	for shell in bash zsh fish; do _OSFSYNC_COMPLETE=$${shell}_source $(BIN)/osfsync >docs/completions/osfsync.$$shell; done
	for name in config-show devices doctor files find gaps info missing orders provenance status sync verify why; do $(BIN)/osfsync schema $$name >docs/schemas/$$name.json; done

audit: .venv-audit/$(SCRIPTS)/python ## known weaknesses of the locked packages; asks the network
	$< -m $(PIP) install --quiet --upgrade 'pip-audit>=2.7'
	$< -m pip_audit --requirement $(LOCK) --require-hashes --disable-pip

format: $(INSTALLED) ## repair style and formatting
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

clean: ## remove what was made, but the mirror and its database
	rm -rf $(VENV) .venv-latest .venv-lock .venv-audit build dist docs/_build docs/reference .coverage* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

%/$(SCRIPTS)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "osfsync needs Python 3.11 or newer; choose one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $*

# The project itself is installed in place, by the build backend of the lock: its sources need no stamp.
$(INSTALLED): pyproject.toml $(LOCK) | $(BIN)/python
	$(RUN) $(PIP) install --quiet --require-hashes -r $(LOCK)
	$(RUN) $(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@
