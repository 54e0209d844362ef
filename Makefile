# Each target does all of its own set-up: Debian packages (root or sudo), .venv, builds. A repeat is quick.
.DEFAULT_GOAL := build
.PHONY: build demo test test-fast lint bench wheel clean help

build:  ## .venv with forebay installed, as `pip install .` would
	@scripts/install-system-packages build
	@scripts/make-venv build
	@scripts/install-forebay

demo: build  ## half a minute that shows a live collector and its ledger
	@scripts/build-example
	@.venv/bin/python -m forebay demo

test:  ## everything: lint, layering, gcc, clang, sanitizers, Python, the real OpenTelemetry Collector
	@scripts/test

test-fast:  ## gcc and Python tests only: no sanitizers, no Collector, no lint
	@scripts/test --fast

lint:  ## clang-format, clang-tidy, ruff, mypy --strict
	@scripts/install-system-packages build test lint
	@scripts/make-venv build test lint
	@scripts/lint

bench: build  ## benchmarks against the peers (benchmarks/README.md); ARGS="--only NAME" is passed on
	@scripts/install-system-packages build bench
	@.venv/bin/python benchmarks/run.py --json build/benchmarks.json $(ARGS)

wheel:  ## dist/: the wheel with all that it needs inside, and the sdist; tried here and on a bare Debian 12
	@scripts/build-wheel
	@scripts/test-wheel

clean:  ## removes build/ and .venv; .cache (the built Collector, the wheel's libraries) stays
	rm -rf build .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

help:
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' Makefile
