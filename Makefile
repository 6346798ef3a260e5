# SPDX-License-Identifier: BSD-3-Clause
# Two commands do all the set-up by themselves: `make demo` and `make test`.

STATE ?= var
PYTHON := .venv/bin/python

.PHONY: help demo test setup lint format bench lock docs clean

help:
	@echo 'make demo      recipes become programs that run from a mounted repository'
	@echo 'make test      everything that CI runs: style, types, tests on real programs'
	@echo 'make setup     only the set-up: Debian packages, Apptainer, Python environment'
	@echo 'make lint      style and types      make format     mend the style'
	@echo 'make docs      write the generated manuals again'
	@echo 'make bench NAME=publish             one benchmark'
	@echo 'make lock      resolve the Python dependencies again'
	@echo 'make clean     remove run state, the Python environment and caches'

demo: setup
	.venv/bin/pansoft --state '$(STATE)' demo

test: setup-tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	TESTS_REQUIRE=all $(PYTHON) -m pytest $(ARGS)

setup:
	@sh setup/setup.sh

.PHONY: setup-tests
setup-tests:
	@sh setup/setup.sh --tests

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: setup
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

docs: setup
	.venv/bin/pansoft docs

bench: setup
	$(PYTHON) -m bench.$(NAME) $(ARGS)

lock: setup
	sh setup/lock.sh

clean:
	sh setup/clean.sh '$(STATE)'
