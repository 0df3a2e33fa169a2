# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON := $(shell command -v python3.11 || command -v python3)
UV := $(shell command -v uv || echo .venv/bootstrap/bin/uv)
RUN := $(UV) run --no-sync

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(UV):
	$(PYTHON) -m venv .venv/bootstrap
	.venv/bootstrap/bin/pip install -q uv

.PHONY: install assets demo serve test check lint types contracts format bench schema screenshots browser help

install: $(UV) ## install what the lock file pins
	$(UV) sync --locked -q

assets: install ## fetch the browser files the pages stand on
	$(RUN) python web/build.py

demo: assets ## install everything and run the hub with a city in it
	$(RUN) zhongshu demo

serve: assets ## install everything and run the hub
	$(RUN) zhongshu serve

test: assets browser check ## install and pass everything
	$(RUN) pytest -q

check: lint types contracts ## what needs no database: lint, types, contracts

lint:
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types:
	$(RUN) basedpyright

contracts:
	$(RUN) lint-imports --no-cache

format: ## put the code in shape
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

browser: # Chromium for the browser tests, from Debian's packages
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null; \
	else echo "no Chromium here: the browser tests will be skipped"; fi

bench: assets ## measure, each figure beside its raw limit, into benchmarks/README.md
	$(RUN) python -m benchmarks

schema: install ## write src/zhongshu/store/schema.sql anew from the migrations
	$(RUN) python -m tests.schema

screenshots: assets browser ## take the README's pictures
	$(RUN) python -m tests.screenshots
