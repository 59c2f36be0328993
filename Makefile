.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv/bin
# CI counts a skipped live suite as a failure.
export CMCTL_NO_SKIP := $(if $(CI),1,$(CMCTL_NO_SKIP))

# Without compiled files, which git ignores, every worker would rewrite every test's asserts in every run.
unexport PYTHONDONTWRITEBYTECODE

# What CI runs beside the fleet's and the cluster's suites; the others take longer than its time and have verbs of their own.
LIVE := local long_polls refusals stacks images generator own_steps toolchain gateway bootstrap drift operations two_balancers capacity
LOAD := capacity report crew watch loadtest load_workers
HOSTS := app ssh lab lab_accidents fleet_lab watch_lab balancer cert acme doctor

.PHONY: help demo test check fast live live-all live-hosts live-load live-fleet live-cluster live-manifests properties bench bench-switch bench-capacity bench-transfer golden clean setup bench-fleet

help:  ## Show the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Make .venv with cmctl in it; every other verb does so first
	@tools/bootstrap.sh

demo:  ## Deploy phase 2 on this machine, put a short load on it, print what a user costs
	@start=$$(date +%s); tools/bootstrap.sh && CMCTL_DEMO_START=$$start $(VENV)/python -m tools.demo

test: setup check fast live live-fleet live-cluster  ## Everything CI runs: lint, types, fast and live suites (root; about 55 min)

check: setup  ## Lint and types
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

fast: setup  ## The fast suite: no root, no network, no Docker
	@$(VENV)/pytest -q -n auto --dist worksteal

live: setup  ## This machine and hosts of a lab: real engine, containers and load; prints its figures
	@$(VENV)/python -m tools.prepare lab
	@$(VENV)/pytest -q -s -m live tests/hosts $(foreach suite,$(LIVE),tests/live/test_$(suite)_live.py)

live-all: live live-hosts live-fleet live-load live-cluster  ## Every live suite; an hour or more

live-hosts: setup  ## More of the lab and its hosts: accidents, transfers, certificates, locks, a real sshd (root)
	@$(VENV)/python -m tools.prepare lab
	@$(VENV)/pytest -q -s -m live $(foreach suite,$(HOSTS),tests/live/test_$(suite)_live.py)

live-fleet: setup  ## Four real hosts over SSH: releases, rollbacks, faults at every step (root; FULL=1 for every step with every fault)
	@$(VENV)/python -m tools.prepare lab
	@$(VENV)/pytest -q -s -m live tests/live/test_fleet_live.py

live-load: setup  ## Load tests on the stand-in app and on services of known limits, from several processes; the report page in a browser
	@$(VENV)/python -m tools.prepare browser
	@$(VENV)/pytest -q -s -m live $(foreach suite,$(LOAD),tests/live/test_$(suite)_live.py)

live-cluster: setup  ## A real Kubernetes control plane and node on this machine: rollouts, drains, scaling, faults, scanners (root; FULL=1 for 200 runs with faults)
	@$(VENV)/python -m tools.prepare cluster scanners
	@$(VENV)/pytest -q -s -m live tests/live/test_cluster_pods_live.py tests/live/test_cluster* tests/live/test_manifests_live.py

live-manifests: setup  ## The rendered manifests before kubeconform, kube-score, checkov and trivy
	@$(VENV)/python -m tools.prepare cluster scanners
	@$(VENV)/pytest -q -s -m live tests/live/test_manifests_live.py

bench: bench-switch bench-fleet bench-transfer bench-capacity  ## All benchmarks

bench-switch: setup  ## 20 deploys and 20 rollbacks under load, beside docker compose up --force-recreate
	@$(VENV)/python -m tests.live.bench_switch

bench-fleet: setup  ## cmctl, pyinfra and Ansible on the same four hosts and files: seconds and failed requests (root; ROUNDS=3)
	@$(VENV)/python -m tests.live.bench_fleet

properties: setup  ## The properties of costs, 100,000 cases each (CMCTL_CASES=…); minutes
	@CMCTL_CASES=$${CMCTL_CASES:-100000} $(VENV)/pytest -q tests/costs -m properties --durations=0

bench-transfer: setup  ## Images to two lab hosts, beside docker save | ssh docker load (root)
	@$(VENV)/python -m tests.live.bench_transfer

bench-capacity: setup  ## 32 capacity searches on services of known limits, beside a k6-style and a Locust ramp (hours; JOBS=2 at once)
	@$(VENV)/python -m tests.live.bench_capacity

golden: setup  ## Write the golden files anew; read the diff before you commit it
	@$(VENV)/pytest -q --update-golden

clean: setup  ## Remove what cmctl deployed on this machine (environment local)
	@$(VENV)/cmctl destroy --env local --all --yes
