# The everyday commands. Everything is installed into .venv, once: a stamp remembers it until
# pyproject.toml or constraints.txt changes. Where packages come from is pip's own setting.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)
ARGS ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow lint types clean

help:
	@echo "make quickstart   install, fine-tune a small model on smart-home commands, show the verdict"
	@echo "                  (make quickstart ARGS='--language it' for the Italian ones)"
	@echo "make test         install, run the tests (the default tier)"
	@echo "make test-slow    the slow tier: real base models, many seeds"
	@echo "make lint         ruff"
	@echo "make types        mypy, strict on records, recipe, runs and pipeline"
	@echo "make clean        remove .venv and the caches"

quickstart: .venv/.installed
	$(BIN)/sintonia quickstart $(ARGS)

# Two processes of one thread each: the models of the tests are too small for more threads to pay. Each takes the next
# file in our own order, the longest first (tests/conftest.py), so that both end together.
test: .venv/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: .venv/.installed-dev
	$(BIN)/python -m pytest -m slow --timeout 7200 $(ARGS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .

types: .venv/.installed-dev
	$(BIN)/mypy

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { \
		echo "error: no Python 3.11 or newer was found" >&2; \
		echo "hint: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "hint: on Debian and Ubuntu the module is in the package python3-venv" >&2; exit 2; }

.venv/.installed: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	@echo "installing (the first time takes a few minutes)"
	@$(INSTALL) -e .
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	@echo "installing with the tools of development (the first time takes a few minutes)"
	@$(INSTALL) -e '.[dev]'
	@touch $@ .venv/.installed
