PYTHON ?= python3
BIN = .venv/bin
STAMP = .venv/.installed
.DEFAULT_GOAL := help
.PHONY: help install assets demo test check bench clean

help:
	@echo "make demo | test | check | bench | install"

$(STAMP): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c .ci/constraints.txt -e '.[dev]'
	touch $@

assets: $(STAMP) static/vendor/.built

static/vendor/.built: package.json package-lock.json
	$(BIN)/python -m portal.assets
	touch $@

install: assets

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
	$(BIN)/pytest

bench: install
	$(BIN)/python -m tests.bench
