# Two commands are enough on a fresh machine: `make demo` and `make test`. Both bring along what they need:
# a private uv, the locked packages, and a Postgres out of a wheel. Only Python >= 3.11 and make are assumed.

.DEFAULT_GOAL := help
.PHONY: help demo up test test-slow check fmt lock snapshot points bench bench-peers soak crashes clean

#: The first interpreter that is new enough; PYTHON=/path/to/python overrides.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v $$p; exit; }; done)
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .uv/bin/uv)
BIN := .venv/bin
#: Test processes side by side. Tests of one file stay together.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n $(JOBS) --dist loadfile
COMPILE := $(UV) pip compile -q --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header

# Without compiled modules every command that a test starts takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.stamp  ## run the whole product once on this machine, show what it found, stop
	@$(BIN)/headwater demo

up: .venv/.stamp  ## run API, worker and sandbox until Ctrl-C, on port 5050
	@$(BIN)/headwater up --sandbox

test: .venv/.stamp  ## all quick tests (ARGS="tests/db -k outbox" narrows them)
	$(PYTEST) -m "not slow and not bench" $(PARALLEL) $(ARGS)

# pytest answers 5 when nothing was selected, which is no failure here. Storms and clocks come after the rest, one at a time.
test-slow: .venv/.stamp  ## the tests that take minutes
	$(PYTEST) -m "slow and not alone" $(PARALLEL) --no-loadscope-reorder --timeout 400 --durations=30 $(ARGS) || [ $$? -eq 5 ]
	$(PYTEST) -m "slow and alone" --timeout 400 --durations=30 $(ARGS) || [ $$? -eq 5 ]

check: .venv/.stamp  ## lint, format, types, layers, committed snapshots
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) tests/test_snapshots.py

fmt: .venv/.stamp  ## format and mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: | $(filter .uv/bin/uv,$(UV))  ## resolve requirements*.in anew into the locks
	$(COMPILE) --upgrade requirements-dev.in -o requirements.lock
	$(COMPILE) --upgrade requirements.in -c requirements.lock -o requirements-run.lock
	$(COMPILE) --upgrade requirements-bench.in -c requirements.lock -o requirements-bench.lock
	$(COMPILE) --upgrade requirements-peers.in -c requirements.lock -o requirements-peers.lock

snapshot: .venv/.stamp  ## write db/schema.sql and docs/openapi.json anew
	$(BIN)/headwater db dump > db/schema.sql.new && mv db/schema.sql.new db/schema.sql
	$(BIN)/headwater openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

points: .venv/.stamp  ## write tests/crash/points.txt anew: every fault point of a run
	WRITE_POINTS=1 $(PYTEST) tests/crash/test_points.py -k listed_fault_point

bench: .venv/.stamp requirements-bench.lock  ## measure throughput and latency beside stock Procrastinate
	@$(UV) pip install -q --python .venv --require-hashes -r requirements-bench.lock
	$(BIN)/headwater bench
	for each in matching scoring learning crawl; do $(BIN)/headwater bench --only $$each || exit; done
	$(PYTEST) -m bench $(ARGS)

# One that cannot be installed here is reported as absent: the others are measured all the same.
bench-peers: .venv/.stamp requirements-peers.lock  ## measure other queues on Postgres beside ours (ARGS="--scale 0.3")
	@$(UV) pip install -q --python .venv --require-hashes -r requirements-peers.lock || \
		echo "not all peers could be installed: those that are missing are left out" >&2
	$(BIN)/headwater bench --only peers $(ARGS)

soak: .venv/.stamp  ## try to break every promise by storm, about 40 minutes (ARGS="--minutes 3" is a short one)
	$(BIN)/headwater soak $(ARGS)

crashes: .venv/.stamp  ## every fault point in every way to fail, about 20 minutes (CELLS=regex chooses)
	CELLS="$(CELLS)" $(PYTEST) tests/crash/test_points.py -k no_crash -s

clean:  ## remove the environment, caches and the embedded server's data
	if [ -L .data/pg ]; then rm -rf "$$(readlink .data/pg)"; fi
	rm -rf .venv .uv .data .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.uv/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found. Install it (Debian, Ubuntu: apt install python3 python3-venv;" \
		"macOS: brew install python), or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments." \
		"Install its venv module (Debian, Ubuntu: apt install python3-venv), then run make again." >&2; exit 1; }
	@rm -rf .uv
	@"$(PYTHON)" -m venv .uv
	@.uv/bin/pip install -q --disable-pip-version-check 'uv>=0.9,<1' || { rm -rf .uv; \
		echo "uv could not be installed: see pip's message above. Is a package registry within reach?" >&2; exit 1; }

# A uv that was already there may fetch a Python itself, so a missing one is no error then.
.venv/.stamp: requirements.lock pyproject.toml | $(filter .uv/bin/uv,$(UV))
	@echo "preparing .venv (first run, or the lock changed)"
	@$(UV) venv -q --allow-existing --python "$(or $(PYTHON),3.13)" .venv
	@$(UV) pip sync -q --python .venv --require-hashes requirements.lock
	@$(UV) pip install -q --python .venv --no-deps -e .
	@touch $@
