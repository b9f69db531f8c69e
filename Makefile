# The one interface to a checkout. Each target says what it does; the work itself is Python under sandbox/.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down test check bench lock clean

PYTHON ?= python3
RUN = PYTHONPATH=include:. PYTHONDONTWRITEBYTECODE= .venv/bin/python

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup:  ## Make .venv with exactly the locked packages (again only after the lock changed)
	@$(PYTHON) sandbox/environment.py

demo: setup  ## The story: a firm's events reach the ERP that owns them, one ERP is cut off, and the ERPs are asked
	@$(RUN) -m sandbox.demo

up: setup  ## Start PostgreSQL, both ERPs and Airflow, and print the addresses and logins
	@$(RUN) -m sandbox up

down:  ## Stop what `make up` started, also after a crash
	@if [ -x .venv/bin/python ]; then $(RUN) -m sandbox down; else echo "Nothing is up: there is no .venv in this folder."; fi

test: setup  ## Every test, on real ERPs, with faults
	@$(RUN) -m sandbox test

check: setup  ## Style, types, layers and quick tests: under a minute
	@$(RUN) -m sandbox check

bench: setup  ## Every figure with its baseline in the same run
	@$(RUN) -m benchmarks

lock: setup  ## Lock the package versions again, after a requirements.in changed
	@$(RUN) -m sandbox lock

clean:  ## Stop everything of this folder and remove what was built; .venv stays
	@if [ -x .venv/bin/python ]; then $(RUN) -m sandbox clean; fi
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
