# `make help` says what there is. Needs git, make and Python 3.11 or newer; all else comes with the set-up.

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs dist deb clean

BIN := .venv/bin
FRONTEND := $(shell find frontend -name node_modules -prune -o -type f -print)
SOURCES := src tests $(wildcard bench) hatch_build.py

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

run: .venv/.ready ## Set up, load the sample logs, open the console on http://127.0.0.1:8642
	@exec $(BIN)/wafscope demo

test: .venv/.ready-dev ## Set up and run every check and test
	@scripts/system-packages.sh
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: .venv/.ready-dev ## Check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	$(BIN)/python hatch_build.py check

format: .venv/.ready-dev ## Format the Python code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: .venv/.ready ## Write the pages of docs/reference that are made from code
	@for page in scripts/make_*_page.py; do $(BIN)/python "$$page" || exit; done

dist: .venv/.ready ## Make the source archive, and from it alone the wheel, in dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build -t sdist
	@$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir dist dist/wafscope-*.tar.gz
	@ls dist

deb: dist ## Make the Debian package, with the unit and all libraries, in dist/
	@scripts/make-deb.sh

clean: ## Remove the environment and everything made by the build
	rm -rf .venv build dist frontend/node_modules src/wafscope/web/static
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# Each stamp is as new as the last complete set-up.
.venv/.ready: pyproject.toml hatch_build.py requirements/runtime.txt requirements/build.txt $(FRONTEND)
	@scripts/setup.sh runtime
	@touch $@

.venv/.ready-dev: .venv/.ready requirements/dev.txt requirements/fuzz.txt
	@scripts/setup.sh dev
	@touch $@
