# Python 3.11 or newer: the first of these that is one, or what PYTHON names.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$name >/dev/null 2>&1 \
	&& $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$name && break; done)
BIN = .venv/bin
STAMP = .venv/.installed
.DEFAULT_GOAL := help
.PHONY: help install demo test check bench clean

help:
	@echo "make demo     run everything on this machine and show who can sign in"
	@echo "make test     run all tests"
	@echo "make check    run all static checks"
	@echo "make bench    measure"
	@echo "make install  create the environment and build the front-end assets"
	@echo "make clean    remove the environment and the assets; the demo's data stays"

$(STAMP): pyproject.toml .ci/constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Installing the Python packages into .venv (once; about a minute) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-input -c .ci/constraints.txt -e '.[dev]'
	@touch $@

install: $(STAMP)
	@$(BIN)/python -m portal.assets

demo: install
	@$(BIN)/portal demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --check templates
	$(BIN)/djlint --lint templates

test: install
	$(BIN)/python -m tests.chromium
	$(BIN)/pytest --numprocesses logical --maxprocesses 4 --no-loadscope-reorder

bench: install
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv node_modules static/vendor
