# `make help` lists what there is. Everything is set up on the way: a fresh clone needs git, make and Python ≥ 3.11.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(firstword $(foreach v,python3.13 python3.12 python3.11 python3,$(if $(shell $(v) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(v))))
# Where rustup and go.dev's archive put their commands: the harness looks there too.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin
BIN := .venv/bin
HARNESS := $(BIN)/harness
KIT := .build/kit
SCRIPTS := .build/scripts

# What a user may set: TARGETS=go,rust-axum  SCENARIOS="routing-4kb memory"  DRIVER=process  ARGS="--rounds 5"
TARGETS ?=
SCENARIOS ?=
DRIVER ?= auto
ARGS ?=
BASE ?=
CHOICE = $(SCENARIOS) $(if $(TARGETS),--target $(TARGETS)) --driver $(DRIVER) $(ARGS)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# --- set up ----------------------------------------------------------------------------------------------

.PHONY: setup
setup: .venv/.ready ## .venv/bin/harness, from the hashed lock

.venv/.python:
	@case "$$(uname -sm)" in "Linux x86_64" | "Linux aarch64") ;; \
	*) echo "This harness measures on Linux (x86-64 or arm64); this is $$(uname -sm). Use such a host or virtual machine." >&2; exit 2;; esac
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv, or set PYTHON=/path/to/python3" >&2; exit 2; }
	@echo "Setting up .venv with $(PYTHON) …"
	@"$(PYTHON)" -m venv .venv || { echo "python3 -m venv failed: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

.venv/.ready: .venv/.python requirements.lock pyproject.toml
	@echo "Installing the harness and what it needs, from requirements.lock …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.lock
	@echo "Installing what the tests need, from requirements-dev.lock …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The worker is compiled while Python packages come in: a minute less to wait, the first time. How it went, the harness tells.
.PHONY: ready-to-bench
ready-to-bench: .venv/.python
	@$(MAKE) --no-print-directory --jobs 2 setup early-worker

.PHONY: early-worker
early-worker:
	@if [ ! -e .build/worker/release/keep-awake ] && command -v cargo >/dev/null; then \
	env -u MAKEFLAGS -u MFLAGS $(MAKE) --no-print-directory worker >/dev/null 2>&1 || true; fi

# --- measure ---------------------------------------------------------------------------------------------

.PHONY: bench
bench: ready-to-bench ## build, measure and compare every target that this machine can build
	@$(HARNESS) bench $(CHOICE)

.PHONY: quick
quick: ready-to-bench ## a first look within five minutes; not for decisions
	@$(HARNESS) bench $(CHOICE) --quick

.PHONY: bench-full
bench-full: ready-to-bench ## the whole protocol: five rounds, all windows
	@$(HARNESS) bench $(CHOICE) --full

.PHONY: nightly
nightly: setup ## the guard: this checkout against the accepted revision (BASE=REV for another)
	@$(HARNESS) gate $(if $(BASE),--base $(BASE)) $(if $(TARGETS),--target $(TARGETS)) --driver $(DRIVER) $(ARGS)

.PHONY: selftest
selftest: setup ## the guard put to the test here: slowdowns of known size found, twins left alone? (half an hour; ARGS=--quick: four minutes)
	@$(HARNESS) selftest $(ARGS)

.PHONY: alike
alike: setup ## nights without a difference, added to docs/gate-alike.jsonl and docs/gate.md; stop it at any moment
	@$(HARNESS) selftest alike --ledger docs/gate-alike.jsonl --page docs/gate.md $(if $(TARGETS),--target $(TARGETS)) --driver process $(ARGS)

.PHONY: trend
trend: setup ## since which night is a figure another one? results/trend.html and a table
	@$(HARNESS) report --index results >&2
	@$(HARNESS) trend $(if $(TARGETS),--target $(TARGETS)) $(ARGS)

.PHONY: bench-accuracy
bench-accuracy: setup worker ## the load generator against known delays, in full; needs two cores
	@$(HARNESS) calibrate
	@$(BIN)/python worker/bench/accuracy.py --server-cpu 1 --generator-cpu 0 $(ARGS)

.PHONY: bench-worker
bench-worker: setup worker ## the native worker against wrk (apt-get install wrk) and stock Locust workers
	@$(BIN)/python worker/bench/throughput.py --rounds 5 --seconds 5 --server-cpu 0 --generator-cpu 1 --fast-http-user $(ARGS)

.PHONY: bench-gates
bench-gates: .venv/.ready-dev worker ## are spoilt windows flagged, and clean ones not? about ten minutes
	@$(BIN)/python tests/e2e/bench_gates.py $(ARGS)

.PHONY: bench-resume
bench-resume: .venv/.ready-dev ## a bench (ARGS=--gate: a night) killed at 20 random moments and gone on with: what each kill costs
	@$(BIN)/python tests/e2e/bench_resume.py $(ARGS)

.PHONY: bench-report
bench-report: .venv/.ready-dev ## time and memory of a report on 200 trials
	@$(BIN)/python tests/report/bench_report.py

.PHONY: sample-report
sample-report: setup ## docs/sample-report and the README's table from a run: RUN=results/…
	@$(BIN)/python -m harness.report.sample "$(RUN)"

.PHONY: bench-targets
bench-targets: setup ## requests per CPU-second of each target against what OpenSSL verifies
	@$(BIN)/python -m harness.bench_targets $(if $(TARGETS),--target $(TARGETS)) $(ARGS)

.PHONY: verify
verify: setup ## conformance of every target, no load
	@$(HARNESS) verify $(if $(TARGETS),--target $(TARGETS)) --driver $(DRIVER) $(ARGS)

.PHONY: doctor
doctor: setup ## what this machine can do, what is missing and how to get it
	@$(HARNESS) doctor

# --- check -----------------------------------------------------------------------------------------------

# Compiling goes side by side, then tests do, which mostly wait for what they started; what judges a measurement (marked
# `alone`) runs by itself in the end.
SIDE_BY_SIDE := --numprocesses 4 --dist worksteal

.PHONY: test
test: .venv/.ready-dev ## lint, unit tests, each target's own tests, the real thing end to end
	@echo "Style and types, the worker's and the targets' own tests, side by side; each tells when it has ended …"
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-worker lint test-targets
	@$(MAKE) --no-print-directory worker-windows test-unit test-e2e

.PHONY: lint
lint: .venv/.ready-dev scripts ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/report/test_scripts.py

.PHONY: scripts
scripts: ## the pinned compiler that checks the types of the report's scripts (needs npm)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(SCRIPTS)/.ready; \
	else echo "no npm: the types of the report's scripts are not checked (apt-get install npm)" >&2; fi

$(SCRIPTS)/.ready: tests/report/scripts/package-lock.json
	@mkdir -p $(SCRIPTS)
	@cp tests/report/scripts/package.json tests/report/scripts/package-lock.json $(SCRIPTS)
	@npm --prefix $(SCRIPTS) ci --no-audit --no-fund --silent
	@touch $@

.PHONY: test-unit
test-unit: .venv/.ready-dev scripts ## tests of the harness
	@$(BIN)/pytest -q -m "not e2e" $(SIDE_BY_SIDE)

.PHONY: worker
worker: ## the native worker and its null server, in .build/worker/release
	@command -v cargo >/dev/null || { echo "cargo is needed to build the native worker; see rust-lang.org/tools/install" >&2; exit 2; }
	@CARGO_TARGET_DIR="$(CURDIR)/.build/worker" cargo build --quiet --release --locked --manifest-path worker/Cargo.toml

.PHONY: check-worker
check-worker:
	@if ! command -v cargo >/dev/null; then echo "no cargo: the native worker is not tested; see rust-lang.org/tools/install"; exit 0; fi; \
	export CARGO_TARGET_DIR="$(CURDIR)/.build/worker"; cd worker; \
	cargo fmt --check && cargo clippy --quiet --locked --all-targets -- -D warnings && \
	cargo build --quiet --release --locked && cargo test --quiet --locked

.PHONY: test-worker
test-worker: check-worker worker-windows ## the native worker: its own tests, and windows under real masters

.PHONY: worker-windows
worker-windows: .venv/.ready-dev
	@if command -v cargo >/dev/null; then cd worker; ../$(BIN)/pytest -q tests $(SIDE_BY_SIDE); fi

.PHONY: test-targets
test-targets: .venv/.ready-dev kit ## each target's own tests over the shared cases
	@$(BIN)/python -m harness.target_tests --kit $(KIT)

.PHONY: test-e2e
test-e2e: .venv/.ready-dev ## conformance of all targets and a real smoke bench, as processes
	@$(BIN)/pytest -q -m "e2e and not alone" $(SIDE_BY_SIDE) tests/e2e
	@$(BIN)/pytest -q -m "e2e and alone" tests/e2e

.PHONY: interruptions
interruptions: .venv/.ready-dev ## end a bench 40 times at random moments, and look at what is left
	@PYTHONPATH=tests $(BIN)/python tests/e2e/interruptions.py --driver $(if $(filter auto,$(DRIVER)),process,$(DRIVER)) $(ARGS)

.PHONY: kit
kit: setup ## keys, tokens and cases for the targets' own tests, in .build/kit
	@$(BIN)/python -m harness.kit --out $(KIT)

.PHONY: lock
lock: ## renew the hashed locks (needs uv)
	uv pip compile pyproject.toml --extra setup --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra setup --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock

.PHONY: clean
clean: ## end and remove what crashed runs left, then delete build outputs (results stay)
	@if [ -x $(HARNESS) ]; then $(HARNESS) clean; fi
	@ci/engine.sh stop ci; ci/engine.sh stop remote
	rm -rf .build
