# Everything needs only Python 3.11 or later; the first target that you call makes .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run run-production-demo test crash-test bench lint clean

run: .venv/installed  ## archive the demo's night into ./data
	@$(BIN)/noojee-ingest nightly; code=$$?; \
	if [ $$code -eq 3 ]; then \
		echo; \
		echo "Exit code 3 means: finished with gaps, and they are listed. For the demo that is right: its phone system"; \
		echo "has recordings that are missing, late or not audio, so that you see what becomes of them."; \
	else exit $$code; fi

run-production-demo: .venv/ready  ## archive both sites of config/production.example.toml into a real S3 server and PostgreSQL
	@$(BIN)/python -m tests.integration.production_demo

crash-test: .venv/ready  ## killed hundreds of times, and nothing is lost: 10 to 15 minutes; docs/guarantees.md explains it
	$(BIN)/python -m tests.crash

test: .venv/ready  ## all tests
	$(BIN)/python -m pytest -q

bench: .venv/ready  ## how fast the pipeline is beside a bare loop, 11 minutes; docs/performance.md explains it
	$(BIN)/python -m bench
	$(BIN)/python -m bench.rebuild

lint: .venv/ready  ## style, types, and the arrows between the rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## what make made; ./data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation -e .
	@touch $@

.venv/ready: .venv/installed  ## and what tests, bench and production demo need: servers of their own among it
	$(PIP) --no-build-isolation -e '.[dev]'
	@touch $@
