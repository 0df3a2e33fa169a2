# `make` alone lists what there is. Python 3.11, make and git are all a machine needs.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
PYTHON := $(shell command -v python3.11 || command -v python3)
# The uv that is there, or one of our own beside the environment it makes.
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --no-sync

.PHONY: help demo serve test check lint types contracts format bench schema screenshots looks \
	install assets browser

help: ## list the commands
	@grep -hE '^[a-z]+:.* ## ' $(MAKEFILE_LIST) | sed -E 's/:.* ## /\t/' | expand -t 14

demo: assets ## install everything and run the hub with a demo city in it
	$(RUN) zhongshu demo

serve: assets ## install everything and run the hub for a city of your own
	$(RUN) zhongshu serve

# pytest comes last, so that its summary is the last line.
test: assets browser check ## install everything and pass everything
	$(RUN) pytest -q

check: lint types contracts ## what needs no database: lint, types, contracts

lint: install ## Ruff: rules and format
	$(RUN) ruff check --no-cache -q .
	$(RUN) ruff format --no-cache -q --check .

types: install ## basedpyright, strict
	$(RUN) basedpyright

contracts: install ## import-linter: who may import whom
	$(RUN) lint-imports --no-cache

format: install ## put the code in shape
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: assets ## measure, each figure beside its raw limit, into benchmarks/README.md
	$(RUN) python -m benchmarks

schema: install ## write src/zhongshu/store/schema.sql anew from the migrations
	$(RUN) python -m tests.schema

screenshots: assets browser ## take the pictures of the README
	$(RUN) python -m tests.screenshots

looks: assets browser ## store anew how the pages look; look at them before you commit
	LOOKS=store $(RUN) pytest -q -n 0 tests/browser/test_looks.py

install: $(UV) ## install what the lock file pins
	$(UV) sync --locked -q

assets: install ## fetch the browser files the pages stand on
	$(RUN) python web/build.py

browser: ## Chromium for the browser tests, from Debian's packages
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			chromium fonts-noto-cjk >/dev/null; \
	else echo "no Chromium here, and not root: the browser tests will be skipped"; fi

.uv/bin/uv:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed: install it, then try again"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install -q --disable-pip-version-check uv
