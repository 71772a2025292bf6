# The commands of README.md. What they do is in ci/.

SHELL := /bin/bash

# One thread per process: tests and stages are spread over processes.
export OMP_NUM_THREADS ?= 1
# Downloaded models, and what libraries cache while tests run, stay in the clone.
export ESPNET_PROBE_CACHE ?= $(CURDIR)/tools/cache

.PHONY: help setup demo test test-recipes lint clean

help:
	@echo 'make setup   virtual environment, ESPnet recipe tree, weights'
	@echo 'make demo    set-up, a speaker model (mini_voices/spk1), mini_voices/probe1 with its controls'
	@echo 'make test    set-up, then the tests (ARGS="-k name" is passed to pytest)'
	@echo 'make lint    black, isort, flake8, mypy, shellcheck'
	@echo 'make clean   remove caches and the recipes'"'"' data, dump and exp; not .venv, not tools/'

setup:
	@ci/setup.sh

SPEAKERS := ../spk1/exp/spk_train_thin_resnet_raw_copy
demo: setup
	@cd egs/mini_voices/spk1 && ./run.sh --stop_stage 5
	@cd egs/mini_voices/probe1 && \
		./run.sh --embedder "ge2e thin_resnet:$(SPEAKERS)" --controls "random shuffled"

test:
	@ci/setup.sh test
	@XDG_CACHE_HOME=$(CURDIR)/.cache .venv/bin/python -m pytest -n 2 $(ARGS)

# Whole recipes on tiny data, minutes each: make test-recipes RECIPES="fsdd mini_an4-models"
RECIPES ?= mini_voices
test-recipes:
	@ci/setup.sh test
	@PROBE_RECIPES="$(RECIPES)" XDG_CACHE_HOME=$(CURDIR)/.cache \
		.venv/bin/python -m pytest -k test_recipe_runs tests/recipes/test_recipes.py

lint:
	@ci/setup.sh test dev
	@ci/lint.sh

clean:
	rm -rf .cache .pytest_cache .mypy_cache build
	rm -rf egs/*/{probe1,spk1}/{data,dump,exp,downloads,heard}
	find . -name __pycache__ -not -path './.venv/*' -not -path './tools/*' -prune -exec rm -rf {} +
